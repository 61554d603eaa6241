"""What was of the moment, or of the way: one advisory a run, however often something broke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from assay.findings.model import Class, Finding

CHECK: Final = "disturbances"
EVERYTHING: Final = "all operations"


@dataclass(slots=True)
class Disturbed:
    """The disturbances of a run: how many requests there were, and how many met what.

    ``confirmed`` were asked about again and did not repeat; ``counted`` were seen under load, where nothing is asked
    about again.
    """

    requests: int = 0
    confirmed: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)

    def add(self, requests: int, kinds: dict[str, int], *, asked_again: bool) -> None:
        """Add what one part of the run has seen."""
        self.requests += requests
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
        summary=f"{_told(kinds, seen.requests)}; {_confirmed(seen)}",
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
        return "all under load, where nothing is asked for again"
    words = "asked for again, none repeated" if seen.confirmed.total() > 1 else "asked for again, it did not repeat"
    return f"{words} (the {under_load:,} under load were only counted)" if under_load else words
