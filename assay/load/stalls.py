"""Moments in which the whole target stood still: nothing was answered although requests were waiting.

Percentiles hide rare stalls (one second in a hundred moves no p95) and do not say that it was everything at once.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import Final

from pydantic import TypeAdapter

from assay.load.measures import EndedRequest, Measure, Timeline

TICK: Final = 0.05
"""The generator notes every 50 ms that it is awake itself: a stall counts only if it was awake meanwhile."""

SHORTEST: Final = 0.25
"""Seconds. Shorter pauses are what garbage collectors and schedulers do on healthy servers."""

WAITING: Final = 2
"""Requests that must have been waiting: one alone may simply be slow."""

_AWAKE: Final = 0.6


class StallWatch:
    """Watches one load process. Times are seconds since the start of the run, in order."""

    def __init__(self) -> None:
        self._since = 0.0  # nothing was answered since then, while enough requests were waiting
        self._waiting = False
        self._ticks: deque[float] = deque(maxlen=2000)
        self._found: list[list[float]] = []

    def started(self, now: float, in_flight: int) -> None:
        """A request was sent; ``in_flight`` counts it."""
        if in_flight >= WAITING and not self._waiting:
            self._waiting = True
            self._since = now

    def ended(self, now: float, in_flight: int) -> None:
        """An answer came; ``in_flight`` still counts it."""
        if self._waiting and now - self._since >= SHORTEST and self._awake(self._since, now):
            self._found.append([round(self._since, 4), round(now, 4)])
        self._waiting = in_flight - 1 >= WAITING
        self._since = now

    def tick(self, now: float) -> None:
        """The generator was awake at ``now``."""
        self._ticks.append(now)

    def _awake(self, start: float, end: float) -> bool:
        seen = sum(start <= tick <= end for tick in self._ticks)
        return seen >= _AWAKE * (end - start) / TICK

    def drain(self) -> list[list[float]]:
        """The stalls found since the last call: [start, end]."""
        found, self._found = self._found, []
        return found


class Stalls(Measure[list[tuple[float, float]]]):
    """The stalls that began in a measured stage, as each load process saw them: ``spans`` of (start, end)."""

    name = "stalls"
    form = TypeAdapter(list[tuple[float, float]])

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self._watch = StallWatch()
        self.spans: list[tuple[float, float]] = []

    def started(self, due: float, now: float, waited: bool, in_flight: int) -> None:  # noqa: ARG002 - a hook
        self._watch.started(now, in_flight)

    def ended(self, request: EndedRequest) -> None:
        self._watch.ended(request.ended, request.in_flight)

    def awake(self, lag: float, now: float) -> None:  # noqa: ARG002 - a hook
        self._watch.tick(now)

    def drain(self) -> list[tuple[float, float]]:
        return [(start, end) for start, end in self._watch.drain() if self.timeline.counts(start)]

    def add(self, source: str, section: list[tuple[float, float]]) -> None:  # noqa: ARG002 - the sum is of all
        self.spans += section


def common(stalls: list[tuple[float, float]], processes: int) -> list[tuple[float, float]]:
    """The stretches in which all ``processes`` saw the target stand still, in order."""
    edges = sorted([(start, 1) for start, _ in stalls] + [(end, -1) for _, end in stalls])
    found, depth, began = [], 0, 0.0
    for at, step in edges:
        if depth + step == processes and step > 0:
            began = at
        elif depth == processes and step < 0 and at - began >= SHORTEST:
            found.append((began, at))
        depth += step
    return found


def describe(stalls: list[tuple[float, float]]) -> str:
    """How often, how long, and how regularly: "4 times, for up to 1.00 s, every 5.0 s"."""
    longest = max(end - start for start, end in stalls)
    text = f"{len(stalls)} time{'s' if len(stalls) > 1 else ''}, for up to {longest:.2f} s"
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(stalls)]
    if len(gaps) >= 2 and max(gaps) - min(gaps) <= 0.1 * max(gaps):
        text += f", every {sum(gaps) / len(gaps):.1f} s"
    return text
