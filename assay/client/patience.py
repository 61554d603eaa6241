"""How long to wait before a request is sent again, when to give up, and when the target counts as lost."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from assay.client.exchange import Answer, NoAnswer
from assay.client.gateway import is_passing
from assay.client.tokens import http_date
from assay.clock import SYSTEM, Clock
from assay.errors import ProxyError, TargetLostError
from assay.polling import wait_until

BUSY: Final = frozenset({429, 503})
"""Statuses that a lawful target may answer at any time, and that ask to come again."""

_FIRST_PAUSE: Final = 0.25  # seconds; doubles each time: 0.25 + 0.5 + 1 + 2 spans the restart of a small pod


@dataclass(frozen=True, slots=True)
class Patience:
    """Decides about waiting. ``cap`` is the longest pause in seconds that is obeyed, ``tries`` how many pauses."""

    cap: float = 30.0
    tries: int = 4

    def pause(self, outcome: Answer | NoAnswer, attempt: int, now: float) -> float | None:
        """Seconds to wait after the ``attempt``-th sending (from 1) before the next, or None to keep this outcome.

        ``now`` is the moment in seconds since 1970, against which a date in Retry-After is read where the answer has
        no Date of its own: the target's clock may be another than ours.
        429 and 503 are waited out as Retry-After says (capped), else with growing pauses. A refused connection is
        tried again too: nothing was sent. Of every other outcome ``assay.client.confirmation`` decides.
        """
        if attempt > self.tries:
            return None
        growing = min(_FIRST_PAUSE * 2 ** (attempt - 1), self.cap)
        if isinstance(outcome, NoAnswer):
            return growing if outcome.kind == "refused" or _may_pass(outcome) else None
        if outcome.status not in BUSY:
            return None
        asked = retry_after(outcome.headers.get("retry-after"), http_date(outcome.headers.get("date")) or now)
        return growing if asked is None else min(asked, self.cap)


def _may_pass(outcome: NoAnswer) -> bool:
    """A proxy that could not be reached just now; nothing was sent."""
    return isinstance(outcome.fault, ProxyError) and outcome.fault.again


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a Retry-After field asks for (a number of seconds or an HTTP date), None when it says nothing."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])  # more digits than a lifetime has seconds
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, moment.timestamp() - now)


LOST_AFTER: Final = 5
"""So many requests in a row without a usable answer, and the target counts as lost. With 8 in flight and a timeout
of 30 s a hanging target is noticed after 30 s, a stopped one after one restart's patience (4 s)."""

# An operation that stayed 429 or 503 through all pauses this often in a row is switched off, not busy: a cluster
# without metrics answers 503 to each metrics call, and 4 s of waiting for each would cost a gate minutes.
_WORN_OUT: Final = 3

_LOOK: Final = 0.2  # seconds after which a pause notices that the run was halted


class Liveness:
    """Counts silence over all threads. ``operation`` is any name that tells one kind of request from another."""

    def __init__(self, base_url: str, lost_after: int = LOST_AFTER, clock: Clock = SYSTEM) -> None:
        self._base_url = base_url
        self._clock = clock
        self._lost_after = lost_after
        self._lock = threading.Lock()
        self._silent: list[tuple[str, Answer | NoAnswer]] = []
        self._busy: Counter[str] = Counter()
        self._lost: str | None = None
        self._halted: str | None = None

    def check(self) -> None:
        """TargetLostError once the target counts as lost or ``halt`` was called."""
        with self._lock:
            halted, lost = self._halted, self._lost
        if halted is not None:
            raise TargetLostError(halted)
        if lost is not None:
            raise TargetLostError(lost, hint="`assay doctor` tells whether the target can be reached again")

    @property
    def halted(self) -> str | None:
        """What ``halt`` was called with."""
        return self._halted

    def halt(self, reason: str) -> None:
        """From now on ``check`` raises, whatever the target does: the run was interrupted."""
        with self._lock:
            self._halted = reason

    def rest(self, seconds: float) -> None:
        """Sleep, but not past ``halt``."""
        wait_until(lambda: self._halted is not None, within=seconds, every=_LOOK, clock=self._clock)

    def worth_waiting(self, operation: str) -> bool:
        """False for an operation that has been busy, or has failed, for so long that waiting is in vain."""
        with self._lock:
            return self._busy[operation] < _WORN_OUT

    def note(self, operation: str, outcome: Answer | NoAnswer, *, counts: bool = True) -> None:
        """Take in the final outcome of a request; ``counts`` False: silence was to be expected."""
        busy = isinstance(outcome, Answer) and outcome.status in BUSY
        with self._lock:
            if busy or is_passing(outcome):
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
