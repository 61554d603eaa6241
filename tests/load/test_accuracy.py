"""The asked rate against the kept one, and a stall in the tail, with servers of known latency.

That percentiles are within 3 % or 3 ms of the truth needs a quiet machine: ``python -m tests.bench load_accuracy``.
"""

from __future__ import annotations

import pytest

from assay.load.collector import Collector
from assay.load.latency import Latency
from assay.load.measures import Errors, NotStarted
from tests.bench.truth import Reading, finish, server, start

pytestmark = pytest.mark.slow

RATE, SECONDS = 200.0, 5.0
"""A whole cycle of the freezing server."""

KINDS = ("freeze", "lognormal")


@pytest.fixture(scope="module")
def observed() -> dict[str, Collector]:
    """Both servers at once, one of them asked by two processes, so that it takes 8 s and not 16."""
    with server("freeze", RATE, SECONDS) as freezing, server("lognormal", RATE, SECONDS) as lognormal:
        first = start(freezing.port, RATE, SECONDS)
        second = start(lognormal.port, RATE, SECONDS, processes=2)
        return {"freeze": finish(first, SECONDS)[0], "lognormal": finish(second, SECONDS)[0]}


def test_a_frozen_server_shows_in_the_tail_however_busy_this_machine_is(observed: dict[str, Collector]) -> None:
    p50, p95 = observed["freeze"][Latency].merged("fixed", "ok").percentiles([50.0, 95.0])
    # Closed users report 3 ms here, and 37 ms on a busy machine.
    assert p95 > 700
    assert p50 < p95 / 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_request_was_sent_when_due_and_none_twice(observed: dict[str, Collector], kind: str) -> None:
    collector = observed[kind]
    assert collector[Latency].merged("fixed", "ok").count == RATE * SECONDS
    assert not collector[NotStarted].counts
    assert not collector[Errors].counts
    # Half of one percent of the asked rate, in any second: the schedule does not wait for a frozen server.
    full = [row for row in collector[Latency].series("fixed") if row[0] is not None and row[0] < SECONDS - 1]
    assert len(full) == SECONDS - 1
    assert all(abs(row[1] - RATE) <= RATE * 0.005 for row in full if row[1] is not None)


def test_a_reading_off_by_more_than_promised_is_wrong() -> None:
    assert Reading(95.0, 750.0 * 1.029, 750.0).right
    assert not Reading(95.0, 750.0 * 1.031, 750.0).right
    assert not Reading(95.0, 3.0, 750.0).right
    assert Reading(50.0, 2.9, 0.0).right
    assert not Reading(50.0, 3.1, 0.0).right
