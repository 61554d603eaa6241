"""What a load run comes to when something was in the way: a target that went away, a gateway that limits the rate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from assay.contract.documents import load
from assay.findings.journal import Journal
from assay.load import outcome
from assay.load.collector import Collector
from assay.load.master import StageRun
from assay.load.measures import Connections
from assay.load.profiles import load_profile
from assay.load.recorder import Recorder
from assay.load.slo import Kept, Objectives
from assay.load.worker import timeline_of

CONTRACT = load()
READ = CONTRACT.reading.id
OBJECTIVES = Objectives({"read": {"error_ratio": 0.01, "disturbed_ratio": 0.05, "p95_ms": 100.0}})
PROFILE = load_profile("baseline").limited("read", 10.0, 20.0)
TIMELINE = timeline_of(PROFILE)
BEGIN = next(begun for begun, stage in zip((0.0, *TIMELINE.ends), PROFILE.stages, strict=False) if stage.measured)


def ran(kinds: dict[str | None, int], *, late: float = 0.0) -> StageRun:
    """A run of reads that ended so, as often as said (None: rightly); each began ``late`` seconds late."""
    recorder, collector = Recorder(TIMELINE), Collector(TIMELINE)
    answers: Iterable[str | None] = [kind for kind, number in kinds.items() for _ in range(number)]
    for number, kind in enumerate(answers):
        due = BEGIN + 0.01 * number
        recorder.started(due, due + late)
        recorder.ended(READ, due, due + late, due + late + 0.002, kind)
    collector.add("a", recorder.drain())
    return StageRun(PROFILE, collector)


class Lines(Journal):
    """A journal in memory."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def write(self, kind: str, /, **event: Any) -> None:
        self.events.append((kind, event))


def judged(run: StageRun) -> tuple[list[outcome.Result], list[str]]:
    found = outcome.results(run, CONTRACT, OBJECTIVES)
    return found, outcome.problems(run, found, [READ])


def test_a_generator_that_starts_late_was_the_bottleneck_unless_the_target_went_away() -> None:
    run = ran({None: 100}, late=0.2)
    (why,) = judged(run)[1]
    assert why.startswith("the load generator was the bottleneck")
    run.problems = ["load process b was lost"]
    assert len(judged(run)[1]) == 2
    run.problems = ["target lost: no answer for 12 s"]
    assert judged(run)[1] == run.problems


@pytest.mark.parametrize(
    ("kinds", "maker", "count"),
    [
        ({None: 400, "503 by nginx": 600}, "nginx", "600 of 1,000 requests (600 x 503 by nginx)"),
        ({None: 900, "429 by envoy": 100}, "envoy", "100 of 1,000 requests (100 x 429 by envoy)"),
        (
            {None: 500, "429 by nginx": 400, "503 by nginx": 100},
            "nginx",
            "500 of 1,000 requests (400 x 429 by nginx, 100 x 503 by nginx)",
        ),
    ],
)
def test_a_gateway_that_limits_the_rate_is_no_fault_of_the_target(
    kinds: dict[str | None, int], maker: str, count: str
) -> None:
    found, reasons = judged(ran(kinds))
    assert reasons == [
        f"answered by {maker}, not by the API: {count}. A gateway limits the rate: lower --rate or lift the "
        "gateway's limit"
    ]
    assert outcome.findings(found, OBJECTIVES) == []


def test_a_few_refusals_are_a_disturbance() -> None:
    found, reasons = judged(ran({None: 990, "503 by nginx": 10}))
    assert (reasons, outcome.findings(found, OBJECTIVES)) == ([], [])
    assert found[0].disturbed == {"503 by nginx": 10}


def test_connections_that_broke_in_use_are_told_though_they_cost_no_answer() -> None:
    run = ran({None: 100})
    run.collector[Connections].cut = 7
    found, _ = judged(run)
    journal = Lines()
    outcome.write(journal, run, found, judged=True)
    (told,) = [event for kind, event in journal.events if kind == "disturbances"]
    assert told == {"asked_again": False, "requests": 100, "kinds": {"broken connection": 7}}


@pytest.mark.parametrize(
    ("errors", "missed"), [({"429": 20}, True), ({"500": 4}, False), ({"500": 8}, True), ({"502 by nginx": 60}, True)]
)
def test_errors_of_the_api_count_behind_a_limit_too(errors: dict[str | None, int], missed: bool) -> None:
    """Of the requests that reached it."""
    found, reasons = judged(ran({None: 490, "503 by nginx": 500, **errors}))
    assert len(reasons) == 1
    findings = outcome.findings(found, OBJECTIVES)
    assert [finding.rule for finding in findings] == ["error_ratio"] * missed
    assert all(outcome.accuses(finding, reasons, found) for finding in findings)


def test_what_was_slow_behind_a_limit_accuses_nobody() -> None:
    run = ran({None: 400, "503 by nginx": 600})
    found, reasons = judged(run)
    slow = [replace(found[0], slo=(Kept("p95_ms", 100.0, 300.0, ok=False),))]
    (finding,) = outcome.findings(slow, OBJECTIVES)
    assert not outcome.accuses(finding, reasons, found)
    assert outcome.accuses(finding, [], found)


@pytest.mark.parametrize("kind", ["502 by nginx", "503 by envoy", "503", "500", "429"])
def test_what_is_no_limit_of_a_gateway_counts(kind: str) -> None:
    found, reasons = judged(ran({None: 800, kind: 200}))
    assert reasons == []
    assert [finding.rule for finding in outcome.findings(found, OBJECTIVES)] == ["error_ratio"]
