"""Is it slower than before? A bootstrap over time blocks, and a verdict for each percentile of each operation.

Requests close in time share their fate (a pause, a busy neighbour), so single requests are no independent evidence;
blocks of some seconds nearly are. Both runs are resampled block by block, and the spread of the relative difference
of a percentile over many resamples gives its confidence interval. Only an interval that lies wholly beyond the
tolerance is called worse or better, only one that lies wholly within it is called the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from assay.load.histogram import highest_values
from assay.load.stored import Blocks, Stored

COMPARED: Final[Mapping[str, float]] = {"p50": 50.0, "p95": 95.0, "p99": 99.0}
DECISIVE: Final = ("p50", "p95")
"""A run is judged by these. The p99 of a short run rests on a handful of requests; it is shown, not decisive."""

TOLERANCE: Final = 0.10
"""Relative difference that counts as the same: two runs of one build on a busy machine differ by up to 5 %."""

FLOOR_MS: Final = 1.0
"""An absolute difference below this is the same whatever its ratio: timers and schedulers differ by as much."""

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 1000
FEWEST_BLOCKS: Final = 8
"""Fewer blocks than this give no interval worth the name."""


class Change(StrEnum):
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
    change: Change
    why: str = ""

    @property
    def relative(self) -> float:
        return (self.after - self.before) / self.before if self.before else 0.0

    def sentence(self) -> str:
        """The difference in words."""
        if self.change is Change.UNKNOWN and self.why:
            return f"{self.operation} {self.percentile}: cannot tell ({self.why})"
        return (
            f"{self.operation} {self.percentile}: {self.change.value}, {self.before:.2f} -> {self.after:.2f} ms "
            f"({self.relative:+.1%}, {CONFIDENCE:.0%} confidence {self.low:+.1%} to {self.high:+.1%})"
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences between two measurements, and what follows from the decisive ones."""

    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()

    @property
    def change(self) -> Change:
        """Worse if anything is; cannot tell if anything decisive is unknown; else better or the same."""
        decisive = [item.change for item in self.differences if item.percentile in DECISIVE]
        for change in (Change.WORSE, Change.UNKNOWN, Change.BETTER):
            if change in decisive:
                return change
        return Change.SAME if decisive else Change.UNKNOWN

    @property
    def worse(self) -> tuple[Difference, ...]:
        return tuple(d for d in self.differences if d.change is Change.WORSE and d.percentile in DECISIVE)


def compare(
    before: Stored, after: Stored, *, tolerance: float = TOLERANCE, seed: int = 0, resamples: int = RESAMPLES
) -> Comparison:
    """Compare two measurements, operation by operation. Deterministic for a seed."""
    generator = np.random.default_rng(seed)
    differences: list[Difference] = []
    notes = [*_conditions(before, after)]
    for operation in sorted({*before.operations, *after.operations}):
        old, new = before.operations.get(operation), after.operations.get(operation)
        if old is None or new is None:
            notes.append(f"{operation} was only measured {'after' if old is None else 'before'}")
            continue
        differences += _compare(operation, old, new, tolerance, resamples, generator)
    return Comparison(tuple(differences), tuple(notes))


def _conditions(before: Stored, after: Stored) -> Iterable[str]:
    for key in sorted({*before.conditions, *after.conditions}):
        old, new = before.conditions.get(key), after.conditions.get(key)
        if old != new:
            yield f"the conditions differ: {key} was {old}, is {new}"


def _compare(
    operation: str, old: Blocks, new: Blocks, tolerance: float, resamples: int, generator: np.random.Generator
) -> list[Difference]:
    if min(len(old.blocks), len(new.blocks)) < FEWEST_BLOCKS:
        why = f"{min(len(old.blocks), len(new.blocks))} time blocks, {FEWEST_BLOCKS} are needed"
        nothing = float("nan")
        return [
            Difference(operation, name, nothing, nothing, nothing, nothing, Change.UNKNOWN, why) for name in COMPARED
        ]
    first, second = _Sample(old), _Sample(new)
    wanted = list(COMPARED.values())
    before, after = first.percentiles(wanted), second.percentiles(wanted)
    before_spread, after_spread = (sample.resampled(wanted, resamples, generator) for sample in (first, second))
    return [
        _judged(operation, name, before[at], after[at], before_spread[:, at], after_spread[:, at], tolerance)
        for at, name in enumerate(COMPARED)
    ]


def _judged(
    operation: str,
    name: str,
    before: float,
    after: float,
    before_spread: NDArray[np.float64],
    after_spread: NDArray[np.float64],
    tolerance: float,
) -> Difference:
    tail = (1 - CONFIDENCE) / 2 * 100
    relative = (after_spread - before_spread) / before_spread
    low, high = (float(end) for end in np.percentile(relative, [tail, 100 - tail]))
    # What is allowed: the tolerance, or the floor where that is more.
    allowed = max(tolerance, FLOOR_MS / before if before else tolerance)
    if low > allowed:
        change = Change.WORSE
    elif high < -allowed:
        change = Change.BETTER
    elif -allowed <= low and high <= allowed:
        change = Change.SAME
    else:
        change = Change.UNKNOWN
    return Difference(operation, name, before, after, low, high, change)


class _Sample:
    """The blocks of one operation as a matrix: a row for each block, a column for each counter in use."""

    def __init__(self, measured: Blocks) -> None:
        parts = [block.counts() for block in measured.blocks]
        index = np.unique(np.concatenate([part[0] for part in parts]))
        matrix = np.zeros((len(parts), len(index)), dtype=np.float64)
        for row, (at, counts) in enumerate(parts):
            matrix[row, np.searchsorted(index, at)] = counts
        self._matrix = matrix
        self._values = highest_values(index) / 1000.0

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
