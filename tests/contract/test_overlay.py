"""Overlays: applied action by action, and refused with the action's number when one cannot mean what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.contract.documents import load
from assay.contract.reading import apply_overlay, read_yaml
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
    ],
)
def test_an_action_that_cannot_be_applied(wrong: Any, words: str) -> None:
    with pytest.raises(ContractError) as caught:
        applied(action("$.info", update={"version": "1"}), wrong)
    assert words in caught.value.message
    assert "fix.yaml: action 2" in caught.value.message


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        (None, "is not an OpenAPI Overlay"),
        ([], "is not an OpenAPI Overlay"),
        ({"actions": []}, "is not an OpenAPI Overlay"),
        ({"overlay": "2.0.0", "actions": [1]}, "is not an OpenAPI Overlay"),
        ({"overlay": "1.0.0"}, "has no 'actions'"),
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
