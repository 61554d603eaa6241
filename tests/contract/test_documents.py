"""Loading a contract: the shipped one is what it says, a broken one is refused with file, place and cause."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.contract.documents import CORRECTIONS, DOCUMENT, Contract, load, version_folder
from assay.contract.pointers import look_up
from assay.contract.reading import read_yaml
from assay.errors import EXIT_USAGE, ContractError

OPENAPI = version_folder()
HEAD = 'openapi: 3.0.3\ninfo: {title: t, version: "1"}\n'
GPU = "#/components/schemas/GpuRequestType"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load()


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return dict(load().published)


def broken(tmp_path: Path, document: Any, name: str = "mine.json") -> ContractError:
    """The error of loading ``document``: bytes and text as they are, anything else as JSON."""
    file = tmp_path / name
    if isinstance(document, str):
        document = document.encode()
    file.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    with pytest.raises(ContractError) as caught:
        load(file)
    assert str(file) in caught.value.message
    assert caught.value.exit_code == EXIT_USAGE
    assert "\n" not in caught.value.message
    return caught.value


def test_the_six_operations(contract: Contract) -> None:
    shapes = {
        name: (operation.method, operation.path, operation.id) for name, operation in contract.operations.items()
    }
    inferences = "/api/v1/workloads/inferences"
    assert shapes == {
        "create": ("POST", inferences, "create_inference1"),
        "read": ("GET", f"{inferences}/{{workloadId}}", "get_inference"),
        "update": ("PATCH", f"{inferences}/{{workloadId}}", "update_inference_spec"),
        "delete": ("DELETE", f"{inferences}/{{workloadId}}", "delete_inference"),
        "metrics": ("GET", f"{inferences}/{{workloadId}}/metrics", "get_inference_workload_metrics"),
        "pod_metrics": (
            "GET",
            f"{inferences}/{{workloadId}}/pods/{{podId}}/metrics",
            "get_inference_workload_pod_metrics",
        ),
    }


def test_responses_and_bodies(contract: Contract) -> None:
    statuses = {name: set(operation.responses) for name, operation in contract.operations.items()}
    assert statuses["create"] == {202, 400, 401, 403, 503}
    assert statuses["update"] == statuses["delete"] == {202, 401, 403, 404, 500, 503}
    assert statuses["metrics"] == statuses["pod_metrics"] == {200, 207, 400, 401, 403, 404, 500, 503}
    assert contract.operations["metrics"].responses[200].content["text/csv"] is None  # offered without a schema
    assert [name for name, operation in contract.operations.items() if operation.body] == ["create", "update"]
    assert contract.operations["create"].body_required
    assert not contract.operations["update"].body_required


def test_parameters(contract: Contract) -> None:
    found = {entry.name: entry for entry in contract.operations["pod_metrics"].parameters}
    assert {name: (entry.where, entry.required) for name, entry in found.items()} == {
        "workloadId": ("path", True),
        "podId": ("path", True),
        "metricType": ("query", True),
        "start": ("query", True),
        "end": ("query", True),
        "numberOfSamples": ("query", False),
    }
    assert not found["metricType"].explode
    assert found["metricType"].schema["items"]["enum"]
    assert found["numberOfSamples"].schema["maximum"] == 1000
    assert found["start"].pointer == "/components/parameters/StartRequired"


def test_corrected_and_published_stand_side_by_side(contract: Contract) -> None:
    assert "type" not in contract.published["components"]["schemas"]["Error"]
    assert contract.document["components"]["schemas"]["Error"]["type"] == "object"
    assert contract.version == "2.22"


def test_a_document_of_ones_own_gets_no_corrections_unless_named(tmp_path: Path, published: dict[str, Any]) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(published))
    assert load(file).document == published
    assert load(file, OPENAPI / CORRECTIONS).document == load().document


def test_corrections_of_ones_own(tmp_path: Path) -> None:
    action = {"target": "$.info", "description": "for the test", "update": {"version": "2.22-mine"}}
    file = tmp_path / "mine.yaml"
    file.write_text(json.dumps({"overlay": "1.0.0", "info": {}, "actions": [action]}))
    assert load(None, file).version == "2.22-mine"
    assert load().version == "2.22"


def test_json_and_yaml_give_the_same(tmp_path: Path, published: dict[str, Any]) -> None:
    (tmp_path / "a.json").write_text(json.dumps(published))
    assert read_yaml(tmp_path / "a.json") == read_yaml(OPENAPI / DOCUMENT)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for file, words in ((tmp_path / "none.yaml", "does not exist"), (tmp_path, "cannot be read")):
        with pytest.raises(ContractError) as caught:
            load(file)
        assert str(file) in caught.value.message
        assert words in caught.value.message


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", "openapi: 3.0.3\ninfo: {title: x\npaths: }", ":3:6: not YAML: did not find"),
        ("a.yaml", "openapi: 3.0.3\n\tinfo: 1", ":2:1: not YAML: found a tab character"),
        ("a.yaml", "openapi: 3.0.3\ninfo: *b", ":2:7: not YAML: found undefined alias"),
        ("a.yaml", b"\x00\x01", "not YAML: unacceptable character"),
        (
            "a.yaml",
            'openapi: 3.0.3\ninfo: {title: "é"}'.encode("latin-1"),
            "cannot be read: not UTF-8 text (byte 0xe9 in line 2)",
        ),
        ("a.json", '{"openapi": "3.0.3",\n "info": }', ":2:10: not JSON: Expecting value"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.yaml", "", "'openapi' is missing"),
        ("a.yaml", "- 1\n- 2", "'openapi' is missing"),
        ("a.yaml", 'swagger: "2.0"', "'openapi' is missing"),
        ("a.yaml", "openapi: 3.1.0\npaths: {}", "is OpenAPI 3.1.0; assay reads 3.0"),
        ("a.yaml", "openapi: 4\npaths: {}", "is OpenAPI 4; assay reads 3.0"),
        (
            "a.yaml",
            HEAD.replace("3.0.3", "3.0") + "paths: {}",
            "not valid OpenAPI 3.0 at openapi (line 1): 3.0 is not of type",
        ),
        ("a.yaml", HEAD, 'at its top: "paths" is a required property'),
        ("a.yaml", HEAD + "paths: []", "not valid OpenAPI 3.0 at paths (line 3): [] is not of type"),
        ("a.yaml", HEAD + "paths: {}", "lacks the inference operations create, read, update, delete, metrics"),
    ],
)
def test_a_file_that_is_no_document(tmp_path: Path, name: str, text: str | bytes, words: str) -> None:
    assert words in broken(tmp_path, text, name).message


Change = Callable[[dict[str, Any]], Any]


def schema(name: str, **definition: Any) -> Change:
    return lambda document: document["components"]["schemas"].update({name: definition})


BROKEN: dict[str, tuple[Change, str]] = {
    "operation-missing": (
        lambda document: document["paths"].pop("/api/v1/workloads/inferences/{workloadId}/metrics"),
        "lacks the inference operations metrics",
    ),
    "dangling": (
        schema("GpuRequestType", **{"$ref": "#/components/schemas/Nope"}),
        "nothing stands at '#/components/schemas/Nope', to which /components/schemas/",
    ),
    "circle": (schema("GpuRequestType", **{"$ref": GPU}), f"'{GPU}' at "),
    "outside": (
        schema("GpuRequestType", **{"$ref": "other.yaml#/x"}),
        "'other.yaml#/x' at /components/schemas/ComputeFlatFields/properties/gpuRequestType does not point into",
    ),
    "no-reference": (
        schema("GpuRequestType", **{"$ref": 7}),
        "the reference 7 at /components/schemas/GpuRequestType",
    ),
    "recursive": (
        schema(
            "InferenceSpecSpec",
            type="object",
            properties={"again": {"$ref": "#/components/schemas/InferenceSpecSpec"}},
        ),
        "#/components/schemas/InferenceSpecSpec contains itself",
    ),
    "oneOf": (
        schema("GpuRequestType", oneOf=[{"type": "string"}]),
        "/components/schemas/GpuRequestType uses 'oneOf'",
    ),
    "no-such-type": (
        schema("GpuRequestType", type="text"),
        "at components/schemas/GpuRequestType/type (line 1): 'text' is not one of",
    ),
    "no-regex": (schema("GpuRequestType", type="string", pattern="(["), "GpuRequestType/pattern (line 1): '(['"),
    "two-types": (
        lambda document: document["components"]["schemas"].update(
            WorkloadCreationMeta1={"type": "string"}, InferenceSpec={"type": "object"}
        ),
        "/components/schemas/InferenceSpec is object, /components/schemas/InferenceCreationRequest is string",
    ),
}


@pytest.mark.parametrize(("change", "words"), BROKEN.values(), ids=BROKEN)
def test_a_document_that_cannot_be_used(
    tmp_path: Path, published: dict[str, Any], change: Change, words: str
) -> None:
    document = copy.deepcopy(published)
    change(document)
    assert words in broken(tmp_path, document).message


def test_look_up_names_the_missing_step() -> None:
    document = {"a/b": {"c~d": ["x", "y"]}}
    assert look_up(document, "/a~1b/c~0d/1", "f") == "y"
    assert look_up(document, "#/a~1b/c~0d/0", "f") == "x"
    assert look_up(document, "", "f") == document
    for pointer, step in (("/a~1b/x", "x"), ("/a~1b/c~0d/2", "2"), ("/a~1b/c~0d/z", "z"), ("/a~1b/c~0d/0/q", "q")):
        with pytest.raises(ContractError) as caught:
            look_up(document, pointer, "f")
        assert f"'{step}' is missing" in caught.value.message
        assert pointer in caught.value.message
