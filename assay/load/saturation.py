"""Two measures of the target as a whole: moments in which it stood still, and errors as requests at once become more.

A stall: nothing was answered although requests were waiting. Percentiles hide rare ones (one second in a hundred
moves no p95) and do not say that it was everything at once. Crowding: how many requests were under way with each one.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import deque
from typing import Final, NamedTuple

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


MOST_CROWD: Final = 1000
"""Requests at once beyond this are counted together, so that a cap of 100,000 does not cost memory."""

CROWD_QUIET, CROWD_LOUD = 0.01, 0.1
"""Error ratios below and above a number of requests at once between which a knee is named."""

FEWEST_CROWDED: Final = 20


class CrowdWatch:
    """Follows the requests of one process. Costs a few comparisons a request, and memory for the requests at once.

    Kept are the starts that no later start has topped, so their sizes fall while their times rise: the first one not
    before a moment is the most since that moment.
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._sizes: list[int] = []

    def started(self, now: float, size: int) -> None:
        """A request started at ``now``, the ``size``-th under way."""
        while self._sizes and self._sizes[-1] <= size:
            self._sizes.pop()
            self._times.pop()
        self._times.append(now)
        self._sizes.append(size)

    def most_since(self, moment: float) -> int:
        """The most at once since ``moment``; a request asks with its own start, so there is always one."""
        at = bisect_left(self._times, moment)
        return self._sizes[at] if at < len(self._sizes) else 0


class CrowdRow(NamedTuple):
    """Answers of an operation, by the most requests that were under way at once with them."""

    operation: str
    most: int
    right: int
    wrong: int


class Crowding(Measure[list[CrowdRow]]):
    """Right and wrong answers by how many requests were under way with them: ``answers``[operation, most at once]."""

    name = "crowding"
    form = TypeAdapter(list[CrowdRow])

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self._watch = CrowdWatch()
        self.answers: dict[tuple[str, int], list[int]] = {}

    def started(self, due: float, now: float, waited: bool, in_flight: int) -> None:  # noqa: ARG002 - a hook
        self._watch.started(now, in_flight)

    def ended(self, request: EndedRequest) -> None:
        most = min(self._watch.most_since(request.begun), MOST_CROWD)
        row = self.answers.setdefault((request.operation, most), [0, 0])
        row[1 if request.error else 0] += 1

    def drain(self) -> list[CrowdRow]:
        answers, self.answers = self.answers, {}
        return [CrowdRow(*key, *row) for key, row in answers.items()]

    def add(self, source: str, section: list[CrowdRow]) -> None:  # noqa: ARG002 - the sum is of all processes
        for operation, most, right, wrong in section:
            row = self.answers.setdefault((operation, most), [0, 0])
            row[0] += right
            row[1] += wrong

    def knee(self) -> str:
        """Where errors begin: "0.0% with up to 4 at once, 52% with 5 or more"; empty when nowhere.

        Requests of all operations count, because what they crowd is the target.
        """
        sums: dict[int, list[int]] = {}
        for (_, most), (right, wrong) in self.answers.items():
            row = sums.setdefault(most, [0, 0])
            row[0] += right
            row[1] += wrong
        rows = [(most, right, wrong) for most, (right, wrong) in sorted(sums.items())]
        best, text = CROWD_LOUD, ""
        for at in range(1, len(rows)):
            below, above = rows[:at], rows[at:]
            quiet, loud = _ratio(below), _ratio(above)
            enough = min(sum(row[1] + row[2] for row in part) for part in (below, above)) >= FEWEST_CROWDED
            if enough and quiet <= CROWD_QUIET and loud - quiet > best:
                best = loud - quiet
                text = f"{quiet:.1%} with up to {rows[at - 1][0]} at once, {loud:.0%} with {rows[at][0]} or more"
        return text


def _ratio(rows: list[tuple[int, int, int]]) -> float:
    right, wrong = sum(row[1] for row in rows), sum(row[2] for row in rows)
    return wrong / (right + wrong) if right + wrong else 0.0
