"""For each schema keyword of a node the values next to its bound, on both sides: what breaks it, what it accepts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from assay.contract.request import ABSENT, Absent, Json
from assay.contract.schema import INTEGER_RANGES, Node
from assay.generation.samples import pool, sample

UNKNOWN: Final = "assay-unknown"
# A hundredth: far enough from a bound to survive a reader that keeps 32-bit floats.
STEP: Final = 0.01


@dataclass(frozen=True, slots=True)
class KeywordValue:
    """One value for one keyword of a node. ``name`` is its place below the node ("" itself, or a required property);
    ``variant`` tells several values for the same keyword apart."""

    keyword: str
    value: Json | Absent
    variant: str = ""
    name: str = ""


# Of another type, and such that a lenient reader would take it: a number in quotes, a truth in quotes.
_OTHER_TYPES: Final[Mapping[str, tuple[tuple[str, Json], ...]]] = {
    "string": (("number", 5),),
    "integer": (("text", "1"), ("fraction", 1.5)),
    "number": (("text", "1"),),
    "boolean": (("text", "true"),),
    "array": (("object", {}),),
    "object": (("text", "text"),),
}
_NO_MATCH: Final = ("!", " ", "a b", "-", "0", "\u00e9")
_BAD_FORMATS: Final[Mapping[str, str]] = {
    "uuid": "not-a-uuid",
    "hostname": "-not a host-",
    "date-time": "not-a-date",
}


def violations(node: Node) -> Iterator[KeywordValue]:
    """Yield the candidates that break exactly one keyword of ``node`` (whether they do is the oracle's to say)."""
    for variant, value in _OTHER_TYPES.get(node.type, ()):
        yield KeywordValue("type", value, variant)
    if not node.nullable:
        yield KeywordValue("nullable", None)
    if node.enum is not None:
        yield KeywordValue("enum", otherwise_spelt(node.enum))
    if node.pattern is not None:
        yield from _unmatched(node.pattern)
    for keyword, beyond in _BEYOND.items():
        if keyword in node.bounds:
            yield KeywordValue(keyword, beyond(node, node.bounds[keyword]))
    yield from _off_format(node)
    for name in sorted(node.required):
        yield KeywordValue("required", ABSENT, name=name)


def otherwise_spelt(members: Iterable[Json]) -> str:
    """A member in the other case: refused by whoever reads the enumeration to the letter, taken by a lenient reader
    and by one that does not look at all. UNKNOWN where case makes no difference. The last one, for the first is often
    the one that asks for nothing, and refused by the prose in any other spelling."""
    known = {member for member in members if isinstance(member, str)}
    return next((text.swapcase() for text in sorted(known, reverse=True) if text.swapcase() not in known), UNKNOWN)


def _unmatched(pattern: str) -> Iterator[KeywordValue]:
    for value in _NO_MATCH:
        if re.search(pattern, value) is None:
            yield KeywordValue("pattern", value)
            return


def _off_format(node: Node) -> Iterator[KeywordValue]:
    if node.format is not None and node.format in _BAD_FORMATS:
        yield KeywordValue("format", _BAD_FORMATS[node.format])
    elif node.format in INTEGER_RANGES:
        low, high = INTEGER_RANGES[node.format]
        if "maximum" not in node.bounds:
            yield KeywordValue("format", high + 1, "above")
        if "minimum" not in node.bounds:
            yield KeywordValue("format", low - 1, "below")


_BEYOND: Final[Mapping[str, Callable[[Node, float], Json]]] = {
    "minimum": lambda node, bound: bound - (1 if node.type == "integer" else STEP),
    "maximum": lambda node, bound: bound + (1 if node.type == "integer" else STEP),
    "minLength": lambda _, bound: "a" * (int(bound) - 1),
    "maxLength": lambda _, bound: "a" * (int(bound) + 1),
    "minItems": lambda _node, _bound: [],
    "maxItems": lambda _, bound: [None] * (int(bound) + 1),
}


# How many of a pattern's plain values are tried: each is a workload created and deleted on the target.
_PATTERN_VALUES: Final = 3
# Texts of one character in the shapes that fields have: a word, a path, a figure.
_SHORT: Final = ("a", "/", "1")


def boundaries(node: Node) -> Iterator[KeywordValue]:
    """Yield accepted values next to each keyword's bound; several for one keyword and variant are alternatives."""
    if node.nullable:
        yield KeywordValue("nullable", None)
    if node.enum is not None:
        yield from (KeywordValue("enum", value, str(value)) for value in node.enum if value is not None)
        return
    if node.pattern is not None:
        for value in pool(node).values[:_PATTERN_VALUES]:
            yield KeywordValue("pattern", value, str(value))
    for keyword in ("minimum", "maximum"):
        if keyword in node.bounds:
            yield KeywordValue(keyword, node.bounds[keyword])
    yield from _lengths(node)
    yield from _formats(node)
    yield from _types(node)
    for name in sorted(node.required):
        yield KeywordValue("required", sample(node.properties[name]), name=name)


def _lengths(node: Node) -> Iterator[KeywordValue]:
    for keyword in ("minLength", "maxLength"):
        if keyword in node.bounds:
            length = int(node.bounds[keyword])
            yield from (KeywordValue(keyword, (first + "a" * length)[:length]) for first in _SHORT)
            yield KeywordValue(keyword, pool(node).values[0])  # where a rule knows better what the text may be


def _formats(node: Node) -> Iterator[KeywordValue]:
    if node.format in INTEGER_RANGES:
        if "maximum" not in node.bounds:
            yield KeywordValue("format", INTEGER_RANGES[node.format][1], "above")
    elif node.format is not None and node.type == "string":
        yield KeywordValue("format", pool(node).values[0])


def _types(node: Node) -> Iterator[KeywordValue]:
    """Values of the type itself, where no other keyword has an accepted value and no part of it has one either."""
    if node.type == "boolean":
        yield from (KeywordValue("type", value, str(value).lower()) for value in (True, False))
    elif node.type == "number":
        # A number may be written without a fraction.
        low = max(0, int(node.bounds.get("minimum", 0)))
        yield KeywordValue("type", low + 1, "whole")
        yield from (KeywordValue("type", low + fraction, "fraction") for fraction in (0.5, 1.5))
    elif node.properties or (node.items is not None and node.items.properties):
        return
    elif not (node.bounds or node.pattern or node.format):
        yield KeywordValue("type", sample(node))
