"""For each schema keyword of a node the values that break it and nothing else: the first ones beyond the bound."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from assay.contract.request import ABSENT, Absent, Json
from assay.contract.schema import INTEGER_RANGES, Node

UNKNOWN: Final = "assay-unknown"
# A hundredth: far enough from a bound to survive a reader that keeps 32-bit floats.
STEP: Final = 0.01


@dataclass(frozen=True, slots=True)
class Probe:
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


def violations(node: Node) -> Iterator[Probe]:
    """Yield the probes that break exactly one keyword of ``node`` (whether they do is the oracle's to say)."""
    for variant, value in _OTHER_TYPES.get(node.type, ()):
        yield Probe("type", value, variant)
    if not node.nullable:
        yield Probe("nullable", None)
    if node.enum is not None:
        yield Probe("enum", otherwise_spelt(node.enum))
    if node.pattern is not None:
        yield from _unmatched(node.pattern)
    for keyword, beyond in _BEYOND.items():
        if keyword in node.bounds:
            yield Probe(keyword, beyond(node, node.bounds[keyword]))
    yield from _off_format(node)
    for name in sorted(node.required):
        yield Probe("required", ABSENT, name=name)


def otherwise_spelt(members: Iterable[Json]) -> str:
    """A member in the other case: refused by whoever reads the enumeration to the letter, taken by a lenient reader
    and by one that does not look at all. UNKNOWN where case makes no difference. The last one, for the first is often
    the one that asks for nothing, and refused by the prose in any other spelling."""
    known = {member for member in members if isinstance(member, str)}
    return next((text.swapcase() for text in sorted(known, reverse=True) if text.swapcase() not in known), UNKNOWN)


def _unmatched(pattern: str) -> Iterator[Probe]:
    for value in _NO_MATCH:
        if re.search(pattern, value) is None:
            yield Probe("pattern", value)
            return


def _off_format(node: Node) -> Iterator[Probe]:
    if node.format is not None and node.format in _BAD_FORMATS:
        yield Probe("format", _BAD_FORMATS[node.format])
    elif node.format in INTEGER_RANGES:
        low, high = INTEGER_RANGES[node.format]
        if "maximum" not in node.bounds:
            yield Probe("format", high + 1, "above")
        if "minimum" not in node.bounds:
            yield Probe("format", low - 1, "below")


_BEYOND: Final[Mapping[str, Callable[[Node, float], Json]]] = {
    "minimum": lambda node, bound: bound - (1 if node.type == "integer" else STEP),
    "maximum": lambda node, bound: bound + (1 if node.type == "integer" else STEP),
    "minLength": lambda _, bound: "a" * (int(bound) - 1),
    "maxLength": lambda _, bound: "a" * (int(bound) + 1),
    "minItems": lambda _node, _bound: [],
    "maxItems": lambda _, bound: [None] * (int(bound) + 1),
}
