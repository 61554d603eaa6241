"""Reported percentiles against servers whose true latency is known, and the asked rate against the kept one."""

from __future__ import annotations

import pytest

from assay.load.health import GeneratorHealth
from assay.load.latency import Latency
from assay.load.measures import Errors, NotStarted
from assay.load.recorder import Collector
from tests.bench.truth import Reading, finish, readings, server, start

pytestmark = pytest.mark.slow

RATE, SECONDS = 200.0, 10.0
"""Two whole cycles of the freezing server, 2,000 requests; their spacing of 5 ms is the resolution of percentiles."""

KINDS = ("freeze", "lognormal")


TRIES = 3
BUSY_MS = 3.0
"""A generator that starts later than this at its 99th percentile sits on a machine too busy to show 3 ms."""


def observe() -> dict[str, Collector]:
    """Both servers at once, one of them asked by two processes, so that a try takes 13 s and not 26."""
    with server("freeze", RATE, SECONDS) as freezing, server("lognormal", RATE, SECONDS) as lognormal:
        first = start(freezing.port, RATE, SECONDS)
        second = start(lognormal.port, RATE, SECONDS, processes=2)
        return {"freeze": finish(first, SECONDS)[0], "lognormal": finish(second, SECONDS)[0]}


def is_right(collector: Collector, kind: str) -> bool:
    return all(reading.right for reading in readings(collector, kind))


@pytest.fixture(scope="module")
def observed() -> dict[str, Collector]:
    """What was measured; once more while it is wrong and the generator itself says that the machine was busy."""
    for _ in range(TRIES):
        found = observe()
        busy = any(collector[GeneratorHealth].lag.percentiles([99.0])[0] > BUSY_MS for collector in found.values())
        if not busy or all(is_right(collector, kind) for kind, collector in found.items()):
            break
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_percentiles_are_the_true_ones(observed: dict[str, Collector], kind: str) -> None:
    wrong = [reading for reading in readings(observed[kind], kind) if not reading.right]
    (late,) = observed[kind][GeneratorHealth].lag.percentiles([99.0])
    if wrong and late > BUSY_MS:
        pytest.skip(f"this machine is too busy to show 3 ms: starts were {late:.0f} ms late at p99 in {TRIES} tries")
    assert not wrong, wrong


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
