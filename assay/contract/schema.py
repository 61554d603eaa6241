"""The corrected schemas as one flat tree of nodes (``allOf`` merged, references followed) and as validators.

The tree is what strategies, boundaries, coverage and defects walk; the validator is jsonschema-rs on the same
tree, so both always agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import jsonschema_rs

from assay.contract.request import Json, Reason, Source
from assay.errors import ContractError

# OpenAPI 3.0 format registry: signed 32 and 64 bit integers.
INTEGER_RANGES: Final = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
STRING_FORMATS: Final = frozenset({"uuid", "date-time", "hostname"})
_UNREADABLE: Final = ("oneOf", "anyOf", "not", "discriminator")
_BOUNDS: Final = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


class Definitions(Protocol):
    """Where references lead: the contract, or whatever else holds a document."""

    @property
    def source(self) -> Path: ...

    def at(self, pointer: str) -> Json: ...


@dataclass(frozen=True)
class Node:
    """One value of a request or response.

    ``pointer`` is its place in the instance (``/spec/ports/*/container``), ``source`` the JSON pointer of its
    definition in the document. ``type`` is "" where the document names none.
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
    for number, part in enumerate(schema.get("allOf", ())):
        own = _intersect(own, build(document, part, f"{source}/allOf/{number}", pointer, within), document)
    return own


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
        bounds={key: schema[key] for key in _BOUNDS if key in schema},
        required=frozenset(schema.get("required", ())),
        properties={
            name: below(part, f"properties/{name}", name) for name, part in schema.get("properties", {}).items()
        },
        items=below(items, "items", "*") if items is not None else None,
        additional=below(extra, "additionalProperties", "*") if isinstance(extra, dict) else None,
        default=schema.get("default"),
        deprecated=bool(schema.get("deprecated")),
        description=str(schema.get("description", "")),
    )


def _intersect(one: Node, two: Node, document: Definitions) -> Node:
    if one.type and two.type and one.type != two.type:
        raise ContractError(f"{document.source}: {two.source} is {two.type}, {one.source} is {one.type}")
    bounds = dict(one.bounds)
    for key, value in two.bounds.items():
        narrower = max if key.startswith("min") else min
        bounds[key] = narrower(bounds.get(key, value), value)
    properties = dict(one.properties)
    for name, child in two.properties.items():
        properties[name] = (
            _intersect(properties[name], child, document)
            if name in properties and properties[name] != child
            else child
        )
    return replace(
        one,
        type=one.type or two.type,
        nullable=one.nullable and two.nullable,
        format=one.format or two.format,
        enum=two.enum if one.enum is None else one.enum,
        pattern=one.pattern or two.pattern,
        bounds=bounds,
        required=one.required | two.required,
        properties=properties,
        items=one.items or two.items,
        additional=one.additional or two.additional,
        default=one.default if one.default is not None else two.default,
        deprecated=one.deprecated or two.deprecated,
        description=one.description or two.description,
    )


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
    if node.additional is not None:
        schema["additionalProperties"] = json_schema(node.additional)
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
