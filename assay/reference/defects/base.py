"""What a defect is made of, and how one part, operation, reply or place of a tree is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from assay.contract.request import ABSENT, Json
from assay.contract.schema import Node
from assay.reference.behaviour import Change
from assay.reference.http import IncomingRequest, Reply
from assay.reference.plane import Around, Plane
from assay.reference.store import StoredWorkload


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing wrong on purpose.

    ``id`` is a slash path that begins with the family. ``place`` is the JSON pointer in the contract of what it
    breaks. ``operation`` is the one in which it shows first (None: in several). ``equivalent`` says why no request
    of the contract could show the difference, or why nothing promises otherwise (None: it can be shown).
    """

    id: str
    family: str
    summary: str
    place: str
    change: Change
    operation: str | None = None
    equivalent: str | None = None


def named_workload(plane: Plane, call: IncomingRequest) -> StoredWorkload:
    """The workload that the path of a call names; refuses as the operation itself does."""
    operation = plane.contract.operations[call.operation or ""]
    plane.validation.path(operation.name, call.params)
    return plane.permitted_workload(operation, call.params["workloadId"], call.caller)


def mixed(mixin: type[Any]) -> Change:
    """The change that lays a subclass over the part of the plane that it is a subclass of."""
    return lambda behaviour: behaviour.mixing(mixin)


def around(operation: str, step: Around) -> Change:
    """The change that answers the calls of one operation in another way."""
    return lambda behaviour: behaviour.around(operation, step)


def answering(operation: str, wanted: Callable[[Reply], bool], change: Callable[[Reply], Reply]) -> Change:
    """The change that alters those replies of one operation that are ``wanted``."""

    def after(_: Plane, call: IncomingRequest, reply: Reply) -> Reply:
        return change(reply) if call.operation == operation and wanted(reply) else reply

    return lambda behaviour: behaviour.then(after)


def succeeded(reply: Reply) -> bool:
    """Whether a reply holds the JSON object of a success."""
    return reply.status < 300 and isinstance(reply.content, dict)


def at_node(node: Node, pointer: str, change: Callable[[Node], Node]) -> Node:
    """``node`` with the node at ``pointer`` (below it, ``*`` for list positions) changed; KeyError without one."""
    if not pointer:
        return change(node)
    step, _, rest = pointer[1:].partition("/")
    below = f"/{rest}" if rest else ""
    if step == "*":
        if node.items is None:
            raise KeyError(pointer)
        return replace(node, items=at_node(node.items, below, change))
    return replace(node, properties={**node.properties, step: at_node(node.properties[step], below, change)})


GONE: Final = ABSENT
"""What a change at a place of a value returns to drop it."""


def at_value(value: Json, pointer: str, change: Callable[[Json], Any]) -> Json:
    """A copy of ``value`` with everything at ``pointer`` changed; what is not there stays away."""
    if not pointer:
        return change(value)
    step, _, rest = pointer[1:].partition("/")
    below = f"/{rest}" if rest else ""
    if step == "*" and isinstance(value, list):
        entries = [at_value(item, below, change) for item in value]
        return [item for item in entries if item is not GONE]
    if isinstance(value, Mapping) and step in value:
        changed = {name: at_value(item, below, change) if name == step else item for name, item in value.items()}
        return {name: item for name, item in changed.items() if item is not GONE}
    return value


def dotted(pointer: str) -> str:
    """``/spec/ports/*/container`` as a step of an id: ``spec.ports.*.container``; ``body`` for the whole."""
    return pointer.strip("/").replace("/", ".") or "body"
