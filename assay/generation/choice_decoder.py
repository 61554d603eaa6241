"""Decodes a value of a schema node from a sequence of choices, one byte each.

Each place of the tree owns fixed bytes of the sequence: one that says whether it is there, one that picks its value.
Zero means absent, or the simplest value. One draw of bytes thus gives a whole section of a spec: Hypothesis spends
about 35 us on a choice and 1 us on a byte, so a dense spec of 80 values costs 1 ms instead of 6, and because
Hypothesis shrinks each byte by itself towards zero, what is not needed for a failure vanishes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from assay.contract.request import Json
from assay.contract.schema import Node
from assay.generation.ordinary import filling, is_hollow
from assay.generation.values import Pool, pool

LONGEST_LIST: Final = 2
# Shares of 256. Sections nest up to four deep (storage, pvc, claimInfo, accessModes): at 1/2 each, the innermost
# leaf would stand in 3 % of the specs; every leaf is to stand in 4 % (20 of 500) with a wide margin.
_LEAF_SHARE: Final = 128
_SECTION_SHARE: Final = 176
_SECOND_ENTRY_SHARE: Final = 64
# One optional property in 256 is null, which means absent: about one in every second dense spec.
NULL_CODE: Final = 1

_LENGTHS: Final = (("minItems", 1), ("maxItems", LONGEST_LIST))

Reconcile = Callable[[dict[str, Any], int], None]
"""Changes an object drawn property by property until it keeps the rules; the number (0..255) decides its choices."""


class Decoder(Protocol):
    """Reads the value of one node from ``code``, beginning at ``at``; ``index`` is its position in a list."""

    @property
    def size(self) -> int:
        """How many bytes it owns."""

    def read(self, code: bytes, at: int, index: int) -> Json:
        """The value that the bytes stand for."""


@dataclass(frozen=True, slots=True)
class LeafDecoder:
    values: Pool
    size: int = 1

    def read(self, code: bytes, at: int, index: int) -> Json:
        return self.values.pick(code[at], index)


@dataclass(frozen=True, slots=True)
class ListDecoder:
    item: Decoder
    settle: Reconcile | None
    size: int
    least: int = 1
    most: int = LONGEST_LIST
    unique: bool = False

    def read(self, code: bytes, at: int, index: int) -> Json:  # noqa: ARG002 - the entries have positions of their own
        count = max(self.least, min(self.most, 1 + (code[at] > 255 - _SECOND_ENTRY_SHARE)))
        first = at + 2
        items = [self.item.read(code, first + position * self.item.size, position) for position in range(count)]
        if self.unique:
            items = _distinct(items, self.item)
        if self.settle is not None:
            self.settle({"items": items}, code[at + 1])
        return items


@dataclass(frozen=True, slots=True)
class PropertySlot:
    """One property of an object: where its bytes begin and from which code on it is there (0: always)."""

    name: str
    decoder: Decoder
    offset: int
    threshold: int
    nullable: bool


@dataclass(frozen=True, slots=True)
class ObjectDecoder:
    slots: tuple[PropertySlot, ...]
    settle: Reconcile | None
    size: int
    filling: Mapping[str, Json] = field(default_factory=dict)  # what it says where it would say nothing

    def read(self, code: bytes, at: int, index: int) -> Json:
        value: dict[str, Any] = {}
        for slot in self.slots:
            place = at + slot.offset
            if code[place] >= slot.threshold:
                value[slot.name] = slot.decoder.read(code, place + 1, index)
            elif code[place] == NULL_CODE and slot.nullable:
                value[slot.name] = None
        if self.settle is not None:
            self.settle(value, code[at])
        return {**value, **deepcopy(self.filling)} if is_hollow(value) else value


@dataclass(frozen=True)
class DrawPlan:
    """What a decoder needs to know beyond the tree.

    ``mandatory``: the properties an object cannot be without, by its pointer. ``settle``: how an object (or the
    entries of a list, under the key ``items``) is made to keep the rules. ``values``: the values of a leaf.
    ``omit``: places left out. ``nulls``: whether optional properties are null now and then.
    """

    mandatory: Mapping[str, frozenset[str]] = field(default_factory=dict)
    settle: Mapping[str, Reconcile] = field(default_factory=dict)
    values: Callable[[Node], Pool] = pool
    omit: Callable[[Node], bool] = lambda _: False
    nulls: bool = True


def decoder(node: Node, plan: DrawPlan) -> Decoder:
    """The decoder of a node and all below it."""
    if node.properties:
        return _object(node, plan)
    if node.items is not None:
        item = decoder(node.items, plan)
        least, most = (int(node.bounds.get(keyword, usual)) for keyword, usual in _LENGTHS)
        size = 2 + max(LONGEST_LIST, least) * item.size
        return ListDecoder(item, plan.settle.get(node.pointer), size, least, most, node.unique)
    if node.type == "object":
        return ObjectDecoder((), None, 1)
    return LeafDecoder(plan.values(node))


def _distinct(items: list[Json], item: Decoder) -> list[Json]:
    """``items`` without those that stand there twice: another plain value in their place where there is one."""
    kept: list[Json] = []
    for value in items:
        spare = item.values.values if isinstance(item, LeafDecoder) else ()
        fresh = next((other for other in (value, *spare) if other not in kept), None)
        if fresh is not None:
            kept.append(fresh)
    return kept


def _object(node: Node, plan: DrawPlan) -> ObjectDecoder:
    slots = []
    needed = plan.mandatory.get(node.pointer, frozenset()) | node.required
    offset = 1  # the first byte belongs to the reconciliation
    for name, child in node.properties.items():
        if plan.omit(child):
            continue
        part = decoder(child, plan)
        share = _SECTION_SHARE if child.properties or child.items else _LEAF_SHARE
        slots.append(
            PropertySlot(
                name=name,
                decoder=part,
                offset=offset,
                threshold=0 if name in needed else 256 - share,
                nullable=plan.nulls and child.nullable,
            )
        )
        offset += 1 + part.size
    kept = {name: value for name, value in filling(node).items() if not plan.omit(node.properties[name])}
    return ObjectDecoder(tuple(slots), plan.settle.get(node.pointer), offset, kept)
