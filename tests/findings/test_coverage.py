"""What counts as exercised."""

from __future__ import annotations

from assay.findings.record import Coverage
from tests.findings.samples import exchange, judge, ran, run_info

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
