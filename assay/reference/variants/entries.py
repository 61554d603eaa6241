"""Conforming demands on the entries and sections of a spec, beyond what the contract says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from assay.contract.request import Json
from assay.reference.http import Refusal
from assay.reference.validation import Validation

_SOURCES: Final = ("value", "secret", "configMap", "podFieldRef")


def valued_variables(_: Validation, __: str, body: Json) -> None:
    """An environment variable has a value, or a reference to one."""
    for entry in _entries(body, "environmentVariables"):
        if entry.get("exclude") is not True and all(entry.get(name) is None for name in _SOURCES):
            raise Refusal(400, "/spec/environmentVariables: an environment variable has no value")


def _entries(body: Json, name: str) -> Iterator[dict[str, Any]]:
    spec = body.get("spec") if isinstance(body, dict) else None
    entries = spec.get(name) if isinstance(spec, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            yield entry


def filled_sections(_: Validation, __: str, body: Json) -> None:
    """A section or an entry that is given holds something; whoever wants none leaves it out, or null."""
    spec = body.get("spec") if isinstance(body, dict) else None
    for section in spec.values() if isinstance(spec, dict) else ():
        if _is_hollow(section):
            raise Refusal(400, "/spec: a section is empty")


def _is_hollow(value: Json) -> bool:
    """Whether an object of nothing but nulls stands in ``value``. Of an empty term for the selection of nodes the
    document says what it means."""
    if isinstance(value, dict):
        below = (item for name, item in value.items() if name != "nodeSelectorTerms")
        return all(item is None for item in value.values()) or any(_is_hollow(item) for item in below)
    return isinstance(value, list) and any(_is_hollow(item) for item in value)


_VARIABLE: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*", re.ASCII)
_KEY: Final = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_IMAGE: Final = re.compile(r"[a-z0-9]+([._:/@-]+[A-Za-z0-9_.]+)*", re.ASCII)


def kubernetes_texts(_: Validation, __: str, body: Json) -> None:
    """Names, label values and images are what Kubernetes takes for such."""
    for entry in _entries(body, "environmentVariables"):
        _demand(entry.get("name"), _VARIABLE, "the name of an environment variable")
    for entry in _entries(body, "labels"):
        _demand(entry.get("name"), _KEY, "a label's key")
        _demand(entry.get("value"), _LABEL_VALUE, "a label's value")
    for entry in _entries(body, "annotations"):
        _demand(entry.get("name"), _KEY, "an annotation's key")
    spec = body.get("spec") if isinstance(body, dict) else None
    _demand(spec.get("image") if isinstance(spec, dict) else None, _IMAGE, "an image reference")


def _demand(value: Json, shape: re.Pattern[str], what: str) -> None:
    if isinstance(value, str) and not shape.fullmatch(value):
        raise Refusal(400, f"/spec: '{value[:40]}' is not {what}")
