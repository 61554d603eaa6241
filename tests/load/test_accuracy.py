"""Reported percentiles against servers whose true latency is known, and the asked rate against the kept one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assay.load.collector import Collector
from tests.bench.truth import Reading, finish, readings, server, start

RATE, SECONDS = 200.0, 10.0
"""Two whole cycles of the freezing server, 2,000 requests; their spacing of 5 ms is the resolution of percentiles."""

KINDS = ("freeze", "lognormal")


@pytest.fixture(scope="module")
def observed() -> Iterator[dict[str, Collector]]:
    """Both servers at once, one of them asked by two processes, so that the module takes 13 s and not 26."""
    with server("freeze", RATE, SECONDS) as freezing, server("lognormal", RATE, SECONDS) as lognormal:
        first = start(freezing, RATE, SECONDS)
        second = start(lognormal, RATE, SECONDS, processes=2)
        yield {"freeze": finish(first, SECONDS)[0], "lognormal": finish(second, SECONDS)[0]}


@pytest.mark.parametrize("kind", KINDS)
def test_percentiles_are_the_true_ones(observed: dict[str, Collector], kind: str) -> None:
    wrong = [reading for reading in readings(observed[kind], kind) if not reading.right]
    assert not wrong, wrong


@pytest.mark.parametrize("kind", KINDS)
def test_every_request_was_sent_when_due_and_none_twice(observed: dict[str, Collector], kind: str) -> None:
    collector = observed[kind]
    assert collector.merged("fixed", "ok").count == RATE * SECONDS
    assert not collector.skipped
    assert not collector.errors
    # Half of one percent of the asked rate, in any second: the schedule does not wait for a frozen server.
    full = [row for row in collector.series("fixed") if row[0] is not None and row[0] < SECONDS - 1]
    assert len(full) == SECONDS - 1
    assert all(abs(row[1] - RATE) <= RATE * 0.005 for row in full if row[1] is not None)


def test_a_reading_off_by_more_than_promised_is_wrong() -> None:
    assert Reading(95.0, 750.0 * 1.03 + 2.9, 750.0).right
    assert not Reading(95.0, 750.0 * 1.03 + 3.1, 750.0).right
    assert not Reading(95.0, 3.0, 750.0).right
