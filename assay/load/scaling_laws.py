"""Does latency grow? With the number of samples, with live workloads, with time: fitted, with a confidence interval.

A limit on a percentile says whether it is too slow today; a law says that it will be. What is fitted are medians over
time, and at each level the mean of its middle half, weighted by its requests: a single stall must not look like
growth, and a level at which the target is in one of two states (a deletion under way, or over) lies between the two.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from assay.load.histogram import highest_values, merge, percentiles, sparse
from assay.load.measures import EndedRequest, Measure, Timeline

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 500
FEWEST_LEVELS: Final = 3
FEWEST_REQUESTS: Final = 10
FEWEST_BLOCKS: Final = 15

RELATIVE: Final = 0.5
ABSOLUTE_MS: Final = 5.0
"""Growth over the whole observed span, at the lower end of the interval, that is worth a finding: half of what it was
at the start, and 5 ms. On an idle machine the embedded control plane shows less than 3 ms over 1,000 samples."""

ABSOLUTE_POSITION_MS: Final = 20.0
"""The same for a burst: on a crowded machine eight reads at once wait for the same processor."""

PERCEPTIBLE: Final = 0.1
"""Growth steeper than an objective allows counts from a tenth on: less drowns in the differences between machines."""

POSITION: Final = "position"
"""The how-many-th a request is of those sent at the same moment: who serves one at a time makes each wait for the
ones before it. Their number at any moment would not do: a slow target has more under way because it is slow."""

UNITS: Final[Mapping[str, str]] = {
    "samples": "sample",
    "minutes": "minute of time range",
    "live": "live workload",
    "present": "workload that is not yet gone",
    "time": "minute of running",
    POSITION: "request sent just before it, as if served one at a time",
}
"""The variables of scaling laws, and what one more of each is called."""


class LevelRow(NamedTuple):
    """Latencies of an operation at one value of a variable, as a sparse histogram."""

    operation: str
    variable: str
    value: int
    at: list[int]
    counts: list[int]


class Levels(Measure[list[LevelRow]]):
    """Right answers of measured stages by what their latency may depend on.

    ``counts``[operation, variable, value] is a sparse histogram of latency.
    """

    name = "levels"
    form = TypeAdapter(list[LevelRow])

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self._latency: dict[tuple[str, str, int], array[float]] = {}
        self.counts: dict[tuple[str, str, int], dict[int, int]] = {}

    def ended(self, request: EndedRequest) -> None:
        if request.levels and not request.error and self.timeline.counts(request.due):
            for level in request.levels:
                latency = self._latency.setdefault((request.operation, *level), array("d"))
                latency.append(request.ended - request.due)

    def drain(self) -> list[LevelRow]:
        latency, self._latency = self._latency, {}
        return [LevelRow(*key, *sparse(np.frombuffer(values) * 1e6)) for key, values in latency.items()]

    def add(self, source: str, section: list[LevelRow]) -> None:  # noqa: ARG002 - the sum is of all processes
        for operation, variable, value, index, counts in section:
            merge(self.counts.setdefault((operation, variable, value), {}), index, counts)


@dataclass(frozen=True, slots=True)
class ScalingLaw:
    """Latency of ``operation`` as base + slope * variable, in milliseconds per unit (for time: per minute)."""

    operation: str
    variable: str
    slope: float
    low: float
    high: float
    base: float
    span: float

    @property
    def grows(self) -> bool:
        """True when it surely grows, by more than is worth mentioning, over what was observed."""
        return self._grows_by(RELATIVE)

    def breaks(self, limit: float | None) -> bool:
        """True when it surely grows by more than ``limit`` milliseconds per unit, and perceptibly."""
        return limit is not None and self.low > limit and self._grows_by(PERCEPTIBLE)

    def _grows_by(self, share: float) -> bool:
        growth = self.low * self.span
        least = ABSOLUTE_POSITION_MS if self.variable == POSITION else ABSOLUTE_MS
        return growth > least and growth > share * max(self.base, 0.0)

    def sentence(self) -> str:
        """The law in words: "+2.10 ms per sample, 95 % CI 1.90 to 2.30"."""
        unit = UNITS.get(self.variable, self.variable)
        return f"{self.slope:+.3g} ms per {unit}, 95 % CI {self.low:.3g} to {self.high:.3g}"


def over_levels(
    operation: str, variable: str, levels: Mapping[int, Mapping[int, int]], *, seed: int = 0
) -> ScalingLaw | None:
    """Fit the middles at each value of ``variable`` (value: sparse histogram); None when there is too little.

    ``base`` is the fit at 0: with no workload, no sample.
    """
    usable = {value: counts for value, counts in levels.items() if sum(counts.values()) >= FEWEST_REQUESTS}
    if len(usable) < FEWEST_LEVELS:
        return None
    generator = np.random.default_rng(seed)
    values = np.array(sorted(usable), dtype=np.float64)
    drawn = np.stack([_middles(usable[int(value)], generator) for value in values], axis=1)
    # The first row is what was measured, the others are resamples.
    weights = np.array([sum(usable[int(value)].values()) for value in values], dtype=np.float64)
    slopes = _slopes(values, drawn, weights)
    slope, (low, high) = float(slopes[0]), _interval(slopes[1:])
    base = max(float(np.average(drawn[0], weights=weights) - slope * np.average(values, weights=weights)), 0.0)
    return ScalingLaw(operation, variable, slope, low, high, base, float(values[-1] - values[0]))


def over_time(operation: str, blocks: Mapping[int, Mapping[int, int]], block_seconds: float) -> ScalingLaw | None:
    """Fit the medians of time blocks by Theil and Sen's method, which a few disturbed blocks do not move."""
    usable = {at: counts for at, counts in blocks.items() if sum(counts.values()) >= FEWEST_REQUESTS}
    if len(usable) < FEWEST_BLOCKS:
        return None
    # Imported late: it takes 0.5 s and 70 MB, and load processes, which only record, do without.
    from scipy import stats

    minutes = np.array(sorted(usable), dtype=np.float64) * block_seconds / 60
    medians = np.array([percentiles(usable[at], [50.0])[0] for at in sorted(usable)])
    fit = stats.theilslopes(medians, minutes, CONFIDENCE)
    base = float(fit[1] + fit[0] * minutes[0])
    span = float(minutes[-1] - minutes[0])
    return ScalingLaw(operation, "time", float(fit[0]), float(fit[2]), float(fit[3]), base, span)


def _slopes(x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The slope of the weighted least-squares line for every row of ``y`` at once."""
    centred = (x - np.average(x, weights=weights)) * weights
    slopes: NDArray[np.float64] = (y @ centred) / (x @ centred)
    return slopes


def _middles(counts: Mapping[int, int], generator: np.random.Generator) -> NDArray[np.float64]:
    """The mean of the middle half in milliseconds: as measured, then of RESAMPLES draws with replacement."""
    index = np.array(sorted(counts), dtype=np.int64)
    weights = np.array([counts[int(at)] for at in index], dtype=np.float64)
    total = int(weights.sum())
    drawn = np.vstack([weights, generator.multinomial(total, weights / total, size=RESAMPLES)])
    reached = np.cumsum(drawn, axis=1)
    # How much of each counter lies between the first and the third quarter.
    inside = np.minimum(reached, 0.75 * total) - np.maximum(reached - drawn, 0.25 * total)
    middles: NDArray[np.float64] = np.clip(inside, 0.0, None) @ highest_values(index) / (0.5 * total) / 1000.0
    return middles


def _interval(slopes: NDArray[np.float64]) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2 * 100
    low, high = np.percentile(slopes, [tail, 100 - tail])
    return float(low), float(high)
