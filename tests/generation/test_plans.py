"""Plans: what the contract tests run, one test id for each rule, keyword and side, the same every time.

Batches: unrelated accept cases in one request, every one of them acceptable, none lost or sent twice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from assay.contract.documents import load
from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import Outcome, Request, Source
from assay.generation.cases import ACCEPT, NOWHERE, PLAIN_NAME, REJECT, PlannedCase, Subject, overlay, plain_body
from assay.generation.plans import Batch, Plan, Plans, batched, plans

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


SUBJECT = Subject(Source.SCHEMA, "type", "/body")


def creation(number: int, spec: dict[str, Any], **more: Any) -> PlannedCase:
    body = plain_body(Kind.CREATE)
    body["spec"] |= spec
    return PlannedCase(f"c{number}", "create", ACCEPT, "t", SUBJECT, body | more)


def update(number: int, spec: dict[str, Any], before: Mapping[str, Any] | None = None) -> PlannedCase:
    stored = overlay({}) if before is None else before
    return PlannedCase(f"u{number}", "update", ACCEPT, "t", SUBJECT, {"spec": spec}, before=stored)


def members(batches: tuple[Batch, ...]) -> list[list[str]]:
    return [[case.id for case in each.cases] for each in batches]


def leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{pointer}/{name}")
    else:
        yield pointer, value


@pytest.fixture(scope="module")
def batches() -> tuple[Batch, ...]:
    return plans(load()).batches


def test_unrelated_cases_share_a_request(oracle: Oracle) -> None:
    cases = [creation(1, {"command": "a"}), creation(2, {"workingDir": "/w"})]
    (found,) = batched(oracle, cases)
    assert [case.id for case in found.cases] == ["c1", "c2"]
    assert found.body["spec"] == {**plain_body(Kind.CREATE)["spec"], "command": "a", "workingDir": "/w"}


def test_cases_of_one_field_do_not(oracle: Oracle) -> None:
    assert members(batched(oracle, [creation(1, {"command": "a"}), creation(2, {"command": "b"})])) == [
        ["c1"],
        ["c2"],
    ]


def test_cases_of_one_section_do_not(oracle: Oracle) -> None:
    """Fields of a section act on each other: a request and its limit, a metric and its threshold."""
    cases = [creation(1, {"compute": {"cpuCoreRequest": 1}}), creation(2, {"compute": {"cpuCoreLimit": 2}})]
    assert members(batched(oracle, cases)) == [["c1"], ["c2"]]


def test_storage_and_security_are_taken_apart(oracle: Oracle) -> None:
    cases = [
        creation(1, {"security": {"runAsNonRoot": True}}),
        creation(2, {"security": {"readOnlyRootFilesystem": True}}),
        creation(3, {"security": {"runAsNonRoot": False}}),
    ]
    assert members(batched(oracle, cases)) == [["c1", "c2"], ["c3"]]


def test_what_is_rejected_or_bodiless_is_not_packed(oracle: Oracle) -> None:
    reject = replace(creation(1, {"command": "a"}), side=REJECT)
    bodiless = PlannedCase("r", "read", ACCEPT, "t", SUBJECT)
    assert batched(oracle, [reject, bodiless]) == ()


def test_an_update_batches_with_updates_only(oracle: Oracle) -> None:
    cases = [update(1, {"command": "a"}), creation(2, {"args": "b"}), update(3, {"args": "b"})]
    found = batched(oracle, cases)
    assert members(found) == [["u1", "u3"], ["c2"]]
    assert found[0].body == {"spec": {"command": "a", "args": "b"}}
    assert found[0].before == overlay({})


def test_the_states_before_are_joined(oracle: Oracle) -> None:
    cases = [update(1, {"command": "a"}, {**overlay({}), "workingDir": "/w"}), update(2, {"args": "b"})]
    (found,) = batched(oracle, cases)
    assert found.before == {**overlay({}), "workingDir": "/w"}


def test_a_batch_that_would_be_refused_is_not_made(oracle: Oracle) -> None:
    cases = [creation(1, {"command": "a"}), creation(2, {"priorityClass": "no-such-class"})]
    assert members(batched(oracle, cases)) == [["c1"], ["c2"]]


def test_what_is_plain_in_one_case_does_not_undo_another(oracle: Oracle) -> None:
    """Every creation has an image; a case about the image must keep its own, whoever joins later."""
    (found,) = batched(oracle, [creation(1, {"image": "busybox"}), creation(2, {"command": "a"})])
    assert [case.id for case in found.cases] == ["c1", "c2"]
    assert found.body["spec"] == {"image": "busybox", "command": "a"}
    (found,) = batched(oracle, [creation(1, {"command": "a"}), creation(2, {"image": "busybox"})])
    assert found.body["spec"] == {"image": "busybox", "command": "a"}


def test_no_batch_is_longer_than_a_person_reads(oracle: Oracle, batches: tuple[Batch, ...]) -> None:
    assert max(len(each.cases) for each in batches) == 12


def test_every_accept_case_with_a_body_is_in_exactly_one_pack(batches: tuple[Batch, ...]) -> None:
    whole = plans(load())
    wanted = [
        case.id
        for plan in (*whole.rules, *whole.schema, *whole.combinations)
        for case in plan.cases
        if case.side == ACCEPT and case.operation in {"create", "update"} and isinstance(case.body, dict)
    ]
    assert len(wanted) > 1000
    assert Counter(case.id for each in batches for case in each.cases) == Counter(wanted)


def test_every_batch_is_accepted_by_the_oracle(oracle: Oracle, batches: tuple[Batch, ...]) -> None:
    path = {"workloadId": NOWHERE}
    for each in batches:
        assert len({case.operation for case in each.cases}) == 1
        expectation = oracle.expect(Request(each.operation, path, body=dict(each.body)), each.before)
        assert expectation.outcome is Outcome.ACCEPT, each.cases[0].id
        assert {bool(case.assumed) for case in each.cases} == {bool(expectation.assumes)}


def test_every_batch_holds_what_its_cases_are_about(batches: tuple[Batch, ...]) -> None:
    """All that a case sets differently from the plain body stands in the batch, unchanged."""
    for each in batches:
        held = dict(leaves(each.body))
        for case in each.cases:
            plain = dict(leaves(plain_body(Kind.CREATE))) if each.operation == "create" else {}
            for pointer, value in leaves(case.body):
                if plain.get(pointer) != value:
                    assert held[pointer] == value, (case.id, pointer)


def test_a_batch_asks_for_the_gpus_of_its_cases(batches: tuple[Batch, ...]) -> None:
    for each in batches:
        assert each.gpus >= max(case.gpus for case in each.cases)
    without = [each for each in batches if each.gpus == 0]
    assert sum(len(each.cases) for each in without) > 600  # what a run without GPUs may send in batches


def test_chosen_cases_share_requests_with_each_other_alone(found: Plans) -> None:
    chosen = [case for plan in found.rules if plan.id.startswith("storage/") for case in plan.cases]
    held = [case.id for each in found.batches_of(chosen) for case in each.cases]
    assert sorted(held) == sorted(case.id for case in chosen if found.holds(case))
    assert found.batches_of([case for plan in found.rules for case in plan.cases if case.side == REJECT]) == ()


def test_of_all_cases_the_batches_are_those_of_all_plans(found: Plans, batches: tuple[Batch, ...]) -> None:
    assert found.batches_of([case for plan in reversed(all_plans(found)) for case in plan.cases]) == batches


def test_what_is_not_asked_for_is_not_planned() -> None:
    """A run of a few refusals makes no case of the schema, which takes seconds."""
    fresh = plans.__wrapped__(load())
    assert not any(fresh.holds(case) for plan in fresh.rules for case in plan.cases if case.side == REJECT)
    assert vars(fresh).keys().isdisjoint({"schema", "_of_schema", "combinations", "_of_combinations", "batches"})


def test_packing_pays(batches: tuple[Batch, ...]) -> None:
    """The point of it: a quarter of the requests or so."""
    assert len(batches) < sum(len(each.cases) for each in batches) / 3


def test_names_are_left_to_the_sender(batches: tuple[Batch, ...]) -> None:
    named = [each.body.get("name") for each in batches if each.operation == "create"]
    assert PLAIN_NAME in named
