"""The highest load that keeps the objectives: bisection, with each end of the answer tried twice."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from assay.load.profiles import RateSearch, Stage


@dataclass
class Bisection:
    """Asks for factors to try and narrows the answer down. ``kept`` and ``broken`` list every try."""

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
