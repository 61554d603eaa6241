"""Each correction says why, still applies, and changes what is valid: one instance before and after, per action."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from assay.contract.documents import CORRECTIONS, DOCUMENT, Contract, load, read_document, version_folder
from assay.contract.reading import apply_overlay, read_yaml
from assay.contract.request import ABSENT, Outcome, Request
from assay.contract.schema import build, json_schema
from assay.errors import ContractError

OPENAPI = version_folder()
OVERLAY = OPENAPI / CORRECTIONS
ACTIONS: list[dict[str, Any]] = read_yaml(OVERLAY)["actions"]
TARGETS = [str(action["target"]) for action in ACTIONS]
SCHEMA = "$.components.schemas."

NULL = None
WORKLOAD = {
    "name": "a",
    "requestedName": "a",
    "workloadId": "71f69d83-ba66-4822-adf5-55ce55efd210",
    "projectId": "1",
    "clusterId": "71f69d83-ba66-4822-adf5-55ce55efd210",
    "createdBy": "me",
    "createdAt": "2026-01-01T00:00:00Z",
    "desiredPhase": "Running",
}


@dataclass(frozen=True)
class Effect:
    """Instances of the schema at ``target``: valid before the correction and invalid after it, or the reverse."""

    target: str
    no_more: tuple[Any, ...] = ()
    only_now: tuple[Any, ...] = ()
    both: tuple[Any, ...] = ()


EFFECTS = (
    Effect(
        SCHEMA + "WorkloadCreationMeta1",
        no_more=("x", 1, NULL, []),
        both=({"name": "a", "projectId": "1", "clusterId": WORKLOAD["clusterId"]},),
    ),
    Effect(SCHEMA + "InferenceSpec", no_more=("x", 1, NULL, []), both=({}, {"spec": {"image": "i"}})),
    Effect(SCHEMA + "InferenceUpdateSpec", no_more=("x", True, NULL, []), both=({"spec": {"command": "c"}},)),
    Effect(SCHEMA + "InferenceUpdateSpecAutoscaling", no_more=("x", 1, []), both=(NULL, {"minReplicas": 1})),
    Effect(
        SCHEMA + "InferenceUpdateSpecServingConfiguration",
        no_more=("x", 1, []),
        both=(NULL, {"requestTimeoutSeconds": 30}),
    ),
    Effect(SCHEMA + "ServingPortContainerAndProtocol", no_more=("x", 1, []), both=(NULL, {"container": 8080})),
    Effect(SCHEMA + "ServingPortAccess", no_more=("x", 1, []), both=(NULL, {"authorizationType": "public"})),
    Effect(SCHEMA + "WorkloadMeta1", no_more=("x", 1, NULL, []), both=(WORKLOAD,)),
    Effect(SCHEMA + "Error", no_more=("x", 1, NULL, []), both=({"code": 400, "message": "m"},)),
    Effect(SCHEMA + "HttpResponse", no_more=("x", 1, NULL, []), both=({"code": 202, "message": "m"},)),
    Effect(
        SCHEMA + "InferenceCreationRequest.allOf",
        no_more=({"name": "a", "projectId": "1", "clusterId": WORKLOAD["clusterId"]},),
        both=({"name": "a", "projectId": "1", "clusterId": WORKLOAD["clusterId"], "spec": {"image": "i"}},),
    ),
    *(
        Effect(f"{SCHEMA}{name}.enum", only_now=(NULL,), both=(value,))
        for name, value in {
            "ImagePullPolicy": "Always",
            "ProbeHandlerScheme": "HTTP",
            "PodAffinityType": "Required",
            "TolerationOperator": "Exists",
            "TolerationEffect": "NoSchedule",
            "PortServiceType": "LoadBalancer",
            "GpuRequestType": "portion",
            "MigProfile": "1g.5gb",
            "PvcVolumeMode": "Block",
            "HostPathMountPropagation": "None",
            "UidGidSource": "fromTheImage",
            "SeccompProfileType": "Localhost",
            "ServingPortProtocol": "http",
            "ServingPortAccessAuthorizationTypeEnum": "public",
        }.items()
    ),
)
BODY_REQUIRED = "$.paths['/api/v1/workloads/inferences'].post.requestBody"


@cache
def published() -> Mapping[str, Any]:
    return read_document(OPENAPI / DOCUMENT)


def with_actions(actions: list[dict[str, Any]]) -> Contract:
    """The contract with only these corrections, as it would be read from files."""
    whole = load()
    document = copy.deepcopy(dict(published()))
    if actions:
        apply_overlay(document, {"overlay": "1.0.0", "actions": actions}, OVERLAY)
    return replace(whole, document=document)


def validator(contract: Contract, target: str) -> jsonschema_rs.Draft202012Validator:
    """Of the schema that the action's target is or lies in."""
    name = target.removeprefix(SCHEMA).partition(".")[0]
    node = build(contract, {"$ref": f"#/components/schemas/{name}"}, "")
    return jsonschema_rs.Draft202012Validator(json_schema(node))


