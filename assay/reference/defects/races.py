"""Defects of the family ``race``: right for one caller, wrong for several at once.

Calls that read, wait and then write. The wait (30 ms, that of a database not far away) makes the race likely.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from assay.contract.documents import Contract
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects.base import Defect, around, named_workload
from assay.reference.http import IncomingRequest, Refusal, Reply
from assay.reference.plane import Plane, Proceed
from assay.reference.store import StoredWorkload

_WAIT: Final = 0.03  # seconds between reading and writing


async def _lost_update(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    """Updates read the spec, wait, and write the whole spec back."""
    workload = named_workload(plane, call)
    read = workload.spec
    await plane.sleep(_WAIT)
    workload.spec = read
    return proceed(call)


async def _torn_write(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    """Updates store one field after the other."""
    body = json.loads(call.body) if call.body[:1] == b"{" else None
    spec = body.get("spec") if isinstance(body, dict) else None
    if isinstance(spec, dict) and len(spec) > 1:
        name, value = next(iter(spec.items()))
        if isinstance(value, str):
            proceed(replace(call, body=json.dumps({"spec": {name: value}}).encode()))
            await plane.sleep(_WAIT)
    return proceed(call)


def _same_id(behaviour: Behaviour) -> Behaviour:
    """Creations that come in together get one id."""
    under_way = 0

    async def step(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
        nonlocal under_way
        state = plane.random.getstate()
        under_way += 1
        try:
            await plane.sleep(_WAIT)
            together = under_way > 1
        finally:
            under_way -= 1
        if together:
            plane.random.setstate(state)
        return proceed(call)

    return behaviour.around("create", step)


def _crossed_answers(behaviour: Behaviour) -> Behaviour:
    """Reads that come in together are answered with the workload of the last one."""
    latest: list[StoredWorkload] = []

    async def step(plane: Plane, call: IncomingRequest, _: Proceed) -> Reply:
        latest[:] = [named_workload(plane, call)]
        await plane.sleep(_WAIT)
        return plane.describe(200, latest[0], plane.now())

    return behaviour.around("read", step)


async def _undead(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    """An update that meets a deletion brings the workload back."""
    workload = named_workload(plane, call)
    alive = workload.deleted is None
    await plane.sleep(_WAIT)
    if alive and workload.deleted is not None:
        plane.store.bring_back(workload)
    return proceed(call)


def _fails_together(operation: str) -> Change:
    """Calls of one operation that come in together answer 500."""

    def change(behaviour: Behaviour) -> Behaviour:
        under_way = 0

        async def before(plane: Plane, call: IncomingRequest) -> Reply | None:
            nonlocal under_way
            if call.operation != operation:
                return None
            under_way += 1
            try:
                await plane.sleep(_WAIT)
                if under_way > 2:
                    raise Refusal(500, "too many at once")
            finally:
                under_way -= 1
            return None

        return behaviour.first(before)

    return change


_DEFECTS: Final[tuple[tuple[str, str, str, Change], ...]] = (
    (
        "update-lost",
        "of updates that come in together only the last one is kept",
        "update",
        around("update", _lost_update),
    ),
    ("update-torn", "an update stores one field after the other", "update", around("update", _torn_write)),
    ("same-id", "creations that come in together get one id", "create", _same_id),
    ("crossed-answers", "reads that come in together are answered with one workload", "read", _crossed_answers),
    (
        "update-undeletes",
        "an update that meets a deletion brings the workload back",
        "update",
        around("update", _undead),
    ),
    ("create-fails", "more than two creations at once answer 500", "create", _fails_together("create")),
    ("update-fails", "more than two updates at once answer 500", "update", _fails_together("update")),
    ("read-fails", "more than two reads at once answer 500", "read", _fails_together("read")),
)


def defects(contract: Contract) -> Iterator[Defect]:
    """``race/<what>``."""
    for name, what, operation, change in _DEFECTS:
        place = f"/paths/{contract.operations[operation].id}"
        yield Defect(f"race/{name}", "race", what, place, change, operation)
