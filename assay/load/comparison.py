"""Is it slower than before? A bootstrap over time blocks, and a verdict for each percentile of each operation.

Requests close in time share their fate (a pause, a busy neighbour), so single requests are no independent evidence;
blocks of some seconds nearly are. Both runs are resampled block by block, and the spread of the relative difference
of a percentile over many resamples gives its confidence interval. Only an interval that lies wholly beyond the
tolerance is called worse or better, only one that lies wholly within it is called the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from assay.findings.model import Class, Finding
from assay.load.histogram import highest_values
from assay.load.measurement import COMPARED, BenchmarkResult, TimeBlocks
from assay.load.options import TOLERANCE
from assay.wording import plural

DECISIVE: Final[Mapping[str, int]] = {"p50": 80, "p95": 800}
"""A run is judged by these percentiles, each from so many requests on, in both runs: 40 of them lie beyond it then.
What rests on fewer is shown and decides nothing; the p99 of a short run never does."""

_FEWEST_NEEDED: Final = min(DECISIVE, key=lambda name: DECISIVE[name])

FLOOR_MS: Final = 1.0
"""An absolute difference below this is the same whatever its ratio: timers and schedulers differ by as much.

Where the generator itself was later than that (its start lag at the same percentile, which every latency contains),
a difference up to its lateness is called worse or better by nobody: it cannot be told."""

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 1000
FEWEST_BLOCKS: Final = 8
"""Fewer blocks than this give no interval worth the name."""


class Trend(StrEnum):
    """What can be said about a percentile."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True)
