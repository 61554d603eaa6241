"""The merged document: nothing lost, nothing added, the same bytes every time, no conflict passed over."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from assay import folders
from assay.cli.contract import app
from assay.contract.documents import DOCUMENT, version_folder
from assay.contract.reading import dump, merge, read_published
from assay.errors import ContractError

OPENAPI = version_folder()
PUBLISHED = OPENAPI / "published"

# The six documents as the publisher wrote them. Who changes one changes what is tested: corrections are for that.
AS_PUBLISHED = {
    "create_inference1.json": "ceeb703eb68a1c3b4ffbafdebab5fb54086e9c3f9f8b8a60658a4602d50aeb9d",
    "delete_inference.json": "b4511f15d102c73ef00054b839beac1499ed855575da53d0b1a0fd8dad238340",
    "get_inference.json": "ce338029112cfbfc3de0b6a952bde55e142179ba0ebcdfe4ec2a48825ef25ac0",
    "get_inference_workload_metrics.json": "05a06d0c6cd2d8468064447b614259b99ba9d1cb094f3ff1a81f7ad353fe509b",
    "get_inference_workload_pod_metrics.json": "2abc85f45d8fd4cea450b00e9f3b81c3a608ee79bd238754f7746744768fde1a",
    "update_inference_spec.json": "04c31237a392e7b1571229e49cf98c08615092017d05866278258b487c9685a6",
}


def definitions(document: dict[str, Any]) -> dict[tuple[str, str, str], Any]:
    """Everything the document defines: operations by path and method, components by kind and name."""
    return {
        (part, group, name): value
        for part in ("paths", "components")
        for group, entries in document[part].items()
        for name, value in entries.items()
    }


def pair(**second: Any) -> dict[str, dict[str, Any]]:
    one = {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {"/a": {"get": {"tags": ["x"]}}}}
    one["components"] = {"schemas": {"S": {"type": "object"}}}
    two = copy.deepcopy(one)
    two["paths"] = {"/a": {"post": {}}}
    return {"one.json": one, "two.json": {**two, **second}}


def test_published_files_are_as_extracted() -> None:
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(PUBLISHED.iterdir())}
    assert digests == AS_PUBLISHED
    for name in AS_PUBLISHED:
        document = json.loads((PUBLISHED / name).read_bytes())
        assert [len(methods) for methods in document["paths"].values()] == [1], name


def test_nothing_is_lost_or_added() -> None:
    """Deep equality both ways, definition by definition."""
    documents = read_published(PUBLISHED)
    published = {key: value for document in documents.values() for key, value in definitions(document).items()}
    merged = merge(documents)
    assert definitions(merged) == published
    for document in documents.values():
        found = definitions(merged)
        assert {key: found[key] for key in definitions(document)} == definitions(document)
        rest = {key: value for key, value in document.items() if key not in {"paths", "components"}}
        assert {key: merged[key] for key in rest} == rest
    assert set(merged) == {key for document in documents.values() for key in document}


def test_size() -> None:
    merged = merge(read_published(PUBLISHED))
    operations = [
        (path, method, operation) for path, item in merged["paths"].items() for method, operation in item.items()
    ]
    assert len(operations) == 6
    assert {name: len(entries) for name, entries in merged["components"].items()} == {
        "schemas": 139,
        "responses": 7,
        "parameters": 7,
        "securitySchemes": 1,
    }
    assert sum(len(operation["responses"]) for _, _, operation in operations) == 39
    assert sum(len(operation.get("parameters", ())) for _, _, operation in operations) == 14


def test_every_reference_of_the_merged_document_is_defined() -> None:
    merged = merge(read_published(PUBLISHED))
    text = json.dumps(merged)
    wanted = {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}
    assert len(wanted) > 100
    assert wanted <= {"/".join(key) for key in definitions(merged) if key[0] == "components"}


def test_same_bytes_every_time_and_those_of_the_repository() -> None:
    texts = {dump(merge(read_published(PUBLISHED))) for _ in range(2)}
    assert texts == {(OPENAPI / DOCUMENT).read_text(encoding="utf-8")}


def test_the_text_says_what_was_merged() -> None:
    merged = merge(read_published(PUBLISHED))
    assert yaml.load(dump(merged), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) == merged  # noqa: S506


def test_the_order_of_files_on_disk_does_not_matter(tmp_path: Path) -> None:
    for name in reversed(AS_PUBLISHED):
        (tmp_path / name).write_bytes((PUBLISHED / name).read_bytes())
    assert dump(merge(read_published(tmp_path))) == dump(merge(read_published(PUBLISHED)))


@pytest.mark.parametrize(
    ("second", "place"),
    [
        ({"components": {"schemas": {"S": {"type": "string"}}}}, "#/components/schemas/S"),
        ({"paths": {"/a": {"get": {"tags": ["y"]}}}}, "#/paths/~1a/get"),
        ({"info": {"title": "t", "version": "2"}}, "#/info"),
    ],
)
def test_conflict_names_both_places(second: dict[str, Any], place: str) -> None:
    with pytest.raises(ContractError) as caught:
        merge(pair(**second))
    for word in (place, "one.json", "two.json"):
        assert word in caught.value.message
    assert caught.value.hint is not None


def test_equal_definitions_are_shared() -> None:
    merged = merge(pair())
    assert set(merged["paths"]["/a"]) == {"get", "post"}
    assert merged["components"]["schemas"] == {"S": {"type": "object"}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"openapi": ', "not a JSON document"),
        (b'"\xe9"', "not a JSON document"),
        (b"[]", "'openapi' is missing"),
        (b'{"swagger": "2.0"}', "'openapi' is missing"),
        (b'{"openapi": "3.0.3", "paths": []}', "'paths'"),
        (b'{"openapi": "3.0.3", "components": {"schemas": null}}', "'components/schemas'"),
    ],
)
def test_a_file_that_is_no_document(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "broken.json").write_bytes(content)
    with pytest.raises(ContractError) as caught:
        merge(read_published(tmp_path))
    assert "broken.json" in caught.value.message
    assert words in caught.value.message


def test_a_version_is_merged_in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "top", lambda _: tmp_path)
    shutil.copytree(PUBLISHED, tmp_path / "2.30" / "published")
    result = CliRunner().invoke(app, ["merge", "--version", "2.30"], catch_exceptions=False)
    assert result.exit_code == 0
    assert (tmp_path / "2.30" / DOCUMENT).read_bytes() == (OPENAPI / DOCUMENT).read_bytes()


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"holds no \*\.json document"):
        read_published(tmp_path)
