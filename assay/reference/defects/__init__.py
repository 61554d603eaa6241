"""Seeded defects: the control plane with one thing wrong on purpose, named by a stable id.

A family is a function from the contract to its defects, so a new rule or property brings its defects along. Each
family has an entry in ``FAMILIES``, and its name is the first step of the ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from assay.contract.documents import Contract
from assay.reference.defects import (
    crash,
    identity,
    life,
    measuring,
    performance,
    races,
    request_legal,
    request_schema,
    responses,
    rule_wrong,
    rules,
    store,
)
from assay.reference.defects.base import Defect

FAMILIES: Final[Mapping[str, Callable[[Contract], Iterator[Defect]]]] = {
    "request-schema": request_schema.defects,
    "request-legal": request_legal.defects,
    "rule-off": rules.defects,
    "rule-wrong": rule_wrong.defects,
    "response-field": responses.fields,
    "response-status": responses.statuses,
    "response-content-type": responses.content_types,
    "error-body": responses.error_bodies,
    "identity": identity.defects,
    "store": store.defects,
    "lifecycle": life.defects,
    "metrics": measuring.defects,
    "crash": crash.defects,
    "race": races.defects,
    "performance": performance.defects,
}


def catalogue(contract: Contract) -> dict[str, Defect]:
    """Every defect by its id."""
    return {defect.id: defect for family in FAMILIES.values() for defect in family(contract)}
