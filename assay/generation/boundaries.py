"""For each schema keyword of a node the accepted values next to the bound: the twins of ``violations``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from assay.contract.schema import INTEGER_RANGES, Node
from assay.generation.samples import pool, sample
from assay.generation.violations import Probe

# How many of a pattern's plain values are tried: each is a workload created and deleted on the target.
_PATTERN_VALUES: Final = 3
# Texts of one character in the shapes that fields have: a word, a path, a figure.
_SHORT: Final = ("a", "/", "1")


def boundaries(node: Node) -> Iterator[Probe]:
    """Yield accepted values next to each keyword's bound; several for one keyword and variant are alternatives."""
    if node.nullable:
        yield Probe("nullable", None)
    if node.enum is not None:
        yield from (Probe("enum", value, str(value)) for value in node.enum if value is not None)
        return
    if node.pattern is not None:
        for value in pool(node).values[:_PATTERN_VALUES]:
            yield Probe("pattern", value, str(value))
    for keyword in ("minimum", "maximum"):
        if keyword in node.bounds:
            yield Probe(keyword, node.bounds[keyword])
    yield from _lengths(node)
    yield from _formats(node)
    yield from _types(node)
    for name in sorted(node.required):
        yield Probe("required", sample(node.properties[name]), name=name)


def _lengths(node: Node) -> Iterator[Probe]:
    for keyword in ("minLength", "maxLength"):
        if keyword in node.bounds:
            length = int(node.bounds[keyword])
            yield from (Probe(keyword, (first + "a" * length)[:length]) for first in _SHORT)
            yield Probe(keyword, pool(node).values[0])  # where a rule knows better what the text may be


def _formats(node: Node) -> Iterator[Probe]:
    if node.format in INTEGER_RANGES:
        if "maximum" not in node.bounds:
            yield Probe("format", INTEGER_RANGES[node.format][1], "above")
    elif node.format is not None and node.type == "string":
        yield Probe("format", pool(node).values[0])


def _types(node: Node) -> Iterator[Probe]:
    """Values of the type itself, where no other keyword has an accepted value and no part of it has one either."""
    if node.type == "boolean":
        yield from (Probe("type", value, str(value).lower()) for value in (True, False))
    elif node.type == "number":
        # A number may be written without a fraction.
        low = max(0, int(node.bounds.get("minimum", 0)))
        yield Probe("type", low + 1, "whole")
        yield from (Probe("type", low + fraction, "fraction") for fraction in (0.5, 1.5))
    elif node.properties or (node.items is not None and node.items.properties):
        return
    elif not (node.bounds or node.pattern or node.format):
        yield Probe("type", sample(node))