def test_every_action_has_its_effect_shown_here() -> None:
    assert sorted(TARGETS) == sorted([effect.target for effect in EFFECTS] + [BODY_REQUIRED])
    assert len(set(TARGETS)) == len(TARGETS)


def test_every_action_says_why() -> None:
    for action in ACTIONS:
        assert len(action["description"].split()) >= 5 or action["description"].startswith("Same as"), action


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.target.removeprefix(SCHEMA))
def test_effect_of_one_action(effect: Effect) -> None:
    """The action alone makes the difference, whatever the others do."""
    mine = [action for action in ACTIONS if action["target"] == effect.target]
    others = [action for action in ACTIONS if action["target"] != effect.target]
    pairs = [(with_actions([]), with_actions(mine)), (with_actions(others), with_actions(ACTIONS))]
    for before, after in pairs:
        old, new = validator(before, effect.target), validator(after, effect.target)
        for instance in effect.no_more:
            assert (old.is_valid(instance), new.is_valid(instance)) == (True, False), instance
        for instance in effect.only_now:
            assert (old.is_valid(instance), new.is_valid(instance)) == (False, True), instance
        for instance in effect.both:
            assert (old.is_valid(instance), new.is_valid(instance)) == (True, True), instance


def test_effect_on_the_body_that_is_required() -> None:
    from assay.contract.oracle import Oracle

    request = Request("create", body=ABSENT)
    assert Oracle(load()).expect(request).outcome is Outcome.REJECT
    assert Oracle(load(OPENAPI / DOCUMENT)).expect(request).outcome is not Outcome.REJECT


def enumerations(value: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        if isinstance(value.get("enum"), list):
            yield place, value
        for key, item in value.items():
            yield from enumerations(item, f"{place}/{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from enumerations(item, f"{place}/{number}")


def test_every_nullable_enumeration_admits_null_and_no_other_does() -> None:
    found = dict(enumerations(load().document))
    assert len(found) == 20
    for place, schema in found.items():
        assert (None in schema["enum"]) == bool(schema.get("nullable")), place
    corrected = {place for place, schema in found.items() if schema.get("nullable")}
    assert corrected == {
        target.removeprefix("$").replace(".", "/").removesuffix("/enum") for target in TARGETS if ".enum" in target
    }


def test_no_object_is_left_without_a_type() -> None:
    """Wherever properties are named, the schema says that it is an object, or the parts it is made of do."""
    contract = load()

    def kind(schema: Mapping[str, Any]) -> str:
        return build(contract, schema, "").type

    untyped = [
        name
        for name, schema in contract.document["components"]["schemas"].items()
        if ("properties" in schema or "allOf" in schema) and kind(schema) != "object"
    ]
    assert untyped == []


def test_the_corrected_document_is_valid_openapi() -> None:
    assert list(OpenAPIV30SpecValidator(dict(load().document)).iter_errors()) == []


def test_the_corrections_touch_nothing_else() -> None:
    """Undo them by hand: what remains is the published document."""
    document = copy.deepcopy(dict(load().document))
    for target in TARGETS:
        if target == BODY_REQUIRED:
            del document["paths"]["/api/v1/workloads/inferences"]["post"]["requestBody"]["required"]
            continue
        name, _, keyword = target.removeprefix(SCHEMA).partition(".")
        schema = document["components"]["schemas"][name]
        if keyword:
            schema[keyword].pop()
        else:
            del schema["type"]
            if published()["components"]["schemas"][name].get("nullable") is None:
                schema.pop("nullable", None)
    assert document == published()


@pytest.mark.parametrize("action", ACTIONS, ids=TARGETS)
def test_an_action_that_no_longer_applies_is_an_error(action: dict[str, Any]) -> None:
    """A new version of the document that renames the place must not lose the correction silently."""
    document = copy.deepcopy(dict(published()))
    schemas, name = document["components"]["schemas"], action["target"].removeprefix(SCHEMA).partition(".")[0]
    if action["target"] == BODY_REQUIRED:
        del document["paths"]["/api/v1/workloads/inferences"]["post"]["requestBody"]
    else:
        del schemas[name]
    with pytest.raises(ContractError) as caught:
        apply_overlay(document, {"overlay": "1.0.0", "actions": ACTIONS}, OVERLAY)
    number = ACTIONS.index(action) + 1
    assert f"{OVERLAY}: action {number}: '{action['target']}' matches nothing" in caught.value.message
    assert "document changed" in str(caught.value.hint)
