"""Does latency grow? With the number of samples, with live workloads, with time: fitted, with a confidence interval.

A limit on a percentile says whether it is too slow today; a law says that it will be. Medians are fitted, because a
single stall must not look like growth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from assay.load.histogram import highest_values, percentiles

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 500
FEWEST_LEVELS: Final = 3
FEWEST_REQUESTS: Final = 10
FEWEST_BLOCKS: Final = 15

RELATIVE: Final = 0.5
ABSOLUTE_MS: Final = 5.0
"""Growth over the whole observed span, at the lower end of the interval, that is worth a finding: half of what it was
at the start, and 5 ms. On an idle machine the embedded control plane shows less than 3 ms over 1,000 samples."""

PERCEPTIBLE: Final = 0.1
"""Growth steeper than an objective allows counts from a tenth on: less drowns in the differences between machines."""

UNITS: Final[Mapping[str, str]] = {
    "samples": "sample",
    "minutes": "minute of time range",
    "live": "live workload",
    "time": "minute of running",
}
"""The variables of laws, and what one more of each is called."""


@dataclass(frozen=True, slots=True)
class Law:
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
        return growth > ABSOLUTE_MS and growth > share * max(self.base, 0.0)

    def sentence(self) -> str:
        """The law in words: "+2.10 ms per sample, 95 % CI 1.90 to 2.30"."""
        unit = UNITS.get(self.variable, self.variable)
        return f"{self.slope:+.3g} ms per {unit}, 95 % CI {self.low:.3g} to {self.high:.3g}"


def over_levels(
    operation: str, variable: str, levels: Mapping[int, Mapping[int, int]], *, seed: int = 0
) -> Law | None:
    """Fit the medians at each value of ``variable`` (value: sparse histogram); None when there is too little."""
    usable = {value: counts for value, counts in levels.items() if sum(counts.values()) >= FEWEST_REQUESTS}
    if len(usable) < FEWEST_LEVELS:
        return None
    generator = np.random.default_rng(seed)
    values = np.array(sorted(usable), dtype=np.float64)
    medians = np.array([percentiles(usable[int(value)], [50.0])[0] for value in values])
    slope = _slopes(values, medians[None, :])
    drawn = np.stack([_medians(usable[int(value)], generator) for value in values], axis=1)
    low, high = _interval(_slopes(values, drawn))
    first = float(values[0])
    return Law(operation, variable, float(slope[0]), low, high, float(medians[0]), float(values[-1]) - first)


def over_time(operation: str, blocks: Mapping[int, Mapping[int, int]], block_seconds: float) -> Law | None:
    """Fit the medians of time blocks by Theil and Sen's method, which a few disturbed blocks do not move."""
    usable = {at: counts for at, counts in blocks.items() if sum(counts.values()) >= FEWEST_REQUESTS}
    if len(usable) < FEWEST_BLOCKS:
        return None
    minutes = np.array(sorted(usable), dtype=np.float64) * block_seconds / 60
    medians = np.array([percentiles(usable[at], [50.0])[0] for at in sorted(usable)])
    fit = stats.theilslopes(medians, minutes, CONFIDENCE)
    base = float(fit[1] + fit[0] * minutes[0])
    span = float(minutes[-1] - minutes[0])
    return Law(operation, "time", float(fit[0]), float(fit[2]), float(fit[3]), base, span)


def _slopes(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The slope of the least-squares line for every row of ``y`` at once."""
    centred = x - x.mean()
    slopes: NDArray[np.float64] = (y - y.mean(axis=1, keepdims=True)) @ centred / (centred @ centred)
    return slopes


def _medians(counts: Mapping[int, int], generator: np.random.Generator) -> NDArray[np.float64]:
    """Medians in milliseconds of ``RESAMPLES`` draws with replacement."""
    index = np.array(sorted(counts), dtype=np.int64)
    weights = np.array([counts[int(at)] for at in index], dtype=np.float64)
    total = int(weights.sum())
    drawn = generator.multinomial(total, weights / total, size=RESAMPLES)
    reached = np.cumsum(drawn, axis=1)
    values: NDArray[np.float64] = highest_values(index)[np.argmax(reached >= total / 2, axis=1)] / 1000.0
    return values


def _interval(slopes: NDArray[np.float64]) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2 * 100
    low, high = np.percentile(slopes, [tail, 100 - tail])
    return float(low), float(high)
