"""What is read of a contract's files: overlays applied, documents merged, and what cannot mean what it says refused.

An overlay is refused with the action's number. The merged document loses nothing, adds nothing, has the same bytes
every time, and no conflict is passed over.
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from assay import folders
from assay.cli.contract import app
from assay.contract.documents import DOCUMENT, load, version_folder
from assay.contract.reading import apply_overlay, dump, merge, read_published, read_yaml
from assay.errors import ContractError

SOURCE = Path("fix.yaml")


def document() -> dict[str, Any]:
    return {"info": {"title": "t"}, "list": [1], "schemas": {"A": {"x": 1}, "B": {"x": 2}}}


def applied(*actions: Any) -> dict[str, Any]:
    overlay = {"overlay": "1.0.0", "info": {"title": "o", "version": "1"}, "actions": list(actions)}
    return apply_overlay(document(), overlay, SOURCE)


def action(target: str, **more: Any) -> dict[str, Any]:
    return {"target": target, "description": "because", **more}


def test_update_merges_into_objects() -> None:
    assert applied(action("$.schemas.A", update={"type": "object"}))["schemas"] == {
        "A": {"x": 1, "type": "object"},
        "B": {"x": 2},
    }


def test_update_overrides_what_is_there() -> None:
    assert applied(action("$.schemas.A", update={"x": 9}))["schemas"]["A"] == {"x": 9}


def test_update_appends_to_lists() -> None:
    assert applied(action("$.list", update=[None]))["list"] == [1, None]


def test_update_of_every_match() -> None:
    schemas = applied(action("$.schemas.*", update={"y": 3}))["schemas"]
    assert [schema["y"] for schema in schemas.values()] == [3, 3]


def test_remove() -> None:
    assert applied(action("$.schemas.B", remove=True))["schemas"] == {"A": {"x": 1}}


def test_actions_run_in_order() -> None:
    first = action("$.schemas.A", update={"x": {"deep": True}})
    assert applied(first, action("$.schemas.A.x", update={"more": 1}))["schemas"]["A"]["x"] == {
        "deep": True,
        "more": 1,
    }
    with pytest.raises(ContractError, match="action 2"):
        applied(action("$.schemas.A", remove=True), action("$.schemas.A", update={"x": 1}))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"description": "d", "update": {}}, "action 2 has no 'target'"),
        ({"target": 7, "description": "d", "update": {}}, "action 2 has no 'target'"),
        ("text", "action 2 has no 'target'"),
        ({"target": "$.info", "update": {"a": 1}}, "action 2 ($.info) gives no reason"),
        ({"target": "$.info", "description": "  ", "update": {"a": 1}}, "action 2 ($.info) gives no reason"),
        ({"target": "$.info", "description": "d"}, "action 2 ($.info) needs either 'update' or 'remove: true'"),
        (action("$.info", update={"a": 1}, remove=True), "action 2 ($.info) needs either"),
        (action("$.info", remove=False), "action 2 ($.info) needs either"),
        (action("$.nothing.here", update={"a": 1}), "'$.nothing.here' matches nothing"),
        (action("$.schemas[?(", update={"a": 1}), "is not a JSONPath"),
        (action("$.[", update={"a": 1}), "is not a JSONPath"),
        (action("", update={"a": 1}), "is not a JSONPath"),
        (action("$", remove=True), "'$' would remove the whole document"),
        (action("$", update=[1]), "'$' is the document, which is updated by an object alone"),
        ({**action("$.info", update={"a": 1}), "updaet": {}}, "unknown key 'updaet'; did you mean 'update'?"),
        ({**action("$.info", update={"a": 1}), "copy": "$.x"}, "unknown key 'copy'; allowed: target, description"),
    ],
)
def test_an_action_that_cannot_be_applied(wrong: Any, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        applied(action("$.info", update={"version": "1"}), wrong)
    assert words in caught.value.message
    assert "fix.yaml: action 2" in caught.value.message


@pytest.mark.parametrize("extends", ["base.yaml", "./base.yaml", "https://h/specs/base.yaml?x=1"])
def test_an_overlay_for_this_document(extends: str) -> None:
    overlay = {
        "overlay": "1.0.0",
        "info": {"title": "t", "version": "9", "x-more": 1},
        "extends": extends,
        "x-own": 1,
        "actions": [action("$", update={"x-new": 1})],
    }
    changed = apply_overlay(document(), overlay, SOURCE, Path("there/base.yaml"))
    assert changed == {**document(), "x-new": 1}  # what it says of itself is not written into the document


@pytest.mark.parametrize("extends", ["other.yaml", "https://h/", 7])
def test_an_overlay_for_another_document_is_refused(extends: Any) -> None:
    overlay = {"overlay": "1.0.0", "extends": extends, "actions": [action("$.info", update={"a": 1})]}
    with pytest.raises(ContractError, match=rf"extends {extends}, and is to be applied to base\.yaml"):
        apply_overlay(document(), overlay, SOURCE, Path("base.yaml"))


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        (None, "is not an OpenAPI Overlay"),
        ([], "is not an OpenAPI Overlay"),
        ({"actions": []}, "is not an OpenAPI Overlay"),
        ({"overlay": "2.0.0", "actions": [1]}, "is not an OpenAPI Overlay"),
        ({"overlay": "1.0.0"}, "has no 'actions'"),
        ({"overlay": "1.0.0", "extend": "a", "actions": [1]}, "unknown key 'extend'; did you mean 'extends'?"),
        ({"overlay": "1.0.0", "info": "x", "actions": [1]}, "'info' is an object with the title"),
        ({"overlay": "1.0.0", "info": {"titel": "x"}, "actions": [1]}, "in 'info' stands the unknown key 'titel'"),
        ({"overlay": "1.0.0", "actions": []}, "has no 'actions'"),
        ({"overlay": "1.0.0", "actions": {"target": "$"}}, "has no 'actions'"),
    ],
)
def test_a_file_that_is_no_overlay(overlay: Any, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        apply_overlay(document(), overlay, SOURCE)
    assert words in caught.value.message
    assert "fix.yaml" in caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("overlay: 1.0.0\nactions: [}", ":2:11: not YAML"),
        ("overlay: 1.0.0", "has no 'actions'"),
        ("nothing: at all", "is not an OpenAPI Overlay"),
    ],
)
def test_through_load(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "fix.yaml"
    file.write_text(text)
    with pytest.raises(ContractError) as caught:
        load(None, file)
    assert str(file) in caught.value.message
    assert words in caught.value.message


def test_an_overlay_that_spoils_the_document_is_found_by_validation(tmp_path: Path) -> None:
    file = tmp_path / "fix.yaml"
    file.write_text(
        "overlay: 1.0.0\nactions:\n- {target: $.info, description: d, update: {version: [1]}}\n", encoding="utf-8"
    )
    assert read_yaml(file)["overlay"] == "1.0.0"
    with pytest.raises(ContractError) as caught:
        load(None, file)
    assert f"with {file} is not valid OpenAPI 3.0 at info/version" in caught.value.message


def test_reading_the_contract_imports_no_command_line_and_no_differ() -> None:
    """The package around the overlay module does, and its import takes longer than all the rest of the reading."""
    code = "import sys; from assay.contract.documents import load; load(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"deepdiff", "jsonschema", "click"} & set(done.stdout.split())


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
        (b'{"openapi": ', "not JSON: Expecting value"),
        (b'"\xe9"', "not UTF-8 text"),
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
