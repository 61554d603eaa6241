"""How long a deviation is looked for, by what it is: once, until it is no more, until it comes, or several times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from assay.checks.exchange import Deviation, Exchange


@dataclass(frozen=True, slots=True)
class Watch:
    """``until``: ``once`` (the first answer counts), ``no`` (the answer may be right a while later), ``yes`` (it may
    be wrong a while later); at most ``patience`` seconds long. ``rounds``: how often all is done from the beginning.
    """

    until: str = "once"
    patience: int = 0
    rounds: int = 1


_ONCE: Final = Watch()
_SETTLES: Final = Watch("no", 15)
_GOES: Final = Watch("yes", 5)
_SECOND: Final = Watch(rounds=5)
"""A second deletion must come before the first has ended, which takes a machine that is busy several tries."""
_TWICE: Final = Watch("yes", 2)
_KINDS: Final = {
    "delete-takes-effect": Watch("no", 120),
    "delete-finishes": Watch("no", 120),
    "delete-neighbour": Watch("yes", 2, 2),
    "update-neighbour": Watch("yes", 2),
    "use-after-delete": Watch("yes", 5, 3),
    "metrics-moment-spelling": Watch("no", 10),
    "id-unique": Watch(rounds=4),
}
_BEGINNINGS: Final = (("phase-", Watch("yes", 10)),)
_ENDS: Final = ("-stored", "-bystander", "-updated")


def is_concurrent(exchange: Exchange) -> bool:
    """Whether requests of several clients met there, within a few milliseconds."""
    return exchange.test.startswith("concurrency/")


def watching(deviation: Deviation, exchange: Exchange, *, deleted: bool) -> Watch:
    """How to look for ``deviation`` of ``exchange``, before which a workload was ``deleted`` or not."""
    check = deviation.check
    if check in _KINDS:
        return _KINDS[check]
    for beginning, watch in _BEGINNINGS:
        if check.startswith(beginning):
            return watch
    if check.endswith(_ENDS) or (check == "update-echo" and exchange.request.operation == "read"):
        return _SETTLES
    if exchange.status == 404 and check == "accepts-valid":
        return Watch("no", 10, 5)
    if exchange.request.operation == "delete" and (exchange.status or 0) >= 500:
        return _TWICE
    if exchange.request.operation == "delete" and deleted and exchange.accepted:
        return _SECOND
    return _GOES if deleted else _ONCE
