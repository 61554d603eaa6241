"""Completes a spec until the contract accepts it, by asking the oracle what is missing.

So nothing here lists mandatory fields: a rule that a later version adds is obeyed as soon as the catalogue has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from assay.contract import pointers
from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import ABSENT, Expectation, Json, Outcome, Request
from assay.contract.schema import Node
from assay.generation.samples import PLAIN_SPEC, sample

# A field may call for another one (a probe for its handler, that for its action, that for a port). Nothing in the
# 2.22 document needs more than four steps.
_MOST_STEPS: Final = 12

NOWHERE: Final = "00000000-0000-4000-8000-000000000000"
"""The id that stands in a request while it is planned; the caller supplies the real one."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks the oracle about bodies of one writing operation."""

    oracle: Oracle
    operation: str
    before: Mapping[str, Json] | None = None

    @property
    def kind(self) -> Kind:
        return self.oracle.contract.operations[self.operation].kind

    @property
    def node(self) -> Node:
        return self.oracle.bodies[self.operation]

    def expect(self, body: Json) -> Expectation:
        """The expectation for ``body``; an update is laid over the plain spec unless ``before`` says otherwise."""
        path = dict.fromkeys(self.oracle.contract.operations[self.operation].needs, NOWHERE)
        stored = (self.before or PLAIN_SPEC) if self.kind is Kind.UPDATE else None
        return self.oracle.expect(Request(self.operation, path, body=body), stored)

    def accepts(self, body: Json) -> bool:
        return self.expect(body).outcome is Outcome.ACCEPT


def smallest_body(node: Node) -> dict[str, Any]:
    """The smallest plain body of an operation: its required properties and, below ``spec``, the plain spec."""
    body: dict[str, Any] = {"spec": dict(PLAIN_SPEC)}
    for name in ("name", "projectId", "clusterId"):
        if name in node.properties:
            body[name] = NOWHERE if name == "clusterId" else "assay"
    return {name: body[name] for name in [*node.properties, *body] if name in body}


def complete(judge: Judge, body: Json, keep_absent: frozenset[str] = frozenset()) -> Any:
    """Add a plain sample wherever the oracle misses something, and return the result.

    Places in ``keep_absent`` (templated pointers) are left alone. The result need not be accepted: what is wrong
    otherwise than by absence stays wrong.
    """
    for _ in range(_MOST_STEPS):
        expectation = judge.expect(body)
        missing = sorted({reason.location.removeprefix("/body") for reason in expectation.reasons} - keep_absent)
        additions = [item for place in missing for item in _additions(judge.node, body, place)]
        if expectation.outcome is Outcome.ACCEPT or not additions:
            return body
        for place, value in additions:
            body = pointers.put(body, place, value)
    return body


def mandatory(judge: Judge, pointer: str) -> frozenset[str]:
    """The properties that an object at ``pointer`` cannot be without, by schema or by rule."""
    needed = _closure(judge, pointer, None)
    if len(needed) < 2:
        return needed
    # An object that may not be empty was given some property first: what another start does not call for is no need.
    return frozenset(
        name for name in needed if any(name in _closure(judge, pointer, other) for other in needed - {name})
    )


def _closure(judge: Judge, pointer: str, start: str | None) -> frozenset[str]:
    """The properties of the completed object at ``pointer`` that began empty, or with the property ``start``."""
    node = judge.node.find(pointer)
    first = {start: sample(node.properties[start])} if start is not None else {}
    body = complete(judge, pointers.put(smallest_body(judge.node), pointer, {**sample(node), **first}))
    value = pointers.get(body, pointer)
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _additions(root: Node, body: Json, place: str) -> Iterator[tuple[str, Json]]:
    """What to put where something is missed: a sample at the place itself, or into an object that is empty there."""
    node = _node(root, place)
    if node is None:
        return
    value = pointers.get(body, place)
    if value in (ABSENT, None):
        yield place, sample(node)
    elif value == {} and node.properties:
        name, child = next(iter(node.properties.items()))
        yield f"{place}/{name}", sample(child)


def _node(root: Node, pointer: str) -> Node | None:
    try:
        return root.find(pointer)
    except KeyError:
        return None
