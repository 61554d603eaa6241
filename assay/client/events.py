"""What a session tells of itself: the events that it writes to the journal of a run, if it was given one.

- ``resource`` {event: created|deleted|unconfirmed|left_behind, id, name}
- ``lost``     {name}             the answer to a creation was lost, so a workload of this name may live
- ``wait``     {cause, seconds}   a pause before a request was sent again: cause 429, 503 or refused
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final, Protocol

from assay.client.ledger import LedgerWriter, State
from assay.errors import ReportError


class EventLog(Protocol):
    """The journal of a run, as far as a session needs it. Safe to use from several threads."""

    def write(self, kind: str, /, **event: Any) -> None:
        """Take one event; ReportError when it cannot be kept."""
        ...


class NoEvents:
    """For a session that nobody follows."""

    def write(self, kind: str, /, **event: Any) -> None:
        """Forget the event."""


NOWHERE: Final[EventLog] = NoEvents()


def tell(events: EventLog, kind: str, **event: Any) -> None:
    """Write one event. A full disk stops no clean-up: who conducts the run writes to the journal too, and says so."""
    with suppress(ReportError):
        events.write(kind, **event)


class JournaledLedger(LedgerWriter):
    """A ledger of whose workloads the journal hears too, each once it is ``kept``."""

    def __init__(self, kept: LedgerWriter, events: EventLog) -> None:
        self.kept = kept
        self._events = events

    def append(self, events: list[dict[str, Any]], *, sync: bool = False) -> None:
        self.kept.append(events, sync=sync)
        for event in events:
            match event["e"]:
                case "created":
                    tell(self._events, "resource", event="created", id=event["id"], name=event["name"])
                case "gone":
                    tell(self._events, "resource", event="deleted", id=event["id"])
                case "lost":
                    tell(self._events, "lost", name=event["name"])

    def state(self) -> State:
        return self.kept.state()

    def finish(self) -> None:
        self.kept.finish()

    def close(self) -> None:
        self.kept.close()
