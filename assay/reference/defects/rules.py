"""Defects of the family ``rule-off``: a constraint of the prose that is not enforced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from assay.contract.documents import Contract
from assay.contract.rules.base import Rule
from assay.reference.behaviour import Change
from assay.reference.defects.base import Defect


def defects(contract: Contract) -> Iterator[Defect]:
    """``rule-off/<rule id>`` for every rule that something can break."""
    for rule in contract.rules:
        if rule.rejects:
            yield Defect(
                id=f"rule-off/{rule.id}",
                family="rule-off",
                summary=f"the rule {rule.id} is not enforced: {rule.quotes[0].text}",
                place=rule.quotes[0].pointer,
                change=rule_off(rule.id),
            )


def rule_off(rule_id: str) -> Change:
    """The change that takes one rule out of the catalogue."""

    def leave_out(rules: Sequence[Rule]) -> Sequence[Rule]:
        return tuple(rule for rule in rules if rule.id != rule_id)

    return lambda behaviour: replace(behaviour, rules=(*behaviour.rules, leave_out))
