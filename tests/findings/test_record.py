"""What the events of a journal add up to, coverage included."""

from __future__ import annotations

import math

import pytest

from assay.findings.record import Coverage, Event, Point, Record, TestOutcome
from tests.findings.samples import (
    HOSTILE,
    event,
    evidence,
    exchange,
    finding,
    hostile_finding,
    judge,
    load,
    ran,
    run_info,
)


def test_resources_are_counted_and_a_late_deletion_clears_what_was_left_behind() -> None:
    events = [
        {"t": "resource", "event": "created", "id": "1", "name": "one"},
        {"t": "resource", "event": "deleted", "id": "1", "name": "one"},
        {"t": "resource", "event": "created", "id": "2", "name": "two"},
        {"t": "resource", "event": "left_behind", "id": "2", "name": "two"},
        {"t": "resource", "event": "left_behind", "id": "3", "name": "three"},
        {"t": "resource", "event": "deleted", "id": "3", "name": "three"},
        {"t": "resource", "event": "left_behind", "id": "4", "name": "four"},
        {"t": "resource", "event": "unconfirmed", "id": "4", "name": "four"},
        {"t": "resource", "event": "unconfirmed", "id": "5", "name": "five"},
        {"t": "resource", "event": "deleted", "id": "5"},
    ]
    assert judge(ran(), *events).resources == {
        "created": 2,
        "deleted": 3,
        "unconfirmed": [{"id": "4", "name": "four"}],
        "left_behind": [{"id": "2", "name": "two"}],
        "limits": [],
    }


def test_a_workload_without_an_id_is_known_by_its_name() -> None:
    verdict = judge(ran(), {"t": "resource", "event": "left_behind", "id": "", "name": "lost-1"})
    assert verdict.resources["left_behind"] == [{"id": "lost-1", "name": "lost-1"}]


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ("passed", "failed", TestOutcome.FAILED),
        ("error", "passed", TestOutcome.ERROR),
        ("skipped", "passed", TestOutcome.PASSED),
    ],
)
def test_a_test_that_reports_twice_keeps_the_weightier_outcome(first: str, second: str, outcome: TestOutcome) -> None:
    (test,) = Record.of([ran("a", first), ran("a", second)]).tests.values()
    assert test.outcome is outcome
    assert test.seconds == 1.0


def test_plans_of_several_parts_add_up() -> None:
    assert Record.of([{"t": "planned", "total": 3}, {"t": "planned", "total": 4}]).planned == 7


def test_series_of_one_operation_are_joined() -> None:
    events: list[Event] = [
        {"t": "series", "operation": "a", "points": [[0, 5, 0, 1.0, 2.0, 3.0]]},
        {"t": "series", "operation": "a", "points": [[1, 5, 5, None, None, math.nan]]},
    ]
    assert Record.of(events).series == {"a": [Point(0, 5, 0, 1.0, 2.0, 3.0), Point(1, 5, 5, None, None, None)]}


@pytest.mark.parametrize(
    "broken",
    [
        {"t": "finding", "id": "F-1"},
        {"t": "exchange"},
        {"t": "load", "operation": "a", "rate": "fast", "requests": 1, "errors": 0},
        {"t": "series", "operation": "a", "points": [[1, 2, 3, 4, 5, 6, 7]]},
        {"t": "test", "id": "a", "outcome": "fine", "seconds": 1},
        {"t": "resource", "id": "1"},
    ],
)
def test_an_event_that_cannot_be_read_is_a_problem_not_a_crash(broken: dict[str, object]) -> None:
    (problem,) = Record.of([broken]).problems
    assert f"a {broken['t']} event that cannot be read" in problem


def test_events_of_a_later_version_are_passed_over() -> None:
    record = Record.of([{"t": "hologram", "x": 1}])
    assert record == Record()


def test_hostile_text_becomes_encodable_and_bounded() -> None:
    observed = hostile_finding()
    (kept,) = Record.of([event(observed)]).findings.values()
    assert str(kept.to_json()).encode("utf-8")
    assert kept.evidence is not None
    assert kept.evidence.response is not None
    assert len(kept.evidence.response["body"]) < 4_100
    assert "100,000 characters" in kept.evidence.response["body"]
    assert kept.id == observed.id


def test_hostile_events_of_every_kind_are_kept() -> None:
    record = Record.of(
        [
            ran(HOSTILE, message=HOSTILE),
            exchange(operation=HOSTILE),
            {"t": "not_tested", "what": HOSTILE, "why": HOSTILE},
            {"t": "problem", "what": HOSTILE},
            {"t": "note", "text": HOSTILE},
            load(operation=HOSTILE),
        ]
    )
    assert len(record.problems) == len(record.notes) == len(record.tests) == len(record.load) == 1
    assert str(record.tests).encode("utf-8")


def test_a_finding_survives_the_round_trip() -> None:
    observed = finding(occurrences=3)
    (kept,) = Record.of([event(observed)]).findings.values()
    assert kept.to_json() == observed.to_json()


RULE = "compute/one"


def test_operations_count_answers_and_successes() -> None:
    verdict = judge(
        ran(), exchange(status=202), exchange(status=200), exchange(status=400), exchange(status=None),
        run=run_info(operations=("create_inference1", "get_inference")),
    )  # fmt: skip
    assert verdict.coverage["operations"] == {
        "create_inference1": {"requests": 4, "2xx": 2, "share_2xx": 0.5},
        "get_inference": {"requests": 0, "2xx": 0, "share_2xx": 0.0},
    }
    assert verdict.coverage["statuses"] == {"create_inference1": {"200": 1, "202": 1, "400": 1, "none": 1}}
    assert verdict.requests == 4


def test_both_sides_of_a_rule_are_counted() -> None:
    coverage = Coverage({RULE: True})
    coverage.add(exchange(rules=[[RULE, "accept"]]))
    coverage.add(exchange(status=400, rules=[[RULE, "reject"], [RULE, "reject"]]))
    assert coverage.to_json()["rules"] == {RULE: {"accept": 1, "reject": 2}}


def test_a_request_without_an_answer_or_put_off_exercises_nothing() -> None:
    coverage = Coverage({RULE: True})
    for status in (None, 429, 503):
        coverage.add(exchange(status=status, rules=[[RULE, "accept"]], keywords=[["/name:minLength", "accept"]]))
    assert coverage.to_json()["rules"] == {RULE: {"accept": 0, "reject": 0}}
    assert coverage.to_json()["keywords"] == {}


def test_a_permission_has_no_reject_side() -> None:
    assert Coverage({RULE: False}).to_json()["rules"] == {RULE: {"accept": 0, "reject": None}}


def test_keywords_are_counted_by_place() -> None:
    coverage = Coverage()
    coverage.add(exchange(keywords=[["/name:minLength", "accept"], ["/name:minLength", "reject"]]))
    assert coverage.to_json()["keywords"] == {"/name:minLength": {"accept": 1, "reject": 1}}


def test_what_a_script_is_made_of_is_kept() -> None:
    made = {
        "part": "steps() {\n  :\n}\n" + "x" * 9000,
        "expects": [["every", "^status ", "^status 2"]],
        "outsider": False,
    }
    step: dict[str, object] = {"request": {"method": "GET", "headers": {}, "body": None}, "response": None}
    (kept,) = judge(ran(), event(finding(evidence=evidence(after=(step,), reproduction=made)))).findings
    assert kept.evidence is not None
    assert kept.evidence.reproduction == made
    assert len(kept.evidence.after) == 1
