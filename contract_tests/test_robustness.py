"""Whatever is sent, the server answers, refuses what it cannot serve, and serves the next request."""

import os
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from assay.checks import hostile
from assay.checks.exchange import Exchange
from assay.checks.hostile import OPEN, Hostile
from assay.checks.hostile_bodies import BodyCase, creations, updates
from assay.checks.hostile_requests import (
    HEADERS,
    HostileHeaders,
    HostileMethod,
    HostilePath,
    HostileQuery,
    UnwantedBody,
    methods,
    paths,
    queries,
    unwanted_bodies,
)
from assay.checks.metrics import TYPES, Asked
from assay.checks.resources import known_ids, plain_request
from assay.checks.shared_fixture import SharedFixture, readable
from assay.checks.target import TargetUnderTest
from assay.client.exchange import Wire, to_wire
from assay.client.handover import PROFILE
from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind

pytestmark = pytest.mark.concurrent

SHARED = SharedFixture(readable)


EVERYTHING = os.environ.get(PROFILE, "gate") != "gate"


def cases(table: Callable[[Contract], Iterable[Any]]) -> pytest.MarkDecorator:
    """One test for each case of each operation; a gate leaves out the rare ones, and most bodies of updates."""

    def chosen(contract: Contract) -> list[object]:
        return [
            pytest.param(case, id=f"{case.operation.name}/{case.hostile.id}")
            for case in table(contract)
            if EVERYTHING or (case.in_gate if isinstance(case, BodyCase) else not case.hostile.rare)
        ]

    return pytest.mark.from_contract("case", chosen)


def verify(
    target: TargetUnderTest,
    test: str,
    case: Hostile,
    exchange: Exchange,
    workload_id: str | None,
    again: Callable[[], object],
) -> None:
    """See that the next plain request is still served, and raise what either of the two breaks."""
    target.verify(exchange, hostile.next_request(target, test, case, exchange, workload_id, again))


def blame(target: TargetUnderTest, case: Hostile, exchange: Exchange) -> Exchange:
    return hostile.blame(exchange, case, target.contract.operations[exchange.request.operation].id)


@cases(creations)
def test_create(target: TargetUnderTest, test: str, case: BodyCase) -> None:
    request = case.request(target.body(), {})
    stated = case.expectation(target.oracle, request)

    def again() -> None:
        with target.creating(request, test=test, expectation=OPEN):
            pass

    with target.creating(request, test=test, expectation=stated, focus=case.hostile.focus) as exchange:
        verify(target, test, case.hostile, blame(target, case.hostile, exchange), None, again)


@cases(updates)
def test_update(target: TargetUnderTest, test: str, case: BodyCase) -> None:
    with SHARED.acquire(target, test) as host:
        request = case.request({}, known_ids(target, test, case.operation, host.id))
        send = partial(
            target.send,
            request,
            test=test,
            expectation=case.expectation(target.oracle, request),
            focus=case.hostile.focus,
            setup=(host.created,),
        )
        verify(target, test, case.hostile, blame(target, case.hostile, send()), host.id, send)


@cases(paths)
def test_path(target: TargetUnderTest, test: str, case: HostilePath) -> None:
    with SHARED.acquire(target, test) as host:
        live = known_ids(target, test, case.operation, host.id)[case.resource]
        wire = Wire(case.operation.method, case.target(live), (), None)
        send = partial(hostile.send_beside, target, test, case.hostile, wire, case.operation, (host.created,))
        exchange = send()
        exchange = exchange.with_deviations(*hostile.mistaken(target.contract, exchange, host.id))
        verify(target, test, case.hostile, exchange, host.id, send)


def nobodys(operation: Operation) -> dict[str, str]:
    """Ids, by resource, of what does not exist."""
    return {name: str(uuid.uuid4()) for name in operation.needs.values()}


def of_methods(contract: Contract) -> list[object]:
    return [pytest.param(case, id=case.hostile.id.removeprefix("method-")) for case in methods(contract)]


@pytest.mark.from_contract("case", of_methods)
def test_method(target: TargetUnderTest, test: str, case: HostileMethod) -> None:
    if case.method == "POST":  # whatever comes of it needs a slot beside the host's
        target.session.budget.check_live(2)
    with SHARED.acquire(target, test) as host:
        content, headers = (None, ()) if case.open else (b"{}", (("Content-Type", "application/json"),))
        beside = to_wire(target.contract, case.operation.request(nobodys(case.operation)))
        wire = Wire(case.method, beside.target, headers, content)
        send = partial(hostile.send_beside, target, test, case.hostile, wire, case.operation)
        exchange = send()
        extra = () if case.open else hostile.unknown_method(exchange, case.method)
        verify(target, test, case.hostile, exchange.with_deviations(*extra), host.id, send)


@cases(queries)
def test_query(target: TargetUnderTest, test: str, case: HostileQuery) -> None:
    with SHARED.acquire(target, test) as host:
        ids = known_ids(target, test, case.operation, host.id)
        request = case.operation.request(ids)
        wire = to_wire(target.contract, request)
        wire = replace(wire, target=f"{wire.target}?{case.make(plain_query(case.operation, target.now()))}")
        send = partial(target.send_raw, request, wire, test=test, expectation=OPEN, setup=(host.created,))
        verify(target, test, case.hostile, blame(target, case.hostile, send()), host.id, send)


def plain_query(operation: Operation, now: datetime) -> dict[str, str]:
    """A valid query of the minute before ``now``; of what measures, with every parameter."""
    if operation.kind is not Kind.MEASURE:
        return dict(plain_request(operation, dict.fromkeys(operation.needs.values(), ""), now).query)
    return dict(Asked(TYPES, now - timedelta(minutes=1), now, 5).query)


def of_headers(_: Contract) -> list[object]:
    return [pytest.param(case, id=f"read/{case.hostile.id}") for case in HEADERS]


@pytest.mark.from_contract("case", of_headers)
def test_headers(target: TargetUnderTest, test: str, case: HostileHeaders) -> None:
    with SHARED.acquire(target, test) as host:
        request = case.request(target.contract, host.id)
        send = partial(target.send, request, test=test, expectation=OPEN, setup=(host.created,))
        verify(target, test, case.hostile, blame(target, case.hostile, send()), host.id, send)


@cases(unwanted_bodies)
def test_unwanted_body(target: TargetUnderTest, test: str, case: UnwantedBody) -> None:
    with SHARED.acquire(target, test) as host:
        reads = case.operation.writes is None
        ids = known_ids(target, test, case.operation, host.id) if reads else nobodys(case.operation)
        send = partial(target.send, case.request(ids), test=test, expectation=OPEN, setup=(host.created,))
        verify(target, test, case.hostile, blame(target, case.hostile, send()), host.id, send)
