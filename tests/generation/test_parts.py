"""The parts the strategies are made of: samples, places, completion, genome, couplings, dense violations."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from assay.contract import pointers
from assay.contract.oracle import Oracle
from assay.contract.request import ABSENT, Outcome
from assay.contract.schema import Node, Validator
from assay.generation.base_requests import Judge, complete, mandatory, smallest_body
from assay.generation.choice_decoder import DrawPlan, decoder
from assay.generation.dense import broken_bodies, create_bodies, draws, update_bodies
from assay.generation.dependent_fields import SETTLE
from assay.generation.values import PLAIN_SPEC, UNKNOWN, otherwise_spelt, pool, sample, violations

pytestmark = pytest.mark.slow

CLUSTER: Final = "6d8e0a4c-1f2b-4c3d-8e5f-000000000001"


def leaf(kind: str, pointer: str = "/spec/newField", **rest: Any) -> Node:
    return Node(pointer, "", kind, **rest)


@pytest.mark.parametrize("operation", ["create", "update"])
def test_every_plain_value_is_valid(oracle: Oracle, operation: str) -> None:
    for node in oracle.bodies[operation].leaves():
        target = node.items if node.items is not None else node
        validator = Validator(target)
        for value in pool(target).values:
            assert value is not None
            assert validator.is_valid(value), (node.pointer, value)


@pytest.mark.parametrize(
    ("node", "first"),
    [
        (leaf("string"), "new-field-0"),
        (leaf("string", enum=(None, "b", "a")), "b"),
        (leaf("string", format="uuid"), "6d8e0a4c-1f2b-4c3d-8e5f-000000000000"),
        (leaf("string", format="hostname"), "host-0.example.com"),
        (leaf("string", format="date-time"), "2026-01-01T00:00:00Z"),
        (leaf("string", pattern="^[A-F]{3}=[0-9]+$"), "AAA=0"),
        (leaf("string", bounds={"maxLength": 4}), "ld-0"),
        (leaf("integer"), 1),
        (leaf("integer", bounds={"minimum": 0}), 0),
        (leaf("integer", bounds={"minimum": 5, "maximum": 5}), 5),
        (leaf("integer", bounds={"maximum": -7}), -7),
        (leaf("number", bounds={"minimum": 1, "maximum": 100}), 1.25),
        (leaf("boolean"), False),
    ],
)
def test_the_simplest_value_of_a_field_nobody_listed(node: Node, first: Any) -> None:
    assert sample(node) == first
    assert Validator(node).is_valid(first)


def test_a_distinct_pool_tells_the_entries_of_a_list_apart() -> None:
    names = pool(leaf("string", "/spec/things/*/name"))
    assert all(names.pick(code, 0) != names.pick(code, 1) for code in range(256))


def test_only_leaves_have_plain_values() -> None:
    with pytest.raises(ValueError, match="only leaves"):
        pool(leaf("object"))


@pytest.mark.parametrize(
    ("value", "pointer", "item", "expected"),
    [
        ({}, "/a/*/b", 1, {"a": [{"b": 1}]}),
        ({"a": None}, "/a/b", 1, {"a": {"b": 1}}),
        ({"a": [{"b": 1}, {"b": 2}]}, "/a/*/b", 3, {"a": [{"b": 3}, {"b": 2}]}),
        ({"a": [{"b": 1}]}, "/a/*/b", ABSENT, {"a": [{}]}),
        ({"a": ["x"]}, "/a/*", "y", {"a": ["y"]}),
        ({"a": ["x", "z"]}, "/a/*", ABSENT, {"a": ["z"]}),
        ({"a": "text"}, "/a/b/*", 1, {"a": {"b": [1]}}),
        ({"a": 1}, "", [], []),
    ],
)
def test_put(value: Any, pointer: str, item: Any, expected: Any) -> None:
    before = repr(value)
    assert pointers.put(value, pointer, item) == expected
    assert repr(value) == before


def test_get_and_keys() -> None:
    value = {"a": [{"b": 1}, {"c": None}], "d": None}
    assert pointers.get(value, "/a/*/b") == 1
    assert pointers.get(value, "/a/*/c") is ABSENT
    assert pointers.get(value, "/d") is None
    assert sorted(pointers.keys(value)) == ["", "/a", "/a/*", "/a/*", "/a/*/b"]
    assert pointers.dotted("/a/*/b") == "a.*.b"


@settings(database=None, max_examples=100)
@given(pointer=st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=5), item=st.integers())
def test_what_is_put_is_there(pointer: list[str], item: int) -> None:
    place = "/" + "/".join(["top", *pointer])
    assert pointers.get(pointers.put({}, place, item), place) == item


@pytest.mark.parametrize(
    ("pointer", "needed"),
    [
        ("/spec", {"image"}),
        ("/spec/probes/readiness", {"handler"}),
        ("/spec/podAffinity", {"type", "key"}),
        ("/spec/ports/*", {"container", "serviceType"}),
        ("/spec/storage/pvc/*", {"path", "claimInfo"}),
        ("/spec/storage/nfs/*", {"path", "server", "mountPath"}),
        ("/spec/environmentVariables/*/secret", {"name", "key"}),
        ("/spec/servingConfiguration", set()),
        ("/spec/autoscaling", set()),
    ],
)
def test_the_oracle_tells_what_an_object_cannot_be_without(oracle: Oracle, pointer: str, needed: set[str]) -> None:
    assert mandatory(Judge(oracle, "create"), pointer) == needed


def test_completion_adds_what_is_missing_and_nothing_else(oracle: Oracle) -> None:
    judge = Judge(oracle, "create")
    body = pointers.put(smallest_body(judge.node), "/spec/servingPort/protocol", "grpc")
    assert complete(judge, body)["spec"] == {**PLAIN_SPEC, "servingPort": {"protocol": "grpc", "container": 1}}
    kept = complete(judge, body, keep_absent=frozenset({"/spec/servingPort/container"}))
    assert kept == body
    wrong = pointers.put(smallest_body(judge.node), "/spec/command", 5)
    assert complete(judge, wrong) == wrong


@pytest.mark.parametrize("pointer", [pointer for pointer in SETTLE if not pointer.endswith("/*")])
def test_couplings_stand_where_the_document_has_objects(oracle: Oracle, pointer: str) -> None:
    node = oracle.bodies["create"].find(pointer)
    assert node.properties or node.items is not None


@settings(database=None, max_examples=300, deadline=None)
@given(code=st.binary(min_size=600, max_size=600), section=st.sampled_from(["compute", "autoscaling", "security"]))
def test_any_bytes_make_an_accepted_section(oracle: Oracle, code: bytes, section: str) -> None:
    node = oracle.bodies["create"].find(f"/spec/{section}")
    needed = {"/spec/compute/extendedResources/*": frozenset({"resource"})}
    part = decoder(node, DrawPlan(mandatory=needed, settle=SETTLE))
    assert part.size <= len(code)
    judge = Judge(oracle, "create")
    body = {**smallest_body(judge.node), "spec": {**PLAIN_SPEC, section: part.read(code, 0, 0)}}
    assert judge.expect(body).reasons == ()


def test_zero_bytes_are_the_simplest_value(oracle: Oracle) -> None:
    node = oracle.bodies["create"].find("/spec/compute")
    part = decoder(node, DrawPlan())
    assert part.read(bytes(part.size), 0, 0) == {"cpuCoreRequest": 0.1}, "a section is there to say something"
    assert set(part.read(b"\xff" * part.size, 0, 0)) == set(node.properties)


@pytest.mark.parametrize("node", [leaf("string", nullable=False), leaf("integer"), leaf("array"), leaf("object")])
def test_violations_of_a_type_are_of_another_type(node: Node) -> None:
    assert [probe for probe in violations(node) if Validator(node).is_valid(probe.value)] == []
    assert {probe.keyword for probe in violations(node)} >= {"type"}


@pytest.mark.parametrize(
    ("members", "spelt"),
    [(["Never", "Always", None], "nEVER"), (["a", "A", "B"], "b"), (["1", "2"], UNKNOWN), ([None], UNKNOWN)],
)
def test_a_member_in_the_other_case_is_no_member(members: list[str], spelt: str) -> None:
    assert otherwise_spelt(members) == spelt
    assert spelt not in members


def test_dense_bodies_are_broken_in_one_place(oracle: Oracle) -> None:
    judge = Judge(oracle, "create")
    dense = create_bodies(oracle, "4711", CLUSTER)
    found = draws(broken_bodies(oracle, "create", dense), 300, 1)
    keywords: Counter[str] = Counter()
    for body, subject in found:
        expectation = judge.expect(body)
        assert expectation.outcome is Outcome.REJECT
        assert subject.decides(expectation.reasons)
        keywords[subject.id] += 1
    assert len(found) == 300
    assert len(keywords) >= 6
    assert len({subject.location for _, subject in found}) >= 40


def test_a_broken_body_shrinks_to_little_but_the_broken_place(oracle: Oracle) -> None:
    strategy = broken_bodies(oracle, "update", update_bodies(oracle))
    quiet = settings(database=None, derandomize=True, phases=[Phase.generate, Phase.shrink])
    body, subject = find(strategy, lambda item: item[1].id == "minLength", settings=quiet)
    broken = subject.location.removeprefix("/body/spec/")
    assert body == {"spec": {**PLAIN_SPEC, broken: ""}}
