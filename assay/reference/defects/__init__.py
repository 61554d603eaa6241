"""Seeded defects: the control plane with one thing wrong on purpose, named by a stable id.

A family is a function from the contract to its defects, so a new rule or property brings its defects along. Each
family has an entry in ``FAMILIES``, and its name is the first step of the ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Final

from assay.contract.documents import Contract
from assay.reference.defects import (
    crash,
    identity,
    lifecycle,
    metrics,
    request_legal,
    request_schema,
    responses,
    rules,
    store,
    under_load,
)
from assay.reference.defects.base import Defect

FAMILIES: Final[Mapping[str, Callable[[Contract], Iterator[Defect]]]] = {
    "request-schema": request_schema.defects,
    "request-legal": request_legal.defects,
    "rule-off": rules.switched_off,
    "rule-wrong": rules.misjudged,
    "response-field": responses.fields,
    "response-status": responses.statuses,
    "response-content-type": responses.content_types,
    "error-body": responses.error_bodies,
    "identity": identity.defects,
    "store": store.defects,
    "lifecycle": lifecycle.defects,
    "metrics": metrics.defects,
    "crash": crash.defects,
    "race": under_load.races,
    "performance": under_load.performance,
}


@cache
def catalogue(contract: Contract) -> Mapping[str, Defect]:
    """Every defect by its id. Deriving all of them from a contract takes 0.2 s."""
    return {defect.id: defect for family in FAMILIES.values() for defect in family(contract)}
