"""Defects of the family ``performance``: right answers that come late, seldom, or over a connection that closes.

The contract part of a gate does not look at time; the load part does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from assay.contract.documents import Contract
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects.base import Defect
from assay.reference.http import IncomingRequest, Refusal, Reply
from assay.reference.plane import Before, Plane


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


def _frozen(period: float, seconds: float) -> Change:
    """The whole process stands still for ``seconds`` in every ``period``."""

    async def before(plane: Plane, _: IncomingRequest) -> Reply | None:
        since = plane.clock() % period
        if since < seconds:
            time.sleep(seconds - since)
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


_DEFECTS: Final[tuple[tuple[str, str, Change], ...]] = (
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


def defects(_: Contract) -> Iterator[Defect]:
    """``performance/<what>``."""
    for name, what, change in _DEFECTS:
        yield Defect(f"performance/{name}", "performance", what, "/paths", change)
