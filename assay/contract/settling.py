"""Brings what a document may write in several ways into the one way that everything else reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from assay.contract import yaml_text
from assay.contract.pointers import look_up
from assay.contract.request import Json
from assay.contract.usable import JSON

_ANY: Final = ("*/*", "application/*")


def settle_version(document: Mapping[str, Json], text: str) -> None:
    """``info.version`` as a text, which a publisher may leave a number: ``2.20`` is the text "2.20", not 2.2."""
    info = document.get("info")
    version = info.get("version") if isinstance(info, dict) else None
    if isinstance(info, dict) and isinstance(version, (int, float)) and not isinstance(version, bool):
        written = yaml_text.scalar(text, "/info/version")
        info["version"] = written[1] if written else str(version)


def settle(document: dict[str, Json], source: Path) -> None:
    """Path items in place of references to them, and media types without parameters."""
    for path, item in document["paths"].items():
        while "$ref" in item:
            item = {**look_up(document, item["$ref"], source), **{k: v for k, v in item.items() if k != "$ref"}}
        document["paths"][path] = item
    for holder in _holders(document):
        holder["content"] = _settled(holder["content"])


def _holders(document: Mapping[str, Json]) -> Iterator[dict[str, Any]]:
    """Every request body and response that has content."""
    components = document.get("components", {})
    found = [*components.get("responses", {}).values(), *components.get("requestBodies", {}).values()]
    for item in document["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict):
                found += [operation.get("requestBody", {}), *operation.get("responses", {}).values()]
    return (holder for holder in found if isinstance(holder.get("content"), dict))


def _settled(content: Mapping[str, Json]) -> dict[str, Json]:
    """``application/json; charset=utf-8`` is ``application/json``, and so is what stands for any media type."""
    settled = {kind: media for kind, media in content.items() if kind == _essence(kind)}
    for kind, media in content.items():
        settled.setdefault(_essence(kind), media)
    anything = next((settled[kind] for kind in _ANY if kind in settled), None)
    if anything is not None:
        settled.setdefault(JSON, anything)
    return settled


def _essence(kind: str) -> str:
    return kind.partition(";")[0].strip().lower()
