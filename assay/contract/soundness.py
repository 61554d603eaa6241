"""Whether a document is sound OpenAPI 3.0: what is not is refused with its place, its line and the keyword at fault.

The shipped document is held sound by the project's own tests, and is not checked again at every start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from assay.contract import patterns
from assay.contract.request import Json
from assay.errors import ContractError

Locate = Callable[[str], str]
"""From a JSON pointer to where it stands in the file: `` (line 12)``, or nothing where that is not known."""

# Messages of the validator quote the whole instance; a schema with its descriptions fills pages.
_MESSAGE: Final = 200
_ALTERNATIVE: Final = "is not valid under any of the schemas listed in the 'oneOf' keyword"
# In place of a definition a reference may stand, so of every mistake in one the validator also says that it is none.
_NO_REFERENCE: Final = "'$ref' is a required property"


def check_document(document: Mapping[str, Json], name: str, locate: Locate) -> None:
    """Raise ContractError for the first reference that leads nowhere, or place that is not OpenAPI 3.0."""
    for place, reference in _references(document, ""):
        _follow(document, place, reference, name)
    readable = _without_patterns(document, "", name, locate)
    # Imported late: the validator costs 0.5 s of start-up that `assay serve` need not pay for shipped files.
    from openapi_spec_validator import OpenAPIV30SpecValidator

    for error in OpenAPIV30SpecValidator(readable).iter_errors():
        place, message = _cause(error, readable)
        where = place.removeprefix("/") or "its top"
        raise ContractError(f"{name} is not valid OpenAPI 3.0 at {where}{locate(place)}: {message}")


def _without_patterns(value: Json, place: str, name: str, locate: Locate) -> Json:
    """``value`` with every pattern left out, for the validator reads them as Python does; ContractError for one that
    is no regular expression."""
    if isinstance(value, list):
        return [_without_patterns(item, f"{place}/{number}", name, locate) for number, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    kept = {}
    for key, item in value.items():
        below = f"{place}/{_step(key)}"
        is_keyword = key == "pattern" and isinstance(item, str) and not place.endswith(_OF_NAMES)
        if is_keyword and patterns.readable(item) is None:
            raise ContractError(
                f"{name} is not valid OpenAPI 3.0 at {below[1:]}{locate(below)}: "
                f"{item[:60]!r} is no regular expression",
                hint="patterns are ECMA 262, as JavaScript reads them",
            )
        if not is_keyword:
            kept[key] = _without_patterns(item, below, name, locate)
    return kept


# What stands below these are names of the document's own, "pattern" among them, or values.
_OF_NAMES: Final = ("/properties", "/schemas", "/example", "/default")


def _cause(error: Any, document: Mapping[str, Json]) -> tuple[str, str]:
    """The pointer of the deepest thing that the validator complains about, and what it says of it."""
    for found in _explained(document) if _ALTERNATIVE in str(error.message) else ():
        error = found
        while below := [each for each in error.context or () if each.message != _NO_REFERENCE]:
            error = max(below, key=_depth)
        break
    path = [_step(step) for step in getattr(error, "absolute_path", ())]
    place = "".join(f"/{step}" for step in path)
    if not path or path[0] not in document:
        place = _found(document, path or ["default"], getattr(error, "instance", None))
    return place, _short(str(getattr(error, "message", error)))


def _explained(document: Mapping[str, Json]) -> Iterator[Any]:
    """What is wrong by the schema of OpenAPI 3.0, with the causes of each: the fast validator tells none."""
    from jsonschema import Draft4Validator
    from openapi_spec_validator.schemas import schema_v30

    return iter(Draft4Validator(dict(schema_v30)).iter_errors(document))


def _depth(error: Any) -> int:
    return max([len(error.absolute_path), *(_depth(below) for below in error.context or ())])


def _found(document: Json, path: list[str], instance: Json) -> str:
    """Where a place ends with ``path`` and holds ``instance``; nothing where none does."""
    ending = "".join(f"/{step}" for step in path)
    return next((place for place, value in _places(document, "") if place.endswith(ending) and value == instance), "")


def _places(value: Json, place: str) -> Iterator[tuple[str, Json]]:
    yield place, value
    entries = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        yield from _places(item, f"{place}/{_step(key)}")


def _step(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _references(value: Json, place: str) -> Iterator[tuple[str, Json]]:
    """Every ``$ref`` below ``value`` with its place; a property of that name is a schema, not a reference."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "$ref" and not isinstance(item, Mapping):
                yield place, item
            else:
                yield from _references(item, f"{place}/{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _references(item, f"{place}/{number}")


def _follow(document: Mapping[str, Json], place: str, reference: Json, name: str) -> None:
    first, seen = reference, set()
    while True:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise ContractError(
                f"{name}: the reference {reference!r} at {place} does not point into the document",
                hint="assay reads documents of one file; bundle yours first",
            )
        if reference in seen:
            raise ContractError(f"{name}: the reference '{first}' at {place} leads back to itself")
        seen.add(reference)
        target = _look_up(document, reference)
        if target is None:
            raise ContractError(f"{name}: nothing stands at '{reference}', to which {place} refers")
        if not isinstance(target, Mapping) or not isinstance(target.get("$ref"), str):
            return
        reference = target["$ref"]


def _look_up(document: Json, reference: str) -> Json:
    place = document
    for step in reference.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, list):
            place = place[int(key)] if key.isdecimal() and int(key) < len(place) else None
        else:
            place = place.get(key) if isinstance(place, Mapping) else None
    return place


def _short(message: str) -> str:
    line = message.splitlines()[0] if message else message
    half = _MESSAGE // 2
    return line if len(line) <= _MESSAGE else f"{line[:half]} ... {line[-half:]}"
