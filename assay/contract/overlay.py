"""Applies an OpenAPI Overlay 1.0 file: each action has a target, a reason (``description``) and must match."""

from __future__ import annotations

from pathlib import Path

from jsonpath_ng.exceptions import JsonPathLexerError, JsonPathParserError
from jsonpath_ng.ext import parse
from oas_patch.overlay import apply_overlay as apply_action

from assay.contract.request import Json
from assay.errors import ContractError


def apply_overlay(document: dict[str, Json], overlay: Json, source: Path) -> dict[str, Json]:
    """Apply ``overlay`` to ``document`` in place and return it.

    Overlay 1.0 lets an action that matches nothing pass silently. Here that is an error: a correction that no
    longer applies to a new version of the document must be looked at, not lost. Raises ContractError.
    """
    if not isinstance(overlay, dict) or not str(overlay.get("overlay", "")).startswith("1."):
        raise ContractError(f"{source} is not an OpenAPI Overlay: the key 'overlay: 1.0.0' is missing at its top")
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise ContractError(f"{source} has no 'actions'")
    for number, action in enumerate(actions, start=1):
        _apply(document, action, number, source)
    return document


def _apply(document: dict[str, Json], action: Json, number: int, source: Path) -> None:
    place = f"{source}: action {number}"
    if not isinstance(action, dict) or not isinstance(action.get("target"), str):
        raise ContractError(f"{place} has no 'target'")
    if not str(action.get("description", "")).strip():
        raise ContractError(f"{place} ({action['target']}) gives no reason", hint="say why in its 'description'")
    if ("update" in action) == (action.get("remove") is True):
        raise ContractError(f"{place} ({action['target']}) needs either 'update' or 'remove: true'")
    try:
        matches = parse(action["target"]).find(document)
    except (JsonPathLexerError, JsonPathParserError) as error:
        raise ContractError(f"{place}: '{action['target']}' is not a JSONPath: {error}") from error
    if not matches:
        raise ContractError(
            f"{place}: '{action['target']}' matches nothing in the document",
            hint="the document changed; look at this correction again and change or remove it",
        )
    apply_action(document, {"actions": [action]})
