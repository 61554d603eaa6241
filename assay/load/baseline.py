"""A run beside an earlier one: what it stores, and what the comparison says as findings and notes."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from typing import Any

from assay import __version__
from assay.findings.model import Class, Finding
from assay.load.comparison import COMPARED, Change, Comparison, Difference
from assay.load.coordinator import Leg
from assay.load.histogram import Histogram
from assay.load.outcome import Result
from assay.load.profiles import Profile
from assay.load.stored import Blocks, Stored


def to_stored(run: str, base_url: str, profile: Profile, leg: Leg, found: Iterable[Result]) -> Stored:
    """The measured stages of a leg in a form to keep."""
    operations = {
        result.operation: Blocks(result.rate, result.requests, result.errors, _blocks(leg, result.operation))
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
    lags = leg.collector.lag.summary()
    about = {
        "assay": __version__,
        "python": platform.python_version(),
        "base_url": base_url,
        "start_lag_ms": {name: lags[name] for name in COMPARED if name in lags},
    }
    return Stored(run, leg.measured_seconds, operations, conditions, about)


def _blocks(leg: Leg, operation: str) -> tuple[Histogram, ...]:
    blocks = []
    for _, counts in sorted(leg.collector.blocks.get(operation, {}).items()):
        histogram = Histogram()
        histogram.add_sparse(*map(list, zip(*sorted(counts.items()), strict=True)))
        blocks.append(histogram)
    return tuple(blocks)


def comparison_findings(comparison: Comparison, baseline: str) -> list[Finding]:
    """A violation for each percentile that is worse beyond the tolerance."""
    return [_finding(difference, baseline) for difference in comparison.worse]


def _finding(difference: Difference, baseline: str) -> Finding:
    return Finding(
        cls=Class.VIOLATION,
        check="regression",
        operation=difference.operation,
        rule=difference.percentile,
        location=f"/load/{difference.operation}/{difference.percentile}",
        summary=difference.sentence(),
        why=f"slower than {baseline} by more than the tolerance, and the whole confidence interval says so",
        test="load",
    )


def comparison_notes(comparison: Comparison, baseline: str) -> list[str]:
    """The comparison in words, the verdict first."""
    words = {
        Change.SAME: "no different from",
        Change.BETTER: "better than",
        Change.WORSE: "worse than",
        Change.UNKNOWN: "not surely different from",
    }
    return [
        f"this run is {words[comparison.change]} {baseline}",
        *comparison.notes,
        *(difference.sentence() for difference in comparison.differences),
    ]
