"""Crowding: how many requests were under way with each one, and where errors begin as they become more."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, NamedTuple

from pydantic import TypeAdapter

from assay.load.measures import EndedRequest, Measure, Timeline

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
