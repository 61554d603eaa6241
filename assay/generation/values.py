"""Values for every field: plain ones, which no conforming server has a reason to refuse, and those next to a bound.

A field that the document leaves at "a string" gets text in the shape such a thing usually has (a path, a DNS label,
a URL), chosen by where it stands; every other value follows from its type, enumeration, bounds, format or pattern,
so a field that a later version of the document adds needs no entry here. For each schema keyword of a node there are
values on both sides of its bound: what breaks it, and what it accepts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from assay.contract import patterns
from assay.contract.request import ABSENT, Absent, Json
from assay.contract.schema import INTEGER_RANGES, Node

PLAIN_IMAGE: Final = "registry.example/echo:1.0"
PLAIN_SPEC: Final[Mapping[str, Json]] = {"image": PLAIN_IMAGE}
"""The plain valid spec over which everything else is laid."""

WIDTH: Final = 32
"""How many different values a numbered pool offers."""

_QUANTITY_PATTERN: Final = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_QUANTITIES: Final = ("1Gi", "500M", "2G", "1024Ki", "0.5Gi", "1e9", "1500000000", "3000000k")
_OF_FORMAT: Final[Mapping[str, str]] = {
    "byte": "QU{:02}",
    "date": "20{:02}-01-01",
    "email": "user-{}@example.com",
    "ipv4": "192.0.2.{}",
    "ipv6": "2001:db8::{:x}",
    "time": "00:00:{:02}Z",
    "uri": "https://service-{}.example.com/",
    "url": "https://service-{}.example.com/",
}
"""Texts in the formats that a document may name beside those that are asserted; so far none does."""
_UUID: Final = "6d8e0a4c-1f2b-4c3d-8e5f-{:012x}"


@dataclass(frozen=True, slots=True)
class Pool:
    """The plain values of a field, the simplest first. ``distinct`` pools tell entries of one list apart."""

    values: tuple[Json, ...]
    distinct: bool = False

    def texts(self) -> tuple[str, ...]:
        return tuple(str(value) for value in self.values)

    def pick(self, code: int, index: int = 0) -> Json:
        """The value that ``code`` stands for; in a distinct pool the entries 0 and 1 of a list never agree."""
        return self.values[(code * 2 + index if self.distinct else code) % len(self.values)]


def _numbered(template: str) -> Pool:
    return Pool(tuple(template.format(number) for number in range(WIDTH)), distinct=True)


# By the end of the pointer, first match wins. What the document says about the field is in its description only.
_TEXTS: Final[tuple[tuple[str, Pool], ...]] = (
    ("/spec/image", Pool((PLAIN_IMAGE, *(f"registry.example/echo:1.{number}" for number in range(1, WIDTH))))),
    ("/spec/priorityClass", Pool(("medium", "very-low", "low", "medium-low", "medium-high", "high", "very-high"))),
    ("/environmentVariables/*/name", _numbered("VARIABLE_{}")),
    ("/podFieldRef/path", Pool(("metadata.name", "metadata.namespace", "status.podIP", "spec.nodeName"))),
    ("/extendedResources/*/resource", _numbered("example.com/device-{}")),
    ("/extendedResources/*/quantity", Pool(("1", "2", "4"))),
    ("/security/supplementalGroups", Pool(("1000", "1000,2000", "100,200,300"))),
    ("/emptyDirVolume/*/medium", Pool(("Memory",))),
    ("/autoscaling/metric", Pool(("throughput", "concurrency", "latency", "queue_length"))),
    ("/httpGet/path", Pool(("/", "/healthz", "/v1/ready", "/a-b_c.d"))),
    ("/nfs/*/server", _numbered("nfs-{}.example.com")),
    ("/repository", _numbered("https://git.example.com/team/project-{}")),
    ("/subPath", _numbered("part-{}")),
    ("/workingDir", _numbered("/work/{}")),
    ("/mountPath", _numbered("/mnt/volume-{}")),
    ("/path", _numbered("/data/folder-{}")),
    ("/url", _numbered("https://service-{}.example.com/home")),
)

# Replica counts small enough that the two ends often meet and often differ.
_NUMBERS: Final[tuple[tuple[str, Pool], ...]] = (
    ("/autoscaling/minReplicas", Pool((0, 1, 2, 3))),
    ("/autoscaling/maxReplicas", Pool((1, 2, 3, 4))),
    ("/autoscaling/initialReplicas", Pool((1, 2, 3))),
    ("/autoscaling/activationReplicas", Pool((1, 2, 3))),
)


def pool(node: Node) -> Pool:
    """The plain values of a leaf, simplest first; never null. Raises ValueError for an object or a list."""
    if node.enum is not None:
        members = tuple(value for value in node.enum if value is not None)
        return Pool(members, distinct=node.name == "*" and len(members) > 1)
    for ending, numbers in _NUMBERS:
        if node.pointer.endswith(ending):
            return numbers
    if node.type in _BY_TYPE:
        return _BY_TYPE[node.type](node)
    raise ValueError(f"{node.pointer} is of type {node.type or 'any'}: only leaves have plain values")


def sample(node: Node) -> Any:
    """The simplest plain value of any node: a leaf's first, an object with its required properties, a list of one
    (or of as many as it must hold)."""
    if node.properties or node.type == "object":
        return {name: sample(child) for name, child in node.properties.items() if name in node.required}
    if node.items is not None:
        return _entries(node.items, int(node.bounds.get("minItems", 1)))
    return pool(node).values[0]


def _entries(item: Node, least: int) -> list[Any]:
    if least <= 1 or item.properties or item.items is not None:
        return [sample(item)] * max(1, least)
    values = pool(item).values
    return [values[number % len(values)] for number in range(least)]


def _integers(node: Node) -> Pool:
    low, high = _range(node)
    start = max(low, min(1, high)) if node.bounds.get("minimum") != 0 else low
    step = Fraction(str(node.bounds.get("multipleOf", 1))).numerator  # whole multiples of 1.5 are those of 3
    start = -(-start // step) * step
    values = [start + number * step for number in range(WIDTH) if start + number * step <= high]
    return Pool(tuple(values), distinct=True)


def _range(node: Node) -> tuple[int, int]:
    low, high = INTEGER_RANGES.get(node.format or "", (-(2**53), 2**53))
    return int(max(low, node.bounds.get("minimum", low))), int(min(high, node.bounds.get("maximum", high)))


def _numbers(node: Node) -> Pool:
    low, high = node.bounds.get("minimum", 0.0), node.bounds.get("maximum", 10_000.0)
    low, high = node.bounds.get("exclusiveMinimum", low), node.bounds.get("exclusiveMaximum", high)
    step = node.bounds.get("multipleOf")
    first, step = (low, 0.25) if step is None else (math.floor(low / step) * step, step)
    values = (first + step * number for number in range(1, WIDTH + 1))
    between = (low + high) / 2 if node.bounds.keys() & {"exclusiveMinimum", "exclusiveMaximum"} else low
    return Pool(tuple(value for value in values if _is_within(node, value, high)) or (between,))


def _is_within(node: Node, value: float, high: float) -> bool:
    return value < high if "exclusiveMaximum" in node.bounds else value <= high


def _strings(node: Node) -> Pool:
    if node.format == "uuid":
        return _numbered(_UUID)
    if node.format == "hostname":
        return _numbered("host-{}.example.com")
    if node.format == "date-time":
        return _numbered("2026-01-01T00:00:{:02}Z")
    of_format = _OF_FORMAT.get(node.format or "")
    if of_format is not None and node.pattern is None:
        return _numbered(of_format)
    for ending, texts in _TEXTS:
        if node.pointer.endswith(ending) and _fits(node, texts.values[0]):
            return texts
    if node.pattern == _QUANTITY_PATTERN:
        return Pool(_QUANTITIES)
    shortest, longest = int(node.bounds.get("minLength", 0)), int(node.bounds.get("maxLength", 63))
    plain = [value[-longest:].rjust(shortest, "a") for value in _numbered(_kebab(node.pointer) + "-{}").texts()]
    if node.pattern is not None and not (_fits(node, plain[0]) and _fits(node, plain[-1])):
        return Pool(_matching(node, shortest, int(node.bounds.get("maxLength", 4 * shortest + 63))))
    return Pool(tuple(plain), distinct=True)


def _fits(node: Node, value: str) -> bool:
    shortest, longest = node.bounds.get("minLength", 0), node.bounds.get("maxLength", len(value))
    return shortest <= len(value) <= longest and (node.pattern is None or patterns.matches(node.pattern, value))


def _kebab(pointer: str) -> str:
    """The name of the field (of the list, for its entries) in small letters with hyphens."""
    name = pointer.removesuffix("/*").rsplit("/", 1)[-1]
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"-\1", name).lower() or "value"


def _matching(node: Node, shortest: int, longest: int) -> tuple[str, ...]:
    """Short texts that match a pattern which no usual shape fits."""
    found = patterns.texts(str(node.pattern), shortest, longest)
    if not found:
        raise ValueError(f"{node.source}: no text is found that matches {node.pattern}")
    return found


_BY_TYPE: Final[Mapping[str, Callable[[Node], Pool]]] = {
    "": _strings,  # anything may stand there
    "boolean": lambda _: Pool((False, True)),
    "integer": _integers,
    "number": _numbers,
    "string": _strings,
}


UNKNOWN: Final = "assay-unknown"
ANY_NAME: Final = "?"
"""The name of a property that no document has; reasons call every unknown property so."""
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
        if keyword in node.bounds and not (keyword in _SIZES and node.bounds[keyword] > _MOST):
            yield KeywordValue(keyword, beyond(node, node.bounds[keyword]))
    yield from _off_format(node)
    if node.unique and node.items is not None:
        yield KeywordValue("uniqueItems", [sample(node.items)] * 2)
    if node.closed:
        yield KeywordValue("additionalProperties", "assay", name=ANY_NAME)
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
        if not patterns.matches(pattern, value):
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
    "exclusiveMinimum": lambda _, bound: bound,
    "exclusiveMaximum": lambda _, bound: bound,
    "multipleOf": lambda node, bound: bound * 1000 + (1 if node.type == "integer" else bound / 2),
    "minItems": lambda node, bound: _entries(node.items, int(bound))[: int(bound) - 1] if node.items else [],
    "maxItems": lambda _, bound: [None] * (int(bound) + 1),
}


# The largest size that is sent; a document may write any number.
_SIZES: Final = frozenset({"maxLength", "maxItems"})
_MOST: Final = 10_000

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
        seen: set[str] = set()
        for number, value in enumerate(pool(node).values[:_PATTERN_VALUES]):
            # Its letters and digits are the end of the case's id, by which the case must be told from the others.
            told = re.sub(r"[^a-z0-9.]+", "", str(value).lower())
            yield KeywordValue("pattern", value, f"text {number}" if told in seen else str(value))
            seen.add(told)
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
        if keyword in node.bounds and node.bounds[keyword] <= _MOST:
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
