"""Defects of the family ``request-schema``: a keyword of a request's schema that is not enforced."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from assay.contract.documents import Contract, Parameter
from assay.contract.request import Json
from assay.contract.schema import INTEGER_RANGES, Node, build
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects.base import Defect
from assay.reference.defects.queries import lenient
from assay.reference.defects.trees import at_node, at_value, dotted

FAMILY = "request-schema"


def bodies(contract: Contract) -> Iterator[tuple[str, Node]]:
    """The schema trees of all request bodies."""
    for role, operation in contract.operations.items():
        if operation.body is not None:
            yield role, build(contract, operation.body, f"/paths/{operation.id}/requestBody")


def defects(contract: Contract) -> Iterator[Defect]:
    """``request-schema/<operation>/<place>/<keyword>`` for every keyword of every property and parameter.

    Besides, for every list, ``.../first-entry-only``.
    """
    for role, body in bodies(contract):
        for node in body.walk():
            for keyword, loosened, equivalent in _loosened(node):
                place = node.pointer if keyword != "required" else loosened[1]
                yield _of_body(role, node, place, keyword, loosened[0], equivalent)
            if node.items is not None:
                yield _of_list(role, node)
    for role, operation in contract.operations.items():
        for parameter in operation.parameters:
            yield from _of_parameter(role, parameter)


Loosened = tuple[Callable[[Node], Node], str]


def _loosened(node: Node) -> Iterator[tuple[str, Loosened, str | None]]:
    """(keyword, (change, place), why it cannot be told) for each keyword of a node."""
    here = node.pointer
    if node.type:
        yield "type", (lambda old: replace(old, type="", nullable=True), here), _type_is_moot(node)
        if not node.nullable:
            yield "nullable", (_nullable, here), None
    if node.enum is not None:
        yield "enum", (lambda old: replace(old, enum=None), here), None
        yield "enum-case", (_any_case, here), None
    if node.pattern is not None:
        yield "pattern", (lambda old: replace(old, pattern=None), here), None
    if node.format is not None:
        yield "format", (lambda old: replace(old, format=None), here), _format_is_moot(node)
    for bound, value in node.bounds.items():
        yield bound, (_unbound(bound), here), _bound_is_moot(node, bound, value)
    for name in sorted(node.required):
        yield "required", (_optional(name), f"{here}/{name}"), None


def _nullable(node: Node) -> Node:
    return replace(node, nullable=True, enum=None if node.enum is None else (*node.enum, None))


def _any_case(node: Node) -> Node:
    """Members are known in the other case too, as readers of enumerations that fold case know them."""
    members = node.enum or ()
    return replace(node, enum=(*members, *(text.swapcase() for text in members if isinstance(text, str))))


def _unbound(bound: str) -> Callable[[Node], Node]:
    return lambda old: replace(old, bounds={key: value for key, value in old.bounds.items() if key != bound})


def _optional(name: str) -> Callable[[Node], Node]:
    return lambda old: replace(old, required=old.required - {name})


# A creation names a project and a cluster that exist; the control plane looks both up.
_LOOKED_UP: Final = frozenset({"/projectId", "/clusterId"})
# A rule of the prose asks the same.
_TWICE: Final = frozenset({"/spec/compute/gpuPortionRequest"})
_CONTRADICTED: Final = frozenset({"/spec/storage/emptyDirVolume/*/medium"})
_NAMES_NOTHING: Final = "whatever the schema lets through names no project or cluster, and is refused for that"


def _type_is_moot(node: Node) -> str | None:
    if node.enum is not None:
        return "the enumeration still stands, and what is of another type is none of its members"
    return None


def _bound_is_moot(node: Node, bound: str, value: float) -> str | None:
    if node.pointer in _TWICE and bound == "minimum":
        return "the rule compute/portion-between-zero-and-one still stands"
    if node.pointer in _CONTRADICTED:
        return "the document contradicts itself: 'leave empty' by the prose, too short by the schema"
    if (bound, value) == ("minLength", 0):
        return "no text has fewer than 0 characters"
    if node.enum is not None:
        return "the enumeration still stands, and none of its members is out of bounds"
    if (bound, value) == ("minLength", 1) and node.pattern is not None and not re.search(node.pattern, ""):
        return "the pattern still stands, and an empty text does not match it"
    return None


def _format_is_moot(node: Node) -> str | None:
    if node.format in {"double", "float"}:
        return f"{node.format} forbids no number that JSON can write"
    if node.format in INTEGER_RANGES:
        low, high = INTEGER_RANGES[node.format]
        if node.bounds.get("minimum", low - 1) >= low and node.bounds.get("maximum", high + 1) <= high:
            return "the bounds are narrower than the format"
    return None


_WHAT: Final = {"required": "is not required", "enum-case": "is compared without regard to case"}


def _of_body(
    role: str, node: Node, place: str, keyword: str, change: Callable[[Node], Node], equivalent: str | None
) -> Defect:
    what = _WHAT.get(keyword, f"'{keyword}' is not enforced")
    return Defect(
        id=f"{FAMILY}/{role}/{dotted(place)}/{keyword}",
        family=FAMILY,
        summary=f"{role}: {dotted(place)} {what}",
        place=f"{node.source}/{keyword.removesuffix('-case')}",
        change=reshaped(role, "/body", node.pointer, change),
        operation=role,
        equivalent=_NAMES_NOTHING if place in _LOOKED_UP and keyword != "required" else equivalent,
    )


def _of_list(role: str, node: Node) -> Defect:
    class FirstEntryOnly:
        def body(self, asked: str, value: Json) -> None:
            seen = at_value(value, node.pointer, _first) if asked == role else value
            super().body(asked, seen)  # type: ignore[misc]

    return Defect(
        id=f"{FAMILY}/{role}/{dotted(node.pointer)}/first-entry-only",
        family=FAMILY,
        summary=f"{role}: of the list {dotted(node.pointer)} only the first entry is held to its schema",
        place=f"{node.source}/items",
        change=lambda behaviour: behaviour.mixing("validation", FirstEntryOnly),
        operation=role,
    )


def _first(entries: Json) -> Json:
    return entries[:1] if isinstance(entries, list) else entries


def reshaped(role: str, where: str, pointer: str, change: Callable[[Node], Node]) -> Change:
    """The change of behaviour that alters the schema enforced at ``pointer`` of one part of a request."""

    def reshape(asked: str, place: str, node: Node) -> Node:
        return at_node(node, pointer, change) if (asked, place) == (role, where) else node

    return lambda behaviour: replace(behaviour, reshape=(*behaviour.reshape, reshape))


_NOTHING_THERE = "an id that is no UUID names nothing, so it is refused (404) either way"


def _of_parameter(role: str, parameter: Parameter) -> Iterator[Defect]:
    schema = parameter.schema
    item = schema.get("items", {})
    keywords = [key for key in ("type", "format", "enum", "minimum", "maximum") if key in schema or key in item]
    if parameter.where == "query" and parameter.required:
        keywords.append("required")
    for keyword in keywords:
        if keyword == "type" and schema.get("type") != "integer":
            continue  # every text of a query is a string, or an array of them
        yield Defect(
            id=f"{FAMILY}/{role}/{parameter.where}.{parameter.name}/{keyword}",
            family=FAMILY,
            summary=f"{role}: '{keyword}' of the parameter {parameter.name} is not enforced",
            place=f"{parameter.pointer}/schema/{keyword}" if keyword != "required" else parameter.pointer,
            change=_parameter_change(role, parameter, keyword),
            operation=role,
            equivalent=_NOTHING_THERE if parameter.where == "path" else None,
        )


def _parameter_change(role: str, parameter: Parameter, keyword: str) -> Change:
    where = f"/{parameter.where}/{parameter.name}"
    if parameter.where == "path":
        return reshaped(role, where, "", lambda old: replace(old, format=None))
    if keyword in {"minimum", "maximum"}:
        return reshaped(role, where, "", _unbound(keyword))

    def change(behaviour: Behaviour) -> Behaviour:
        return replace(behaviour, validation=lenient(behaviour.validation, role, parameter, keyword))

    return change
