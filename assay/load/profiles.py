"""Profiles: how hard and how long, and the search for the highest load that keeps the objectives.

Read from TOML; every mistake is told with line, value and what is allowed.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, PlainValidator, model_validator

from assay import folders
from assay.errors import SettingsError
from assay.load.arrivals import Ramp, Schedule
from assay.toml_file import Duration, KeyRefusedError, Number, TomlFile, TomlTable, unknown

FILE: Final = "profiles.toml"


@dataclass(frozen=True, slots=True)
class Load:
    """One scenario of a profile: its arrival rate in requests/s at factor 1, and its own parameters.

    ``burst`` requests fall due at the same moment (8 panels of a dashboard), so moments are that much rarer.
    """

    scenario: str
    rate: float
    parameters: Mapping[str, Any] = field(default_factory=dict)
    burst: int = 1


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of time that applies to all scenarios: their rates times a factor that moves in a straight line."""

    name: str
    start: float
    end: float
    seconds: float
    measured: bool


class RateSearch(TomlTable):
    """Looks for the highest factor that keeps the SLOs: bisection between ``least`` and ``most``.

    Every try runs ``settle`` seconds unmeasured and ``step`` seconds measured; it ends when the factor is known to
    ``precision`` (a ratio: 0.1 means 10 %).
    """

    least: Annotated[float, PlainValidator(Number(0.001))]
    most: Annotated[float, PlainValidator(Number())]
    precision: Annotated[float, PlainValidator(Number(0.01, 1.0))] = 0.1
    step: Annotated[float, PlainValidator(Duration(1.0))] = 10.0
    settle: Annotated[float, PlainValidator(Duration())] = 2.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.most < self.least:
            raise KeyRefusedError("most", f"most = {self.most:g}; allowed: a number from {self.least:g}")
        return self


@dataclass(frozen=True, slots=True)
class Profile:
    """How hard and how long.

    ``in_flight`` caps the requests under way at once (all processes together); a request that is due above the cap
    waits up to ``patience`` seconds for its turn (its latency keeps counting) and is then counted as not started.
    ``timeout`` bounds one answer, in seconds.
    """

    name: str
    about: str
    loads: tuple[Load, ...]
    stages: tuple[Stage, ...]
    poisson: bool
    in_flight: int
    timeout: float
    patience: float
    search: RateSearch | None = None

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def most_rate(self) -> float:
        """The highest rate that is ever asked for, all scenarios together, in requests/s."""
        factors = [max(stage.start, stage.end) for stage in self.stages]
        if self.search is not None:
            factors.append(self.search.most)
        return sum(load.rate for load in self.loads) * max(factors, default=0.0)

    @property
    def requests(self) -> float:
        """How many requests the stages ask for, all scenarios together."""
        return sum(self.schedule(load, 0).requests for load in self.loads)

    def schedule(self, load: Load, seed: int) -> Schedule:
        """The arrivals of one scenario."""
        ramps = tuple(
            Ramp(stage.name, load.rate * stage.start, load.rate * stage.end, stage.seconds, stage.measured)
            for stage in self.stages
        )
        return Schedule(ramps, self.poisson, seed, load.burst)

    def limited(self, scenario: str | None, rate: float | None, duration: float | None) -> Profile:
        """The same profile with one scenario only, another rate, another measured length; SettingsError.

        Who asks for a rate gets that rate: evenly spaced, one request at a time. A Poisson process or bursts would
        miss 1,000/s over 30 s by 0.6 to 1.6 % (one standard deviation).
        """
        if duration is not None and self.search is not None:
            raise SettingsError(
                f"a duration has no meaning for profile {self.name}, which searches for a rate",
                hint=f"choose another profile, or set step in [{self.name}.search] of a profiles file of your own",
            )
        loads = self.loads
        if scenario is not None:
            loads = tuple(load for load in loads if load.scenario == scenario) or (Load(scenario, rate or 10.0),)
        if rate is not None:
            if len(loads) != 1:
                raise SettingsError(
                    f"a rate for {len(loads)} scenarios at once ({', '.join(load.scenario for load in loads)})",
                    hint="name the one it is for with --scenario",
                )
            loads = (replace(loads[0], rate=rate, burst=1),)
        return replace(
            self,
            loads=loads,
            stages=self.stages if duration is None else _stretched(self.stages, duration),
            poisson=self.poisson and rate is None,
        )


def _stretched(stages: tuple[Stage, ...], duration: float) -> tuple[Stage, ...]:
    measured = sum(stage.seconds for stage in stages if stage.measured)
    return tuple(
        replace(stage, seconds=stage.seconds * duration / measured) if stage.measured else stage for stage in stages
    )


class _StageTable(TomlTable):
    name: str | None = None
    start: Annotated[float, PlainValidator(Number(most=10_000))] | None = Field(default=None, alias="from")
    end: Annotated[float, PlainValidator(Number(most=10_000))] = Field(default=1.0, alias="to")
    seconds: Annotated[float, PlainValidator(Duration())] = Field(alias="duration")
    measured: bool = True

    def stage(self, number: int) -> Stage:
        """The stage; ``number`` names it where the file does not."""
        start = self.end if self.start is None else self.start
        return Stage(self.name or f"stage {number}", start, self.end, self.seconds, self.measured)


