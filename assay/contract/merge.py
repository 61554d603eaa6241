"""Merges the published documents, one operation each, into one. Same input, same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from assay.contract.request import Json
from assay.errors import ContractError

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
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ContractError(f"{file} is not a JSON document: {error}") from error
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
