"""What was lost on the way to the API: answers that a gateway made in its place, and connections that broke.

Nothing is asked for again under load, since a retry would hide what a load test looks for. So whether the API or
something before it was at fault is told by who answered, and by how often it happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from assay.client.confirmation import BROKEN
from assay.client.exchange import Answer
from assay.client.gateway import gateway_of
from assay.load.client import RawAnswer

FEW: Final = 3
"""So many disturbances of one operation are forgiven whatever their share: of 40 requests, two may well meet one in a
hundred."""

_BROKEN: Final = {"reset": BROKEN, "closed": BROKEN}
BY: Final = " by "
_LIMITS: Final = frozenset({f"503{BY}nginx", f"503{BY}openresty"})


def kind_of(answer: RawAnswer) -> str | None:
    """ "502 by nginx": who answered in place of the API, and how; None: it is the API's own."""
    maker = gateway_of(Answer(answer.status, answer.headers, answer.body))
    return None if maker is None else f"{answer.status}{BY}{maker}"


def refusals(kinds: Mapping[str, int]) -> dict[str, int]:
    """What among the ``kinds`` of errors are refusals of a gateway that limits the rate, by kind.

    Every 429 of a gateway is one. Of 503 only nginx's, which is what its ``limit_req`` answers: where an upstream is
    down it answers 502, and of envoy, HAProxy and load balancers it is the 503 that says so.
    """
    return {kind: number for kind, number in kinds.items() if kind.startswith(f"429{BY}") or kind in _LIMITS}


def disturbances(kinds: Mapping[str, int], requests: int, share: float) -> dict[str, int]:
    """What among the ``kinds`` of errors of one operation is not held against it, by kind.

    ``share`` of the ``requests`` is what the objectives forgive; nothing is forgiven when more was lost.
    """
    lost: Counter[str] = Counter()
    for kind, number in kinds.items():
        if kind in _BROKEN or BY in kind:
            lost[_BROKEN.get(kind, kind)] += number
    return dict(lost) if share > 0 and lost.total() <= max(FEW, share * requests) else {}
