"""Defects of the family ``race``: right for one caller, wrong for several at once.

Handlers that read, wait and then write. The wait (30 ms, that of a database not far away) makes the race likely.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from assay.contract.documents import Contract
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects.base import Defect
from assay.reference.http import Call, Refusal, Reply
from assay.reference.store import StoredWorkload

_WAIT: Final = 0.03  # seconds between reading and writing


def _lost_update(behaviour: Behaviour) -> Behaviour:
    """Updates read the spec, wait, and write the whole spec back."""

    class Racing(behaviour.operations):  # type: ignore[misc,name-defined]
        waits = True

        async def update(self, call: Call) -> Reply:
            workload = self.permitted_workload("update", call)
            read = workload.spec
            await asyncio.sleep(_WAIT)
            workload.spec = read
            return super().update(call)  # type: ignore[no-any-return]

    return replace(behaviour, operations=Racing)


def _torn_write(behaviour: Behaviour) -> Behaviour:
    """Updates store one field after the other."""

    class Racing(behaviour.operations):  # type: ignore[misc,name-defined]
        waits = True

        async def update(self, call: Call) -> Reply:
            body = json.loads(call.body) if call.body[:1] == b"{" else None
            spec = body.get("spec") if isinstance(body, dict) else None
            if isinstance(spec, dict) and len(spec) > 1:
                name, value = next(iter(spec.items()))
                if isinstance(value, str):
                    super().update(replace(call, body=json.dumps({"spec": {name: value}}).encode()))
                    await asyncio.sleep(_WAIT)
            return super().update(call)  # type: ignore[no-any-return]

    return replace(behaviour, operations=Racing)


def _same_id(behaviour: Behaviour) -> Behaviour:
    """Creations that come in together get one id."""

    class Racing(behaviour.operations):  # type: ignore[misc,name-defined]
        waits = True
        under_way = 0

        async def create(self, call: Call) -> Reply:
            state = self.plane.random.getstate()
            self.under_way += 1
            try:
                await asyncio.sleep(_WAIT)
                together = self.under_way > 1
            finally:
                self.under_way -= 1
            if together:
                self.plane.random.setstate(state)
            return super().create(call)  # type: ignore[no-any-return]

    return replace(behaviour, operations=Racing)


def _crossed_answers(behaviour: Behaviour) -> Behaviour:
    """Reads that come in together are answered with the workload of the last one."""

    class Racing(behaviour.operations):  # type: ignore[misc,name-defined]
        waits = True
        latest: StoredWorkload | None = None

        async def read(self, call: Call) -> Reply:
            self.latest = self.permitted_workload("read", call)
            await asyncio.sleep(_WAIT)
            assert self.latest is not None
            return self.describe(200, self.latest, self.plane.now())  # type: ignore[no-any-return]

    return replace(behaviour, operations=Racing)


def _undead(behaviour: Behaviour) -> Behaviour:
    """An update that meets a deletion brings the workload back."""

    class Racing(behaviour.operations):  # type: ignore[misc,name-defined]
        waits = True

        async def update(self, call: Call) -> Reply:
            workload = self.permitted_workload("update", call)
            alive = workload.deleted is None
            await asyncio.sleep(_WAIT)
            if alive and workload.deleted is not None:
                workload.deleted, workload.gone = None, None
                self.plane.store._leaving.remove(workload)
                self.plane.store._live[workload.id] = workload
            return super().update(call)  # type: ignore[no-any-return]

    return replace(behaviour, operations=Racing)


def _fails_together(role: str) -> Change:
    """Calls of one operation that come in together answer 500."""

    def change(behaviour: Behaviour) -> Behaviour:
        under_way = 0

        async def before(_: Any, call: Call) -> Reply | None:
            nonlocal under_way
            if call.operation != role:
                return None
            under_way += 1
            try:
                await asyncio.sleep(_WAIT)
                if under_way > 2:
                    raise Refusal(500, "too many at once")
            finally:
                under_way -= 1
            return None

        return behaviour.first(before)

    return change


_DEFECTS: Final[tuple[tuple[str, str, str, Change], ...]] = (
    ("update-lost", "of updates that come in together only the last one is kept", "update", _lost_update),
    ("update-torn", "an update stores one field after the other", "update", _torn_write),
    ("same-id", "creations that come in together get one id", "create", _same_id),
    ("crossed-answers", "reads that come in together are answered with one workload", "read", _crossed_answers),
    ("update-undeletes", "an update that meets a deletion brings the workload back", "update", _undead),
    ("create-fails", "more than two creations at once answer 500", "create", _fails_together("create")),
    ("update-fails", "more than two updates at once answer 500", "update", _fails_together("update")),
    ("read-fails", "more than two reads at once answer 500", "read", _fails_together("read")),
)


def defects(contract: Contract) -> Iterator[Defect]:
    """``race/<what>``."""
    for name, what, role, change in _DEFECTS:
        yield Defect(f"race/{name}", "race", what, f"/paths/{contract.operations[role].id}", change, role)
