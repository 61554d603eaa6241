"""Defects of the family ``store`` that keep a value, but not as it was sent; and what hangs on a name or a moment."""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from assay.contract.request import Json
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects.base import around, mixed, named_workload
from assay.reference.http import IncomingRequest, Refusal, Reply, encode
from assay.reference.plane import Plane, Proceed
from assay.reference.store import Store, StoredWorkload

Text = Callable[[str], str]


def _digits(text: str) -> str:
    return str(int(text)) if text.isdecimal() and text.isascii() else text


def _number(text: str) -> str:
    try:
        return str(float(text)) if any(mark in text for mark in ".e") else text
    except ValueError:
        return text


def _expanded(text: str) -> str:
    return text.replace("${HOME}", "/root").replace("$(HOME)", "/root")


_TEXTS: Final[tuple[tuple[str, str, Text], ...]] = (
    ("stripped", "blanks at the ends of a value are lost", str.strip),
    ("blanks-collapsed", "white space becomes single blanks", lambda text: " ".join(text.split())),
    ("lowered", "capitals become small letters", str.lower),
    ("escaped", "markup is escaped before it is stored", html.escape),
    ("unescaped", "entities are resolved before a value is stored", html.unescape),
    ("ascii", "every character beyond ASCII becomes a question mark", lambda text: _through(text, "ascii")),
    ("latin", "every character beyond Latin becomes a question mark", lambda text: _through(text, "latin-1")),
    ("narrow", "characters beyond 16 bits are lost", lambda text: "".join(c for c in text if ord(c) < 0x10000)),
    ("cut-255", "values are cut to 255 characters", lambda text: text[:255]),
    ("cut-4096", "values are cut to 4,096 characters", lambda text: text[:4096]),
    ("one-line", "line breaks become blanks", lambda text: text.replace("\n", " ")),
    ("untabbed", "tabs become blanks", str.expandtabs),
    ("digits-read", "a value of digits is read as a number", _digits),
    ("numbers-read", "a value that looks like a number is read as one", _number),
    (
        "truths-read",
        "true and no become True and False",
        lambda text: {"true": "True", "no": "False"}.get(text, text),
    ),
    ("unbackslashed", "each two backslashes become one", lambda text: text.replace("\\\\", "\\")),
    ("unquoted", "quotation marks are lost", lambda text: text.replace('"', "")),
    ("expanded", "placeholders are filled in before a value is stored", _expanded),
    ("percent-read", "percent escapes are resolved", lambda text: text.replace("%20", " ")),
    ("split", "a value ends at its first comma", lambda text: text.split(",")[0]),
)


def _through(text: str, encoding: str) -> str:
    return text.encode(encoding, "replace").decode(encoding)


def _stored(change: Callable[[Any], Any]) -> Change:
    """Every spec altered as it is stored, by creations and updates alike."""

    class AltersSpecs(Store):
        def insert(self, workload: StoredWorkload, now: int) -> None:
            workload.spec = altered(workload.spec)
            super().insert(workload, now)

        def replace(self, workload: StoredWorkload, changes: Mapping[str, Json]) -> None:
            spec = changes.get("spec")
            super().replace(workload, changes if spec is None else {**changes, "spec": altered(spec)})

    def altered(spec: bytes) -> bytes:
        value = json.loads(spec)
        return encode(change(value)) if isinstance(value, dict) else spec

    return mixed(AltersSpecs)


def _on_values(text: Text) -> Callable[[Any], Any]:
    def change(spec: dict[str, Json]) -> dict[str, Json]:
        entries = spec.get("environmentVariables")
        if not isinstance(entries, list):
            return spec
        return {**spec, "environmentVariables": [_with_value(entry, text) for entry in entries]}

    return change


def _with_value(entry: Json, text: Text) -> Json:
    if isinstance(entry, dict) and isinstance(entry.get("value"), str):
        return {**entry, "value": text(entry["value"])}
    return entry


def _on_field(name: str, text: Text) -> Callable[[Any], Any]:
    """One text of the spec; of a list of entries the text ``value`` or ``description`` in each."""

    def change(spec: dict[str, Json]) -> dict[str, Json]:
        section, _, field = name.partition(".")
        held = spec.get(section)
        if isinstance(held, str):
            return {**spec, section: text(held)}
        if isinstance(held, list):
            return {**spec, section: [_with(entry, field, text) for entry in held]}
        return spec

    return change


def _with(entry: Json, field: str, text: Text) -> Json:
    held = entry.get(field) if isinstance(entry, dict) else None
    return {**entry, field: text(held)} if isinstance(entry, dict) and isinstance(held, str) else entry