class _LoadTable(TomlTable):
    """What every scenario has; other keys are its own parameters and are checked by the scenario."""

    model_config = ConfigDict(extra="allow")

    rate: Annotated[float, PlainValidator(Number(0.001, 1e6))]
    burst: Annotated[int, PlainValidator(Number(1, 1000, whole=True))] = 1


class _ProfileTable(TomlTable):
    about: str = ""
    arrivals: Literal["constant", "poisson"] = "constant"
    in_flight: Annotated[int, PlainValidator(Number(1, 100_000, whole=True))] = 200
    timeout: Annotated[float, PlainValidator(Duration())] = 10.0
    patience: Annotated[float, PlainValidator(Duration())] | None = None
    stages: list[_StageTable] = Field(default_factory=list)
    scenarios: dict[str, _LoadTable] = Field(default_factory=dict)
    search: RateSearch | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        known = available()
        for name in self.scenarios:
            if name not in known:
                raise KeyRefusedError("scenarios", unknown(name, known), name)
        if self.stages and self.search is not None:
            raise KeyRefusedError("search", "a profile has stages or a search, not both; remove one of them")
        if not self.stages and self.search is None:
            raise ValueError("a profile needs stages or a search")
        if self.search is None and not any(stage.measured for stage in self.stages):
            raise KeyRefusedError("stages", "no stage is measured")
        if not self.scenarios:
            raise ValueError(f"a profile needs at least one scenario; allowed: {', '.join(known)}")
        return self

    def profile(self, name: str) -> Profile:
        return Profile(
            name=name,
            about=self.about,
            loads=tuple(
                Load(scenario, load.rate, load.model_extra or {}, load.burst)
                for scenario, load in self.scenarios.items()
            ),
            stages=tuple(table.stage(number) for number, table in enumerate(self.stages, start=1)),
            poisson=self.arrivals == "poisson",
            in_flight=self.in_flight,
            timeout=self.timeout,
            patience=self.timeout if self.patience is None else self.patience,
            search=self.search,
        )


def load_profile(name: str, file: Path | None = None) -> Profile:
    """Read one profile, from the shipped file or the user's own; SettingsError names line, value, allowed values."""
    toml = TomlFile.read(file or folders.top("load_tests") / FILE)
    if name not in toml.values:
        near = difflib.get_close_matches(name, list(toml.values), n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise SettingsError(
            f"{toml.file} holds no profile {name!r}{meant}", hint=f"it holds: {', '.join(toml.values)}"
        )
    return toml.table(_ProfileTable, name).profile(name)


def available() -> list[str]:
    """The names of the shipped scenarios: the files of load_tests/scenarios."""
    files = (folders.top("load_tests") / "scenarios").glob("*.py")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


@dataclass
class Bisection:
    """The highest load that keeps the objectives, by bisection, with each end of the answer tried twice.

    Asks for factors to try and narrows the answer down. ``kept`` and ``broken`` list every try.
    """

    search: RateSearch
    kept: list[float] = field(default_factory=list)
    broken: list[float] = field(default_factory=list)

    @property
    def low(self) -> float | None:
        """The highest factor that kept the objectives, below every one that did not."""
        below = [factor for factor in self.kept if factor < self._ceiling]
        return max(below, default=None)

    @property
    def high(self) -> float | None:
        """The lowest factor that did not."""
        return min(self.broken, default=None)

    @property
    def _ceiling(self) -> float:
        return min(self.broken, default=math.inf)

    def next(self) -> float | None:
        """The next factor to try; None when the answer is known."""
        search, low, high = self.search, self.low, self.high
        if low is None:
            # Whatever was tried broke: the lowest is tried twice, because one bad moment proves nothing.
            return search.least if self.broken.count(search.least) < 2 and not self._lost(search.least) else None
        if high is None:
            # Doubling, not a leap to the top: a target that is flooded once is slow for a while afterwards.
            return min(low * 2, search.most) if search.most not in self.kept else None
        if high / low > 1 + search.precision:
            return math.sqrt(low * high)
        for factor, tries in ((low, self.kept), (high, self.broken)):
            if tries.count(factor) < 2 and not self._lost(factor):
                return factor
        return None

    def _lost(self, factor: float) -> bool:
        """True when tries of this factor disagree; then the lower answer holds."""
        return factor in self.kept and factor in self.broken

    def tell(self, factor: float, *, kept: bool) -> None:
        """What a try gave."""
        (self.kept if kept else self.broken).append(factor)

    def sentence(self, rate: float) -> str:
        """The answer in words; ``rate`` is the requests/s of factor 1, all scenarios together."""
        low, high = self.low, self.high
        if low is None:
            return f"not even {self.search.least * rate:g} requests/s keep the objectives"
        tries = f"tried {self.kept.count(low)} times" if self.kept.count(low) > 1 else "tried once"
        if high is None:
            return f"{low * rate:.4g} requests/s keep the objectives ({tries}); no higher rate was asked for"
        return (
            f"the highest rate that keeps the objectives is {low * rate:.4g} requests/s ({tries}); "
            f"{high * rate:.4g} do not keep them (tried {self.broken.count(high)} times)"
        )


def stages_at(search: RateSearch, factor: float) -> tuple[Stage, ...]:
    """The stages of one try."""
    return (
        Stage("settle", factor, factor, search.settle, measured=False),
        Stage("step", factor, factor, search.step, measured=True),
    )
