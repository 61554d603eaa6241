"""Defects of the family ``request-legal``: a value that the contract allows is refused.

To refuse a value that another rule refuses, or of which the document is silent, is no defect that a fair suite could
name. What follows from the rules is derived; where the document is silent or contradicts itself the oracle answers
``open``, and the table at the end repeats its reasons.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Final

from assay.contract import patterns
from assay.contract.documents import Contract, Parameter
from assay.contract.request import Json
from assay.contract.rules.base import Broken, prune
from assay.contract.schema import INTEGER_RANGES, Node, build
from assay.reference.defects.base import Defect, dotted
from assay.reference.defects.request_schema import bodies, reshaped

FAMILY: Final = "request-legal"
# The next value inside of a bound: 1 for what is counted, a hundredth for what is measured.
_STEPS: Final = {"minimum": 1, "maximum": -1, "minLength": 1, "maxLength": -1, "minItems": 1, "maxItems": -1}
Tightened = tuple[str, str, Callable[[Node], Node]]  # id step, what is refused, change


def defects(contract: Contract) -> Iterator[Defect]:
    """``request-legal/<operation>/<place>/<value>``: null, an enum member, a truth, or the value on a bound."""
    for operation, body in bodies(contract):
        for node in body.walk():
            yield from _of_body(contract, operation, node)
    for name, described in contract.operations.items():
        for parameter in described.parameters:
            if parameter.where == "query":
                yield from _of_parameter(name, parameter, build(contract, parameter.schema, parameter.pointer))


def _of_body(contract: Contract, operation: str, node: Node) -> Iterator[Defect]:
    for step, what, change in _tightened(node):
        yield Defect(
            id=f"{FAMILY}/{operation}/{dotted(node.pointer)}/{step}",
            family=FAMILY,
            summary=f"{operation}: {dotted(node.pointer)} refuses {what}",
            place=node.source,
            change=reshaped(operation, "/body", node.pointer, change),
            operation=operation,
            equivalent=undecided(contract, operation, node, step),
        )


def _of_parameter(operation: str, parameter: Parameter, root: Node) -> Iterator[Defect]:
    for node in root.walk():
        for step, what, change in _tightened(node):
            if step == "null":
                continue  # a query has no null
            yield Defect(
                id=f"{FAMILY}/{operation}/query.{parameter.name}/{step}",
                family=FAMILY,
                summary=f"{operation}: the parameter {parameter.name} refuses {what}",
                place=node.source,
                change=reshaped(operation, f"/query/{parameter.name}", node.pointer, change),
                operation=operation,
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


# --- values that nobody can insist on ---------------------------------------------------------------------------

_ENTRY: Final = "what null as an entry of a list means the document does not say"
_MANDATORY: Final = "a rule of the prose asks for this field, so that null is refused either way"
_EMPTY_OBJECT: Final = "whether an object without any value is given or as good as absent is not said"
_IMAGE: Final = "whether an update may clear the image is not said"
_NOTHING: Final = "what an update that names nothing means is not said"
_NO_MEMBER: Final = "no member of the enumeration is on that bound"
_NO_TEXT: Final = "no text on that bound matches the pattern"
_TOLERATION: Final = "the document contradicts itself on the value of a toleration (tolerations/value-by-operator)"

_PORT: Final = "the port has no stated default and is not mandatory"
_MEDIUM: Final = "the document contradicts itself (storage/empty-dir-medium-empty)"
_SOURCE: Final = "the document contradicts itself (security/idp-token-spelling)"
_PROFILE: Final = "the document contradicts itself (security/seccomp-localhost)"

# (operation, or None for both; place; step of the id) -> why nobody can tell.
_TABLE: Final[dict[tuple[str | None, str, str], str]] = {
    ("create", "/spec", "null"): _MANDATORY,
    ("update", "/spec", "null"): _NOTHING,
    ("update", "/spec/image", "null"): _IMAGE,
    (None, "/spec/probes/readiness/handler", "null"): _EMPTY_OBJECT,
    (
        None,
        "/spec/probes/readiness/handler/httpGet/port",
        "null",
    ): _PORT,
    (None, "/spec/podAffinity/type", "null"): _EMPTY_OBJECT,
    (None, "/spec/podAffinity/key", "null"): _EMPTY_OBJECT,
    (None, "/spec/servingPort/container", "null"): _EMPTY_OBJECT,
    (None, "/spec/tolerations/*/exclude", "null"): _TOLERATION,
    (None, "/spec/tolerations/*/exclude", "false"): _TOLERATION,
    (None, "/spec/storage/pvc/*/ephemeral", "true"): "claims/ephemeral-not-supported refuses it either way",
    (None, "/spec/storage/pvc/*/claimInfo", "null"): _MANDATORY,
    (
        None,
        "/spec/storage/emptyDirVolume/*/medium",
        "minLength",
    ): "the document contradicts itself (storage/empty-dir-medium-empty)",
    (
        None,
        "/spec/security/uidGidSource",
        "enum-fromIdpToken",
    ): "the document contradicts itself (security/idp-token-spelling)",
    (
        None,
        "/spec/security/seccompProfileType",
        "enum-Localhost",
    ): "the document contradicts itself (security/seccomp-localhost)",
}


def undecided(contract: Contract, operation: str, node: Node, step: str) -> str | None:
    """Why a refusal of ``step`` (null, minLength, enum-...) at ``node`` cannot be called wrong; None when it can."""
    reason = _TABLE.get((operation, node.pointer, step)) or _TABLE.get((None, node.pointer, step))
    if reason is not None:
        return reason
    if step == "null":
        if node.name == "*":
            return _ENTRY
        return _MANDATORY if node.pointer in _mandatory(contract) else None
    if step in {"minLength", "maxLength"}:
        return _nothing_on_the_bound(node, int(node.bounds[step]))
    return None


@cache
def _mandatory(contract: Contract) -> frozenset[str]:
    """Places below the body at which a rule misses a value that must be there."""
    missed = set()
    for rule in contract.rules:
        if "required" not in rule.id:
            continue
        for case in rule.rejects:
            spec = prune(dict(case.fragment))
            missed |= {f"/spec{item.location}" for item in rule.judge(spec) if isinstance(item, Broken)}
    return frozenset(place for place in missed if place not in _CONDITIONAL)


# Mandatory under a condition only: without it null is as good as absent.
_CONDITIONAL: Final = frozenset(
    {
        "/spec/autoscaling/metric",
        "/spec/autoscaling/metricThreshold",
        "/spec/compute/gpuPortionRequest",
        "/spec/compute/gpuMemoryRequest",
        "/spec/compute/migProfile",
    }
)


def _nothing_on_the_bound(node: Node, length: int) -> str | None:
    if node.enum is not None:
        return None if any(isinstance(item, str) and len(item) == length for item in node.enum) else _NO_MEMBER
    if node.pattern is None or length != 1:
        return None
    return None if any(patterns.matches(node.pattern, character) for character in string.printable) else _NO_TEXT
