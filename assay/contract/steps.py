"""One place in a JSON tree: the way to it, step by step, where a templated pointer means several (``pointers``)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from assay.contract.request import ABSENT, Absent, Json

Steps = tuple[str | int, ...]
"""The way from the root of a tree to one place in it: names, and positions in lists."""


def get(tree: Json, steps: Steps) -> Json | Absent:
    """What stands at one place; ABSENT when nothing does."""
    for step in steps:
        known = isinstance(tree, dict) and step in tree
        if not known and not (isinstance(tree, list) and isinstance(step, int) and step < len(tree)):
            return ABSENT
        tree = tree[step]
    return tree


def put(tree: Json, steps: Steps, value: Json | Absent) -> Any:
    """A copy of ``tree`` with ``value`` at one place, whose parent is there; ABSENT removes what stands there."""
    changed = copy.deepcopy(tree)
    parent: Any = get(changed, steps[:-1])
    if value is not ABSENT:
        parent[steps[-1]] = value
    elif isinstance(parent, list):
        del parent[int(steps[-1])]
    else:
        parent.pop(steps[-1], None)
    return changed


def below(tree: Json, steps: Steps) -> Iterator[Steps]:
    """The places right below one, the last first: what is taken out of a list moves those behind it."""
    value = get(tree, steps)
    inner: list[str | int] = list(value) if isinstance(value, dict) else []
    inner = list(range(len(value))) if isinstance(value, list) else inner
    yield from ((*steps, step) for step in reversed(inner))


def templated(steps: Steps) -> str:
    """The pointer of a place, with ``*`` for positions in lists.

    >>> templated(("spec", "ports", 2, "container"))
    '/spec/ports/*/container'
    """
    return "".join(f"/{'*' if isinstance(step, int) else step}" for step in steps)
