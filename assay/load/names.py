"""Names for what a load run creates: unique, and on disk in the ledger before the request leaves.

The ledger syncs to disk, which takes milliseconds, so intents are written in batches ahead of time; a name that was
not used in the end is marked as refused, since nothing of that name can exist.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from assay.client.ledger import LedgerWriter

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
