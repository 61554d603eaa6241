"""Whether the generator itself was the bottleneck: late starts, its own CPU, the lag of its event loop."""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from assay.load.histogram import Histogram, sparse
from assay.load.measures import Measure, Timeline

LATE_SECONDS: Final = 0.025
"""A start later than this counts as late. An idle generator starts within 4 ms of the due time at the 99th
percentile on a busy two-core machine (timerfd, measured); six times that is no scheduling noise."""

CPU_LIMIT: Final = 0.90
"""Share of one core, on average over the run: above it a process queues its own work (Locust warns there too)."""

LATE_LIMIT: Final = 0.05
"""Share of starts that were late. Below it no percentile up to p95 can be the generator's own lateness."""

LOOP_LIMIT_MS: Final = 100.0
"""The event loop's lag at its 99th percentile. Disk syncs and garbage collection stay below 20 ms (measured)."""

Sparse = tuple[list[int], list[int]]
"""A sparse histogram: counter indices and counts."""


class HealthSection(NamedTuple):
    """What one load process reports of itself: ``cpu`` as shares of one core, a second each."""

    lag: Sparse
    starts: int
    late: int
    loop: Sparse
    cpu: list[float]


class GeneratorHealth(Measure[HealthSection]):
    """How late requests started and the event loop turned, and how much CPU each load process used."""

    name = "health"
    form = TypeAdapter(HealthSection)

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self._lag = array("d")
        self._loop = array("d")
        self._cpu: list[float] = []
        self.lag = Histogram()
        self.loop = Histogram()
        self.starts = 0
        self.late_starts = 0
        self.cpu_shares: dict[str, list[float]] = {}

    def started(self, due: float, now: float, waited: bool, in_flight: int) -> None:  # noqa: ARG002 - a hook
        # What waited for the cap is not late.
        if not waited:
            self._lag.append(now - due)

    def awake(self, lag: float, now: float) -> None:  # noqa: ARG002 - a hook
        self._loop.append(lag)

    def cpu(self, at: float, share: float) -> None:  # noqa: ARG002 - a hook
        self._cpu.append(share)

    def drain(self) -> HealthSection:
        lag, loop = _array(self._lag), _array(self._loop)
        section = HealthSection(
            sparse(lag * 1e6), len(lag), int((lag > LATE_SECONDS).sum()), sparse(loop * 1e6), self._cpu
        )
        self._lag, self._loop, self._cpu = array("d"), array("d"), []
        return section

    def add(self, source: str, section: HealthSection) -> None:
        self.lag.add_sparse(*section.lag)
        self.loop.add_sparse(*section.loop)
        self.starts += section.starts
        self.late_starts += section.late
        self.cpu_shares.setdefault(source, []).extend(section.cpu)

    @property
    def processes(self) -> int:
        """How many load processes have reported, 1 at least."""
        return max(len(self.cpu_shares), 1)

    def saturation(self) -> list[str]:
        """Why the generator was the bottleneck, each reason with what to change; empty when it was not."""
        return [*self._cpu_reasons(), *self._late_reasons(), *self._loop_reasons()]

    def _cpu_reasons(self) -> list[str]:
        means = {source: sum(shares) / len(shares) for source, shares in sorted(self.cpu_shares.items()) if shares}
        return [
            f"load process {source} used {mean:.0%} of a core on average (limit {CPU_LIMIT:.0%}): "
            "use more --processes or a lower rate"
            for source, mean in means.items()
            if mean > CPU_LIMIT
        ]

    def _late_reasons(self) -> list[str]:
        if not self.starts or self.late_starts / self.starts <= LATE_LIMIT:
            return []
        return [
            f"{self.late_starts / self.starts:.1%} of {self.starts} requests started more than "
            f"{LATE_SECONDS * 1000:.0f} ms late (p99 {self.lag.percentiles([99.0])[0]:.0f} ms, "
            f"limit {LATE_LIMIT:.0%}): give the generator its own cores, use more --processes or a lower rate"
        ]

    def _loop_reasons(self) -> list[str]:
        if not self.loop.count or self.loop.percentiles([99.0])[0] <= LOOP_LIMIT_MS:
            return []
        return [
            f"the generator's event loop was held up for {self.loop.percentiles([99.0])[0]:.0f} ms at its 99th "
            f"percentile (limit {LOOP_LIMIT_MS:.0f} ms): the machine is overloaded; stop what else runs on it"
        ]


def _array(values: array[float]) -> NDArray[np.float64]:
    return np.frombuffer(values) if values else np.empty(0)
