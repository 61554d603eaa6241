"""Dense bodies: accepted, every leaf often, fast, readable when shrunk, and open to fields nobody wrote code for."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import Phase, find, settings
from hypothesis.strategies import SearchStrategy

from assay.contract import pointers
from assay.contract.documents import load
from assay.contract.oracle import Oracle
from assay.contract.request import Expectation, Outcome
from assay.generation.base_requests import Judge
from assay.generation.dense import create_bodies, draws, update_bodies
from assay.generation.values import PLAIN_SPEC

pytestmark = pytest.mark.slow

PROJECT: Final = "4711"
CLUSTER: Final = "6d8e0a4c-1f2b-4c3d-8e5f-000000000001"
DRAWS: Final = 500
OCCURRENCES: Final = 20
WRITES: Final = ("create", "update")

# Leaves that no accepted body can hold, with the reason. All 168 of the creation and 61 of the update can be reached.
UNREACHABLE: Final[dict[str, str]] = {}

QUICK: Final = settings(database=None, derandomize=True, phases=[Phase.generate, Phase.shrink], max_examples=2000)


def bodies(oracle: Oracle, name: str, **options: bool) -> SearchStrategy[dict[str, Any]]:
    if name == "create":
        return create_bodies(oracle, PROJECT, CLUSTER, **options)
    return update_bodies(oracle, **options)


@cache
def drawn_bodies(oracle: Oracle, name: str, seed: int, references: bool = True) -> list[dict[str, Any]]:
    return draws(bodies(oracle, name, references=references), DRAWS, seed)


def judged(oracle: Oracle, name: str, drawn: list[dict[str, Any]]) -> list[Expectation]:
    judge = Judge(oracle, name)
    return [judge.expect(body) for body in drawn]


def leaves(oracle: Oracle, name: str) -> list[str]:
    return [leaf.pointer for leaf in oracle.bodies[name].leaves()]


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("seed", [1])
def test_every_leaf_occurs_in_20_of_500_accepted_draws(oracle: Oracle, name: str, seed: int) -> None:
    drawn = drawn_bodies(oracle, name, seed)
    assert len(drawn) == DRAWS
    refused = [
        expectation for expectation in judged(oracle, name, drawn) if expectation.outcome is not Outcome.ACCEPT
    ]
    assert refused == []
    counts = Counter(pointer for body in drawn for pointer in set(pointers.keys(body)))
    rare = {pointer: counts[pointer] for pointer in leaves(oracle, name) if counts[pointer] < OCCURRENCES}
    assert set(rare) == set(UNREACHABLE)


def test_draws_are_no_copies_of_each_other(oracle: Oracle) -> None:
    """With rows of one label 500 draws hold 56 different `autoscaling`, with a label each over 300."""
    for section in ("compute", "autoscaling"):
        drawn = drawn_bodies(oracle, "create", 1)
        assert len({repr(body["spec"].get(section)) for body in drawn}) >= 200


def test_the_document_has_the_leaves_that_the_counts_were_made_for(oracle: Oracle) -> None:
    assert [len(leaves(oracle, name)) for name in WRITES] == [168, 61]


@pytest.mark.parametrize("name", WRITES)
def test_without_references_an_acceptance_assumes_nothing(oracle: Oracle, name: str) -> None:
    drawn = drawn_bodies(oracle, name, 3, references=False)
    expectations = judged(oracle, name, drawn)
    assert {expectation.outcome for expectation in expectations} == {Outcome.ACCEPT}
    assert [expectation.assumes for expectation in expectations if expectation.assumes] == []


@pytest.mark.parametrize("name", WRITES)
def test_without_references_only_what_assumes_something_is_left_out(oracle: Oracle, name: str) -> None:
    present = {key for body in drawn_bodies(oracle, name, 3, references=False) for key in pointers.keys(body)}
    missing = [pointer for pointer in leaves(oracle, name) if pointer not in present]
    assumed: dict[str, set[str]] = {pointer: set() for pointer in missing}
    for body in drawn_bodies(oracle, name, 1)[:200]:
        held = set(pointers.keys(body))
        places_assumed = {
            reason.location.removeprefix("/body") for reason in Judge(oracle, name).expect(body).assumes
        }
        for pointer in missing:
            if pointer in held and not any(_within(place, pointer) for place in places_assumed):
                assumed[pointer].add(str(body))
    assert missing
    assert {pointer for pointer, without in assumed.items() if without} == set()


def _within(place: str, pointer: str) -> bool:
    """Whether the assumption at ``place`` is about ``pointer``, what holds it, or a sibling it cannot be without."""
    parent = pointer.removesuffix("/*").rsplit("/", 1)[0]
    return place in {pointer, parent} or pointer.startswith(f"{place}/") or place.startswith(f"{parent}/")


def test_without_gpu_no_device_is_asked_for(oracle: Oracle) -> None:
    drawn = draws(bodies(oracle, "create", gpu=False), 100, 5)
    keys = {key for body in drawn for key in pointers.keys(body)}
    assert not [key for key in keys if "/gpu" in key or key.endswith("/migProfile")]
    assert "/spec/compute/cpuCoreRequest" in keys
    with_gpu = {key for body in drawn_bodies(oracle, "create", 1) for key in pointers.keys(body)}
    assert "/spec/compute/gpuDevicesRequest" in with_gpu


def test_nulls_occur_in_creations_and_never_in_updates(oracle: Oracle) -> None:
    def nulls(name: str) -> int:
        return sum(any(value is None for value in body["spec"].values()) for body in drawn_bodies(oracle, name, 1))

    assert nulls("create") >= 5
    assert nulls("update") == 0


def test_the_same_seed_draws_the_same(oracle: Oracle) -> None:
    strategy = bodies(oracle, "create")
    assert draws(strategy, 50, 11) == draws(strategy, 50, 11)
    assert draws(strategy, 50, 11) != draws(strategy, 50, 12)


@pytest.mark.parametrize("name", WRITES)
def test_the_simplest_body_is_the_plain_one(oracle: Oracle, name: str) -> None:
    simplest = find(bodies(oracle, name), lambda _: True, settings=QUICK)
    assert simplest["spec"] == PLAIN_SPEC
    if name == "create":
        assert simplest == {"name": "name-0", "projectId": PROJECT, "clusterId": CLUSTER, "spec": PLAIN_SPEC}


def test_a_failure_shrinks_to_what_it_needs(oracle: Oracle) -> None:
    found = find(
        bodies(oracle, "create"),
        lambda body: (body["spec"].get("compute") or {}).get("gpuMemoryLimit") is not None,
        settings=QUICK,
    )
    compute = {"gpuDevicesRequest": 1, "gpuRequestType": "memory", "gpuMemoryRequest": "1Gi", "gpuMemoryLimit": "2Gi"}
    assert found["spec"] == {**PLAIN_SPEC, "compute": compute}


def test_a_deep_failure_shrinks_to_the_way_that_leads_there(oracle: Oracle) -> None:
    deep = "/spec/storage/pvc/*/claimInfo/accessModes/readOnlyMany"
    found = find(bodies(oracle, "create"), lambda body: deep in pointers.keys(body), settings=QUICK)
    claim = {"path": "/data/folder-0", "claimInfo": {"size": "1Gi", "accessModes": {"readOnlyMany": False}}}
    assert found["spec"] == {**PLAIN_SPEC, "storage": {"pvc": [claim]}}


def test_a_field_of_a_later_document_is_drawn_without_code() -> None:
    contract = load()
    document = copy.deepcopy(dict(contract.document))
    schemas = document["components"]["schemas"]
    schemas["ServingConfiguration"]["properties"]["drainSeconds"] = {"type": "integer", "minimum": 5, "maximum": 7}
    schemas["ServingConfiguration"]["properties"]["tier"] = {"type": "string", "pattern": "^[A-F]{3}=[0-9]+$"}
    schemas["ContainerOverridable"]["properties"]["sidecars"] = {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["port"],
            "properties": {
                "port": {"type": "integer", "format": "int32"},
                "kind": {"type": "string", "enum": ["a", "b"]},
            },
        },
    }
    oracle = Oracle(replace(contract, document=document))
    drawn = draws(create_bodies(oracle, PROJECT, CLUSTER), 300, 1)
    assert {expectation.outcome for expectation in judged(oracle, "create", drawn)} == {Outcome.ACCEPT}
    counts = Counter(pointer for body in drawn for pointer in set(pointers.keys(body)))
    for pointer in (
        "/spec/servingConfiguration/drainSeconds",
        "/spec/servingConfiguration/tier",
        "/spec/sidecars/*/kind",
    ):
        assert counts[pointer] >= OCCURRENCES
    assert counts["/spec/sidecars/*/port"] == counts["/spec/sidecars/*"]
