"""What is measured. Each measure is one class, which records in a load process and adds up at the master.

A new measure touches two places: its class, listed in ``assay.load.recorder.MEASURES``, and the code that reads it
from the collector (``outcome``, ``observations`` ...). What it drains is carried in the reports by its name and is
checked against its ``form`` when it arrives; recorder, messages and collector need not know it.

The same class is used at both ends. In a load process its hooks (``started``, ``ended`` ...) note what happens and
``drain`` empties it once a second into a section: lists, tuples, texts and numbers, so that it travels in Locust's
messages. At the master ``add`` takes the sections of all processes, and the attributes of the class hold the sums.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Literal, NamedTuple, TypeVar

from pydantic import TypeAdapter

Outcome = Literal["ok", "error"]
Section = TypeVar("Section")

IN_FLIGHT: Final = "in flight cap"
"""Not started: the cap on requests under way was reached for longer than the profile's patience; the target is too
slow."""

BUDGET: Final = "budget: "
"""Not started: begins the reason when a limit of the run itself was in the way; the limit's name follows."""

STOPPED: Final = "stopped"
"""Not started: the run ended early while the request waited for its turn."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The stages of a run: their ``ends`` in order, in seconds since its start, and which of them are ``measured``.

    ``slot`` is the width of a series point in seconds; ``patience`` is how long an answer may take.
    """

    ends: tuple[float, ...]
    measured: tuple[bool, ...]
    slot: float = 1.0
    patience: float = 30.0

    @property
    def seconds(self) -> float:
        """How long all stages take."""
        return self.ends[-1]

    def stage(self, due: float) -> int:
        """The number of the stage in which ``due`` lies; what is due at the very end belongs to the last."""
        return min(bisect_right(self.ends, due), len(self.ends) - 1)

    def counts(self, due: float) -> bool:
        """True when ``due`` lies in a measured stage."""
        return self.measured[self.stage(due)]


class EndedRequest(NamedTuple):
    """A request that is over. Times are seconds since the start of the run.

    ``error`` is a status or a kind of failure, None when the answer was right; ``levels`` are the variables of
    scaling laws with their values; ``in_flight`` counts the requests under way, this one included.
    """

    operation: str
    due: float
    begun: float
    ended: float
    error: str | None
    levels: Iterable[tuple[str, int]]
    in_flight: int


class Measure(ABC, Generic[Section]):
    """One kind of observation. A measure overrides the hooks that it needs; the others cost nothing."""

    name: ClassVar[str]
    form: ClassVar[TypeAdapter[Any]]

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline

    def started(self, due: float, now: float, waited: bool, in_flight: int) -> None:
        """A request that was due at ``due`` was sent at ``now``; ``waited``: the cap on requests held it back."""

    def ended(self, request: EndedRequest) -> None:
        """A request is over."""

    def skipped(self, operation: str, due: float, reason: str) -> None:
        """A request was due and could not be started."""

    def awake(self, lag: float, now: float) -> None:
        """The event loop turned at ``now``, ``lag`` seconds later than asked."""

    def cpu(self, at: float, share: float) -> None:
        """This process used ``share`` of one core in the second before ``at``."""

    def connections(self, answered: int, closed: int, cut: int) -> None:
        """So many answers came since the process began; after ``closed`` of them the server closed the connection.

        ``cut``: connections in use that broke under a request, which was answered when sent again.
        """

    @abstractmethod
    def drain(self) -> Section:
        """What was recorded since the last call, which is then forgotten."""

    @abstractmethod
    def add(self, source: str, section: Section) -> None:
        """Add what the load process ``source`` has drained."""


class CountRow(NamedTuple):
    """So many requests of an operation that were due in a stage."""

    operation: str
    stage: int
    what: str
    number: int


class _Counts(Measure[list[CountRow]]):
    """Numbers of requests by (operation, stage, word); ``counts`` holds them at both ends."""

    form = TypeAdapter(list[CountRow])

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self.counts: Counter[tuple[str, int, str]] = Counter()

    def drain(self) -> list[CountRow]:
        counts, self.counts = self.counts, Counter()
        return [CountRow(*key, number) for key, number in counts.items()]

    def add(self, source: str, section: list[CountRow]) -> None:  # noqa: ARG002 - the sum is of all processes
        for operation, stage, what, number in section:
            self.counts[operation, stage, what] += number

    def of(self, operation: str, stages: set[int]) -> dict[str, int]:
        """The numbers of one operation in these stages, by word."""
        found: dict[str, int] = {}
        for (name, stage, what), number in self.counts.items():
            if name == operation and stage in stages:
                found[what] = found.get(what, 0) + number
        return found


class Errors(_Counts):
    """Wrong and missing answers by kind: a status, "timeout", "body" ..."""

    name = "errors"

    def ended(self, request: EndedRequest) -> None:
        if request.error:
            self.counts[request.operation, self.timeline.stage(request.due), request.error] += 1


class NotStarted(_Counts):
    """Requests that were due and were not sent, by reason."""

    name = "not_started"

    def skipped(self, operation: str, due: float, reason: str) -> None:
        self.counts[operation, self.timeline.stage(due), reason] += 1


class InFlight(Measure[list[tuple[int, int]]]):
    """The most requests at once in each slot, summed over the load processes."""

    name = "in_flight"
    form = TypeAdapter(list[tuple[int, int]])

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self.most: dict[int, int] = {}

    def started(self, due: float, now: float, waited: bool, in_flight: int) -> None:  # noqa: ARG002 - a hook
        slot = int(now / self.timeline.slot)
        if in_flight > self.most.get(slot, 0):
            self.most[slot] = in_flight

    def drain(self) -> list[tuple[int, int]]:
        most, self.most = self.most, {}
        return sorted(most.items())

    def add(self, source: str, section: list[tuple[int, int]]) -> None:  # noqa: ARG002 - the sum is of all processes
        for slot, most in section:
            self.most[slot] = self.most.get(slot, 0) + most


class Connections(Measure[tuple[int, int, int]]):
    """How many answers came, after how many of them the server closed the connection, and how many broke in use."""

    name = "connections"
    form = TypeAdapter(tuple[int, int, int])

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self.answered = self.closed = self.cut = 0
        self._before: tuple[int, int, int] | None = None

    def connections(self, answered: int, closed: int, cut: int) -> None:
        # The first call says where the counters stood when this run of stages began.
        before = self._before or (answered, closed, cut)
        self.answered += answered - before[0]
        self.closed += closed - before[1]
        self.cut += cut - before[2]
        self._before = (answered, closed, cut)

    def drain(self) -> tuple[int, int, int]:
        drained = (self.answered, self.closed, self.cut)
        self.answered = self.closed = self.cut = 0
        return drained

    def add(self, source: str, section: tuple[int, int, int]) -> None:  # noqa: ARG002 - the sum is of all processes
        self.answered += section[0]
        self.closed += section[1]
        self.cut += section[2]