def _pools_sorted(spec: dict[str, Json]) -> dict[str, Json]:
    pools = spec.get("nodePools")
    return {**spec, "nodePools": sorted(pools, key=str)} if isinstance(pools, list) else spec


def _empty_values_lost(spec: dict[str, Json]) -> dict[str, Json]:
    entries = spec.get("environmentVariables")
    if not isinstance(entries, list):
        return spec
    kept = [
        {key: value for key, value in entry.items() if value != ""} if isinstance(entry, dict) else entry
        for entry in entries
    ]
    return {**spec, "environmentVariables": kept}


class _NumbersPrefixes(Plane):
    def final_name(self, body: Json) -> str:
        return f"{body['name']}-x1" if body.get("useGivenNameAsPrefix") else str(body["name"])


def _prefix_numbered(behaviour: Behaviour) -> Behaviour:
    return behaviour.mixing(_NumbersPrefixes).choosing(duplicate=None)


class _LowersNames(Plane):
    def final_name(self, body: Json) -> str:
        return super().final_name(body).lower()


class _DeletesNamesakes(Store):
    def delete(self, workload: StoredWorkload, now: int, gone: int) -> None:
        super().delete(workload, now, gone)
        for other in self.live(now):
            if other.deleted is None and other.requested_name == workload.requested_name:
                super().delete(other, now, gone)


def _refusal_keeps_name(behaviour: Behaviour) -> Behaviour:
    refused: set[str] = set()

    def step(_: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
        try:
            name = str(json.loads(call.body)["name"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return proceed(call)
        if name in refused:
            raise Refusal(400, f"/name: the name '{name[:100]}' is already in use")
        try:
            return proceed(call)
        except Refusal as refusal:
            if refusal.status == 400:
                refused.add(name)
            raise

    return behaviour.around("create", step)


def _update_ages(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    workload = named_workload(plane, call)
    reply = proceed(call)
    workload.created = plane.now()
    workload.rendered = None
    return reply


def _update_renames(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    reply = proceed(call)
    name = json.loads(call.body).get("name")
    if isinstance(name, str):
        workload = named_workload(plane, call)
        workload.name = name
        workload.rendered = None
    return reply


def _ignores(name: str) -> Change:
    class ForgetsField(Plane):
        def patched(self, before: Json, patch: dict[str, Json]) -> Json:
            kept = {key: value for key, value in patch.items() if key != name}
            return super().patched(before, kept) if kept else before

    return mixed(ForgetsField)


_OTHERS: Final[tuple[tuple[str, str, Change], ...]] = (
    ("value-empty-lost", "an empty value is not stored", _stored(_empty_values_lost)),
    ("pools-sorted", "the prioritized list of node pools is stored in alphabetical order", _stored(_pools_sorted)),
    ("prefix-not-random", "the suffix of a prefix is always the same", _prefix_numbered),
    ("name-lowered", "a name is stored in small letters", mixed(_LowersNames)),
    (
        "delete-takes-namesakes",
        "a deletion takes every workload of the same requested name",
        mixed(_DeletesNamesakes),
    ),
    ("refusal-keeps-name", "the name of a refused creation is taken", _refusal_keeps_name),
    (
        "update-renames",
        "an update takes a name that it holds beside the spec",
        around("update", _update_renames),
    ),
    (
        "update-renews-created",
        "an update sets createdAt to its own time",
        around("update", _update_ages),
    ),
)


_FIELDS: Final = ("command", "args", "annotations.value", "environmentVariables.description")
_UNLIKE: Final[tuple[tuple[str, str, Text], ...]] = (
    ("stripped", "blanks at its ends are lost", str.strip),
    ("lowered", "capitals become small letters", str.lower),
    ("composed", "letters and their accents become one character", lambda text: unicodedata.normalize("NFC", text)),
    ("decomposed", "accents become characters of their own", lambda text: unicodedata.normalize("NFD", text)),
    ("lines-unified", "line ends become line feeds", lambda text: text.replace("\r\n", "\n").replace("\r", "\n")),
)


def rows() -> Iterator[tuple[str, str, Change]]:
    """Name, summary and change of each defect."""
    for name, what, text in _TEXTS:
        yield f"value-{name}", what, _stored(_on_values(text))
    for name, what, text in _UNLIKE:
        for field in _FIELDS:
            yield f"{field}-{name}", f"{field} is altered as it is stored: {what}", _stored(_on_field(field, text))
        if name not in {"stripped", "lowered"}:
            yield f"value-{name}", what, _stored(_on_values(text))
    yield from _OTHERS
    for name in ("nodePools", "category", "nodeType", "compute"):
        yield f"update-ignores-{name}", f"an update of {name} is accepted and not stored", _ignores(name)
