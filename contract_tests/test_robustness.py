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
from assay.checks.hostile_headers import HEADERS, UNWANTED_BODIES, HostileHeaders, UnwantedBody
from assay.checks.hostile_urls import METHODS, PATHS, QUERIES, HostileMethod, HostilePath, HostileQuery
from assay.checks.lending import Lending, readable
from assay.checks.metrics import TYPES, Asked
from assay.checks.opening import PROFILE
from assay.checks.probe import Probe
from assay.client.exchange import Wire
from assay.contract.request import Request

pytestmark = pytest.mark.concurrent

SHARED = Lending(readable)


EVERYTHING = os.environ.get(PROFILE, "gate") != "gate"


def cases(table: Iterable[Any], name: Callable[[Any], str]) -> pytest.MarkDecorator:
    """One test for each case; a gate leaves out the rare ones."""
    chosen = [case for case in table if EVERYTHING or not case.hostile.rare]
    return pytest.mark.parametrize("case", [pytest.param(case, id=name(case)) for case in chosen])


def bodies(role: str) -> pytest.MarkDecorator:
    """Those for ``role``: all of them in a certification, a choice of them in a gate."""
    table = [case for case in BODIES if role in case.roles and (EVERYTHING or case.in_gate(role))]
    return cases(table, lambda case: f"{role}/{case.hostile.id}")


def collection(probe: Probe) -> str:
    return probe.oracle.contract.operations["create"].path


def verify(
    probe: Probe, test: str, case: Hostile, exchange: Exchange, workload_id: str | None, again: Callable[[], object]
) -> None:
    """See that the next plain request is still served, and raise what either of the two breaks."""
    probe.verify(exchange, hostile.next_request(probe, test, case, exchange, workload_id, again))


def blame(probe: Probe, case: Hostile, exchange: Exchange) -> Exchange:
    return hostile.blame(exchange, case, probe.oracle.contract.operations[exchange.request.operation].id)


@bodies("create")
def test_create(probe: Probe, test: str, case: HostileBody) -> None:
    request = case.request("create", valid_body("create", probe.body()), {})
    stated = case.expectation(probe.oracle, request)

    def again() -> None:
        with probe.creating(request, test=test, expectation=OPEN):
            pass

    with probe.creating(request, test=test, expectation=stated, focus=case.hostile.focus) as exchange:
        verify(probe, test, case.hostile, blame(probe, case.hostile, exchange), None, again)


@bodies("update")
def test_update(probe: Probe, test: str, case: HostileBody) -> None:
    with SHARED.borrow(probe, test) as host:
        request = case.request("update", valid_body("update", {}), {"workloadId": host.id})
        send = partial(
            probe.send,
            request,
            test=test,
            expectation=case.expectation(probe.oracle, request),
            focus=case.hostile.focus,
            setup=(host.created,),
        )
        verify(probe, test, case.hostile, blame(probe, case.hostile, send()), host.id, send)


@cases(PATHS, lambda case: f"{case.operation}/{case.hostile.id}")
def test_path(probe: Probe, test: str, case: HostilePath) -> None:
    with SHARED.borrow(probe, test) as host:
        wire = Wire("GET", collection(probe) + case.tail(host.id) + case.query, (), None)
        send = partial(hostile.send_beside, probe, test, case.hostile, wire, case.operation)
        exchange = send()
        exchange = exchange.with_deviations(*hostile.mistaken(exchange, host.id))
        verify(probe, test, case.hostile, exchange, host.id, send)


@cases(METHODS, lambda case: f"{case.hostile.id.removeprefix('method-')}")
def test_method(probe: Probe, test: str, case: HostileMethod) -> None:
    if case.method == "POST":  # whatever comes of it needs a slot beside the host's
        probe.session.budget.check_live(2)
    with SHARED.borrow(probe, test) as host:
        path = collection(probe) + case.path.replace("{id}", str(uuid.uuid4()))
        content, headers = (None, ()) if case.open else (b"{}", (("Content-Type", "application/json"),))
        wire = Wire(case.method, path, headers, content)
        send = partial(hostile.send_beside, probe, test, case.hostile, wire, case.operation)
        exchange = send()
        extra = () if case.open else hostile.unknown_method(exchange, case.method)
        verify(probe, test, case.hostile, exchange.with_deviations(*extra), host.id, send)


@cases(QUERIES, lambda case: f"metrics/{case.hostile.id}")
def test_query(probe: Probe, test: str, case: HostileQuery) -> None:
    with SHARED.borrow(probe, test) as host:
        end = datetime.now(UTC).replace(microsecond=0)
        query = case.make(dict(Asked(TYPES, end - timedelta(minutes=1), end, 5).query))
        wire = Wire("GET", f"{collection(probe)}/{host.id}/metrics?{query}", (), None)
        request = Request("metrics", path={"workloadId": host.id})
        send = partial(probe.send_raw, request, wire, test=test, expectation=OPEN)
        verify(probe, test, case.hostile, blame(probe, case.hostile, send()), host.id, send)


@cases(HEADERS, lambda case: f"read/{case.hostile.id}")
def test_headers(probe: Probe, test: str, case: HostileHeaders) -> None:
    with SHARED.borrow(probe, test) as host:
        send = partial(probe.send, case.request(host.id), test=test, expectation=OPEN, setup=(host.created,))
        verify(probe, test, case.hostile, blame(probe, case.hostile, send()), host.id, send)


@cases(UNWANTED_BODIES, lambda case: f"{case.operation}/{case.hostile.id}")
def test_unwanted_body(probe: Probe, test: str, case: UnwantedBody) -> None:
    with SHARED.borrow(probe, test) as host:
        target = host.id if case.operation == "read" else str(uuid.uuid4())
        send = partial(probe.send, case.request(target), test=test, expectation=OPEN, setup=(host.created,))
        verify(probe, test, case.hostile, blame(probe, case.hostile, send()), host.id, send)
