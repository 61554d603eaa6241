"""The corrected schemas as one flat tree of nodes (``allOf`` merged, references followed) and as validators.

The tree is what strategies, boundaries, coverage and defects walk; the validator is jsonschema-rs on the same
tree, so both always agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import jsonschema_rs

from assay.contract import patterns
from assay.contract.request import Json, Reason, Source
from assay.errors import ContractError

# OpenAPI 3.0 format registry: signed 32 and 64 bit integers.
INTEGER_RANGES: Final = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
STRING_FORMATS: Final = frozenset({"uuid", "date-time", "hostname"})
_UNREADABLE: Final = ("oneOf", "anyOf", "not", "discriminator")
_BOUNDS: Final = (
    *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"),
    *("minProperties", "maxProperties", "multipleOf"),
)
_EXCLUSIVE: Final = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}


class Definitions(Protocol):
    """Where references lead: the contract, or whatever else holds a document."""

    @property
    def source(self) -> Path: ...

    def at(self, pointer: str) -> Json: ...


@dataclass(frozen=True)
class Node:
    """One value of a request or response.

    ``pointer`` is its place in the instance (``/spec/ports/*/container``), ``source`` the JSON pointer of its
    definition in the document. ``type`` is "" where the document names none. ``bounds`` are keywords with a number;
    those that exclude it stand as JSON Schema 2020-12 has them. ``unique``: no entry of the list twice. ``closed``:
    no property beside those that are named. ``one_way``: sent in requests alone ("writeOnly") or answers alone.
    """

    pointer: str
    source: str
    type: str = ""
    nullable: bool = True
    format: str | None = None
    enum: tuple[Json, ...] | None = None
    pattern: str | None = None
    bounds: Mapping[str, float] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    properties: Mapping[str, Node] = field(default_factory=dict)
    items: Node | None = None
    additional: Node | None = None
    unique: bool = False
    closed: bool = False
    one_way: str = ""  # "readOnly" | "writeOnly"
    default: Json = None
    deprecated: bool = False
    description: str = ""

    @property
    def name(self) -> str:
        return self.pointer.rsplit("/", 1)[-1]

    def walk(self) -> Iterator[Node]:
        """This node and all below it, parents first, in document order."""
        yield self
        for child in self.properties.values():
            yield from child.walk()
        if self.items is not None:
            yield from self.items.walk()

    def leaves(self) -> Iterator[Node]:
        """Every node without properties of its own; a list of plain values is one leaf."""
        if self.properties:
            for child in self.properties.values():
                yield from child.leaves()
        elif self.items is not None and self.items.properties:
            yield from self.items.leaves()
        else:
            yield self

    def find(self, pointer: str) -> Node:
        """The node at an instance pointer (``*`` for list positions); KeyError when there is none."""
        node = self
        for step in pointer.split("/")[1:]:
            child = node.items if step == "*" else node.properties.get(step)
            if child is None:
                raise KeyError(pointer)
            node = child
        return node


def build(
    document: Definitions, schema: Mapping[str, Json], source: str, pointer: str = "", within: tuple[str, ...] = ()
) -> Node:
    """Flatten ``schema`` (found at ``source``) into a tree. ContractError on keywords it cannot flatten.

    ``within`` lists the references that led here: a schema that contains itself has no tree.
    """
    if "$ref" in schema:
        reference = str(schema["$ref"])
        if reference in within:
            raise ContractError(
                f"{document.source}: {reference} contains itself (at {source}), which assay cannot read"
            )
        place = reference.removeprefix("#")
        return build(document, document.at(reference), place, pointer, (*within, reference))
    for keyword in _UNREADABLE:
        if keyword in schema:
            raise ContractError(f"{document.source}: {source} uses '{keyword}', which assay cannot read")
    own = _own(document, schema, source, pointer, within)
    if own.pattern is not None and (spelt := patterns.readable(own.pattern)) != own.pattern:
        if spelt is None:
            raise ContractError(f"{document.source}: {source}/pattern is no regular expression that assay can read")
        own = replace(own, pattern=spelt)
    for number, part in enumerate(schema.get("allOf", ())):
        own = _intersect(own, build(document, part, f"{source}/allOf/{number}", pointer, within), document)
    return own if own.enum is None else _with_members(own, document)


def _with_members(node: Node, document: Definitions) -> Node:
    """The node without the members of its enumeration that its other keywords forbid; ContractError for the last."""
    rest = jsonschema_rs.Draft202012Validator(json_schema(replace(node, enum=None)), validate_formats=True)
    possible = tuple(member for member in node.enum or () if member is None or rest.is_valid(member))
    if all(member is None for member in possible):
        raise ContractError(
            f"{document.source}: {node.source} allows no value: none of its enumeration keeps to the rest"
        )
    return node if len(possible) == len(node.enum or ()) else replace(node, enum=possible)


def _own(
    document: Definitions, schema: Mapping[str, Json], source: str, pointer: str, within: tuple[str, ...]
) -> Node:
    kind = str(schema.get("type", ""))
    enum = schema.get("enum")
    extra = schema.get("additionalProperties")
    items = schema.get("items")

    def below(part: Mapping[str, Json], keyword: str, step: str) -> Node:
        return build(document, part, f"{source}/{keyword}", f"{pointer}/{step}", within)

    return Node(
        pointer=pointer,
        source=source,
        type=kind,
        # OpenAPI 3.0.3: nullable means nothing without a type, and a schema without a type admits null.
        nullable=bool(schema.get("nullable")) if kind else True,
        format=schema.get("format"),
        enum=tuple(enum) if enum is not None else None,
        pattern=schema.get("pattern"),
        bounds=_bounds(schema, kind),
        required=frozenset(schema.get("required", ())),
        properties={
            name: below(part, f"properties/{name}", name) for name, part in schema.get("properties", {}).items()
        },
        items=below(items, "items", "*") if items is not None else None,
        additional=below(extra, "additionalProperties", "*") if isinstance(extra, dict) else None,
        unique=bool(schema.get("uniqueItems")),
        closed=extra is False,
        one_way=next((keyword for keyword in ("readOnly", "writeOnly") if schema.get(keyword)), ""),
        default=schema.get("default"),
        deprecated=bool(schema.get("deprecated")),
        description=str(schema.get("description", "")),
    )


def _bounds(schema: Mapping[str, Json], kind: str) -> dict[str, float]:
    """The bounds of a schema. A bound that excludes itself is the next one of an integer, else stands as excluded."""
    bounds = {key: schema[key] for key in _BOUNDS if key in schema}
    for keyword, excluding in _EXCLUSIVE.items():
        if keyword not in bounds:
            continue
        inward = 1 if keyword == "minimum" else -1
        if kind == "integer":
            # The least integer that is allowed, whatever fraction the document writes.
            whole = math.ceil(bounds[keyword]) if inward == 1 else math.floor(bounds[keyword])
            beyond = schema.get(excluding) and whole == bounds[keyword]
            bounds[keyword] = whole + inward if beyond else _as_written(bounds[keyword], whole)
        elif schema.get(excluding):
            bounds[excluding] = bounds.pop(keyword)
    return bounds


def _as_written(bound: float, whole: int) -> float:
    return bound if bound == whole else whole


def _intersect(one: Node, two: Node, document: Definitions) -> Node:
    """What keeps to both, as ``allOf`` asks; ContractError where nothing does, or assay cannot tell what."""
    return replace(
        one,
        type=_of_both("type", one, two, document),
        nullable=one.nullable and two.nullable,
        format=_of_both("format", one, two, document),
        enum=_common_members(one, two, document),
        pattern=_common_pattern(one, two, document),
        bounds=_narrower_bounds(one, two, document),
        required=one.required | two.required,
        properties=_common_properties(one, two, document),
        items=_common_part(one.items, two.items, document),
        additional=_common_part(one.additional, two.additional, document),
        unique=one.unique or two.unique,
        closed=one.closed or two.closed,
        one_way=one.one_way or two.one_way,
        default=one.default if one.default is not None else two.default,
        deprecated=one.deprecated or two.deprecated,
        description=one.description or two.description,
    )


_NARROWER: Final = {
    frozenset({"integer", "number"}): "integer",
    frozenset({"int32", "int64"}): "int32",
    frozenset({"float", "double"}): "float",
}


def _of_both(keyword: str, one: Node, two: Node, document: Definitions) -> Any:
    """The type, or the format, of what keeps to both."""
    first, second = getattr(one, keyword), getattr(two, keyword)
    if first == second or not (first and second):
        return first or second
    narrower = _NARROWER.get(frozenset({first, second}))
    if narrower is None:
        raise ContractError(f"{document.source}: {two.source} is {second}, {one.source} is {first}")
    return narrower


def _common_members(one: Node, two: Node, document: Definitions) -> tuple[Json, ...] | None:
    if one.enum is None or two.enum is None:
        return two.enum if one.enum is None else one.enum
    common = tuple(member for member in one.enum if member in two.enum)
    if not common:
        raise ContractError(f"{document.source}: the enumerations of {one.source} and {two.source} share no value")
    return common


def _common_pattern(one: Node, two: Node, document: Definitions) -> str | None:
    if one.pattern is None or two.pattern is None:
        return one.pattern or two.pattern
    common = patterns.both(one.pattern, two.pattern)
    if common is None:
        raise ContractError(
            f"{document.source}: {one.source} and {two.source} each state a pattern; assay cannot read both as one"
        )
    return common


def _narrower_bounds(one: Node, two: Node, document: Definitions) -> dict[str, float]:
    bounds = dict(one.bounds)
    for key, value in two.bounds.items():
        if key != "multipleOf":
            narrower = max if key.lower().startswith(("min", "exclusivemin")) else min
            bounds[key] = narrower(bounds.get(key, value), value)
        elif key in bounds and bounds[key] != value:
            raise ContractError(
                f"{document.source}: {two.source} and {one.source} are multiples of different numbers"
            )
        else:
            bounds[key] = value
    return bounds


def _common_properties(one: Node, two: Node, document: Definitions) -> dict[str, Node]:
    properties = {**one.properties, **two.properties}
    for closed, other in ((one, two), (two, one)):
        beyond = sorted(other.properties.keys() - closed.properties.keys())
        if closed.closed and beyond:
            raise ContractError(
                f"{document.source}: {closed.source} states 'additionalProperties: false', and so forbids "
                f"'{beyond[0]}' of {other.source}, another part of the same 'allOf'",
                hint="remove it with --corrections; 'allOf' adds no property to an object that is closed",
            )
    for name in one.properties.keys() & two.properties.keys():
        properties[name] = _common_part(one.properties[name], two.properties[name], document) or two.properties[name]
    return properties


def _common_part(one: Node | None, two: Node | None, document: Definitions) -> Node | None:
    if one is None or two is None or one == two:
        return one or two
    return _intersect(one, two, document)


def of_request(document: Definitions, schema: Mapping[str, Json], source: str) -> Node:
    """The tree of a request's body: without what only answers hold ("readOnly")."""
    return _without(build(document, schema, source), "readOnly")


def of_answer(document: Definitions, schema: Mapping[str, Json], source: str) -> Node:
    """The tree of an answer's body: without what only requests hold ("writeOnly")."""
    return _without(build(document, schema, source), "writeOnly")


def _without(node: Node, keyword: str) -> Node:
    """OpenAPI 3.0.3, "readOnly": that such a property is required concerns the other way alone."""
    kept = {name: _without(child, keyword) for name, child in node.properties.items() if child.one_way != keyword}
    items = None if node.items is None else _without(node.items, keyword)
    if items is node.items and all(kept.get(name) is child for name, child in node.properties.items()):
        return node
    return replace(node, properties=kept, items=items, required=node.required - (node.properties.keys() - kept))


def json_schema(node: Node) -> dict[str, Any]:
    """Write a node as JSON Schema (2020-12: its `uuid` format is asserted, draft 7 has none)."""
    schema: dict[str, Any] = {}
    if node.type:
        schema["type"] = [node.type, "null"] if node.nullable else node.type
    if node.enum is not None:
        schema["enum"] = list(node.enum)
    if node.pattern is not None:
        schema["pattern"] = node.pattern
    if node.format in STRING_FORMATS:
        schema["format"] = node.format
    schema.update(node.bounds)
    if node.format in INTEGER_RANGES:
        low, high = INTEGER_RANGES[node.format]
        schema["minimum"] = max(low, schema.get("minimum", low))
        schema["maximum"] = min(high, schema.get("maximum", high))
    if node.required:
        schema["required"] = sorted(node.required)
    if node.properties:
        schema["properties"] = {name: json_schema(child) for name, child in node.properties.items()}
    if node.closed:
        schema["additionalProperties"] = False
    elif node.additional is not None:
        schema["additionalProperties"] = json_schema(node.additional)
    if node.unique:
        schema["uniqueItems"] = True
    if node.items is not None:
        schema["items"] = json_schema(node.items)
    return schema


class Validator:
    """Validates instances against a node; errors come as reasons with a keyword and a templated location."""

    def __init__(self, node: Node, prefix: str = "") -> None:
        self.node = node
        self._prefix = prefix
        self._validator = jsonschema_rs.Draft202012Validator(json_schema(node), validate_formats=True)

    def is_valid(self, instance: Json) -> bool:
        return self._validator.is_valid(instance)

    def errors(self, instance: Json) -> list[Reason]:
        """Every schema error of ``instance``, one reason each; the empty list when it is valid."""
        return [self._reason(error) for error in self._validator.iter_errors(instance)]

    def _reason(self, error: jsonschema_rs.ValidationError) -> Reason:
        steps = ["*" if isinstance(step, int) else step for step in error.instance_path]
        keyword = str(error.schema_path[-1])
        if keyword == "required":
            steps.append(str(error.kind.as_dict()["property"]))
        elif keyword == "additionalProperties":
            steps.append("?")  # which one is up to whoever sent it
        elif keyword == "type" and error.instance is None:
            keyword = "nullable"
        elif keyword in {"minimum", "maximum"}:
            keyword = self._bound_or_format(steps, keyword)
        location = self._prefix + "".join(f"/{step}" for step in steps)
        return Reason(Source.SCHEMA, keyword, location, error.message[:300])

    def _bound_or_format(self, steps: list[str], keyword: str) -> str:
        """An int32 overflow breaks the format where the document states no bound of its own there."""
        try:
            node = self.node.find("".join(f"/{step}" for step in steps))
        except KeyError:
            return keyword
        return keyword if keyword in node.bounds else "format"
