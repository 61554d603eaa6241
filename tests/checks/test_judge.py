"""An answer held against the expectation: never more than was promised, never less."""

from __future__ import annotations

from itertools import product

import pytest

from assay.checks.exchange import Deviation
from assay.checks.judge import against
from assay.client.exchange import Answer
from assay.contract.documents import load
from assay.contract.oracle import Oracle
from assay.contract.request import Expectation, Outcome, Reason, Source
from assay.contract.rules.base import Rule, Strength
from assay.findings.model import Class
from tests.client import pages

MUST = next(rule for rule in load().rules if rule.strength is Strength.MUST and rule.rejects)
SHOULD = [rule for rule in load().rules if rule.strength is Strength.SHOULD]
SCHEMA = Reason(Source.SCHEMA, "minimum", "/body/spec/compute/cpuCoreRequest", "0 is the least")
RULE = Reason(Source.RULE, MUST.id, "/body/spec/x", MUST.quotes[0].text)
STATE = Reason(Source.STATE, "unknown-workload", "/path/workloadId", "no such workload")
FOCUS = Reason(Source.RULE, MUST.id, "/body", MUST.quotes[0].text)
ASSUMED = Reason(Source.SILENCE, "node-pool", "/body/spec/nodePools", "the node pool exists")


def judged(status: int, expectation: Expectation, **options: object) -> list[Deviation]:
    return list(against(load().operations["create"], Answer(status), expectation, **options))  # type: ignore[arg-type]


def accept(*assumes: Reason) -> Expectation:
    return Expectation(Outcome.ACCEPT, (), assumes)


def reject(*reasons: Reason) -> Expectation:
    return Expectation(Outcome.REJECT, reasons)


@pytest.mark.parametrize(
    ("status", "expectation"),
    [
        *product((200, 202, 204, 207), (accept(), accept(ASSUMED))),
        *product((400, 401, 403, 404, 409, 422), (reject(SCHEMA), reject(RULE), reject(STATE))),
        *product((200, 302, 400, 404), (Expectation(Outcome.OPEN), Expectation(Outcome.OPEN, (SCHEMA,)))),
        # Waiting is part of the client, and a server error is judged by itself.
        *product((429, 503, 500, 502), (accept(), reject(RULE))),
    ],
)
def test_as_expected(status: int, expectation: Expectation) -> None:
    assert judged(status, expectation) == []


@pytest.mark.parametrize("page", [pages.BLOCKED, pages.ENVOY_401, pages.LOGIN, pages.TO_LOGIN])
@pytest.mark.parametrize("expectation", [accept(), reject(RULE)])
def test_what_a_gateway_answers_says_nothing_of_the_api(page: Answer, expectation: Expectation) -> None:
    assert list(against(load().operations["create"], page, expectation)) == []


@pytest.mark.parametrize("status", [400, 404, 409, 301])
def test_a_valid_request_is_refused(status: int) -> None:
    (found,) = judged(status, accept(), focus=FOCUS)
    assert (found.cls, found.check, found.rule, found.location) == (
        Class.VIOLATION,
        "accepts-valid",
        MUST.id,
        "/body",
    )
    assert MUST.quotes[0].text in found.why


def test_without_a_focus_the_request_as_a_whole_is_named() -> None:
    (found,) = judged(400, accept())
    assert (found.rule, found.location) == ("valid", "/body")
    assert "a request that the contract allows" in found.summary


@pytest.mark.parametrize(
    ("operation", "status", "lost"),
    [
        ("read", 404, "a workload that was created and that nobody has deleted"),
        ("update", 410, "a workload that was created and that nobody has deleted"),
        ("pod_metrics", 410, "a pod that was created and that nobody has deleted"),
        ("read", 400, None),
    ],
)
def test_what_is_not_known_although_it_lives_is_told_as_such(operation: str, status: int, lost: str | None) -> None:
    (found,) = against(load().operations[operation], Answer(status), accept())
    assert (found.cls, found.check, found.rule, found.location) == (
        Class.VIOLATION,
        "accepts-valid",
        "valid",
        "/body",
    )
    assert ("nobody has deleted" in found.summary) is (lost is not None)
    assert lost is None or lost in found.summary


def test_refusing_what_takes_something_for_granted_is_a_gap() -> None:
    (found,) = judged(400, accept(ASSUMED), focus=FOCUS)
    assert (found.cls, found.check) == (Class.GAP, "stricter-than-contract")
    assert "the node pool exists" in found.why


def test_all_refused_excluded_entries_are_one_gap() -> None:
    excluded = [Reason(Source.SILENCE, "assumes-excluded", f"/body/spec/{kind}/*", "policy") for kind in ("a", "b")]
    found = [judged(400, accept(ASSUMED, reason), focus=FOCUS)[0] for reason in excluded]
    found.append(judged(400, accept(excluded[0]))[0])
    assert {(item.cls, item.check, item.rule, item.location) for item in found} == {
        (Class.GAP, "stricter-than-contract", "assumes-excluded", "/body/spec")
    }
    assert "exclude: true" in found[0].summary
    assert MUST.id in found[0].summary


def test_all_refused_entries_without_an_alternative_are_one_gap() -> None:
    place = "/body/spec/environmentVariables/*"
    bare = Reason(Source.SILENCE, "assumes-none-given", place, "none is needed")
    found = [judged(400, accept(bare), focus=FOCUS)[0], judged(422, accept(bare, ASSUMED))[0]]
    assert {(item.cls, item.check, item.rule, item.location) for item in found} == {
        (Class.GAP, "stricter-than-contract", "assumes-none-given", place)
    }
    assert "neither a value nor a reference" in found[0].summary


@pytest.mark.parametrize(
    ("reason", "check"), [(SCHEMA, "schema-enforced"), (RULE, "rule-enforced"), (STATE, "unknown-resource")]
)
@pytest.mark.parametrize("status", [200, 202, 302])
def test_a_bad_request_is_accepted(reason: Reason, check: str, status: int) -> None:
    (found,) = judged(status, reject(reason))
    assert (found.cls, found.check, found.rule, found.location) == (
        Class.VIOLATION,
        check,
        reason.id,
        reason.location,
    )
    assert reason.text in found.why


def test_several_reasons_make_one_finding_that_counts_the_others() -> None:
    (found,) = judged(202, reject(RULE, SCHEMA, STATE))
    assert found.rule == MUST.id
    assert "and 2 more reasons" in found.why


def broken(rule: Rule) -> Expectation:
    """What the oracle states for a creation that breaks ``rule`` alone."""
    head = {"name": "a", "projectId": "1", "clusterId": "6d1c0f3e-8b7a-4c55-9a61-0f2d3c4b5a69"}
    spec = {"image": "registry.example/echo:1.0", **rule.rejects[0].fragment}
    return Oracle(load()).expect(load().creation.request(body={**head, "spec": spec}))


@pytest.mark.parametrize("rule", SHOULD, ids=lambda rule: rule.id)
def test_what_only_should_be_refused_is_a_gap(rule: Rule) -> None:
    (weak,) = broken(rule).reasons
    assert weak.id == rule.id
    assert [found.cls for found in judged(202, reject(weak))] == [Class.GAP]
    assert [found.cls for found in judged(202, reject(weak, SCHEMA))] == [Class.VIOLATION]


def test_there_are_weak_rules_to_test() -> None:
    assert SHOULD


def test_lawful_beside_the_documented_success() -> None:
    assert judged(404, accept(), also=frozenset({404})) == []
    assert [found.check for found in judged(410, accept(), also=frozenset({404}))] == ["accepts-valid"]
    assert judged(202, reject(RULE), also=frozenset({202})) == []
