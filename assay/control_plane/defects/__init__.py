"""Seeded defects: the control plane with one thing wrong on purpose, named by a stable id.

A family is a function from the contract to its defects, so a new rule or property brings its defects along. Each
family has a module here and an entry in ``FAMILIES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from assay.contract.documents import Contract
from assay.control_plane.defects import rules
from assay.control_plane.defects.base import Defect

FAMILIES: Final[Mapping[str, Callable[[Contract], Iterator[Defect]]]] = {"rule-off": rules.defects}


def catalogue(contract: Contract) -> dict[str, Defect]:
    """Every defect by its id."""
    return {defect.id: defect for family in FAMILIES.values() for defect in family(contract)}
