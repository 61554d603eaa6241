"""The flat tree of the corrected schemas, and validators that say keyword and place of what they refuse."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from assay.contract.documents import Contract, load
from assay.contract.request import Source
from assay.contract.schema import Node, Validator, build, json_schema
from assay.errors import ContractError


@cache
def creation() -> Node:
    contract = load()
    body = contract.operations["create"].body
    assert body is not None
    return build(contract, body, "/paths/create/requestBody")


def contract_of(**schemas: Any) -> Contract:
    """A contract with only these schemas: enough to flatten them."""
    whole = load()
    document = {"info": {"version": "1"}, "components": {"schemas": schemas}}
    return replace(whole, document=document, published=document)


def tree(schema: dict[str, Any], **schemas: Any) -> Node:
    return build(contract_of(**schemas), schema, "/here")


def test_creation_body() -> None:
    root = creation()
    assert root.type == "object"
    assert root.required == {"name", "projectId", "clusterId", "spec"}
    assert not root.nullable
    assert {"name", "projectId", "clusterId", "useGivenNameAsPrefix", "spec"} == set(root.properties)


def test_places_in_instance_and_document() -> None:
    node = creation().find("/spec/compute/gpuRequestType")
    assert (node.pointer, node.source) == ("/spec/compute/gpuRequestType", "/components/schemas/GpuRequestType")
    assert node.enum is not None
    assert None in node.enum
    assert node.nullable
    item = creation().find("/spec/environmentVariables/*/name")
    assert item.name == "name"
    assert item.pointer == "/spec/environmentVariables/*/name"


def test_every_source_is_a_place_of_the_document() -> None:
    contract = load()
    for node in creation().properties["spec"].walk():
        assert isinstance(contract.at(node.source), dict), node


def test_walk_meets_parents_first_and_each_place_once() -> None:
    pointers = [node.pointer for node in creation().walk()]
    assert pointers[0] == ""
    assert len(pointers) == len(set(pointers)) > 150
    for pointer in pointers[1:]:
        assert pointers.index(pointer.rpartition("/")[0]) < pointers.index(pointer)


def test_leaves_are_where_values_stand() -> None:
    leaves = {node.pointer for node in creation().leaves()}
    assert {"/name", "/spec/image", "/spec/environmentVariables/*/name"} <= leaves
    assert "/spec/compute" not in leaves
    walked = {node.pointer for node in creation().walk()}
    assert leaves < walked
    assert all(creation().find(pointer).pointer == pointer for pointer in leaves)


@pytest.mark.parametrize("pointer", ["/nope", "/spec/nope", "/spec/image/deeper", "/spec/ports/0", "/name/*"])
def test_find_what_is_not_there(pointer: str) -> None:
    with pytest.raises(KeyError):
        creation().find(pointer)


def test_all_of_is_merged() -> None:
    node = tree(
        {"allOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}]},
        A={"type": "object", "required": ["x"], "properties": {"x": {"type": "integer", "minimum": 1, "maximum": 9}}},
        B={"required": ["y"], "properties": {"x": {"minimum": 3, "maximum": 20}, "y": {"type": "string"}}},
    )
    assert node.type == "object"
    assert node.required == {"x", "y"}
    assert node.properties["x"].bounds == {"minimum": 3, "maximum": 9}
    assert node.properties["x"].type == "integer"


@pytest.mark.parametrize(
    ("schema", "nullable"),
    [
        ({"type": "string"}, False),
        ({"type": "string", "nullable": True}, True),
        ({"nullable": False}, True),  # without a type everything is admitted, null too (OpenAPI 3.0.3)
        ({"allOf": [{"type": "object", "nullable": True}, {"type": "object"}]}, False),
        ({"allOf": [{"type": "object", "nullable": True}, {"type": "object", "nullable": True}]}, True),
    ],
)
def test_nullable(schema: dict[str, Any], nullable: bool) -> None:
    node = tree(schema)
    assert node.nullable is nullable
    assert Validator(node).is_valid(None) is nullable


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf", "not", "discriminator"])
def test_keywords_that_cannot_be_flattened(keyword: str) -> None:
    with pytest.raises(ContractError, match=f"/here/properties/a uses '{keyword}'"):
        tree({"type": "object", "properties": {"a": {keyword: [{}]}}})


def test_two_types_at_once() -> None:
    with pytest.raises(ContractError, match="/here/allOf/1 is string, /here is object"):
        tree({"allOf": [{"type": "object"}, {"type": "string"}]})


def test_a_schema_that_contains_itself() -> None:
    with pytest.raises(ContractError, match="#/components/schemas/A contains itself"):
        tree(
            {"$ref": "#/components/schemas/A"},
            A={"type": "object", "properties": {"b": {"$ref": "#/components/schemas/B"}}},
            B={"type": "array", "items": {"$ref": "#/components/schemas/A"}},
        )


def test_one_schema_in_two_places_is_no_circle() -> None:
    node = tree(
        {"type": "object", "properties": {name: {"$ref": "#/components/schemas/A"} for name in "ab"}},
        A={"type": "string"},
    )
    assert [child.source for child in node.properties.values()] == ["/components/schemas/A"] * 2


ID = "71f69d83-ba66-4822-adf5-55ce55efd210"
ERRORS: dict[str, tuple[dict[str, Any], Any, str, str]] = {
    "required": ({"type": "object", "required": ["a"]}, {}, "required", "/body/a"),
    "type": ({"type": "string"}, 1, "type", "/body"),
    "null": ({"type": "string"}, None, "nullable", "/body"),
    "enum": ({"type": "string", "enum": ["a"]}, "b", "enum", "/body"),
    "pattern": ({"type": "string", "pattern": "^a"}, "b", "pattern", "/body"),
    "minimum": ({"type": "integer", "minimum": 1}, 0, "minimum", "/body"),
    "maximum": ({"type": "integer", "maximum": 1}, 2, "maximum", "/body"),
    "minLength": ({"type": "string", "minLength": 1}, "", "minLength", "/body"),
    "maxLength": ({"type": "string", "maxLength": 1}, "ab", "maxLength", "/body"),
    "uuid": ({"type": "string", "format": "uuid"}, "x", "format", "/body"),
    "date-time": ({"type": "string", "format": "date-time"}, "2026-01-01", "format", "/body"),
    "int32": ({"type": "integer", "format": "int32"}, 2**31, "format", "/body"),
    "int32-below": ({"type": "integer", "format": "int32"}, -(2**31) - 1, "format", "/body"),
    "int64": ({"type": "integer", "format": "int64"}, 2**63, "format", "/body"),
    "int32-bound": ({"type": "integer", "format": "int32", "maximum": 5}, 6, "maximum", "/body"),
    "in-list": ({"type": "array", "items": {"type": "integer"}}, [1, "x", 2], "type", "/body/*"),
    "in-map": ({"type": "object", "additionalProperties": {"type": "string"}}, {"k": 1}, "type", "/body/k"),
    "deep": (
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object", "required": ["b"]}}}},
        {"a": [{}]},
        "required",
        "/body/a/*/b",
    ),
}


@pytest.mark.parametrize(("schema", "instance", "keyword", "location"), ERRORS.values(), ids=ERRORS)
def test_an_error_names_keyword_and_place(schema: dict[str, Any], instance: Any, keyword: str, location: str) -> None:
    validator = Validator(tree(schema), "/body")
    found = validator.errors(instance)
    assert [(reason.source, reason.id, reason.location) for reason in found] == [(Source.SCHEMA, keyword, location)]
    assert found[0].text
    assert not validator.is_valid(instance)


def test_every_error_is_told() -> None:
    validator = Validator(creation(), "/body")
    found = {(reason.id, reason.location) for reason in validator.errors({"name": "", "clusterId": "x", "spec": 1})}
    assert found == {
        ("required", "/body/projectId"),
        ("minLength", "/body/name"),
        ("format", "/body/clusterId"),
        ("type", "/body/spec"),
    }


def test_a_valid_creation_has_no_error() -> None:
    body = {"name": "a", "projectId": "1", "clusterId": ID, "spec": {"image": "i", "labels": None}}
    assert Validator(creation()).errors(body) == []
    assert Validator(creation()).is_valid(body)


@pytest.mark.parametrize(
    ("schema", "edge"),
    [
        ({"type": "integer", "format": "int32"}, 2**31 - 1),
        ({"type": "integer", "format": "int32"}, -(2**31)),
        ({"type": "integer", "format": "int64"}, 2**63 - 1),
        ({"type": "string", "format": "uuid"}, ID.upper()),
        ({"type": "number"}, 1),
        ({"type": "integer"}, 1.0),
    ],
)
def test_what_is_just_valid(schema: dict[str, Any], edge: Any) -> None:
    assert Validator(tree(schema)).errors(edge) == []


def test_json_schema_says_what_the_node_says() -> None:
    written = json_schema(creation())
    compute = written["properties"]["spec"]["properties"]["compute"]
    assert compute["type"] == ["object", "null"]
    assert written["required"] == sorted(written["required"])
    assert written["properties"]["clusterId"]["format"] == "uuid"
