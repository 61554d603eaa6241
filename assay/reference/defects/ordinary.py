"""Defects of the family ``request-legal`` that refuse what a person would write: an entry with all that it needs.

Nothing that deviates from such an entry can be judged then, so each is one finding, which names the entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from assay.contract import pointers
from assay.contract.documents import Contract
from assay.contract.rules.base import BOTH, Broken, Rule, Spec
from assay.reference.behaviour import Change
from assay.reference.defects.base import Defect

_REFUSED: Final[Mapping[str, tuple[str, frozenset[str], str]]] = {
    "/environmentVariables": ("value", frozenset({"name", "value"}), "an environment variable that has a value"),
    "/ports": ("serviceType", frozenset({"container", "serviceType", "name"}), "a port with its usual fields"),
    "/storage/emptyDirVolume": ("path", frozenset({"path", "sizeLimit"}), "a volume with all that makes it usable"),
}
"""By the list: the field that the defect is named after, the fields that together are refused, and what that is."""


def entries(contract: Contract) -> Iterator[Defect]:
    """``request-legal/create/<field of an entry>/in-use``."""
    for place, (field, together, what) in _REFUSED.items():
        creation = contract.creation
        step = pointers.dotted(f"/spec{place}/*/{field}")
        yield Defect(
            id=f"request-legal/{creation.name}/{step}/in-use",
            family="request-legal",
            summary=f"{creation.name} and updates refuse {what}",
            place=f"/paths/{creation.id}/requestBody",
            change=_refusing(contract, place, together),
            operation=creation.name,
        )


def _refusing(contract: Contract, place: str, together: frozenset[str]) -> Change:
    def judge(spec: Spec) -> Iterator[Broken]:
        if any(_says(entry, together) for entry in _entries(spec, place)):
            yield Broken(f"{place}/*")

    mine = replace(contract.rules[0], id="house/entries", judge=judge, applies=BOTH, needs=None)

    def change(rules: Any) -> tuple[Rule, ...]:
        return (*rules, mine)

    return lambda behaviour: replace(behaviour, rules=(*behaviour.rules, change))


def _entries(spec: Spec, place: str) -> list[Any]:
    found = pointers.get(dict(spec), place)
    return found if isinstance(found, list) else []


def _says(entry: Any, together: frozenset[str]) -> bool:
    return isinstance(entry, Mapping) and all(entry.get(name) is not None for name in together)
