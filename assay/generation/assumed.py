"""Which fields cannot be set without assuming that something exists on the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from assay.contract.request import Json
from assay.contract.schema import Node
from assay.contract.unstated import Unstated
from assay.generation import places
from assay.generation.samples import Pool, pool

# The document contradicts itself on a toleration's value, so only one that excludes an entry of the target's policy
# is known to be accepted (couplings.py), and that assumes the entry.
_ONLY_EXCLUDED: Final = "/spec/tolerations"


class Assumptions:
    """Answers for the tree of one body; ``mandatory`` holds what its objects cannot be without, by pointer."""

    def __init__(self, root: Node, mandatory: Mapping[str, frozenset[str]]) -> None:
        self._unstated = Unstated(root)
        self._mandatory = mandatory

    def cannot_be(self, node: Node) -> bool:
        """Whether even the smallest value of ``node`` assumes something."""
        return node.pointer == _ONLY_EXCLUDED or self._assumed(node, self._smallest(node))

    def values(self, node: Node) -> Pool:
        """The plain values of a leaf that assume nothing."""
        every = pool(node)
        free = tuple(value for value in every.values if not self._assumed(node, value))
        return Pool(free or every.values, every.distinct)

    def _assumed(self, node: Node, value: Json) -> bool:
        _, assumed = self._unstated.questions_and_assumptions(places.put({}, node.pointer, value))
        return bool(assumed)

    def _smallest(self, node: Node) -> Any:
        if node.properties:
            needed = self._mandatory.get(node.pointer, frozenset())
            return {name: self._smallest(child) for name, child in node.properties.items() if name in needed}
        if node.items is not None:
            return [self._smallest(node.items)]
        return pool(node).values[0]
