"""The whole catalogue: every rule and contradiction, and what they say about one spec.

A spec is the object below ``/spec`` of a request body: of the creation as it is sent, of an update as it is after
merging. Everything here is pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Final

from assay.contract.documents import look_up
from assay.contract.request import Json
from assay.contract.rules import (
    autoscaling,
    claims,
    compute,
    connectivity,
    container,
    environment,
    metrics,
    resources,
    scheduling,
    security,
    storage,
    tolerations,
    workload,
)
from assay.contract.rules.base import Contradiction, Judgement, Quote, Rule, Unclear, prune
from assay.errors import ContractError, UsageError

AREAS: Final[tuple[ModuleType, ...]] = (
    container,
    environment,
    workload,
    scheduling,
    tolerations,
    compute,
    resources,
    autoscaling,
    connectivity,
    storage,
    claims,
    security,
    metrics,
)
RULES: Final[tuple[Rule, ...]] = tuple(rule for area in AREAS for rule in area.RULES)
CONTRADICTIONS: Final[tuple[Contradiction, ...]] = tuple(item for area in AREAS for item in area.CONTRADICTIONS)
ENTRIES: Final[tuple[Rule | Contradiction, ...]] = (*RULES, *CONTRADICTIONS)

_BY_ID: Final = {rule.id: rule for rule in RULES}


def by_id(rule_id: str) -> Rule:
    """The rule with ``rule_id``; UsageError when there is none."""
    try:
        return _BY_ID[rule_id]
    except KeyError as error:
        raise UsageError(f"there is no rule '{rule_id}'", hint="`assay rules` lists them all") from error


class Effective(dict[str, Json]):
    """A spec without nulls. ``judgements`` and ``contradicted`` take it as it is."""


def effective(spec: Mapping[str, Json]) -> Effective:
    """The effective spec: null means absent.

    Who asks both functions below about one spec makes it effective once: that is a fifth of their work.
    """
    return spec if isinstance(spec, Effective) else Effective(prune(spec))


def judgements(spec: Json, role: str, rules: Sequence[Rule] = RULES) -> list[tuple[Rule, Judgement]]:
    """What ``rules`` say about ``spec``, in catalogue order; the empty list when every rule holds.

    Nulls are taken for absent. A spec that is no object breaks its schema, and no rule.
    """
    if not isinstance(spec, dict):
        return []
    spec = effective(spec)
    return [
        (rule, judgement)
        for rule in rules
        if role in rule.applies and (rule.needs is None or rule.needs in spec)
        for judgement in rule.judge(spec)
    ]


def contradicted(spec: Json, role: str) -> list[tuple[Contradiction, Unclear]]:
    """Where the expectation for ``spec`` depends on which of two contradictory sentences holds."""
    if not isinstance(spec, dict):
        return []
    spec = effective(spec)
    return [
        (contradiction, unclear)
        for contradiction in CONTRADICTIONS
        if role in contradiction.applies
        for unclear in contradiction.judge(spec)
    ]


def lost_quotes(document: Json) -> list[tuple[str, str]]:
    """Ids of rules and contradictions, each with a quote that ``document`` no longer holds at its place."""
    return [(item.id, quote.text) for item in ENTRIES for quote in item.quotes if not _stands(document, quote)]


def _stands(document: Json, quote: Quote) -> bool:
    try:
        value = look_up(document, quote.pointer, "the document")
    except ContractError:
        return False
    return quote.text in value if isinstance(value, str) else quote.text == json.dumps(value)
