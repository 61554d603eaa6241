"""The transport without a network: what it answers to whoever may not wait for an answer."""

from __future__ import annotations

import asyncio

from assay.client.exchange import NoAnswer
from assay.clock import VirtualClock
from assay.contract import documents
from assay.prove.bench import InProcess, _loop
from assay.reference.app import App
from assay.reference.behaviour import Behaviour
from assay.reference.http import IncomingRequest, Reply
from assay.reference.plane import Plane


def test_who_answers_does_not_wait_for_its_own_answer() -> None:
    async def before(_: Plane, __: IncomingRequest) -> Reply | None:
        await asyncio.sleep(0)
        return None

    plane = Behaviour().first(before).build(documents.load(), lambda: 0.0)
    transport = InProcess(App(plane), VirtualClock(), timeout=60.0)
    assert not isinstance(transport.exchange("GET", b"/healthz"), NoAnswer)

    async def ask() -> object:
        return transport.exchange("GET", b"/healthz")

    answer = asyncio.run_coroutine_threadsafe(ask(), _loop()).result(30.0)
    assert isinstance(answer, NoAnswer)
    assert answer.kind == "reset"
