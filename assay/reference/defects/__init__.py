"""Seeded defects: the control plane with one thing wrong on purpose, named by a stable id.

A family is a function from the contract to its defects, so a new rule or property brings its defects along. Each
family has an entry in ``FAMILIES``, and its name is the first step of the ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import chain
from typing import Final

from assay.contract.documents import Contract
from assay.reference.defects import (
    crash,
    identity,
    lifecycle,
    metrics,
    ordinary,
    request_legal,
    request_schema,
    responses,
    rules,
    spelling,
    store,
    under_load,
)
from assay.reference.defects.base import Defect

Family = Callable[[Contract], Iterator[Defect]]


def _together(*families: Family) -> Family:
    return lambda contract: chain.from_iterable(family(contract) for family in families)


FAMILIES: Final[Mapping[str, Family]] = {
    "request-schema": _together(request_schema.defects, spelling.top_level),
    "request-legal": _together(request_legal.defects, spelling.capitals, ordinary.entries),
    "rule-off": rules.switched_off,
    "rule-wrong": _together(rules.misjudged, spelling.updates),
    "response-field": responses.fields,
    "response-status": responses.statuses,
    "response-content-type": responses.content_types,
    "error-body": responses.error_bodies,
    "identity": identity.defects,
    "store": store.defects,
    "lifecycle": lifecycle.defects,
    "metrics": _together(metrics.defects, spelling.moments),
    "crash": crash.defects,
    "race": under_load.races,
    "performance": under_load.performance,
}


@cache
def catalogue(contract: Contract) -> Mapping[str, Defect]:
    """Every defect by its id. Deriving all of them from a contract takes 0.2 s."""
    return {defect.id: defect for family in FAMILIES.values() for defect in family(contract)}
