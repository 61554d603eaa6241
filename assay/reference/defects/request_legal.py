"""Defects of the family ``request-legal``: a value that the contract allows is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from assay.contract.documents import Contract
from assay.contract.request import Json
from assay.contract.schema import INTEGER_RANGES, Node, build
from assay.reference.defects.base import Defect
from assay.reference.defects.request_schema import bodies, reshaped
from assay.reference.defects.trees import dotted
from assay.reference.defects.undecided import undecided

FAMILY: Final = "request-legal"
# The next value inside of a bound: 1 for what is counted, a hundredth for what is measured.
_STEPS: Final = {"minimum": 1, "maximum": -1, "minLength": 1, "maxLength": -1, "minItems": 1, "maxItems": -1}
Tightened = tuple[str, str, Callable[[Node], Node]]  # id step, what is refused, change


def defects(contract: Contract) -> Iterator[Defect]:
    """``request-legal/<operation>/<place>/<value>``: null, an enum member, a truth, or the value on a bound."""
    for role, body in bodies(contract):
        for node in body.walk():
            for step, what, change in _tightened(node):
                yield Defect(
                    id=f"{FAMILY}/{role}/{dotted(node.pointer)}/{step}",
                    family=FAMILY,
                    summary=f"{role}: {dotted(node.pointer)} refuses {what}",
                    place=node.source,
                    change=reshaped(role, "/body", node.pointer, change),
                    operation=role,
                    equivalent=undecided(contract, role, node, step),
                )
    for role, operation in contract.operations.items():
        for parameter in operation.parameters:
            if parameter.where != "query":
                continue
            where, name = f"/query/{parameter.name}", f"query.{parameter.name}"
            node = build(contract, parameter.schema, parameter.pointer)
            for inner in node.walk():
                for step, what, change in _tightened(inner):
                    if step == "null":
                        continue  # a query has no null
                    yield Defect(
                        id=f"{FAMILY}/{role}/{name}/{step}",
                        family=FAMILY,
                        summary=f"{role}: the parameter {parameter.name} refuses {what}",
                        place=inner.source,
                        change=reshaped(role, where, inner.pointer, change),
                        operation=role,
                    )


def _tightened(node: Node) -> Iterator[Tightened]:
    if node.nullable and node.type:
        yield "null", "null", lambda old: replace(old, nullable=False)
    for member in node.enum or ():
        if member is not None:
            yield f"enum-{member}", repr(member), _without(member)
    if node.type == "boolean":
        for truth in (True, False):
            yield f"{truth}".lower(), f"{truth}".lower(), _only(not truth)
    if node.type == "number":
        yield "fraction", "numbers with a fraction", lambda old: replace(old, type="integer")
    for bound, step in _STEPS.items():
        if bound in node.bounds:
            yield bound, f"the {bound} itself, {node.bounds[bound]}", _narrowed(node, bound, step)
    if node.format in INTEGER_RANGES and "maximum" not in node.bounds:
        most = INTEGER_RANGES[node.format][1]
        yield "format-maximum", f"the largest {node.format}", _bounded("maximum", most - 1)


def _without(member: Json) -> Callable[[Node], Node]:
    return lambda old: replace(old, enum=tuple(item for item in old.enum or () if item != member))


def _only(truth: bool) -> Callable[[Node], Node]:
    def change(old: Node) -> Node:
        return replace(old, enum=(truth, None) if old.nullable else (truth,))

    return change


def _narrowed(node: Node, bound: str, step: int) -> Callable[[Node], Node]:
    by = step * 0.001 if node.type == "number" else step
    return _bounded(bound, node.bounds[bound] + by)


def _bounded(bound: str, value: float) -> Callable[[Node], Node]:
    return lambda old: replace(old, bounds={**old.bounds, bound: value})
