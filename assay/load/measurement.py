"""Measurements to keep: what a later run is compared with. JSON with HdrHistograms per operation and time block."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from assay import __version__
from assay.errors import SettingsError
from assay.files import checked, read_json, write_text
from assay.load.health import GeneratorHealth
from assay.load.histogram import Histogram
from assay.load.latency import Latency
from assay.wording import plural

if TYPE_CHECKING:
    from assay.load.collector import Collector
    from assay.load.outcome import Result
    from assay.load.profiles import Profile

SCHEMA: Final = "assay/load/1"

COMPARED: Final[Mapping[str, float]] = {"p50": 50.0, "p95": 95.0, "p99": 99.0}
"""The percentiles that are compared, by name."""


@dataclass(frozen=True, slots=True)
class TimeBlocks:
    """One operation: the latencies of right answers in equal time blocks, in order; ``rate`` in requests/s."""

    rate: float
    requests: int
    errors: int
    blocks: tuple[Histogram, ...]

    @property
    def error_ratio(self) -> float:
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """One measurement. ``conditions`` is what must be equal for a comparison to mean anything (profile, rates)."""

    run: str
    seconds: float
    operations: Mapping[str, TimeBlocks]
    conditions: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "run": self.run,
            "seconds": self.seconds,
            "conditions": dict(self.conditions),
            "about": dict(self.about),
            "operations": {
                operation: {
                    "rate": round(measured.rate, 4),
                    "requests": measured.requests,
                    "errors": measured.errors,
                    "blocks": [block.encode() for block in measured.blocks],
                }
                for operation, measured in sorted(self.operations.items())
            },
        }

    def write(self, file: Path) -> None:
        """Write it as a whole or not at all; ReportError when the disk refuses it."""
        write_text(file, json.dumps(self.to_json(), indent=1) + "\n")


_Count = Annotated[int, Field(ge=0)]
_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class OperationForm(BaseModel):
    """One operation as a file holds it; ``blocks`` are HdrHistograms in their interchange format."""

    rate: _Number
    requests: _Count
    errors: _Count
    blocks: list[str]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.errors > self.requests:
            raise ValueError(f"{self.errors} errors of {plural(self.requests, 'request')}")
        return self

    def read(self, place: str) -> TimeBlocks:
        """The histograms decoded; SettingsError for one that is none, at ``place``."""
        blocks = []
        for number, block in enumerate(self.blocks):
            try:
                blocks.append(Histogram.decode(block))
            except ValueError as error:
                raise SettingsError(f"{place}/blocks/{number}: {error}", hint=_MAKE) from None
        return TimeBlocks(self.rate, self.requests, self.errors, tuple(blocks))


class _Lags(BaseModel):
    start_lag_ms: dict[str, _Number] = Field(default_factory=dict)

    model_config = ConfigDict(extra="allow")


class MeasurementForm(BaseModel):
    """A measurement as a file holds it."""

    run: str
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    conditions: dict[str, Any]
    about: _Lags
    operations: Annotated[dict[str, OperationForm], Field(min_length=1)]


_MAKE: Final = "make it with: assay benchmark --baseline FILE --update-baseline"


def read_measurement(file: Path) -> BenchmarkResult:
    """Read a measurement; SettingsError says what is wrong with the file."""
    data = read_json(file, hint=_MAKE)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise SettingsError(
            f"{file} is not a measurement of assay: schema is {found!r}, expected {SCHEMA!r}", hint=_MAKE
        )
    form = checked(MeasurementForm, data, file, "a measurement of assay", hint=_MAKE)
    place = f"{file} is damaged: at operations"
    operations = {name: operation.read(f"{place}/{name}") for name, operation in form.operations.items()}
    return BenchmarkResult(
        form.run, form.seconds, operations, form.conditions, form.about.model_dump(exclude_unset=True)
    )


def measurement_of(
    run: str, base_url: str, profile: Profile, seconds: float, collector: Collector, found: Iterable[Result]
) -> BenchmarkResult:
    """What was observed in the measured stages, ``seconds`` long, in a form to keep."""
    operations = {
        result.operation: TimeBlocks(
            result.rate, result.requests, result.errors, _blocks(collector[Latency], result.operation)
        )
        for result in found
    }
    conditions: dict[str, Any] = {
        "profile": profile.name,
        "arrivals": "poisson" if profile.poisson else "constant",
        "loads": {
            load.scenario: {"rate": load.rate, "burst": load.burst, **load.parameters} for load in profile.loads
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }
    lags = collector[GeneratorHealth].lag.summary()
    about = {
        "assay": __version__,
        "python": platform.python_version(),
        "base_url": base_url,
        "start_lag_ms": {name: lags[name] for name in COMPARED if name in lags},
    }
    return BenchmarkResult(run, seconds, operations, conditions, about)


def _blocks(latency: Latency, operation: str) -> tuple[Histogram, ...]:
    blocks = []
    for _, counts in sorted(latency.blocks.get(operation, {}).items()):
        histogram = Histogram()
        histogram.add_sparse(*map(list, zip(*sorted(counts.items()), strict=True)))
        blocks.append(histogram)
    return tuple(blocks)
