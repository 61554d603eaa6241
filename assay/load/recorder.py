"""Records what a load process observes and hands it over once a second.

``Observations`` is what travels to the master, where ``assay.load.collector`` adds it up. What is measured is the
business of the measures (``assay.load.measures``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from assay.load.health import GeneratorHealth
from assay.load.latency import Latency
from assay.load.measures import Connections, EndedRequest, Errors, InFlight, Measure, NotStarted, Timeline
from assay.load.saturation import Crowding, Stalls
from assay.load.scaling_laws import Levels

MEASURES: Final[tuple[type[Measure[Any]], ...]] = (
    Latency,
    Errors,
    NotStarted,
    InFlight,
    GeneratorHealth,
    Levels,
    Stalls,
    Crowding,
    Connections,
)

VERSION: Final = 2
"""Of the form in which observations travel; a change of any measure's section is a new version."""


@dataclass(frozen=True, slots=True)
class Observations:
    """What one load process observed since it last reported: the sections of its measures by their names."""

    sections: Mapping[str, Any]
    version: int = VERSION


class Recorder:
    """Hands every event to the measures that want it. All times are seconds since the start of the run."""

    def __init__(self, timeline: Timeline, measures: Sequence[type[Measure[Any]]] = MEASURES) -> None:
        self._measures = [kind(timeline) for kind in measures]
        self._started, self._ended = self._hooks("started"), self._hooks("ended")
        self._skipped, self._awake = self._hooks("skipped"), self._hooks("awake")
        self._cpu, self._connections = self._hooks("cpu"), self._hooks("connections")
        self.in_flight = 0

    def _hooks(self, name: str) -> list[Any]:
        """The methods of the measures that override this hook: the others are not called for every request."""
        base = getattr(Measure, name)
        return [getattr(measure, name) for measure in self._measures if getattr(type(measure), name) is not base]

    def started(self, due: float, now: float, *, waited: bool = False) -> None:
        """A request left at ``now`` that was due at ``due``; ``waited`` for the cap on requests at once."""
        self.in_flight += 1
        for hook in self._started:
            hook(due, now, waited, self.in_flight)

    def ended(
        self,
        operation: str,
        due: float,
        begun: float,
        ended: float,
        error: str | None,
        levels: Iterable[tuple[str, int]] = (),
    ) -> None:
        """Its answer was there at ``ended``; ``error`` is a status or a kind of failure, None when it was right."""
        request = EndedRequest(operation, due, begun, ended, error, levels, self.in_flight)
        for hook in self._ended:
            hook(request)
        self.in_flight -= 1

    def skipped(self, operation: str, due: float, reason: str) -> None:
        """A request was due and could not be started."""
        for hook in self._skipped:
            hook(operation, due, reason)

    def awake(self, lag: float, now: float) -> None:
        """The event loop turned at ``now``, ``lag`` seconds later than asked."""
        for hook in self._awake:
            hook(lag, now)

    def cpu(self, at: float, share: float) -> None:
        """The share of one core that this process used in the second before ``at``."""
        for hook in self._cpu:
            hook(at, share)

    def connections(self, answered: int, closed: int, cut: int) -> None:
        """The client's counters since the process began; see ``Measure.connections``."""
        for hook in self._connections:
            hook(answered, closed, cut)

    def drain(self) -> Observations:
        """Hand over everything recorded since the last call, and forget it."""
        return Observations({measure.name: measure.drain() for measure in self._measures})
