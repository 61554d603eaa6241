"""Defects of the families ``race`` and ``performance``: right answers for one caller now and then, not for many.

A race has calls that read, wait and then write. The wait (30 ms, that of a database not far away) makes it likely.
Performance is lost to answers that come late, seldom, or over a connection that closes: the contract part of a gate
does not look at time; the load part does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from assay.clock import SYSTEM, Clock
from assay.contract.documents import Contract
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects.base import Defect, around, named_workload
from assay.reference.http import IncomingRequest, Refusal, Reply
from assay.reference.plane import Before, Plane, Proceed
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


_RACES: Final[tuple[tuple[str, str, str, Change], ...]] = (
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


def races(contract: Contract) -> Iterator[Defect]:
    """``race/<what>``."""
    for name, what, operation, change in _RACES:
        place = f"/paths/{contract.operations[operation].id}"
        yield Defect(f"race/{name}", "race", what, place, change, operation)


def _first(before: Before) -> Change:
    return lambda behaviour: behaviour.first(before)


def _slower(seconds: Callable[[Plane, IncomingRequest], float]) -> Change:
    async def before(plane: Plane, call: IncomingRequest) -> Reply | None:
        await plane.sleep(seconds(plane, call))
        return None

    return _first(before)


def _slower_by_uptime(factor: float) -> Change:
    """Every answer waits longer, by ``factor`` seconds for each second since the first call."""

    def change(behaviour: Behaviour) -> Behaviour:
        began: list[float] = []

        def seconds(plane: Plane, _: IncomingRequest) -> float:
            if not began:
                began.append(plane.clock())
            return (plane.clock() - began[0]) * factor

        return _slower(seconds)(behaviour)

    return change


def _by_samples(plane: Plane, call: IncomingRequest) -> float:
    return 0.5 if plane.measures(call) and b"numberOfSamples=1000" in call.query else 0.0


def _frozen(period: float, seconds: float, clock: Clock = SYSTEM) -> Change:
    """The whole process stands still for ``seconds`` in every ``period``."""

    async def before(plane: Plane, _: IncomingRequest) -> Reply | None:
        since = plane.clock() % period
        if since < seconds:
            clock.sleep(seconds - since)  # holds up the event loop, as is meant
        return None

    return _first(before)


def _rarely(every: int, seconds: float) -> Change:
    def change(behaviour: Behaviour) -> Behaviour:
        count = 0

        async def before(plane: Plane, _: IncomingRequest) -> Reply | None:
            nonlocal count
            count += 1
            if count % every == 0:
                await plane.sleep(seconds)
            return None

        return behaviour.first(before)

    return change


def _one_at_a_time(seconds: float) -> Change:
    """A global lock: one call after the other, each holding it for ``seconds``."""

    def change(behaviour: Behaviour) -> Behaviour:
        lock = asyncio.Lock()

        async def before(plane: Plane, _: IncomingRequest) -> Reply | None:
            async with lock:
                await plane.sleep(seconds)
            return None

        return behaviour.first(before)

    return change


def _fails_beyond(most: int) -> Change:
    def change(behaviour: Behaviour) -> Behaviour:
        under_way = 0

        async def before(plane: Plane, _: IncomingRequest) -> Reply | None:
            nonlocal under_way
            under_way += 1
            try:
                await plane.sleep(0.005)
                if under_way > most:
                    raise Refusal(500, "too many calls at once")
            finally:
                under_way -= 1
            return None

        return behaviour.first(before)

    return change


def _closing(_: Plane, __: IncomingRequest, reply: Reply) -> Reply:
    return replace(reply, headers=[*reply.headers, (b"connection", b"close")])


_PERFORMANCE: Final[tuple[tuple[str, str, Change], ...]] = (
    (
        "slow-by-workloads",
        "every live workload makes each answer 20 ms slower",
        _slower(lambda plane, _: 0.02 * sum(1 for _item in plane.store.live(plane.now()))),
    ),
    ("slow-by-samples", "a question for 1,000 samples takes half a second", _slower(_by_samples)),
    (
        "slow-by-uptime",
        "each second of uptime makes each answer 10 ms slower",
        _slower_by_uptime(0.01),
    ),
    ("slow-creations", "a creation takes 2 s", _slower(lambda _, call: 2.0 if call.operation == "create" else 0.0)),
    ("slow-reads", "a read takes 1 s", _slower(lambda _, call: 1.0 if call.operation == "read" else 0.0)),
    ("freezes", "for 1 s in every 5 s nothing is answered", _frozen(5.0, 1.0)),
    ("stalls", "every 50th answer takes 3 s", _rarely(50, 3.0)),
    ("global-lock", "calls are served one at a time, 50 ms each", _one_at_a_time(0.05)),
    ("fails-beyond-4", "more than 4 calls at once answer 500", _fails_beyond(4)),
    ("closes-connections", "every answer closes its connection", lambda behaviour: behaviour.then(_closing)),
)


def performance(_: Contract) -> Iterator[Defect]:
    """``performance/<what>``."""
    for name, what, change in _PERFORMANCE:
        yield Defect(f"performance/{name}", "performance", what, "/paths", change)
