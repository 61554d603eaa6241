"""Reads the files of a contract: YAML or JSON, and corrections (OpenAPI Overlay 1.0).

Merges published documents, one operation each, into one: same input, same bytes.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from jsonpath_ng.ext.parser import ExtendedJsonPathParser

from assay.contract import yaml_text
from assay.contract.request import Json
from assay.errors import ContractError
from assay.files import JsonTextError, json_document, read_text
from assay.wording import nearest


def read_yaml(file: Path) -> Json:
    """Read YAML or JSON; ContractError names file, line and column of a syntax error."""
    if not os.path.lexists(file):
        raise ContractError(f"{file} does not exist")
    text = read_text(file, error=ContractError)
    try:
        return json_document(text) if file.suffix == ".json" else yaml_text.load(text)
    except JsonTextError as error:
        raise ContractError(f"{file}{error.place}: not JSON: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        cause = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ContractError(f"{file}{place}: not YAML: {cause}") from error


def apply_overlay(
    document: dict[str, Json], overlay: Json, source: Path, target: Path | None = None
) -> dict[str, Json]:
    """Apply ``overlay`` to ``document``, which was read from ``target``, in place and return it.

    Overlay 1.0 lets an action that matches nothing pass silently. Here that is an error: a correction that no
    longer applies to a new version of the document must be looked at, not lost. So is a key that Overlay 1.0 does not
    have, and an overlay that says it ``extends`` another document. Raises ContractError.
    """
    if not isinstance(overlay, dict) or not str(overlay.get("overlay", "")).startswith("1."):
        raise ContractError(f"{source} is not an OpenAPI Overlay: the key 'overlay: 1.0.0' is missing at its top")
    _refuse_unknown(overlay, ("overlay", "info", "extends", "actions"), f"{source}: at its top")
    _check_info(overlay.get("info"), source)
    _check_extends(overlay.get("extends"), source, target)
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise ContractError(f"{source} has no 'actions'")
    for number, action in enumerate(actions, start=1):
        _apply(document, action, number, source)
    return document


def _refuse_unknown(table: Mapping[str, Json], known: tuple[str, ...], place: str) -> None:
    """ContractError for a key that Overlay 1.0 does not have; ``x-`` begins those that anybody may add."""
    for key in table:
        if key not in known and not str(key).startswith("x-"):
            near = nearest(str(key), known)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            allowed = ", ".join((*known, "x-..."))
            raise ContractError(f"{place} stands the unknown key {str(key)!r}{meant}; allowed: {allowed}")


def _check_info(info: Json, source: Path) -> None:
    """``info`` is about the overlay itself: its title and version change nothing in the document."""
    if info is None:
        return
    if not isinstance(info, dict):
        raise ContractError(f"{source}: 'info' is an object with the title and the version of the overlay")
    _refuse_unknown(info, ("title", "version"), f"{source}: in 'info'")


def _check_extends(extends: Json, source: Path, target: Path | None) -> None:
    """ContractError when the overlay says that it is meant for a document of another name."""
    if extends is None or target is None:
        return
    named = unquote(urlsplit(str(extends)).path).rpartition("/")[2]
    if not isinstance(extends, str) or named != target.name:
        raise ContractError(
            f"{source} extends {str(extends)[:100]}, and is to be applied to {target.name}",
            hint="give that document with --contract, or correct 'extends'",
        )


def _apply(document: dict[str, Json], action: Json, number: int, source: Path) -> None:
    place = f"{source}: action {number}"
    if not isinstance(action, dict) or not isinstance(action.get("target"), str):
        raise ContractError(f"{place} has no 'target'")
    _refuse_unknown(action, ("target", "description", "update", "remove"), f"{place}: there")
    if not str(action.get("description", "")).strip():
        raise ContractError(f"{place} ({action['target']}) gives no reason", hint="say why in its 'description'")
    if ("update" in action) == (action.get("remove") is True):
        raise ContractError(f"{place} ({action['target']}) needs either 'update' or 'remove: true'")
    try:
        matches = _json_path(action["target"]).find(document)
    except Exception as error:
        # Its parser and its filters raise what they like: for `$.a[?(@.b > "x")]` where b is a number, TypeError.
        raise ContractError(f"{place}: '{action['target']}' is not a JSONPath: {error}") from error
    if not matches:
        raise ContractError(
            f"{place}: '{action['target']}' matches nothing in the document",
            hint="the document changed; look at this correction again and change or remove it",
        )
    if any(match.context is None for match in matches) and "update" not in action:
        raise ContractError(f"{place}: '{action['target']}' would remove the whole document")
    if any(match.context is None for match in matches) and not isinstance(action["update"], dict):
        raise ContractError(f"{place}: '{action['target']}' is the document, which is updated by an object alone")
    try:
        _overlay_module().apply_overlay(document, {"actions": [action]})
    except Exception as error:
        raise ContractError(f"{place}: '{action['target']}' cannot be changed so: {error}") from error


@cache
def _json_path(text: str) -> Any:
    """The path in ``text``; whatever the parser raises where it is none."""
    return _path_parser().parse(text)


@cache
def _path_parser() -> Any:
    # The library makes one for each path, twice for each of the 26 corrections: half the time that reading the
    # contract took.
    return ExtendedJsonPathParser()


@cache
def _overlay_module() -> Any:
    """``oas_patch.overlay``, loaded from its file, with our parser of paths.

    Imported as usual it brings its package, which imports a command line and a differ: 0.5 s of every process that
    reads the contract.
    """
    package = importlib.util.find_spec("oas_patch")
    if package is None or not package.submodule_search_locations:
        raise ImportError("oas_patch is not installed", name="oas_patch")
    file = Path(package.submodule_search_locations[0]) / "overlay.py"
    spec = importlib.util.spec_from_file_location("assay_oas_patch_overlay", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be loaded", name="oas_patch")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module)["parse"] = _json_path
    return module


HEADER = """\
# Merged from published/ by `assay contract merge`. Do not edit: corrections belong into the overlay.
"""


def read_published(folder: Path) -> dict[str, dict[str, Json]]:
    """Read every ``*.json`` of ``folder``, by file name in sorted order."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ContractError(f"{folder} holds no *.json document", hint="name the folder of published documents")
    documents: dict[str, dict[str, Json]] = {}
    for file in files:
        document = read_yaml(file)
        if not isinstance(document, dict) or "openapi" not in document:
            raise ContractError(f"{file} is not an OpenAPI document: the key 'openapi' is missing at its top")
        documents[file.name] = document
    return documents


