"""The cases of a rule: what its catalogue entry says, as requests; and further ones that vary it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from hypothesis.strategies import SearchStrategy

from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import Expectation, Json, Outcome, Source
from assay.contract.rules.base import Case, Fragment, Rule
from assay.generation.cases import (
    ACCEPT,
    REJECT,
    CaseList,
    Excluded,
    PlannedCase,
    Side,
    Subject,
    overlay,
    plain_body,
    slug,
)
from assay.generation.completion import Judge
from assay.generation.rule_variations import VARIATIONS, RuleVariations
from assay.generation.samples import PLAIN_SPEC

_WHOLE_SPEC = "/body/spec"


def rule_cases(oracle: Oracle, rule: Rule) -> CaseList:
    """Every case of ``rule`` for every operation it applies to.

    Ids read ``rules/compute/portion-limit-not-below-request/create-reject/just-below``. A case whose expectation the
    oracle does not share is excluded with the oracle's reasons.
    """
    found = CaseList()
    sides: tuple[tuple[Side, tuple[Case, ...]], ...] = ((ACCEPT, rule.accepts), (REJECT, rule.rejects))
    for operation in bound_by(oracle, rule):
        for side, cases in sides:
            for case in cases:
                if oracle.judged[operation] in (case.on or rule.applies):
                    found += _one(oracle, rule, operation, side, case)
    return found


def bound_by(oracle: Oracle, rule: Rule) -> list[str]:
    """The operations whose requests ``rule`` binds, by name."""
    return sorted(name for name, kind in oracle.judged.items() if kind in rule.applies)


def varied(oracle: Oracle, rule: Rule, operation: str, side: Side) -> SearchStrategy[PlannedCase] | None:
    """Further cases of one side of ``rule`` for Hypothesis to search and shrink; None where there are none."""
    found = VARIATIONS.get(rule.id, RuleVariations())
    fragments = found.accept if side == ACCEPT else found.reject
    if fragments is None or operation not in bound_by(oracle, rule):
        return None

    def case(fragment: Fragment) -> PlannedCase | None:
        found = _one(oracle, rule, operation, side, Case("varied", fragment)).cases
        return found[0] if found else None

    return cast("SearchStrategy[PlannedCase]", fragments.map(case).filter(lambda item: item is not None))


def _one(oracle: Oracle, rule: Rule, operation: str, side: Side, case: Case) -> CaseList:
    case_id = f"rules/{rule.id}/{operation}-{side}/{slug(case.title)}"
    body, before = _request(oracle.judged[operation], case)
    expectation = Judge(oracle, operation, before).expect(body)
    subject = _subject(rule, side, expectation)
    if expectation.outcome != Outcome(side) or subject is None:
        reasons = "; ".join(f"{reason.id} at {reason.location}: {reason.text}" for reason in expectation.reasons)
        return CaseList(excluded=(Excluded(case_id, f"the oracle says {expectation.outcome}: {reasons}"),))
    assumed = tuple(dict.fromkeys(reason.text for reason in expectation.assumes))
    return CaseList(
        (PlannedCase(case_id, operation, side, case.title, subject, body, before=before, assumed=assumed),)
    )


def _request(kind: Kind, case: Case) -> tuple[dict[str, Any], Mapping[str, Json] | None]:
    if kind is Kind.CREATE:
        spec = {**PLAIN_SPEC, **case.fragment} if case.explicit else overlay(case.fragment)
        return {**plain_body(kind), "spec": spec}, None
    return {"spec": dict(case.fragment)}, overlay(case.before)


def _subject(rule: Rule, side: Side, expectation: Expectation) -> Subject | None:
    """What the case is about; None when a reject case is refused for something else, or not for this alone."""
    if side == ACCEPT:
        return Subject(Source.RULE, rule.id, _WHOLE_SPEC, rule.quotes[0].text)
    ids = {(reason.source, reason.id) for reason in expectation.reasons}
    if ids != {(Source.RULE, rule.id)}:
        return None
    return Subject(Source.RULE, rule.id, expectation.reasons[0].location, rule.quotes[0].text)
