"""Plans: what the contract tests run, one test id for each rule, keyword and side, the same every time."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from assay.contract.documents import load
from assay.contract.oracle import Oracle
from assay.generation.cases import ACCEPT, REJECT
from assay.generation.plans import Plan, Plans, plans

pytestmark = pytest.mark.slow

RULE_ID = re.compile(
    r"(?P<rule>[a-z-]+/[a-z0-9-]+)\[(?P<operation>create|update|metrics|pod_metrics)-(?P<side>accept|reject)\]"
)
SCHEMA_ID = re.compile(r"(?P<operation>[a-z_]+)/(?P<place>[A-Za-z0-9.*_-]+)\[(?P<side>accept|reject)\]")


@pytest.fixture(scope="module")
def found() -> Plans:
    return plans(load())


def all_plans(found: Plans) -> list[Plan]:
    return [*found.rules, *found.schema, *found.combinations]


def test_the_documented_id(found: Plans) -> None:
    assert "compute/portion-limit-not-below-request[create-reject]" in {plan.id for plan in found.rules}


def test_ids_are_unique_and_of_one_form(found: Plans) -> None:
    for group, form in ((found.rules, RULE_ID), (found.variations, RULE_ID), (found.schema, SCHEMA_ID)):
        ids = [plan.id for plan in group]
        assert len(ids) == len(set(ids)) > 10
        assert [name for name in ids if not form.fullmatch(name)] == []


def test_every_rule_has_each_side_it_can_have_on_each_operation(found: Plans) -> None:
    wanted = set()
    for rule in load().rules:
        for operation in rule.applies:
            for side, cases in ((ACCEPT, rule.accepts), (REJECT, rule.rejects)):
                if any(case.on is None or operation in case.on for case in cases):
                    wanted.add(f"{rule.id}[{operation}-{side}]")
    assert {plan.id for plan in found.rules} == wanted


def test_the_cases_of_a_plan_are_what_its_id_says(found: Plans) -> None:
    for plan in found.rules:
        match = RULE_ID.fullmatch(plan.id)
        assert match is not None
        for case in plan.cases:
            assert (case.operation, case.side) == (match["operation"], match["side"]), case.id
            assert load().rule(match["rule"]).area == match["rule"].split("/")[0]
            if case.side == REJECT:
                assert case.reason.id == match["rule"]
    for plan in found.schema:
        match = SCHEMA_ID.fullmatch(plan.id)
        assert match is not None
        assert {(case.operation, case.side) for case in plan.cases} == {(match["operation"], match["side"])}


def test_no_plan_is_empty_and_no_case_is_in_two(found: Plans) -> None:
    assert all(plan.cases for plan in all_plans(found))
    counted = Counter(case.id for plan in all_plans(found) for case in plan.cases)
    assert [name for name, count in counted.items() if count > 1] == []


def test_every_constrained_place_of_a_body_has_a_refusal_planned(found: Plans) -> None:
    """By pointer: what the tree constrains beyond its type has a plan of its own."""
    ids = {plan.id for plan in found.schema}
    for operation, root in Oracle(load()).bodies.items():
        for node in root.walk():
            if node.bounds or node.enum or node.pattern:
                assert f"{operation}/{node.pointer.strip('/').replace('/', '.')}[{REJECT}]" in ids


def test_both_sides_of_parameters_are_planned(found: Plans) -> None:
    ids = {plan.id for plan in found.schema}
    for operation in ("metrics", "pod_metrics"):
        assert {f"{operation}/query.numberOfSamples[{side}]" for side in (ACCEPT, REJECT)} <= ids


def test_combinations_and_variations(found: Plans) -> None:
    assert {"compute[create-accept]", "autoscaling[create-accept]"} <= {plan.id for plan in found.combinations}
    varied = {variation.id for variation in found.variations}
    assert varied <= {
        f"{rule.id}[{operation}-{side}]"
        for rule in load().rules
        for operation in load().operations
        for side in (ACCEPT, REJECT)
    }


def test_the_same_plans_every_time(found: Plans) -> None:
    """Without the cache, from a document read anew: ids, cases and batches in the same order."""
    again = plans.__wrapped__(load())
    for one, two in (
        (found.rules, again.rules),
        (found.schema, again.schema),
        (found.combinations, again.combinations),
    ):
        assert [(plan.id, plan.cases) for plan in one] == [(plan.id, plan.cases) for plan in two]
    assert found.batches == again.batches


def test_planned_once_for_a_contract(found: Plans) -> None:
    assert plans(load()) is found
