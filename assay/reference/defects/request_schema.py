"""Defects of the family ``request-schema``: a keyword of a request's schema that is not enforced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl, urlencode

from assay.contract import patterns
from assay.contract.documents import Contract, Parameter
from assay.contract.request import Json
from assay.contract.schema import INTEGER_RANGES, Node, of_request
from assay.reference.behaviour import Change
from assay.reference.defects.base import Defect, at_node, at_value, dotted, mixed
from assay.reference.times import parse
from assay.reference.validation import Validation

FAMILY = "request-schema"


def bodies(contract: Contract) -> Iterator[tuple[str, Node]]:
    """The schema trees of all request bodies."""
    for name, operation in contract.operations.items():
        if operation.body is not None:
            yield name, of_request(contract, operation.body, f"/paths/{operation.id}/requestBody")


def defects(contract: Contract) -> Iterator[Defect]:
    """``request-schema/<operation>/<place>/<keyword>`` for every keyword of every property and parameter.

    Besides, for every list, ``.../first-entry-only``.
    """
    for operation, body in bodies(contract):
        for node in body.walk():
            for keyword, loosened, equivalent in _loosened(node):
                place = node.pointer if keyword != "required" else loosened[1]
                yield _of_body(operation, node, place, keyword, loosened[0], equivalent)
            if node.items is not None:
                yield _of_list(operation, node)
    for name, described in contract.operations.items():
        for parameter in described.parameters:
            yield from _of_parameter(name, parameter)


Loosened = tuple[Callable[[Node], Node], str]


def _loosened(node: Node) -> Iterator[tuple[str, Loosened, str | None]]:
    """(keyword, (change, place), why it cannot be shown) for each keyword of a node."""
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
    if (bound, value) == ("minLength", 1) and node.pattern is not None and not patterns.matches(node.pattern, ""):
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
    operation: str, node: Node, place: str, keyword: str, change: Callable[[Node], Node], equivalent: str | None
) -> Defect:
    what = _WHAT.get(keyword, f"'{keyword}' is not enforced")
    return Defect(
        id=f"{FAMILY}/{operation}/{dotted(place)}/{keyword}",
        family=FAMILY,
        summary=f"{operation}: {dotted(place)} {what}",
        place=f"{node.source}/{keyword.removesuffix('-case')}",
        change=reshaped(operation, "/body", node.pointer, change),
        operation=operation,
        equivalent=_NAMES_NOTHING if place in _LOOKED_UP and keyword != "required" else equivalent,
    )


def _of_list(operation: str, node: Node) -> Defect:
    class ReadsFirstEntries(Validation):
        def body(self, asked: str, value: Json) -> None:
            super().body(asked, at_value(value, node.pointer, _first) if asked == operation else value)

    return Defect(
        id=f"{FAMILY}/{operation}/{dotted(node.pointer)}/first-entry-only",
        family=FAMILY,
        summary=f"{operation}: of the list {dotted(node.pointer)} only the first entry is held to its schema",
        place=f"{node.source}/items",
        change=mixed(ReadsFirstEntries),
        operation=operation,
    )


def _first(entries: Json) -> Json:
    return entries[:1] if isinstance(entries, list) else entries


def reshaped(operation: str, where: str, pointer: str, change: Callable[[Node], Node]) -> Change:
    """The change of behaviour that alters the schema enforced at ``pointer`` of one part of a request."""

    def reshape(asked: str, place: str, node: Node) -> Node:
        return at_node(node, pointer, change) if (asked, place) == (operation, where) else node

    return lambda behaviour: replace(behaviour, reshape=(*behaviour.reshape, reshape))


_NOTHING_THERE = "an id that is no UUID names nothing, so it is refused (404) either way"


def _of_parameter(operation: str, parameter: Parameter) -> Iterator[Defect]:
    schema = parameter.schema
    item = schema.get("items", {})
    keywords = [key for key in ("type", "format", "enum", "minimum", "maximum") if key in schema or key in item]
    if parameter.where == "query" and parameter.required:
        keywords.append("required")
    for keyword in keywords:
        if keyword == "type" and schema.get("type") != "integer":
            continue  # every text of a query is a string, or an array of them
        yield Defect(
            id=f"{FAMILY}/{operation}/{parameter.where}.{parameter.name}/{keyword}",
            family=FAMILY,
            summary=f"{operation}: '{keyword}' of the parameter {parameter.name} is not enforced",
            place=f"{parameter.pointer}/schema/{keyword}" if keyword != "required" else parameter.pointer,
            change=_parameter_change(operation, parameter, keyword),
            operation=operation,
            equivalent=_NOTHING_THERE if parameter.where == "path" else None,
        )


def _parameter_change(operation: str, parameter: Parameter, keyword: str) -> Change:
    where = f"/{parameter.where}/{parameter.name}"
    if parameter.where == "path":
        return reshaped(operation, where, "", lambda old: replace(old, format=None))
    if keyword in {"minimum", "maximum"}:
        return reshaped(operation, where, "", _unbound(keyword))

    return _lenient(operation, parameter, keyword)


# --- query parameters that are read more leniently ---------------------------------------------------------------

# What a server would make of a parameter that it does not insist on.
_STAND_INS: Final = {"metricType": "THROUGHPUT", "start": "2026-01-01T00:00:00Z", "end": "2099-01-01T00:00:00Z"}


def _lenient(operation: str, parameter: Parameter, keyword: str) -> Change:
    """One keyword of one query parameter is not enforced: what breaks it is repaired, not refused."""

    class RepairsQueries(Validation):
        def query(self, asked: str, raw: bytes) -> dict[str, Json]:
            return super().query(asked, _repaired(raw, parameter, keyword) if asked == operation else raw)

    return mixed(RepairsQueries)


def _repaired(raw: bytes, parameter: Parameter, keyword: str) -> bytes:
    pairs = parse_qsl(raw.decode("ascii", "replace"), keep_blank_values=True)
    given = any(name == parameter.name for name, _ in pairs)
    if keyword == "required":
        return raw if given else _encoded([*pairs, (parameter.name, _STAND_INS[parameter.name])])
    kept = [(name, _repair(value, parameter, keyword) if name == parameter.name else value) for name, value in pairs]
    return _encoded([(name, value) for name, value in kept if value is not None])


def _repair(value: str, parameter: Parameter, keyword: str) -> str | None:
    """The text that the server reads instead; None as if it were not there."""
    if keyword == "format":
        return value if parse(value) is not None else _STAND_INS[parameter.name]
    if keyword == "type":
        return value if value.lstrip("-").isdigit() else None
    known = parameter.schema.get("items", parameter.schema).get("enum", ())
    members = [item for item in value.split(",") if item in known]
    return ",".join(members) or _STAND_INS[parameter.name]


def _encoded(pairs: list[tuple[str, str | None]]) -> bytes:
    return urlencode([(name, value) for name, value in pairs if value is not None]).encode("ascii")
