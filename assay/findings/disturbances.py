"""What was of the moment, or of the way: one advisory a run, however often something broke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from assay.findings.model import Class, Finding
from assay.wording import plural

CHECK: Final = "disturbances"
EVERYTHING: Final = "all operations"
_BUSY: Final = ("429 by ", "503 by ")
_LEAST: Final = 20
_OFTEN: Final = 0.1
"""From this number and this share on, refusals are no accident: nginx's limit_req of 20/s refused 59 % of a gate."""


@dataclass(slots=True)
class Disturbed:
    """The disturbances of a run: how many requests there were, and how many met what.

    ``confirmed`` were asked about again until they were answered otherwise, of which ``repeated`` requests more than
    once and ``in_vain`` to the end; ``counted`` were seen under load, where nothing is asked about again.
    """

    requests: int = 0
    confirmed: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    in_vain: int = 0

    def add(
        self, requests: int, kinds: dict[str, int], *, asked_again: bool, repeated: int = 0, in_vain: int = 0
    ) -> None:
        """Add what one part of the run has seen."""
        self.requests += requests
        self.in_vain += in_vain
        self.repeated += repeated
        (self.confirmed if asked_again else self.counted).update(kinds)


def advisory(seen: Disturbed) -> Iterator[Finding]:
    """Yield the one finding that tells of all disturbances, if there were any."""
    kinds = seen.confirmed + seen.counted
    if not kinds:
        return
    yield Finding(
        cls=Class.ADVISORY,
        check=CHECK,
        operation=EVERYTHING,
        rule=None,
        location="/network",
        summary=f"{_told(kinds, seen.requests)}; {_confirmed(seen)}{_rate_limit(kinds, seen.requests)}",
        why="What does not repeat is not held against the API: it was on the way to it (a proxy, a load balancer, a "
        "pod that was moved). Callers meet it all the same.",
        test="the whole run",
    )


def _told(kinds: Counter[str], requests: int) -> str:
    """ "12 of 1,204 answers (1.0%) were a 502 by nginx, 3 (0.2%) a broken connection"."""
    parts = [f"{count:,}{{}}{_share(count, requests)}{{}} a {kind}" for kind, count in kinds.most_common()]
    be = " was" if kinds.most_common()[0][1] == 1 else " were"
    first = parts[0].format(f" of {requests:,} answers", be)
    return ", ".join([first, *(part.format("", "") for part in parts[1:])])


def _share(count: int, requests: int) -> str:
    return f" ({count / requests:.1%})" if requests else ""


def _confirmed(seen: Disturbed) -> str:
    under_load = seen.counted.total()
    if not seen.confirmed:
        return "all under load, where they are only counted"
    words = "asked for again, none repeated" if seen.confirmed.total() > 1 else "asked for again, it did not repeat"
    if seen.in_vain:
        words = f"asked for again, {plural(seen.in_vain, 'request')} in vain"
    elif seen.repeated:
        words = "asked for again, some more than once, until the API answered"
    return f"{words} (the {under_load:,} under load were only counted)" if under_load else words


def _rate_limit(kinds: Counter[str], requests: int) -> str:
    """What so many refusals of a gateway look like; empty when they are few."""
    busy = sum(count for kind, count in kinds.items() if kind.startswith(_BUSY))
    if busy < _LEAST or busy < _OFTEN * requests:
        return ""
    return "; so many look like a rate limit: give a lower --max-rps"
