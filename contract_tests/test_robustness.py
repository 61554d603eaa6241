"""Whatever is sent, the server answers, refuses what it cannot serve, and serves the next request."""

import os
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from assay.checks import hostile
from assay.checks.exchange import Exchange
from assay.checks.hostile import OPEN, Hostile
from assay.checks.hostile_bodies import BODIES, HostileBody, valid_body
from assay.checks.hostile_requests import (
    HEADERS,
    METHODS,
    PATHS,
    QUERIES,
    UNWANTED_BODIES,
    HostileHeaders,
    HostileMethod,
    HostilePath,
    HostileQuery,
    UnwantedBody,
)
from assay.checks.metrics import TYPES, Asked
from assay.checks.metrics_host import measuring
from assay.checks.shared_fixture import SharedFixture, readable
from assay.checks.target import TargetUnderTest
from assay.client.exchange import Wire
from assay.client.settings import PROFILE

pytestmark = pytest.mark.concurrent

SHARED = SharedFixture(readable)


EVERYTHING = os.environ.get(PROFILE, "gate") != "gate"


def cases(table: Iterable[Any], name: Callable[[Any], str]) -> pytest.MarkDecorator:
    """One test for each case; a gate leaves out the rare ones."""
    chosen = [case for case in table if EVERYTHING or not case.hostile.rare]
    return pytest.mark.parametrize("case", [pytest.param(case, id=name(case)) for case in chosen])


def bodies(operation: str) -> pytest.MarkDecorator:
    """Those for ``operation``: all of them in a certification, a choice of them in a gate."""
    table = [case for case in BODIES if operation in case.operations and (EVERYTHING or case.in_gate(operation))]
    return cases(table, lambda case: f"{operation}/{case.hostile.id}")


def collection(target: TargetUnderTest) -> str:
    return target.contract.creation.path


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


@bodies("create")
def test_create(target: TargetUnderTest, test: str, case: HostileBody) -> None:
    request = case.request("create", valid_body("create", target.body()), {})
    stated = case.expectation(target.oracle, request)

    def again() -> None:
        with target.creating(request, test=test, expectation=OPEN):
            pass

    with target.creating(request, test=test, expectation=stated, focus=case.hostile.focus) as exchange:
        verify(target, test, case.hostile, blame(target, case.hostile, exchange), None, again)


@bodies("update")
def test_update(target: TargetUnderTest, test: str, case: HostileBody) -> None:
    with SHARED.acquire(target, test) as host:
        request = case.request("update", valid_body("update", {}), {"workloadId": host.id})
        send = partial(
            target.send,
            request,
            test=test,
            expectation=case.expectation(target.oracle, request),
            focus=case.hostile.focus,
            setup=(host.created,),
        )
        verify(target, test, case.hostile, blame(target, case.hostile, send()), host.id, send)


@cases(PATHS, lambda case: f"{case.operation}/{case.hostile.id}")
def test_path(target: TargetUnderTest, test: str, case: HostilePath) -> None:
    with SHARED.acquire(target, test) as host:
        wire = Wire("GET", collection(target) + case.tail(host.id) + case.query, (), None)
        send = partial(hostile.send_beside, target, test, case.hostile, wire, case.operation)
        exchange = send()
        exchange = exchange.with_deviations(*hostile.mistaken(exchange, host.id))
        verify(target, test, case.hostile, exchange, host.id, send)


@cases(METHODS, lambda case: f"{case.hostile.id.removeprefix('method-')}")
def test_method(target: TargetUnderTest, test: str, case: HostileMethod) -> None:
    if case.method == "POST":  # whatever comes of it needs a slot beside the host's
        target.session.budget.check_live(2)
    with SHARED.acquire(target, test) as host:
        path = collection(target) + case.path.replace("{id}", str(uuid.uuid4()))
        content, headers = (None, ()) if case.open else (b"{}", (("Content-Type", "application/json"),))
        wire = Wire(case.method, path, headers, content)
        send = partial(hostile.send_beside, target, test, case.hostile, wire, case.operation)
        exchange = send()
        extra = () if case.open else hostile.unknown_method(exchange, case.method)
        verify(target, test, case.hostile, exchange.with_deviations(*extra), host.id, send)


@cases(QUERIES, lambda case: f"metrics/{case.hostile.id}")
def test_query(target: TargetUnderTest, test: str, case: HostileQuery) -> None:
    with SHARED.acquire(target, test) as host:
        end = datetime.now(UTC).replace(microsecond=0)
        query = case.make(dict(Asked(TYPES, end - timedelta(minutes=1), end, 5).query))
        wire = Wire("GET", f"{collection(target)}/{host.id}/metrics?{query}", (), None)
        request = measuring(target.contract, of_pod=False).request(workload=host.id)
        send = partial(target.send_raw, request, wire, test=test, expectation=OPEN)
        verify(target, test, case.hostile, blame(target, case.hostile, send()), host.id, send)


@cases(HEADERS, lambda case: f"read/{case.hostile.id}")
def test_headers(target: TargetUnderTest, test: str, case: HostileHeaders) -> None:
    with SHARED.acquire(target, test) as host:
        send = partial(target.send, case.request(host.id), test=test, expectation=OPEN, setup=(host.created,))
        verify(target, test, case.hostile, blame(target, case.hostile, send()), host.id, send)


@cases(UNWANTED_BODIES, lambda case: f"{case.operation}/{case.hostile.id}")
def test_unwanted_body(target: TargetUnderTest, test: str, case: UnwantedBody) -> None:
    with SHARED.acquire(target, test) as host:
        workload_id = host.id if case.operation == "read" else str(uuid.uuid4())
        send = partial(target.send, case.request(workload_id), test=test, expectation=OPEN, setup=(host.created,))
        verify(target, test, case.hostile, blame(target, case.hostile, send()), host.id, send)
