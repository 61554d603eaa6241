"""Judges take any JSON, take null for absent, and draw what they promise."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from assay.contract import documents
from assay.contract.rules import catalogue
from assay.contract.rules.base import Broken, Fragment, Rule, Unclear, prune
from assay.contract.schema import Node, Validator, build
from assay.generation.rule_cases import VARIATIONS

pytestmark = pytest.mark.slow

CONTRACT = documents.load()
RULES, CONTRADICTIONS = CONTRACT.rules, CONTRACT.contradictions
QUICK = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
VARYING = [
    (CONTRACT.rule(rule_id), side, fragments)
    for rule_id, found in VARIATIONS.items()
    for side, fragments in (("accept", found.accept), ("reject", found.reject))
    if fragments is not None
]


def spec_tree() -> Node:
    contract = documents.load()
    body = contract.operations["create"].body
    assert body is not None
    return build(contract, body, "/create").find("/spec")


SPEC = spec_tree()
FIELDS = sorted({node.name for node in SPEC.walk()} - {"spec", "*"})
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
# Free JSON hardly ever hits a field, so keys and strings are mostly taken from the contract.
WORDS = st.sampled_from([*FIELDS, "portion", "memory", "In", "Gt", "1Gi", "..", "-1", "1e", "throughput", "custom"])
JSON = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=25,
)


def shaped(node: Node) -> st.SearchStrategy[Any]:
    """Values shaped like ``node`` with anything at all in any place."""
    if node.properties:
        whole: st.SearchStrategy[Any] = st.fixed_dictionaries(
            {}, optional={name: shaped(child) for name, child in node.properties.items()}
        )
    elif node.items is not None:
        whole = st.lists(shaped(node.items), max_size=2)
    elif node.enum is not None:
        whole = st.sampled_from(node.enum)
    else:
        whole = {"integer": st.integers(-2, 5), "number": st.floats(-1, 2), "boolean": st.booleans()}.get(
            node.type, st.sampled_from(["1Gi", "2G", "..", "-1", "", "a"])
        )
    return st.one_of(whole, whole, whole, JSON)


@QUICK
@given(JSON | shaped(SPEC), st.sampled_from(sorted(CONTRACT.operations)))
def test_any_json_is_judged_without_an_error(value: Any, operation: str) -> None:
    before = copy.deepcopy(value)
    for rule, found in catalogue.judgements(value, operation, RULES):
        assert operation in rule.applies
        assert found.location.startswith("/")
    for _item, doubt in catalogue.contradicted(value, operation, CONTRADICTIONS):
        assert isinstance(doubt, Unclear)
    assert repr(value) == repr(before), "a judge changed the spec"


@QUICK
@given(shaped(SPEC))
def test_null_means_absent(value: Any) -> None:
    assert catalogue.judgements(value, "create", RULES) == catalogue.judgements(prune(value), "create", RULES)
    assert catalogue.contradicted(value, "create", CONTRADICTIONS) == catalogue.contradicted(
        prune(value), "create", CONTRADICTIONS
    )


@QUICK
@given(shaped(SPEC))
def test_locations_are_places_of_the_contract(value: Any) -> None:
    for rule, found in catalogue.judgements(value, "create", RULES):
        assert SPEC.find(found.location) is not None, rule.id
    for _item, doubt in catalogue.contradicted(value, "create", CONTRADICTIONS):
        assert SPEC.find(doubt.location) is not None


@QUICK
@given(shaped(SPEC))
def test_a_rule_says_nothing_without_the_property_it_needs(value: Any) -> None:
    spec = prune(value) if isinstance(value, dict) else {}
    for rule in RULES:
        if rule.needs is not None:
            rest = {key: kept for key, kept in spec.items() if key != rule.needs}
            assert list(rule.judge(rest)) == [], rule.id


def test_nulls_that_clear_a_section_leave_nothing_to_judge() -> None:
    spec = {"image": "x", "compute": None, "autoscaling": None, "ports": None, "storage": {"pvc": None}}
    assert catalogue.judgements(spec, "create", RULES) == []


def test_only_writes_are_judged() -> None:
    for operation in set(CONTRACT.operations) - {"create", "update"}:
        assert catalogue.judgements({}, operation, RULES) == []
        assert (
            catalogue.contradicted(
                {"compute": {"gpuDevicesRequest": 2, "gpuRequestType": "portion"}}, operation, CONTRADICTIONS
            )
            == []
        )


def test_an_effective_spec_is_not_pruned_again() -> None:
    spec = catalogue.effective({"image": "x", "compute": {"gpuRequestType": None}})
    assert spec == {"image": "x", "compute": {}}
    assert catalogue.effective(spec) is spec
    assert catalogue.judgements(spec, "create", RULES) == []


def name(value: object) -> str:
    if isinstance(value, Rule):
        return value.id
    return value if isinstance(value, str) else "drawn"


@pytest.mark.parametrize(("rule", "side", "fragments"), VARYING, ids=name)
def test_varied_fragments_keep_or_break_their_rule_alone(
    rule: Rule, side: str, fragments: SearchStrategy[Fragment]
) -> None:
    contract = documents.load()
    validators = {}
    for operation in rule.applies:
        body = contract.operations[operation].body
        assert body is not None
        validators[operation] = Validator(build(contract, body, f"/{operation}"))
    expected = {rule.id} if side == "reject" else set()

    @QUICK
    @given(fragments)
    def check(fragment: Fragment) -> None:
        meta = {"name": "a", "projectId": "1", "clusterId": "6d1c0f3e-8b7a-4c55-9a61-0f2d3c4b5a69"}
        for operation, validator in validators.items():
            spec = {"image": "registry.example/echo:1.0", **fragment}
            assert validator.errors({**meta, "spec": spec} if operation == "create" else {"spec": spec}) == []
            found = catalogue.judgements(spec, operation, RULES)
            assert {item.id for item, _ in found} == expected
            assert all(isinstance(judgement, Broken) for _, judgement in found)
            assert catalogue.contradicted(spec, operation, CONTRADICTIONS) == []

    check()


def test_contradictions_without_a_request_open_nothing() -> None:
    silent = [item for item in CONTRADICTIONS if not item.opens]
    assert silent
    for item in silent:
        for rule in RULES:
            for case in (*rule.accepts, *rule.rejects):
                assert list(item.judge(prune(dict(case.fragment)))) == []
