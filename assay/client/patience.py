"""How long to wait before a request is sent again, and when to give up."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final

from assay.client.exchange import Answer, NoAnswer

BUSY: Final = frozenset({429, 503})
"""Statuses that a lawful target may answer at any time, and that ask to come again."""

_FIRST_PAUSE: Final = 0.25  # seconds; doubles each time: 0.25 + 0.5 + 1 + 2 spans the restart of a small pod


@dataclass(frozen=True, slots=True)
class Patience:
    """Decides about waiting. ``cap`` is the longest pause in seconds that is obeyed, ``tries`` how many pauses."""

    cap: float = 30.0
    tries: int = 4
    now: Callable[[], float] = field(default=time.time)

    def pause(self, outcome: Answer | NoAnswer, attempt: int) -> float | None:
        """Seconds to wait after the ``attempt``-th sending (from 1) before the next, or None to keep this outcome.

        429 and 503 are waited out as Retry-After says (capped), else with growing pauses. A refused connection is
        tried again too: nothing was sent. Every other outcome is final, above all a lost answer.
        """
        if attempt > self.tries:
            return None
        growing = min(_FIRST_PAUSE * 2 ** (attempt - 1), self.cap)
        if isinstance(outcome, NoAnswer):
            return growing if outcome.kind == "refused" else None
        if outcome.status not in BUSY:
            return None
        asked = retry_after(outcome.headers.get("retry-after"), self.now())
        return growing if asked is None else min(asked, self.cap)


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
