"""The plane enforces every rule of the catalogue, and with a rule switched off that one only."""

from __future__ import annotations

from typing import Any

import pytest

from assay.contract import documents
from assay.contract.rules.base import Case, Rule
from assay.reference import patching
from assay.reference.defects import catalogue
from tests.reference.harness import Harness, Received

pytestmark = pytest.mark.slow

RULES = documents.load().rules
CREATES = [rule for rule in RULES if "create" in rule.applies]


def cases(rule: Rule, *, accepted: bool, operation: str) -> list[Case]:
    chosen = rule.accepts if accepted else rule.rejects
    return [case for case in chosen if case.on is None or operation in case.on]


def laid(fragment: Any) -> Any:
    """The fragment over a plain spec; a null removes the plain value."""
    plain = {key: value for key, value in {"image": "nginx"}.items() if fragment.get(key, "") is not None}
    return patching.merged(plain, {key: value for key, value in fragment.items() if value is not None})


def names_rule(reply: Received, rule: Rule) -> bool:
    return reply.status == 400 and f"({rule.id})" in reply.json["details"]


@pytest.mark.parametrize("rule", CREATES, ids=lambda rule: rule.id)
def test_creates_are_held_to_the_rule(rule: Rule) -> None:
    harness = Harness()
    for number, case in enumerate(cases(rule, accepted=True, operation="create")):
        reply = harness.create(f"a{number}", laid({**case.before, **case.fragment}))
        assert reply.status == 202, (case.title, reply.text)
    for number, case in enumerate(cases(rule, accepted=False, operation="create")):
        reply = harness.create(f"r{number}", laid({**case.before, **case.fragment}))
        assert names_rule(reply, rule), (case.title, reply.text)


@pytest.mark.parametrize("rule", [rule for rule in RULES if "update" in rule.applies], ids=lambda rule: rule.id)
def test_updates_are_held_to_the_rule(rule: Rule) -> None:
    harness = Harness()
    for accepted in (True, False):
        for number, case in enumerate(cases(rule, accepted=accepted, operation="update")):
            path = harness.created(f"{accepted}-{number}", laid(case.before))
            reply = harness.send("PATCH", path, {"spec": case.fragment})
            assert (reply.status == 202) if accepted else names_rule(reply, rule), (case.title, reply.text)


@pytest.mark.parametrize("defect", [item for item in catalogue(documents.load()) if item.startswith("rule-off/")])
def test_a_rule_switched_off_lets_its_breaches_pass(defect: str) -> None:
    rule = next(rule for rule in RULES if f"rule-off/{rule.id}" == defect)
    harness = Harness(defects=(defect,))
    for number, case in enumerate(rule.rejects):
        if case.on is None or "create" in case.on:
            reply = harness.create(f"w{number}", laid({**case.before, **case.fragment}))
            assert not names_rule(reply, rule)
            assert reply.status == 202 or "(" in reply.json["details"], (case.title, reply.text)


def test_every_rule_that_can_be_broken_has_its_defect() -> None:
    known = catalogue(documents.load())
    assert {f"rule-off/{rule.id}" for rule in RULES if rule.rejects} <= set(known)
    assert all(item == defect.id and defect.summary and defect.place for item, defect in known.items())


def test_the_family_may_be_set_off_with_a_colon() -> None:
    assert Harness(defects=("rule-off:container/image-required",)).create(spec={}).status == 202
