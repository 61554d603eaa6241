"""The catalogue of a version: its rules and contradictions, and what they say about one spec.

A spec is the object below ``/spec`` of a request body: of the creation as it is sent, of an update as it is after
merging. Everything here is pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Final

from assay.contract.pointers import look_up
from assay.contract.request import Json
from assay.contract.rules import (
    autoscaling,
    claims,
    compute,
    connectivity,
    container,
    environment,
    metrics,
    not_rules,
    resources,
    scheduling,
    security,
    storage,
    tolerations,
    workload,
)
from assay.contract.rules.base import Contradiction, Judgement, Quote, Rule, Unclear, prune
from assay.contract.rules.not_rules import NotRule
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


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What the prose of one version says, and which of its sentences are no rules."""

    rules: tuple[Rule, ...]
    contradictions: tuple[Contradiction, ...]
    not_rules: tuple[NotRule, ...]

    def rule(self, rule_id: str) -> Rule:
        """The rule with ``rule_id``; UsageError when there is none."""
        found = next((rule for rule in self.rules if rule.id == rule_id), None)
        if found is None:
            raise UsageError(f"there is no rule '{rule_id}'", hint="`assay rules` lists them all")
        return found

    @property
    def entries(self) -> tuple[Rule | Contradiction, ...]:
        return (*self.rules, *self.contradictions)

    def lost_quotes(self, document: Json) -> list[tuple[str, str]]:
        """Ids of rules and contradictions, each with a quote that ``document`` no longer holds at its place."""
        return [
            (item.id, quote.text) for item in self.entries for quote in item.quotes if not _stands(document, quote)
        ]


@cache
def catalogue(version: str) -> Catalogue:
    """What holds in a version of the document."""
    return Catalogue(
        tuple(rule for area in AREAS for rule in area.RULES if version in rule.versions),
        tuple(item for area in AREAS for item in area.CONTRADICTIONS if version in item.versions),
        tuple(entry for entry in not_rules.NOT_RULES if version in entry.versions),
    )


class Effective(dict[str, Json]):
    """A spec without nulls. ``judgements`` and ``contradicted`` take it as it is."""


def effective(spec: Mapping[str, Json]) -> Effective:
    """The effective spec: null means absent.

    Who asks both functions below about one spec makes it effective once: that is a fifth of their work.
    """
    return spec if isinstance(spec, Effective) else Effective(prune(spec))


def judgements(spec: Json, kind: str, rules: Iterable[Rule]) -> list[tuple[Rule, Judgement]]:
    """What ``rules`` say about ``spec``, in catalogue order; the empty list when every rule holds.

    Nulls are taken for absent. A spec that is no object breaks its schema, and no rule.
    """
    if not isinstance(spec, dict):
        return []
    spec = effective(spec)
    return [
        (rule, judgement)
        for rule in rules
        if kind in rule.applies and (rule.needs is None or rule.needs in spec)
        for judgement in rule.judge(spec)
    ]


def contradicted(
    spec: Json, kind: str, contradictions: Iterable[Contradiction]
) -> list[tuple[Contradiction, Unclear]]:
    """Where the expectation for ``spec`` depends on which of two contradictory sentences holds."""
    if not isinstance(spec, dict):
        return []
    spec = effective(spec)
    return [
        (contradiction, unclear)
        for contradiction in contradictions
        if kind in contradiction.applies
        for unclear in contradiction.judge(spec)
    ]


def _stands(document: Json, quote: Quote) -> bool:
    try:
        value = look_up(document, quote.pointer, "the document")
    except ContractError:
        return False
    return quote.text in value if isinstance(value, str) else quote.text == json.dumps(value)
