"""Delta debugging on a JSON tree: which of its places a deviation needs.

After Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (IEEE TSE 28, 2002), along the tree:
what can be left out while the deviation shows is left out, with all below it; what remains is tried with an ordinary
value, which tells whether it is the value that matters, or that there is one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from assay.contract.request import ABSENT, Absent, Json
from assay.contract.steps import Steps, below, get, put, templated

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
        smaller = put(self.tree, steps, ABSENT)
        shown = self.shows(smaller)
        if shown:
            self.tree = smaller
            return False
        inner = [self.visit(place) for place in list(below(self.tree, steps))]
        if any(inner):
            return True
        needs = self._needs_value(steps, needs_place=shown is False)
        if needs is not None:
            self.needed[templated(steps)] = needs
        return needs is not None

    def _needs_value(self, steps: Steps, *, needs_place: bool) -> bool | None:
        """Whether the value matters; None when the place is not needed, or nobody can tell."""
        undecided = _THAT_IT_IS_THERE if needs_place else None
        value, plain = get(self.tree, steps), self.ordinary(templated(steps))
        if isinstance(value, dict | list) or plain is ABSENT or plain == value:
            return undecided
        other = put(self.tree, steps, plain)
        shown = self.shows(other)
        if shown:
            self.tree = other
        return undecided if shown or shown is None else _ITS_VALUE
