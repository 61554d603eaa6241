"""Confirms what may be of the moment: a broken connection, a server's failure, a gateway's page.

One such outcome says little about a target: something on the way may have broken, and a pod may just have moved. So
the request is sent again, and only what repeats is handed over to be judged; what came before goes with it. A
creation must not happen twice, so it is looked for first.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from assay.client.exchange import Answer, NoAnswer
from assay.client.gateway import gateway_of, is_of_the_way, is_passing
from assay.client.patience import BUSY

Outcome = Answer | NoAnswer

PAUSES: Final = (0.1, 0.5, 1.0)
"""Seconds before the request is sent again. With 3 % of all connections cut at random, five thousand requests meet
the same cut twice in a row four or five times, and four times in a row not once in a hundred runs."""

_HURRIED: Final = (0.0,)
"""The pauses for what is slow (a timeout takes 30 s), or certain already: an API that answers 500 has failed."""

_OF_THE_WAY: Final = frozenset({502, 503, 504})


class Fate(Enum):
    """What became of a creation whose answer was lost."""

    ABSENT = "absent"  # nothing of its name is there: it may be sent again
    STORED = "stored"
    UNKNOWN = "unknown"  # the target has no list of workloads to look in


Settle = Callable[[Outcome], Fate]


def is_forgivable(outcome: Outcome) -> bool:
    """Whether an outcome that does not repeat is nobody's fault: lost on the way, or a failure of the way itself.

    A failure that the API itself tells of (500) has happened, whether it repeats or not.
    """
    if isinstance(outcome, NoAnswer):
        return True
    return outcome.status in _OF_THE_WAY or is_of_the_way(outcome)


def is_lost(outcome: Outcome) -> bool:
    """Whether the answer to a creation that has, or may have, happened was lost on the way."""
    return outcome.stored is not False and is_of_the_way(outcome)


@dataclass(slots=True)
class Confirmation:
    """The way of one request. ``settle`` looks for what a creation made; ``repeatable`` is what may be sent twice."""

    repeatable: bool
    settle: Settle | None = None
    earlier: list[Outcome] = field(default_factory=list)
    limited: list[Outcome] = field(default_factory=list)  # 429: nothing happened, so it explains nothing later
    _again: int = 0
    _over: bool = False

    def seen(self, outcome: Outcome) -> Outcome:
        """The outcome; of a creation with a failure for an answer, also whether it happened all the same.

        A refusal after a failure may be of the second sending alone (its name is in use by what the first one made):
        then it is the failure that counts.
        """
        if self.settle is None:
            return outcome
        refused = bool(self.earlier) and isinstance(outcome, Answer) and 400 <= outcome.status < 500
        if not refused and not _is_doubtful(outcome):
            return outcome
        fate = self.settle(outcome)
        if fate is Fate.ABSENT:
            return outcome
        if refused:
            self._over = True
            outcome = self.earlier.pop()
        return replace(outcome, stored=True if fate is Fate.STORED else None)

    def pause(self, outcome: Outcome, busy: float | None, *, patient: bool) -> float | None:
        """Seconds until the request is sent again, or None: ``outcome`` stands.

        ``busy`` is how long a busy target asks to wait. Not ``patient``: the operation has failed so often that no
        pause helps.
        """
        if self._over or outcome.stored:
            return None
        if busy is not None:
            return busy if patient else None
        if not self.repeatable or not is_passing(outcome) or outcome.stored is None:
            return None
        slow = isinstance(outcome, NoAnswer) and outcome.kind == "timeout"
        pauses = PAUSES if patient and not slow and is_forgivable(outcome) else _HURRIED
        self._again += 1
        return pauses[self._again - 1] if self._again <= len(pauses) else None

    def asked_again(self, outcome: Outcome) -> None:
        """Remember what is being asked about again."""
        if _is_doubtful(outcome):
            self.earlier.append(outcome)
        elif isinstance(outcome, Answer) and outcome.status == 429:
            self.limited.append(outcome)

    def final(self, outcome: Outcome, attempts: int) -> Outcome:
        """The outcome that stands, with what came before."""
        if attempts == 1:
            return outcome
        return replace(outcome, attempts=attempts, earlier=tuple(self.earlier))


def _is_doubtful(outcome: Outcome) -> bool:
    """Whether the request may have taken effect although it was answered so, or not at all."""
    return is_passing(outcome) or (isinstance(outcome, Answer) and outcome.status == 503)


class Disturbances:
    """What was of the moment, by its kind, and among how many requests. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent = 0
        self.kinds: Counter[str] = Counter()
        self.repeated = 0
        self.in_vain = 0

    def left(self) -> None:
        """A request was sent."""
        with self._lock:
            self.sent += 1

    def passed(self, *outcomes: Outcome, in_vain: bool = False) -> None:
        """What one request met before it was answered otherwise: more than one outcome has repeated.

        ``in_vain``: a gateway refused it to the end.
        """
        kinds = [kind for kind in map(kind_of, outcomes) if kind is not None]
        again = len(kinds) > 1 or any(outcome.attempts > 1 for outcome in outcomes)
        with self._lock:
            self.kinds.update(kinds)
            self.repeated += bool(kinds) and again
            self.in_vain += in_vain

    def to_json(self) -> dict[str, Any]:
        """What the ``disturbances`` event of a journal says.

        {"requests": all that were sent, "kinds": {what it was: how often}, "repeated": requests that met two,
        "in_vain": requests that a gateway refused to the end}.
        """
        with self._lock:
            return {
                "requests": self.sent,
                "kinds": dict(self.kinds),
                "repeated": self.repeated,
                "in_vain": self.in_vain,
            }


def kind_of(outcome: Outcome) -> str | None:
    """What a disturbance is counted as ("502 by nginx"); None for what is none.

    A connection that was closed while it lay idle is none (RFC 9112, 9.3.1: any server may do that at any time), nor
    is a 429 or 503 with which the API itself asks to wait.
    """
    if isinstance(outcome, NoAnswer):
        return None if outcome.idle else _MISSING.get(outcome.kind)
    maker = gateway_of(outcome)
    if outcome.status in BUSY and maker is None:
        return None
    if outcome.status not in BUSY and not is_forgivable(outcome):
        return None
    return f"{outcome.status} by {maker}" if maker else str(outcome.status)


BROKEN: Final = "broken connection"
_MISSING: Final = {
    "reset": BROKEN,
    "timeout": "late or missing answer",
    "protocol": "truncated or garbled answer",
}
