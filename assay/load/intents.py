"""What a load run is about to create, on record in the ledger before the request leaves.

Names are unique. The ledger syncs to disk, which takes milliseconds, so intents are written in batches ahead of time;
a name that was not used in the end is marked as refused, since nothing of that name can exist.

A load process on another machine has a disk of its own, and both may be lost in mid-run. So its intents are on two
disks before a creation leaves: its own, and that of the master, which confirms them. What became of a creation
follows within a second. Whatever a lost load process has created is thus known to the master, which removes it: by
id where it heard of one, else by name. Load processes on the master's machine write to the same file and need none
of this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from gevent.event import Event
from gevent.lock import BoundedSemaphore

from assay.client.ledger import LedgerWriter, State
from assay.errors import ReportError
from assay.load.messages import LedgerRows, Message

BATCH: Final = 64
"""Names to a batch: one disk sync (2 to 10 ms) every 64 creates keeps the event loop's share below 1 %."""


class Names:
    """Gives out names ``<stem>-<part><number>``; ``part`` keeps the processes of a run apart."""

    def __init__(self, ledger: LedgerWriter, stem: str, part: int = 0) -> None:
        self.ledger = ledger
        self._stem = f"{stem}-{_letter(part)}"
        self._number = 0
        self._ready: deque[str] = deque()

    def prepare(self, number: int = BATCH) -> None:
        """Write the intents of the next ``number`` names; ReportError when the disk refuses them."""
        fresh = [f"{self._stem}{self._number + offset}" for offset in range(number)]
        self._number += number
        self.ledger.intend(*fresh)
        self._ready.extend(fresh)

    @property
    def ready(self) -> int:
        return len(self._ready)

    def take(self) -> str:
        """The next name; its intent is on disk."""
        if not self._ready:
            self.prepare()
        return self._ready.popleft()

    def put_back(self, name: str) -> None:
        """Give out ``name`` once more: nothing was sent under it."""
        self._ready.appendleft(name)

    def close(self) -> None:
        """Take back the intents that were not used."""
        while self._ready:
            self.ledger.refused(self._ready.popleft())


def _letter(part: int) -> str:
    """0 is a, 25 is z, 26 is ba: letters, so that a number may follow."""
    text = ""
    while True:
        text = chr(ord("a") + part % 26) + text
        part //= 26
        if part == 0:
            return text


CONFIRM_SECONDS: Final = 20.0
"""How long the master may take to confirm intents: one disk sync there (2 to 10 ms) and a round trip; more when its
machine is so busy that it does not get its turn."""

EVENTS: Final = ("intend", "created", "refused", "lost", "searched", "delete_sent", "delete_taken", "gone")

Tell = Callable[[Message], None]
Row = list[str]
"""An event's name and its arguments."""


class RelayedLedger(LedgerWriter):
    """The ledger of a load process on another machine: its own file, and the master's by message."""

    def __init__(self, own: LedgerWriter, tell: Tell) -> None:
        self._own = own
        self._tell = tell
        self._rows: list[Row] = []
        self._sent = 0
        self._kept = 0
        self._confirmed = Event()
        self._one_at_a_time = BoundedSemaphore(1)

    def append(self, events: list[dict[str, Any]], *, sync: bool = False) -> None:
        """Write to the own file, and see that the master hears of it: of intents before this returns.

        ReportError when an intent is not on both disks: do not create.
        """
        self._own.append(events, sync=sync)
        rows = [_row(event) for event in events if event["e"] in EVENTS]
        if any(row[0] == "intend" for row in rows):
            self._confirm(rows)
        else:
            self._rows += rows

    def state(self) -> State:
        return self._own.state()

    def close(self) -> None:
        self._own.close()

    def finish(self) -> None:
        self._own.finish()

    def _confirm(self, rows: list[Row]) -> None:
        with self._one_at_a_time:
            self._confirmed.clear()
            number = self.send(rows)
            if not self._confirmed.wait(CONFIRM_SECONDS) or self._kept < number:
                raise ReportError(
                    f"the master did not confirm within {CONFIRM_SECONDS:.0f} s that {len(rows)} names are on its "
                    "disk, so nothing is created under them",
                    hint="see whether the master still runs and can be reached",
                )

    def send(self, more: list[Row] | None = None) -> int:
        """Send what has gathered, in order, then ``more``; returns the message's number."""
        rows, self._rows = [*self._rows, *(more or [])], []
        if rows:
            self._sent += 1
            self._tell(LedgerRows(self._sent, rows))
        return self._sent

    def kept(self, number: int) -> None:
        """The master confirms the message of this number."""
        self._kept = max(self._kept, number)
        self._confirmed.set()


def keep(ledger: LedgerWriter, events: LedgerRows) -> None:
    """Write a relayed message into the run's ledger; intents are on disk when this returns. ReportError."""
    names: list[str] = []
    for event, *arguments in events.rows:
        if event not in EVENTS:
            raise ReportError(f"a load process sent {event!r}, which is no event of the ledger")
        if event == "intend":
            names += arguments
        else:
            getattr(ledger, event)(*arguments)
    if names:
        ledger.intend(*names)


def _row(event: dict[str, Any]) -> Row:
    return [str(event["e"]), *(str(event[key]) for key in ("name", "id") if key in event)]
