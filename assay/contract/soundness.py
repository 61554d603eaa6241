"""Whether a document of the user's own can be used: its references, and whether it is OpenAPI 3.0.

The shipped document is held sound by the project's own tests, and is not checked again at every start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from assay.contract.request import Json
from assay.errors import ContractError

# Messages of the validator quote the whole instance; a schema with its descriptions fills pages.
_MESSAGE: Final = 200
# What it says of any mistake in a schema, parameter or response: there a reference is the alternative.
_ALTERNATIVE: Final = "is not valid under any of the schemas listed in the 'oneOf' keyword"


def check_document(document: Mapping[str, Json], name: str) -> None:
    """Raise ContractError for the first reference that leads nowhere, or place that is not OpenAPI 3.0."""
    for place, reference in _references(document, ""):
        _follow(document, place, reference, name)
    # Imported late: the validator costs 0.5 s of start-up that `assay serve` need not pay for shipped files.
    from openapi_spec_validator import OpenAPIV30SpecValidator

    for error in OpenAPIV30SpecValidator(document).iter_errors():
        place = "/".join(str(step) for step in getattr(error, "absolute_path", ())) or "its top"
        message = _short(str(getattr(error, "message", error)))
        raise ContractError(f"{name} is not valid OpenAPI 3.0 at {place}: {message}")


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
    if line.endswith(_ALTERNATIVE):
        return "what stands there is neither a sound definition nor a reference; look at its keywords and their types"
    half = _MESSAGE // 2
    return line if len(line) <= _MESSAGE else f"{line[:half]} ... {line[-half:]}"
