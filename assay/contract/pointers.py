"""JSON pointers: into a document, and into a request with ``*`` for list positions (``/spec/ports/*/container``).

Where a place in a list is read or changed, ``*`` is its first entry.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from assay.contract.request import ABSENT, Absent, Json
from assay.errors import ContractError


def look_up(document: Json, pointer: str, source: Path | str) -> Json:
    """Return what stands at ``pointer`` in ``document``; ContractError names the step that is missing."""
    place = document
    for step in pointer.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        try:
            place = place[int(key)] if isinstance(place, list) else place[key]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ContractError(f"{source}: nothing stands at {pointer} ('{key}' is missing)") from error
    return place


_FIRST: Final = 0


def get(value: Json, pointer: str) -> Json | Absent:
    """What stands at ``pointer``; ABSENT when nothing does."""
    for step in _steps(pointer):
        if step == "*" and isinstance(value, list) and value:
            value = value[_FIRST]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return ABSENT
    return value


def put(value: Json, pointer: str, item: Json | Absent) -> Any:
    """A copy of ``value`` with ``item`` at ``pointer``; ABSENT removes. What is missing on the way is made.

    >>> put({"a": 1}, "/spec/ports/*/container", 80)
    {'a': 1, 'spec': {'ports': [{'container': 80}]}}
    """
    if pointer == "":
        return item
    result = copy.deepcopy(value)
    steps = _steps(pointer)
    place = result
    for step, following in pairwise(steps):
        place = _descend(place, step, following)
    _set(place, steps[-1], item)
    return result


def _descend(place: Json, step: str, following: str) -> Json:
    empty: Json = [] if following == "*" else {}
    if step == "*":
        if not place:
            place.append(empty)
        elif not _suits(place[_FIRST], following):
            place[_FIRST] = empty
        return place[_FIRST]
    if not _suits(place.get(step), following):
        place[step] = empty
    return place[step]


def _suits(value: Json, following: str) -> bool:
    return isinstance(value, list if following == "*" else dict)


def _set(place: Json, step: str, item: Json | Absent) -> None:
    if step == "*":
        place[_FIRST : _FIRST + 1] = [] if item is ABSENT else [item]
    elif item is ABSENT:
        place.pop(step, None)
    else:
        place[step] = item


def keys(value: Json, pointer: str = "") -> Iterator[str]:
    """The templated pointer of every non-null value below (and of the value itself), in document order."""
    if value is None:
        return
    yield pointer
    if isinstance(value, dict):
        for name, item in value.items():
            yield from keys(item, f"{pointer}/{name}")
    elif isinstance(value, list):
        for item in value:
            yield from keys(item, f"{pointer}/*")


def dotted(pointer: str) -> str:
    """A pointer as it stands in a case id: ``/spec/ports/*/container`` is ``spec.ports.*.container``."""
    return pointer.lstrip("/").replace("/", ".") or "body"


def _steps(pointer: str) -> list[str]:
    return pointer.split("/")[1:]
