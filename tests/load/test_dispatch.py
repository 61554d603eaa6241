"""The dispatcher: requests start when they are due, the cap holds back, and a place in a burst is told."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import gevent
import pytest

from assay.client.budget import Budget, Limits
from assay.errors import AssayError, CredentialsError
from assay.load.call import PreparedCall, Skip
from assay.load.client import Failure, RawAnswer
from assay.load.dispatch import Dispatcher, Lane, follow
from assay.load.measures import BUDGET, IN_FLIGHT, Timeline
from assay.load.recorder import Recorder
from assay.load.scaling_laws import POSITION
from assay.load.scenario import Base

Sections = Mapping[str, Any]
TIMELINE = Timeline((10.0,), (True,))
CALL = PreparedCall("get", "GET", b"GET / HTTP/1.1\r\n", b"\r\n", frozenset({200}))


class Fixed(Base):
    """The same request over and over; every ``skip``-th cannot be prepared."""

    operation = "read"

    def __init__(self, skip: int = 0) -> None:
        self.parameters: dict[str, Any] = {}
        self._skip = skip

    def call(self, number: int) -> PreparedCall | Skip:
        return Skip("get", "no room") if self._skip and number % self._skip == 0 else CALL


class Slow:
    """A client whose answers take ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def send(self, *_: bytes) -> RawAnswer:
        gevent.sleep(self._seconds)
        return RawAnswer(200, {"content-type": "application/json"}, b"{}")


class Broken:
    def send(self, *_: bytes) -> RawAnswer:
        raise Failure("reset")


def ran(arrivals: list[float], client: Any, *, cap: int = 100, patience: float = 10.0, skip: int = 0) -> Sections:
    recorder = Recorder(TIMELINE)
    lane = Lane(client, recorder, time.monotonic(), cap=cap, patience=patience)
    assert follow(lane, [Dispatcher(lane, Fixed(skip), "get", iter(arrivals))], timeout=5.0) is None
    return recorder.drain().sections


def counted(report: Sections, outcome: str = "ok") -> int:
    return sum(sum(row.counts) for row in report["latency"].latency if row.outcome == outcome)


def places(report: Sections) -> dict[int, int]:
    return {row.value: sum(row.counts) for row in report["levels"] if row.variable == POSITION}


def test_no_request_waits_for_an_earlier_answer() -> None:
    report = ran([number * 0.001 for number in range(50)], Slow(0.3))
    assert counted(report) == 50
    assert max(most for _, most in report["in_flight"]) == 50


def test_the_cap_holds_back_and_who_waits_too_long_is_counted() -> None:
    report = ran([0.0] * 6, Slow(0.6), cap=2, patience=0.9)
    assert max(most for _, most in report["in_flight"]) == 2
    # Two at once, two after 0.6 s; the last two would have waited for 1.2 s.
    assert counted(report) == 4
    assert report["not_started"] == [("get", 0, IN_FLIGHT, 2)]


def test_latency_of_who_waited_for_the_cap_counts_from_when_it_was_due() -> None:
    report = ran([0.0, 0.0], Slow(0.1), cap=1)
    ((_, _, _, _, index, counts),) = report["latency"].latency
    assert sum(counts) == 2
    assert len(index) == 2  # 0.1 s and 0.2 s
    assert report["health"].starts == 1  # the one that waited for the cap is not called late


def test_the_place_in_a_burst_is_told_where_there_are_bursts() -> None:
    assert places(ran([0.0, 0.0, 0.0, 0.02, 0.02, 0.02], Slow(0.0))) == {1: 2, 2: 2, 3: 2}
    assert places(ran([0.0, 0.01, 0.02], Slow(0.0))) == {}


def test_failures_and_what_could_not_be_prepared_are_counted_by_their_reason() -> None:
    broken = ran([0.0, 0.001], Broken())
    assert broken["errors"] == [("get", 0, "reset", 2)]
    skipping = ran([number * 0.001 for number in range(4)], Slow(0.0), skip=2)
    assert skipping["not_started"] == [("get", 0, "no room", 2)]
    assert counted(skipping) == 2


