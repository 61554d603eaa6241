"""Plain values for every field: what no conforming server has a reason to refuse.

A field that the document leaves at "a string" gets text in the shape such a thing usually has (a path, a DNS label,
a URL), chosen by where it stands; every other value follows from its type, enumeration, bounds, format or pattern,
so a field that a later version of the document adds needs no entry here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from assay.contract.request import Json
from assay.contract.schema import INTEGER_RANGES, Node

PLAIN_IMAGE: Final = "registry.example/echo:1.0"
PLAIN_SPEC: Final[Mapping[str, Json]] = {"image": PLAIN_IMAGE}
"""The plain valid spec over which everything else is laid."""

WIDTH: Final = 32
"""How many different values a numbered pool offers."""

_QUANTITY_PATTERN: Final = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
_QUANTITIES: Final = ("1Gi", "500M", "2G", "1024Ki", "0.5Gi", "1e9", "1500000000", "3000000k")
_UUID: Final = "6d8e0a4c-1f2b-4c3d-8e5f-{:012x}"


@dataclass(frozen=True, slots=True)
class Pool:
    """The plain values of a field, the simplest first. ``distinct`` pools tell entries of one list apart."""

    values: tuple[Json, ...]
    distinct: bool = False

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
    """The simplest plain value of any node: a leaf's first, an object with its required properties, a list of one."""
    if node.properties or node.type == "object":
        return {name: sample(child) for name, child in node.properties.items() if name in node.required}
    if node.items is not None:
        return [sample(node.items)]
    return pool(node).values[0]


def _integers(node: Node) -> Pool:
    low, high = _range(node)
    start = max(low, min(1, high)) if node.bounds.get("minimum") != 0 else low
    values = [start + number for number in range(WIDTH) if start + number <= high]
    return Pool(tuple(values), distinct=True)


def _range(node: Node) -> tuple[int, int]:
    low, high = INTEGER_RANGES.get(node.format or "", (-(2**53), 2**53))
    return int(max(low, node.bounds.get("minimum", low))), int(min(high, node.bounds.get("maximum", high)))


def _numbers(node: Node) -> Pool:
    low, high = node.bounds.get("minimum", 0.0), node.bounds.get("maximum", 10_000.0)
    values = (low + 0.25 * number for number in range(1, WIDTH + 1))
    return Pool(tuple(value for value in values if value <= high) or (low,))


def _strings(node: Node) -> Pool:
    if node.format == "uuid":
        return _numbered(_UUID)
    if node.format == "hostname":
        return _numbered("host-{}.example.com")
    if node.format == "date-time":
        return _numbered("2026-01-01T00:00:{:02}Z")
    for ending, texts in _TEXTS:
        if node.pointer.endswith(ending) and _fits(node, texts.values[0]):
            return texts
    if node.pattern == _QUANTITY_PATTERN:
        return Pool(_QUANTITIES)
    plain = _numbered(_kebab(node.pointer) + "-{}")
    if node.pattern is not None and not _fits(node, plain.values[-1]):
        return Pool(_matching(node.pattern))
    longest = int(node.bounds.get("maxLength", 63))
    return Pool(tuple(str(value)[-longest:] for value in plain.values), distinct=True)


def _fits(node: Node, value: str) -> bool:
    return node.pattern is None or re.search(node.pattern, value) is not None


def _kebab(pointer: str) -> str:
    """The name of the field (of the list, for its entries) in small letters with hyphens."""
    name = pointer.removesuffix("/*").rsplit("/", 1)[-1]
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"-\1", name).lower() or "value"


@lru_cache(maxsize=64)
def _matching(pattern: str) -> tuple[str, ...]:
    """The simplest text that matches a pattern which no usual shape fits."""
    # Only a pattern that a later document adds comes here, so only then is Hypothesis needed.
    from hypothesis import Phase, find, settings
    from hypothesis import strategies as st

    quiet = settings(database=None, derandomize=True, phases=[Phase.generate, Phase.shrink])
    return (find(st.from_regex(pattern, fullmatch=True), lambda text: text != "", settings=quiet),)


_BY_TYPE: Final[Mapping[str, Callable[[Node], Pool]]] = {
    "boolean": lambda _: Pool((False, True)),
    "integer": _integers,
    "number": _numbers,
    "string": _strings,
}
