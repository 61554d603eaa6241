"""Recorder and collector: stages, slots, exact merging, bounded memory."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import TypeAdapter

from assay.errors import InconclusiveError
from assay.load.collector import Collector
from assay.load.health import LATE_SECONDS, GeneratorHealth
from assay.load.latency import MOST_BLOCKS, Latency
from assay.load.measures import Connections, EndedRequest, Errors, InFlight, Measure, Timeline
from assay.load.messages import Report, decode, encode
from assay.load.recorder import MEASURES, VERSION, Observations, Recorder
from tests.bench import day

pytestmark = pytest.mark.slow


def record(recorder: Recorder, due: float, latency: float, error: str | None = None, operation: str = "get") -> None:
    recorder.started(due, due)
    recorder.ended(operation, due, due, due + latency, error)


ONE = Timeline((10.0,), (True,), patience=10.0)
TWO = Timeline((10.0, 30.0), (False, True), patience=10.0)
"""A warm-up of ten seconds, then twenty measured ones."""


def carried(observations: Observations) -> Observations:
    """As they travel: nothing but plain JSON."""
    return decode(Report, json.loads(json.dumps(encode(Report(1, observations))))).observations


def collected(*reports: Observations, timeline: Timeline = TWO) -> Collector:
    collector = Collector(timeline)
    for number, report in enumerate(reports):
        collector.add(str(number), carried(report))
    return collector


def test_the_warm_up_is_recorded_apart() -> None:
    recorder = Recorder(TWO)
    record(recorder, 9.999, 0.5)
    record(recorder, 10.0, 0.002)
    record(recorder, 30.0, 0.002)  # due at the very end: still the last stage
    collector = collected(recorder.drain())
    assert collector[Latency].merged("get", "ok").count == 2
    assert collector[Latency].merged("get", "ok").summary()["max"] < 3
    assert collector[Latency].merged("get", "ok", {0}).summary()["max"] == pytest.approx(500, rel=0.001)


def test_latency_counts_from_when_it_was_due_and_service_from_the_start() -> None:
    recorder = Recorder(ONE)
    recorder.started(1.0, 1.4)
    recorder.ended("get", 1.0, 1.4, 1.5, None)
    collector = collected(recorder.drain(), timeline=ONE)
    assert collector[Latency].merged("get", "ok").percentiles([50.0])[0] == pytest.approx(500, rel=0.001)
    assert collector[Latency].service["get", "ok", 0].percentiles([50.0])[0] == pytest.approx(100, rel=0.001)
    assert collector[GeneratorHealth].late_starts == 1


def test_waiting_for_the_cap_is_not_a_late_start() -> None:
    recorder = Recorder(ONE)
    recorder.started(1.0, 1.0 + LATE_SECONDS * 2, waited=True)
    recorder.started(1.0, 1.0 + LATE_SECONDS / 2)
    report = recorder.drain()
    health = report.sections["health"]
    assert (health.starts, health.late) == (1, 0)


def test_errors_never_mix_with_right_answers() -> None:
    recorder = Recorder(TWO)
    record(recorder, 12.0, 0.010)
    record(recorder, 12.1, 0.001, "503")
    record(recorder, 12.2, 0.001, "503")
    record(recorder, 12.3, 5.0, "timeout")
    collector = collected(recorder.drain())
    collector[Latency].finish()
    assert collector[Latency].merged("get", "ok").count == 1
    assert collector[Latency].merged("get", "error").count == 3
    assert collector[Errors].counts == {("get", 1, "503"): 2, ("get", 1, "timeout"): 1}
    ((second, requests, errors, p50, _, p99),) = collector[Latency].series("get")
    assert (second, requests, errors) == (12, 4, 3)
    assert p50 == p99 == pytest.approx(10, rel=0.001)


def test_a_second_without_right_answers_has_no_percentiles() -> None:
    recorder = Recorder(ONE)
    record(recorder, 3.0, 0.010, "500")
    collector = collected(recorder.drain(), timeline=ONE)
    collector[Latency].finish()
    assert collector[Latency].series("get") == [[3, 1, 1, None, None, None]]


def test_reports_of_processes_add_up_exactly() -> None:
    chance = random.Random(4)
    samples = [(chance.uniform(0, 30), chance.lognormvariate(-4, 1)) for _ in range(5000)]
    alone, first, second = Recorder(TWO), Recorder(TWO), Recorder(TWO)
    reports = []
    for number, (due, latency) in enumerate(samples):
        record(alone, due, latency)
        record(first if number % 2 else second, due, latency)
        if number % 700 == 0:
            reports.append(first.drain())
    split = collected(*reports, first.drain(), second.drain())
    whole = collected(alone.drain())
    split[Latency].finish()
    whole[Latency].finish()
    assert split[Latency].merged("get", "ok").encode() == whole[Latency].merged("get", "ok").encode()
    assert split[Latency].series("get") == whole[Latency].series("get")
    assert split[Latency].blocks == whole[Latency].blocks


def test_in_flight_is_the_most_of_each_second_summed_over_processes() -> None:
    reports = []
    for _ in range(2):
        recorder = Recorder(ONE)
        for _ in range(3):
            recorder.started(1.0, 1.0)
        for _ in range(3):
            recorder.ended("get", 1.0, 1.0, 1.2, None)
        reports.append(recorder.drain())
    assert collected(*reports, timeline=ONE)[InFlight].most == {1: 6}


def test_draining_forgets() -> None:
    recorder = Recorder(ONE)
    record(recorder, 1.0, 0.1)
    recorder.skipped("get", 2.0, "in flight cap")
    first, second = recorder.drain().sections, recorder.drain().sections
    assert first["not_started"] == [("get", 0, "in flight cap", 1)]
    assert len(first["latency"].latency) == 1
    assert not second["latency"].latency
    assert not second["not_started"]


def test_an_answer_after_its_second_was_closed_still_counts() -> None:
    long = Timeline((100.0,), (True,), patience=5.0)
    collector, recorder = Collector(long), Recorder(long)
    record(recorder, 1.0, 0.01)
    collector.add("a", recorder.drain())
    collector[Latency].close_before(50.0)
    record(recorder, 1.0, 49.0)
    collector.add("a", recorder.drain())
    collector[Latency].finish()
    assert collector[Latency].merged("get", "ok").count == 2
    assert collector[Latency].series("get")[0][1] == 1


def test_connections_are_counted_from_the_first_call_on() -> None:
    recorder = Recorder(ONE)
    for answered, closed, cut in ((100, 7, 3), (150, 8, 3), (160, 9, 4)):
        recorder.connections(answered, closed, cut)
    first = recorder.drain()
    recorder.connections(200, 9, 8)
    seen = collected(first, recorder.drain(), timeline=ONE)[Connections]
    assert (seen.answered, seen.closed, seen.cut) == (100, 2, 5)


class Slowest(Measure[dict[str, float]]):
    """A measure as anyone may add one: the slowest answer of each operation, in seconds."""

    name = "slowest"
    form = TypeAdapter(dict[str, float])

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self.seconds: dict[str, float] = {}

    def ended(self, request: EndedRequest) -> None:
        took = request.ended - request.due
        self.seconds[request.operation] = max(took, self.seconds.get(request.operation, 0.0))

    def drain(self) -> dict[str, float]:
        seconds, self.seconds = self.seconds, {}
        return seconds

    def add(self, source: str, section: dict[str, float]) -> None:  # noqa: ARG002 - the slowest of all processes
        for operation, took in section.items():
            self.seconds[operation] = max(took, self.seconds.get(operation, 0.0))


def test_a_new_measure_is_one_class() -> None:
    """It is recorded, carried, checked and added up without a change anywhere else."""
    measures: list[type[Measure[Any]]] = [*MEASURES, Slowest]
    collector = Collector(ONE, measures)
    for source, latency in (("a", 0.25), ("b", 0.5)):
        recorder = Recorder(ONE, measures)
        record(recorder, 1.0, latency)
        record(recorder, 2.0, 0.125)
        collector.add(source, carried(recorder.drain()))
    assert collector[Slowest].seconds == {"get": 0.5}
    assert collector[Latency].merged("get", "ok").count == 4


def test_observations_of_another_version_are_refused() -> None:
    report = Recorder(ONE).drain()
    with pytest.raises(InconclusiveError, match=f"load process a reports in version {VERSION + 1}"):
        Collector(ONE).add("a", Observations(report.sections, VERSION + 1))


def test_a_day_at_a_thousand_a_second_fits_into_300_mb() -> None:
    """Peaks of processes that do nothing else, for half an hour and two hours of simulated time, carried on to a day.

    The whole day is a matter of `make bench-day`. What grows does so by the second: the rows of the series.
    """
    lengths = (1_800, 7_200)
    with ThreadPoolExecutor(2) as side_by_side:
        short, long = side_by_side.map(lambda seconds: day.run(seconds, fresh=False), lengths)
    for seconds, result in zip(lengths, (short, long), strict=True):
        assert result["values"] == seconds * 1_000
        assert result["rows"] == seconds
        assert result["blocks"] == MOST_BLOCKS
        assert result["p50_ms"] == pytest.approx(5, rel=0.05)
    slope = (long["peak_mb"] - short["peak_mb"]) / (lengths[1] - lengths[0])
    assert long["peak_mb"] + slope * (day.DAY - lengths[1]) < day.LIMIT_MB
