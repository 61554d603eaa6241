"""The fault switch: with ``--faults`` a caller can ask for the answers that only a broken server gives.

The header ``X-Assay-Fault`` of a call says which: ``500`` or ``503`` (nothing is done), ``503-after`` (the call is
carried out, then answered with 503: what a client's retry must survive).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from assay.reference.behaviour import Behaviour
from assay.reference.http import Call, Refusal, Reply, error_body

if TYPE_CHECKING:
    from assay.reference.plane import Plane

HEADER: Final = b"x-assay-fault"
_MESSAGES: Final = {500: "Something went wrong.", 503: "Please try again in few minutes."}


def enable(behaviour: Behaviour) -> Behaviour:
    """``behaviour`` with the fault switch."""
    return behaviour.first(_before).then(_after)


async def _before(_: Plane, call: Call) -> Reply | None:
    wanted = call.header(HEADER)
    if wanted is None or wanted == "503-after":
        return None
    if wanted not in {"500", "503"}:
        raise Refusal(400, f"X-Assay-Fault: '{wanted[:40]}' is none of 500, 503, 503-after")
    raise Refusal(int(wanted), _MESSAGES[int(wanted)])


def _after(_: Plane, call: Call, answer: Reply) -> Reply:
    if call.header(HEADER) == "503-after" and answer.status < 400:
        return Reply(503, error_body(503, _MESSAGES[503]))
    return answer