@pytest.mark.parametrize(
    ("limits", "limit", "kept"),
    [
        (Limits(requests=3), "max_requests", 3),
        (Limits(rps=0.01), "max_rps", 1),
        (Limits(seconds=0.0), "max_seconds", 0),
    ],
)
def test_the_limits_of_the_run_hold_for_the_load_too(limits: Limits, limit: str, kept: int) -> None:
    budget = Budget(limits)
    recorder = Recorder(TIMELINE)
    lane = Lane(Slow(0.0), recorder, time.monotonic(), cap=9, patience=5.0, budget=budget)  # type: ignore[arg-type]
    assert follow(lane, [Dispatcher(lane, Fixed(), "get", iter([0.0] * 5))], timeout=5.0) is None
    report = recorder.drain().sections
    assert counted(report) == budget.requests == kept
    assert report["not_started"] == [("get", 0, f"{BUDGET}{limit}", 5 - kept)]


def test_what_could_not_be_prepared_counts_for_nothing() -> None:
    budget = Budget(Limits(requests=2))
    recorder = Recorder(TIMELINE)
    lane = Lane(Slow(0.0), recorder, time.monotonic(), cap=9, patience=5.0, budget=budget)  # type: ignore[arg-type]
    assert follow(lane, [Dispatcher(lane, Fixed(skip=2), "get", iter([0.0] * 4))], timeout=5.0) is None
    assert counted(recorder.drain().sections) == budget.requests == 2


def test_what_a_scenario_raises_ends_the_run() -> None:
    class Wrong(Fixed):
        def call(self, number: int) -> PreparedCall | Skip:
            raise RuntimeError(f"a mistake in request {number}")

    lane = Lane(Any, Recorder(TIMELINE), time.monotonic(), cap=1, patience=1.0)  # type: ignore[arg-type] # never asked
    with pytest.raises(RuntimeError, match="a mistake in request 0"):
        follow(lane, [Dispatcher(lane, Wrong(), "get", iter([0.0]))], timeout=1.0)


class Behind:
    """A client of a gateway that answers everything."""

    def send(self, *_: bytes) -> RawAnswer:
        return RawAnswer(502, {"server": "nginx"}, b"")


def test_a_gateway_that_answered_everything_is_why_a_short_run_is_lost() -> None:
    lane = Lane(Behind(), Recorder(TIMELINE), time.monotonic(), cap=9, patience=5.0)  # type: ignore[arg-type]
    lost = follow(lane, [Dispatcher(lane, Fixed(), "get", iter([0.0] * 5))], timeout=5.0)
    assert lost == "every request was answered 502 by nginx, not by the API"


class Expiring:
    """A client whose token has ended until ``renew`` was called."""

    def __init__(self, fault: AssayError | None = None, *, helps: bool = True) -> None:
        self.sent = 0
        self._fault = fault
        self._helps = helps
        self._fresh = False

    def send(self, *_: bytes) -> RawAnswer:
        self.sent += 1
        return RawAnswer(200 if self._fresh else 401, {"content-type": "application/json"}, b"{}")

    def renew(self, refused: str) -> bool:
        assert refused == "old"
        if self._fault is not None:
            raise self._fault
        self._fresh = self._helps
        return self._helps


def expire(client: Any) -> Recorder:
    recorder = Recorder(TIMELINE)
    lane = Lane(client, recorder, time.monotonic(), 100, 10.0, token="old", renew=client.renew)
    assert follow(lane, [Dispatcher(lane, Fixed(), "get", iter([0.0, 0.05]))], timeout=5.0) is None
    return recorder


def test_a_request_whose_token_has_ended_goes_out_again_with_a_new_one() -> None:
    client = Expiring()
    report = expire(client).drain().sections
    assert (counted(report), report["errors"], client.sent) == (2, [], 3)


def test_a_401_that_is_not_about_the_token_is_an_answer() -> None:
    client = Expiring(helps=False)
    assert expire(client).drain().sections["errors"] == [("get", 0, "401", 2)]
    assert client.sent == 2


def test_a_token_that_has_ended_for_good_ends_the_stages() -> None:
    with pytest.raises(CredentialsError, match="it ended"):
        expire(Expiring(CredentialsError("it ended")))
