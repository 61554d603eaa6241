"""Recorder and collector: stages, slots, exact merging, bounded memory."""

from __future__ import annotations

import json
import random

import pytest

from assay.load.collector import MOST_BLOCKS, Collector
from assay.load.recorder import LATE_SECONDS, Recorder, Report
from tests.bench import day


def record(recorder: Recorder, due: float, latency: float, error: str | None = None, operation: str = "get") -> None:
    recorder.started(due, due)
    recorder.ended(operation, due, due, due + latency, error)


def collected(*reports: Report, measured: tuple[bool, ...] = (False, True), seconds: float = 30.0) -> Collector:
    collector = Collector(measured, seconds=seconds, patience=10.0)
    for number, report in enumerate(reports):
        # As it travels: nothing but plain JSON.
        collector.add(str(number), json.loads(json.dumps(report)))
    return collector


def test_the_warm_up_is_recorded_apart() -> None:
    recorder = Recorder([10.0, 30.0])
    record(recorder, 9.999, 0.5)
    record(recorder, 10.0, 0.002)
    record(recorder, 30.0, 0.002)  # due at the very end: still the last stage
    collector = collected(recorder.drain())
    assert collector.merged("get", "ok").count == 2
    assert collector.merged("get", "ok").summary()["max"] < 3
    assert collector.merged("get", "ok", {0}).summary()["max"] == pytest.approx(500, rel=0.001)


def test_latency_counts_from_when_it_was_due_and_service_from_the_start() -> None:
    recorder = Recorder([10.0])
    recorder.started(1.0, 1.4)
    recorder.ended("get", 1.0, 1.4, 1.5, None)
    collector = collected(recorder.drain(), measured=(True,))
    assert collector.merged("get", "ok").percentiles([50.0])[0] == pytest.approx(500, rel=0.001)
    assert collector.service["get", "ok", 0].percentiles([50.0])[0] == pytest.approx(100, rel=0.001)
    assert collector.late_starts == 1


def test_waiting_for_the_cap_is_not_a_late_start() -> None:
    recorder = Recorder([10.0])
    recorder.started(1.0, 1.0 + LATE_SECONDS * 2, waited=True)
    recorder.started(1.0, 1.0 + LATE_SECONDS / 2)
    report = recorder.drain()
    assert report["late"] == [1, 0]


def test_errors_never_mix_with_right_answers() -> None:
    recorder = Recorder([10.0, 30.0])
    record(recorder, 12.0, 0.010)
    record(recorder, 12.1, 0.001, "503")
    record(recorder, 12.2, 0.001, "503")
    record(recorder, 12.3, 5.0, "timeout")
    collector = collected(recorder.drain())
    collector.finish()
    assert collector.merged("get", "ok").count == 1
    assert collector.merged("get", "error").count == 3
    assert collector.errors == {("get", 1, "503"): 2, ("get", 1, "timeout"): 1}
    ((second, requests, errors, p50, _, p99),) = collector.series("get")
    assert (second, requests, errors) == (12, 4, 3)
    assert p50 == p99 == pytest.approx(10, rel=0.001)


def test_a_second_without_right_answers_has_no_percentiles() -> None:
    recorder = Recorder([10.0])
    record(recorder, 3.0, 0.010, "500")
    collector = collected(recorder.drain(), measured=(True,))
    collector.finish()
    assert collector.series("get") == [[3, 1, 1, None, None, None]]


def test_reports_of_processes_add_up_exactly() -> None:
    chance = random.Random(4)
    samples = [(chance.uniform(0, 30), chance.lognormvariate(-4, 1)) for _ in range(5000)]
    alone, first, second = Recorder([10.0, 30.0]), Recorder([10.0, 30.0]), Recorder([10.0, 30.0])
    reports = []
    for number, (due, latency) in enumerate(samples):
        record(alone, due, latency)
        record(first if number % 2 else second, due, latency)
        if number % 700 == 0:
            reports.append(first.drain())
    split = collected(*reports, first.drain(), second.drain())
    whole = collected(alone.drain())
    split.finish()
    whole.finish()
    assert split.merged("get", "ok").encode() == whole.merged("get", "ok").encode()
    assert split.series("get") == whole.series("get")
    assert split.blocks == whole.blocks


def test_in_flight_is_the_most_of_each_second_summed_over_processes() -> None:
    reports = []
    for _ in range(2):
        recorder = Recorder([10.0])
        for _ in range(3):
            recorder.started(1.0, 1.0)
        for _ in range(3):
            recorder.ended("get", 1.0, 1.0, 1.2, None)
        reports.append(recorder.drain())
    assert collected(*reports, measured=(True,)).in_flight == {1: 6}


def test_draining_forgets() -> None:
    recorder = Recorder([10.0])
    record(recorder, 1.0, 0.1)
    recorder.skipped("get", 2.0, "in flight cap")
    first, second = recorder.drain(), recorder.drain()
    assert first["skipped"] == [["get", 0, "in flight cap", 1]]
    assert len(first["tracks"]) == 1
    assert not second["tracks"]
    assert not second["skipped"]


def test_an_answer_after_its_second_was_closed_still_counts() -> None:
    collector = Collector((True,), seconds=100.0, patience=5.0)
    recorder = Recorder([100.0])
    record(recorder, 1.0, 0.01)
    collector.add("a", recorder.drain())
    collector.close_before(50.0)
    record(recorder, 1.0, 49.0)
    collector.add("a", recorder.drain())
    collector.finish()
    assert collector.merged("get", "ok").count == 2
    assert collector.series("get")[0][1] == 1


def test_a_day_at_a_thousand_a_second_fits_into_300_mb() -> None:
    """All 86,400 seconds of it in simulated time, in a process that does nothing else: its peak, all included."""
    result = day.run(day.DAY, fresh=False)
    assert result["values"] == 86_400_000
    assert result["rows"] == day.DAY
    assert result["blocks"] == MOST_BLOCKS
    assert result["p50_ms"] == pytest.approx(5, rel=0.05)
    assert result["peak_mb"] < day.LIMIT_MB
