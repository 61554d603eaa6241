"""Profiles: how hard and how long. Read from TOML; every mistake is told with line, value and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from assay import folders
from assay.errors import SettingsError
from assay.load.arrivals import Ramp, Schedule
from assay.load.toml_file import Table, read

FILE: Final = "profiles.toml"
_PROFILE_KEYS: Final = ("about", "arrivals", "in_flight", "timeout", "patience", "stages", "scenarios", "search")
_STAGE_KEYS: Final = ("name", "from", "to", "duration", "measured")
_SEARCH_KEYS: Final = ("least", "most", "precision", "step", "settle")


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


@dataclass(frozen=True, slots=True)
class RateSearch:
    """Looks for the highest factor that keeps the SLOs: bisection between ``least`` and ``most``.

    Every try runs ``settle`` seconds unmeasured and ``step`` seconds measured; it ends when the factor is known to
    ``precision`` (a ratio: 0.1 means 10 %).
    """

    least: float
    most: float
    precision: float
    step: float
    settle: float


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
            search=self.search if duration is None else None,
        )


def _stretched(stages: tuple[Stage, ...], duration: float) -> tuple[Stage, ...]:
    measured = sum(stage.seconds for stage in stages if stage.measured)
    return tuple(
        replace(stage, seconds=stage.seconds * duration / measured) if stage.measured else stage for stage in stages
    )


def load_profile(name: str, file: Path | None = None) -> Profile:
    """Read one profile, from the shipped file or the user's own; SettingsError names line, value, allowed values."""
    file = file or folders.top("load_tests") / FILE
    whole = read(file)
    if name not in whole:
        near = difflib.get_close_matches(name, list(whole), n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise SettingsError(f"{file} holds no profile {name!r}{meant}", hint=f"it holds: {', '.join(whole)}")
    return _profile(name, whole.table(name))


def _profile(name: str, table: Table) -> Profile:
    table.only(_PROFILE_KEYS)
    timeout = table.duration("timeout", 10.0)
    stages = tuple(_stage(number, row) for number, row in enumerate(table.tables("stages")))
    search = _search(table.table("search")) if "search" in table else None
    if not stages and search is None:
        table.fail(None, "a profile needs stages or a search")
    if search is None and not any(stage.measured for stage in stages):
        table.fail("stages", "no stage is measured")
    return Profile(
        name=name,
        about=table.text("about"),
        loads=tuple(_load(scenario, table.table("scenarios")) for scenario in _scenarios(table)),
        stages=stages,
        poisson=table.choice("arrivals", ("constant", "poisson"), "constant") == "poisson",
        in_flight=table.integer("in_flight", 200, least=1, most=100_000),
        timeout=timeout,
        patience=table.duration("patience", timeout),
        search=search,
    )


def _scenarios(table: Table) -> Table:
    scenarios = table.table("scenarios")
    known = available()
    if not list(scenarios):
        table.fail(
            None, "a profile needs at least one scenario", f"[{table.path[0]}.scenarios.NAME], NAME one of {known}"
        )
    scenarios.only(known)
    return scenarios


def available() -> list[str]:
    """The names of the shipped scenarios: the files of load_tests/scenarios."""
    files = (folders.top("load_tests") / "scenarios").glob("*.py")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


def _load(scenario: str, scenarios: Table) -> Load:
    table = scenarios.table(scenario)
    parameters = {key: table.raw(key) for key in table if key not in ("rate", "burst")}
    burst = table.integer("burst", 1, least=1, most=1000)
    return Load(scenario, table.number("rate", least=0.001, most=1e6), parameters, burst)


def _stage(number: int, table: Table) -> Stage:
    table.only(_STAGE_KEYS)
    end = table.number("to", 1.0, most=10_000)
    return Stage(
        name=table.text("name", f"stage {number + 1}"),
        start=table.number("from", end, most=10_000),
        end=end,
        seconds=table.duration("duration"),
        measured=table.flag("measured", default=True),
    )


def _search(table: Table) -> RateSearch:
    table.only(_SEARCH_KEYS)
    least = table.number("least", least=0.001)
    return RateSearch(
        least=least,
        most=table.number("most", least=least),
        precision=table.number("precision", 0.1, least=0.01, most=1.0),
        step=table.duration("step", 10.0, least=1.0),
        settle=table.duration("settle", 2.0),
    )
