"""With any single rule of the catalogue off, the rules part finds that rule and names no other one."""

from __future__ import annotations

import pytest

from assay.checks.exchange import ContractBreachError
from assay.checks.planned import run_cases
from assay.contract import documents
from assay.contract.rules.base import Broken, Rule
from assay.contract.rules.catalogue import judgements
from assay.generation.cases import REJECT, PlannedCase
from assay.generation.plans import Plan, plans
from assay.prove.bench import Bench
from assay.reference import patching
from assay.reference.behaviour import Behaviour
from assay.reference.defects.rules import rule_off

pytestmark = pytest.mark.slow

JUDGED = {"rule-enforced", "accepts-valid", "schema-enforced"}
RULES = documents.load().rules
BREAKABLE = [rule for rule in RULES if rule.rejects]


def of_area(rule: Rule) -> list[Plan]:
    """The plans of the rule's own area. Those of other areas never meet the rule: see the last test of this file."""
    return [plan for plan in plans(documents.load()).rules if plan.id.startswith(f"{rule.area}/")]


def blamed(bench: Bench, chosen: list[Plan]) -> set[str | None]:
    """The rules that are named as not enforced, or for which a valid request is refused, when the plans are run."""
    bench.target.state.planned = tuple(case for plan in chosen for case in plan.cases)
    for plan in chosen:
        try:
            run_cases(bench.target, f"rules/{plan.id}", plan.cases)
        except ContractBreachError as breach:
            bench.target.recorder.write(*breach.findings)
    return {finding["rule"] for finding in bench.notebook.findings.values() if finding["kind"] in JUDGED}


@pytest.mark.parametrize("rule", BREAKABLE, ids=lambda rule: rule.id)
def test_a_rule_that_is_off_is_found_and_no_other(rule: Rule) -> None:
    assert blamed(Bench(documents.load(), rule_off(rule.id)(Behaviour())), of_area(rule)) == {rule.id}


def test_with_every_rule_on_nothing_is_blamed() -> None:
    assert blamed(Bench(documents.load(), Behaviour()), list(plans(documents.load()).rules)) == set()


def test_each_case_breaks_no_rule_but_its_own() -> None:
    """So what one rule decides, or does not decide any more, cannot change how the cases of another one fare."""
    for plan in plans(documents.load()).rules:
        for case in plan.cases:
            own = {case.reason.id} if case.side == REJECT else set()
            assert broken(case) == own, case.id


def broken(case: PlannedCase) -> set[str]:
    assert isinstance(case.body, dict)
    spec = patching.merged(case.before, case.body["spec"]) if case.operation == "update" else case.body["spec"]
    return {rule.id for rule, judgement in judgements(spec, case.operation, RULES) if isinstance(judgement, Broken)}