class Difference:
    """One percentile of one operation, before and after in milliseconds; ``low`` to ``high`` is the confidence
    interval of the relative difference (0.2: 20 % slower)."""

    operation: str
    percentile: str
    before: float
    after: float
    low: float
    high: float
    trend: Trend
    why: str = ""
    decisive: bool = True

    @property
    def relative(self) -> float:
        return (self.after - self.before) / self.before if self.before else 0.0

    def sentence(self) -> str:
        """The difference in words."""
        if math.isnan(self.before):
            return f"{self.operation} {self.percentile}: cannot tell ({self.why})"
        return (
            f"{self.operation} {self.percentile}: {self.trend.value}, {self.before:.2f} -> {self.after:.2f} ms "
            f"({self.relative:+.1%}, {CONFIDENCE:.0%} confidence {self.low:+.1%} to {self.high:+.1%})"
            + (f"; {self.why}" if self.why else "")
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences between two measurements, and what follows from the decisive ones."""

    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()
    other_conditions: tuple[str, ...] = ()
    """Where the runs were made under conditions of which each alone changes the latencies."""

    @property
    def obstacles(self) -> tuple[str, ...]:
        """Why the measurements cannot be compared; none where they merely differ too little to tell."""
        decided = {item.operation for item in self.differences if item.decisive and not math.isnan(item.before)}
        short = {
            f"{item.operation}: {item.why}"
            for item in self.differences
            if item.percentile == _FEWEST_NEEDED and item.operation not in decided
        }
        nothing = () if self.differences else ("no operation was measured in both",)
        return (*self.other_conditions, *sorted(short), *nothing)

    @property
    def trend(self) -> Trend:
        """Worse if anything is; cannot tell if anything decisive is unknown; else better or the same.

        Under other conditions nothing can be told.
        """
        if self.other_conditions:
            return Trend.UNKNOWN
        decisive = [item.trend for item in self.differences if item.decisive]
        for trend in (Trend.WORSE, Trend.UNKNOWN, Trend.BETTER):
            if trend in decisive:
                return trend
        return Trend.SAME if decisive else Trend.UNKNOWN

    @property
    def worse(self) -> tuple[Difference, ...]:
        if self.other_conditions:
            return ()
        return tuple(d for d in self.differences if d.trend is Trend.WORSE and d.decisive)


def compare(
    before: BenchmarkResult,
    after: BenchmarkResult,
    *,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare two measurements, operation by operation. Deterministic for a seed."""
    generator = np.random.default_rng(seed)
    differences: list[Difference] = []
    conditions = dict(_conditions(before, after))
    notes = list(conditions.values())
    for operation in sorted({*before.operations, *after.operations}):
        old, new = before.operations.get(operation), after.operations.get(operation)
        if old is None or new is None:
            notes.append(f"{operation} was only measured {'after' if old is None else 'before'}")
            continue
        lateness = {name: max(_lateness(run, name) for run in (before, after)) for name in COMPARED}
        differences += _compare(operation, old, new, tolerance, lateness, resamples, generator)
    other = tuple(text for key, text in conditions.items() if key != _MACHINE)
    return Comparison(tuple(differences), tuple(notes), other)


_MACHINE: Final = "machine"
"""A condition that is told and judges nothing: the target may well be what makes the difference."""


def _conditions(before: BenchmarkResult, after: BenchmarkResult) -> Iterable[tuple[str, str]]:
    """The conditions that differ, by their names, in words."""
    for key in sorted({*before.conditions, *after.conditions}):
        old, new = before.conditions.get(key), after.conditions.get(key)
        if old != new:
            yield key, f"the conditions differ: {key} was {old}, is {new}"


def _lateness(run: BenchmarkResult, percentile: str) -> float:
    """How late the generator started its requests at this percentile, in milliseconds; 0 where nobody kept it."""
    lags = run.about.get("start_lag_ms", {})
    return float(lags.get(percentile, 0.0)) if isinstance(lags, Mapping) else 0.0


def _compare(
    operation: str,
    old: TimeBlocks,
    new: TimeBlocks,
    tolerance: float,
    lateness: Mapping[str, float],
    resamples: int,
    generator: np.random.Generator,
) -> list[Difference]:
    blocks = min(sum(block.count > 0 for block in measured.blocks) for measured in (old, new))
    if blocks < FEWEST_BLOCKS:
        why = f"{plural(blocks, 'time block')}, {FEWEST_BLOCKS} are needed"
        nothing = float("nan")
        return [
            Difference(operation, name, nothing, nothing, nothing, nothing, Trend.UNKNOWN, why, name in DECISIVE)
            for name in COMPARED
        ]
    first, second = _Sample(old), _Sample(new)
    wanted = list(COMPARED.values())
    before, after = first.percentiles(wanted), second.percentiles(wanted)
    before_spread, after_spread = (sample.resampled(wanted, resamples, generator) for sample in (first, second))
    requests = min(first.requests, second.requests)
    found = []
    for at, name in enumerate(COMPARED):
        relative = (after_spread[:, at] - before_spread[:, at]) / before_spread[:, at]
        made = _judged(operation, name, float(before[at]), float(after[at]), relative, tolerance, lateness[name])
        found.append(_weighed(made, requests))
    return found


def _judged(
    operation: str,
    name: str,
    before: float,
    after: float,
    relative: NDArray[np.float64],
    tolerance: float,
    lateness: float,
) -> Difference:
    tail = (1 - CONFIDENCE) / 2 * 100
    low, high = (float(end) for end in np.percentile(relative, [tail, 100 - tail]))
    # Allowed is the tolerance, or the floor where that is more; sure is what exceeds the generator's own doing too.
    allowed = max(tolerance, FLOOR_MS / before if before else tolerance)
    sure = max(allowed, lateness / before if before else allowed)
    trend, why = Trend.UNKNOWN, ""
    if low > sure:
        trend = Trend.WORSE
    elif high < -sure:
        trend = Trend.BETTER
    elif -allowed <= low and high <= allowed:
        trend = Trend.SAME
    elif low > allowed or high < -allowed:
        why = f"the generator itself was up to {lateness:.1f} ms late"
    return Difference(operation, name, before, after, low, high, trend, why)


def _weighed(difference: Difference, requests: int) -> Difference:
    """The difference, decisive where it rests on enough requests."""
    fewest = DECISIVE.get(difference.percentile)
    if fewest is None:
        return replace(difference, decisive=False)
    if requests >= fewest:
        return difference
    why = f"decides nothing: {requests} requests, {fewest} are needed"
    return replace(difference, decisive=False, why=difference.why or why)


class _Sample:
    """The blocks of one operation as a matrix: a row for each block, a column for each counter in use."""

    def __init__(self, measured: TimeBlocks) -> None:
        parts = [block.counts() for block in measured.blocks]
        index = np.unique(np.concatenate([part[0] for part in parts]))
        matrix = np.zeros((len(parts), len(index)), dtype=np.float64)
        for row, (at, counts) in enumerate(parts):
            matrix[row, np.searchsorted(index, at)] = counts
        self._matrix = matrix
        self._values = highest_values(index) / 1000.0
        self.requests = int(matrix.sum())

    def percentiles(self, wanted: list[float]) -> NDArray[np.float64]:
        """In milliseconds, of all blocks together."""
        whole: NDArray[np.float64] = self._of(self._matrix.sum(axis=0, keepdims=True), wanted)[0]
        return whole

    def resampled(self, wanted: list[float], resamples: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """The same for ``resamples`` draws of as many blocks, with replacement: one row a draw."""
        blocks = len(self._matrix)
        drawn = generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples).astype(np.float64)
        return self._of(drawn @ self._matrix, wanted)

    def _of(self, counts: NDArray[np.float64], wanted: list[float]) -> NDArray[np.float64]:
        reached = np.cumsum(counts, axis=1)
        found = np.empty((len(counts), len(wanted)))
        for at, percentile in enumerate(wanted):
            ranks = np.maximum(reached[:, -1] * percentile / 100, 1.0)
            # The first counter at which the rank is reached, in every row at once.
            found[:, at] = self._values[np.argmax(reached >= ranks[:, None], axis=1)]
        return found


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
        Trend.SAME: "no different from",
        Trend.BETTER: "better than",
        Trend.WORSE: "worse than",
        Trend.UNKNOWN: "not surely different from",
    }
    return [
        f"this run is {words[comparison.trend]} {baseline}",
        *comparison.notes,
        *(difference.sentence() for difference in comparison.differences),
    ]
