"""Changes one place of a tree: of a schema, of a JSON value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from assay.contract.request import ABSENT, Json
from assay.contract.schema import Node


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