def merge(documents: dict[str, dict[str, Json]]) -> dict[str, Json]:
    """Merge documents into one; equal definitions are shared, differing ones of one name are an error.

    Raises ContractError naming both places of a conflict, or the place where an object is missing.
    """
    merged: dict[str, Json] = {}
    origin: dict[tuple[str, ...], str] = {}
    for name, document in documents.items():
        for key, value in document.items():
            if key in {"paths", "components"}:
                for group, entries in _object(value, key, name).items():
                    for entry, definition in _object(entries, f"{key}/{group}", name).items():
                        _put(merged, origin, (key, group, entry), definition, name)
            else:
                _put(merged, origin, (key,), value, name)
    return merged


def _object(value: Json, place: str, name: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ContractError(f"{name} is not an OpenAPI document: '{place}' is not an object")
    return value


def _put(
    merged: dict[str, Json],
    origin: dict[tuple[str, ...], str],
    place: tuple[str, ...],
    value: Json,
    name: str,
) -> None:
    target = merged
    for step in place[:-1]:
        target = target.setdefault(step, {})
    if place in origin and target[place[-1]] != value:
        pointer = "#/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in place)
        raise ContractError(
            f"two definitions of {pointer} differ: {origin[place]} and {name}",
            hint="the documents are not of one version; fetch all of them from the same release",
        )
    target.setdefault(place[-1], value)
    origin.setdefault(place, name)


class _Dumper(yaml.SafeDumper):
    """Block style, no aliases: every reader sees the whole text in place."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - signature of the base class
        return True


def dump(document: dict[str, Json]) -> str:
    """Write ``document`` as YAML, keys in document order, byte-identical on every run."""
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return HEADER + str(body)
