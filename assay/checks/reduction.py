"""Delta debugging on a JSON tree: which of its places a deviation needs.

After Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (IEEE TSE 28, 2002), along the tree:
what can be left out while the deviation shows is left out, with all below it; what remains is tried with an ordinary
value, which tells whether it is the value that matters, or that there is one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from assay.contract.request import ABSENT, Absent, Json

Steps = tuple[str | int, ...]
"""The way from the root of the tree to a place in it."""

Shows = Callable[[Json], bool | None]
"""Whether the deviation shows on such a tree; None where that could not be found out, or would say nothing."""

Ordinary = Callable[[str], Json | Absent]
"""An ordinary value for a templated pointer; ABSENT where there is none."""

_ITS_VALUE: Final = True
_THAT_IT_IS_THERE: Final = False


@dataclass(frozen=True, slots=True)
class Reduced:
    """``tree`` is what is left; ``needed`` says of each place (a templated pointer) whether its value matters."""

    tree: Json
    needed: Mapping[str, bool]


def reduce(tree: Json, top: str, shows: Shows, ordinary: Ordinary) -> Reduced:
    """What of the object at ``top`` the deviation needs. ``tree`` itself is not changed."""
    reduction = _Reduction(copy.deepcopy(tree), shows, ordinary)
    for name in list(reduction.tree[top]):
        reduction.visit((top, name))
    return Reduced(reduction.tree, reduction.needed)


@dataclass
class _Reduction:
    tree: Json
    shows: Shows
    ordinary: Ordinary
    needed: dict[str, bool] = field(default_factory=dict)

    def visit(self, steps: Steps) -> bool:
        """Whether the deviation needs the place, or something below it."""
        smaller = _changed(self.tree, steps, ABSENT)
        shown = self.shows(smaller)
        if shown:
            self.tree = smaller
            return False
        below = [self.visit(child) for child in _children(self.tree, steps)]
        if any(below):
            return True
        needs = self._needs_value(steps, needs_place=shown is False)
        if needs is not None:
            self.needed[_templated(steps)] = needs
        return needs is not None

    def _needs_value(self, steps: Steps, *, needs_place: bool) -> bool | None:
        """Whether the value matters; None when the place is not needed, or nobody can tell."""
        undecided = _THAT_IT_IS_THERE if needs_place else None
        value, plain = _at(self.tree, steps), self.ordinary(_templated(steps))
        if isinstance(value, dict | list) or plain is ABSENT or plain == value:
            return undecided
        other = _changed(self.tree, steps, plain)
        shown = self.shows(other)
        if shown:
            self.tree = other
        return undecided if shown or shown is None else _ITS_VALUE


def _children(tree: Json, steps: Steps) -> list[Steps]:
    """The places right below one; of a list the last first, for what is left out moves those behind it."""
    value = _at(tree, steps)
    if isinstance(value, dict):
        return [(*steps, name) for name in value]
    return [(*steps, number) for number in reversed(range(len(value)))] if isinstance(value, list) else []


def _at(tree: Json, steps: Steps) -> Json:
    for step in steps:
        tree = tree[step]
    return tree


def _changed(tree: Json, steps: Steps, value: Json | Absent) -> Any:
    """A copy of ``tree`` with another value at a place, or without the place."""
    changed = copy.deepcopy(tree)
    parent = _at(changed, steps[:-1])
    if value is ABSENT:
        del parent[steps[-1]]
    else:
        parent[steps[-1]] = value
    return changed


def _templated(steps: Steps) -> str:
    return "".join(f"/{'*' if isinstance(step, int) else step}" for step in steps)
