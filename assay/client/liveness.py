"""Notices when the target stops answering, and which operation is not worth waiting for any more."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

from assay.client.exchange import Answer, NoAnswer
from assay.client.patience import BUSY
from assay.errors import TargetLostError

LOST_AFTER: Final = 5
"""So many requests in a row without a usable answer, and the target counts as lost. With 8 in flight and a timeout
of 30 s a hanging target is noticed after 30 s, a stopped one after one restart's patience (4 s)."""

# An operation that stayed 429 or 503 through all pauses this often in a row is switched off, not busy: a cluster
# without metrics answers 503 to each metrics call, and 4 s of waiting for each would cost a gate minutes.
_WORN_OUT: Final = 3


class Liveness:
    """Counts silence over all threads. ``operation`` is any name that tells one kind of request from another."""

    def __init__(self, base_url: str, lost_after: int = LOST_AFTER) -> None:
        self._base_url = base_url
        self._lost_after = lost_after
        self._lock = threading.Lock()
        self._silent: list[tuple[str, Answer | NoAnswer]] = []
        self._busy: Counter[str] = Counter()
        self._lost: str | None = None
        self._halted: str | None = None
        self._wake = threading.Event()

    def check(self) -> None:
        """TargetLostError once the target counts as lost or ``halt`` was called."""
        with self._lock:
            halted, lost = self._halted, self._lost
        if halted is not None:
            raise TargetLostError(halted)
        if lost is not None:
            raise TargetLostError(lost, hint="`assay doctor` tells whether the target can be reached again")

    def halt(self, reason: str) -> None:
        """From now on ``check`` raises, whatever the target does: the run was interrupted."""
        with self._lock:
            self._halted = reason
        self._wake.set()

    def rest(self, seconds: float) -> None:
        """Sleep, but not past ``halt``."""
        self._wake.wait(seconds)

    def worth_waiting(self, operation: str) -> bool:
        """False for an operation that has been busy for so long that it must be switched off."""
        with self._lock:
            return self._busy[operation] < _WORN_OUT

    def note(self, operation: str, outcome: Answer | NoAnswer, *, counts: bool = True) -> None:
        """Take in the final outcome of a request; ``counts`` False: silence was to be expected."""
        busy = isinstance(outcome, Answer) and outcome.status in BUSY
        with self._lock:
            if busy:
                self._busy[operation] += 1
            else:
                self._busy[operation] = 0
            if isinstance(outcome, Answer) and not busy:
                self._silent.clear()
            elif counts:
                self._silent.append((operation, outcome))
                self._judge()

    def forgive(self) -> None:
        """Start counting anew (``halt`` stays); the clean-up does so before it tries once more."""
        with self._lock:
            self._silent.clear()
            self._lost = None

    def _judge(self) -> None:
        if len(self._silent) < self._lost_after or self._lost is not None:
            return
        # One operation that is always busy says nothing about the others.
        mute = any(isinstance(outcome, NoAnswer) for _, outcome in self._silent)
        if not mute and len({operation for operation, _ in self._silent}) == 1:
            return
        _, last = self._silent[-1]
        why = last.detail if isinstance(last, NoAnswer) else f"it keeps answering {last.status}"
        self._lost = (
            f"{self._base_url} is lost: {len(self._silent)} requests in a row without a usable answer, "
            f"the last because {why}"
        )
