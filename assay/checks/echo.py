"""What was sent must come back: compares a spec with the spec of an answer.

Every non-null value that was sent comes back equal. Beyond that the document is silent: nulls may be dropped,
defaults and a policy's entries may be added, sets may come in another order, a quantity in another spelling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from assay.contract.request import Json
from assay.contract.rules import sizes

# Lists whose order the document gives a meaning ("A prioritized list of node pools").
_ORDERED: Final = frozenset({"/spec/nodePools"})
# "If this field is set, it will be ignored": it need not come back.
_IGNORED: Final = frozenset({"/spec/autoscaling/initializationTimeoutSeconds"})
_QUANTITIES: Final = ("Memory", "memory", "size", "sizeLimit", "quantity", "Limit", "Request")


def differences(sent: Json, got: Json, pointer: str = "/spec") -> Iterator[str]:
    """Yield the pointers (``*`` for list positions) at which ``got`` does not hold what was ``sent``."""
    if sent is None or pointer in _IGNORED:
        return
    if isinstance(sent, Mapping):
        if _is_excluded(sent):
            return
        if not isinstance(got, Mapping):
            if _holds_anything(sent, pointer):
                yield pointer
            return
        for name, value in sent.items():
            yield from differences(value, got.get(name), f"{pointer}/{name}")
    elif isinstance(sent, list):
        yield from _of_lists(sent, got, pointer)
    elif not equal(sent, got, pointer):
        yield pointer


def equal(sent: Json, got: Json, pointer: str) -> bool:
    """Whether two plain values mean the same at ``pointer``."""
    if isinstance(sent, bool) or isinstance(got, bool):
        return sent is got
    if isinstance(sent, int | float) and isinstance(got, int | float):
        return sent == got
    if isinstance(sent, str) and isinstance(got, str) and sent != got:
        if pointer.endswith("/id"):
            return sent.lower() == got.lower()
        if pointer.endswith(_QUANTITIES):
            one, two = sizes.parse(sent), sizes.parse(got)
            return one is not None and one == two
    return bool(sent == got)


def _of_lists(sent: list[Json], got: Json, pointer: str) -> Iterator[str]:
    wanted = [item for item in sent if item is not None and not _is_excluded(item)]
    if not isinstance(got, list):
        if wanted:
            yield pointer
        return
    if pointer in _ORDERED:
        if [item for item in got if item in wanted] != wanted:
            yield pointer
        return
    if _all_found(wanted, got, pointer):
        return
    rest = list(got)
    for item in wanted:
        nearest = min(rest, key=lambda other: _distance(item, other, pointer), default=None)
        missing = list(differences(item, nearest, f"{pointer}/*")) if nearest is not None else [f"{pointer}/*"]
        yield from missing
        if nearest is not None:
            rest.remove(nearest)


def _all_found(wanted: list[Json], got: list[Json], pointer: str) -> bool:
    """Whether each wanted entry has an entry of its own in ``got`` that holds it (a bipartite matching).

    Taking the first that fits would not do: what holds the entry {a} may be the only one that holds {a, b}.
    """
    fits = [
        [place for place, other in enumerate(got) if next(differences(item, other, f"{pointer}/*"), None) is None]
        for item in wanted
    ]
    taken: dict[int, int] = {}

    def settle(item: int, tried: set[int]) -> bool:
        for place in fits[item]:
            if place not in tried:
                tried.add(place)
                if place not in taken or settle(taken[place], tried):
                    taken[place] = item
                    return True
        return False

    return all(settle(item, set()) for item in range(len(wanted)))


def _distance(sent: Json, got: Json, pointer: str) -> int:
    """How much an entry of the answer differs from one that was sent: entries are paired by likeness."""
    return sum(1 for _ in differences(sent, got, f"{pointer}/*"))


def _is_excluded(value: Json) -> bool:
    """An excluded entry says what not to have, so it need not come back."""
    return isinstance(value, Mapping) and value.get("exclude") is True


def _holds_anything(value: Json, pointer: str) -> bool:
    """Whether a value holds anything that must come back; an object of nothing but ignored fields is empty."""
    if pointer in _IGNORED or _is_excluded(value):
        return False
    if isinstance(value, Mapping):
        return any(_holds_anything(item, f"{pointer}/{name}") for name, item in value.items())
    if isinstance(value, list):
        return any(_holds_anything(item, f"{pointer}/*") for item in value)
    return value is not None
