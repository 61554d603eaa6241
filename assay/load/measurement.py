"""Measurements to keep: what a later run is compared with. JSON with HdrHistograms per operation and time block."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from assay import __version__
from assay.errors import SettingsError
from assay.files import read_json, write_text
from assay.load.health import GeneratorHealth
from assay.load.histogram import Histogram
from assay.load.latency import Latency

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


def read_measurement(file: Path) -> BenchmarkResult:
    """Read a measurement; SettingsError says what is wrong with the file."""
    data = read_json(file, hint="make it with: assay benchmark --baseline FILE --update-baseline")
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise SettingsError(f"{file} is not a measurement of assay: schema is {found!r}, expected {SCHEMA!r}")
    try:
        operations = {
            operation: TimeBlocks(
                float(value["rate"]),
                int(value["requests"]),
                int(value["errors"]),
                tuple(Histogram.decode(block) for block in value["blocks"]),
            )
            for operation, value in data["operations"].items()
        }
        return BenchmarkResult(
            str(data["run"]), float(data["seconds"]), operations, data["conditions"], data["about"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"{file} is damaged: {type(error).__name__}: {error}") from error


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
