"""Planned cases, batches and chains: few requests, yet each case judged, and a refusal traced to its cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from assay.checks import batches
from assay.checks.exchange import ContractBreachError
from assay.checks.planned import run_cases, run_variation
from assay.client.budget import Limits
from assay.contract.documents import load
from assay.contract.request import Json, Source
from assay.contract.rules.base import BOTH, Broken
from assay.findings.model import Finding
from assay.generation.cases import ACCEPT, PlannedCase
from assay.generation.plans import Batch, Plan, plans
from assay.prove.bench import Bench
from assay.prove.trial import oracle
from assay.reference.behaviour import Behaviour
from assay.reference.defects.rules import rule_off
from tests.checks.scenes import live

RULE = "compute/portion-limit-not-below-request"
PRIORITY = "scheduling/priority-class-known"


@cache
def plan(name: str) -> Plan:
    whole = plans(load())
    return next(each for each in (*whole.rules, *whole.schema) if each.id == name)


def bench(behaviour: Behaviour | None = None) -> Bench:
    return Bench(load(), behaviour or Behaviour(), oracle(load()))


def run(stand: Bench, *names: str) -> list[Finding]:
    """The violations that the plans find."""
    found: list[Finding] = []
    for name in names:
        try:
            run_cases(stand.target, name, plan(name).cases)
        except ContractBreachError as breach:
            found += breach.findings
    return found


def stricter(name: str, value: Json) -> Behaviour:
    """A control plane with a rule of its own: it refuses this one lawful value in a spec."""

    def judge(spec: Mapping[str, Json]) -> Iterator[Broken]:
        if spec.get(name) == value:
            yield Broken(f"/{name}")

    mine = replace(load().rules[0], id="mine/own", judge=judge, applies=BOTH, needs=None)
    return replace(Behaviour(), rules=(lambda rules: [*rules, mine],))


@pytest.mark.parametrize("role", ["create", "update"])
@pytest.mark.parametrize("side", ["accept", "reject"])
@pytest.mark.parametrize("rule", [RULE, PRIORITY])
def test_the_reference_passes_and_nothing_is_left(rule: str, role: str, side: str) -> None:
    stand = bench()
    assert run(stand, f"{rule}[{role}-{side}]") == []
    batches.end_chains(stand.target)
    assert stand.notebook.requests > 0
    assert live(stand) == []


@pytest.mark.parametrize("role", ["create", "update"])
def test_a_rule_that_is_off_is_named(role: str) -> None:
    found = run(bench(rule_off(RULE)(Behaviour())), f"{RULE}[{role}-reject]", f"{RULE}[{role}-accept]")
    assert {(one.check, one.rule) for one in found} == {("rule-enforced", RULE)}
    assert {one.test for one in found} == {f"{RULE}[{role}-reject]"}


def test_all_violations_of_a_plan_are_told_at_once() -> None:
    stand = bench(rule_off(RULE)(Behaviour()))
    cases = plan(f"{RULE}[create-reject]").cases
    with pytest.raises(ContractBreachError) as caught:
        run_cases(stand.target, "t", cases, batched=False)
    assert len(caught.value.findings) == len(cases) > 1


def test_a_batch_settles_many_cases_with_one_request() -> None:
    whole = plans(load())
    batch = max(whole.batches, key=lambda each: (each.operation == "create" and each.gpus == 0, len(each.cases)))
    stand = bench()
    assert all(batches.settles(stand.target, case) for case in batch.cases)
    assert stand.notebook.requests <= 3 < len(batch.cases)  # a creation, perhaps a read, a deletion
    assert live(stand) == []


def test_a_batch_holds_no_case_that_the_run_does_not_plan() -> None:
    stand = bench()
    stand.target.state.planned = plan(f"{RULE}[create-accept]").cases
    assert batches._by_case(stand.target).keys() == {case.id for case in stand.target.state.planned}


def test_a_batch_that_is_refused_is_sent_case_by_case_and_only_the_cause_is_blamed() -> None:
    whole = plans(load())
    accepts = f"{PRIORITY}[create-accept]"
    case = plan(accepts).cases[0]
    batch = next(each for each in whole.batches if case in each.cases)
    assert len(batch.cases) > 1
    assert isinstance(case.body, dict)
    value = case.body["spec"]["priorityClass"]
    stand = bench(stricter("priorityClass", value))
    assert not any(batches.settles(stand.target, each) for each in batch.cases)
    blamed = []
    for each in batch.cases:
        try:
            run_cases(stand.target, "t", [each])
        except ContractBreachError as breach:
            blamed += [(each.id, finding.check, finding.rule) for finding in breach.findings]
    assert blamed == [(case.id, "accepts-valid", PRIORITY)]


def test_the_focus_of_a_rule_case_quotes_its_sentence() -> None:
    reason = batches.focus(plan(f"{RULE}[create-accept]").cases[0])
    assert (reason.source, reason.id) == (Source.RULE, RULE)
    assert len(reason.text) > 20


def test_cases_that_ask_for_gpus_are_listed_when_the_run_may_not() -> None:
    stand = bench()
    written: list[dict[str, Any]] = []
    record = stand.notebook.write

    def write(kind: str, /, **event: Any) -> None:
        record(kind, **event)
        if kind == "not_tested":
            written.append(event)

    stand.notebook.write = write  # type: ignore[method-assign]
    stand.target.session.budget.limits = Limits(gpu_devices=0)
    assert run(stand, f"{RULE}[create-accept]") == []
    assert stand.notebook.requests == 0
    assert len(written) == len(plan(f"{RULE}[create-accept]").cases)
    assert all("max_gpu_devices" in event["why"] for event in written)


def update_batches() -> list[Batch]:
    chosen = [each for each in plans(load()).batches if each.operation == "update" and each.gpus == 0]
    return [each for each in chosen if each.before == chosen[0].before and not each.cases[0].assumed][:6]


def test_updates_are_chained_on_few_workloads() -> None:
    stand = bench()
    for each in update_batches():
        assert batches.settles(stand.target, each.cases[0])
    everything = list(stand.plane.store.live(stand.plane.now()))
    assert len(everything) < len(update_batches())
    assert len(live(stand)) <= 2  # chains at rest hold few slots
    batches.end_chains(stand.target)
    assert live(stand) == []


def test_a_chain_ends_where_an_update_goes_wrong() -> None:
    first = update_batches()[0]
    name, value = next(iter(first.body["spec"].items()))
    stand = bench(stricter(name, value))
    assert not batches.settles(stand.target, first.cases[0])
    assert live(stand) == []


def test_an_accepted_breach_on_a_shared_workload_is_judged_on_a_fresh_one() -> None:
    """The second case must not be blamed for what the first one left behind."""
    stand = bench(rule_off(PRIORITY)(Behaviour()))
    found = run(stand, f"{PRIORITY}[update-reject]")
    assert {one.rule for one in found} == {PRIORITY}
    batches.end_chains(stand.target)
    assert live(stand) == []


def test_variations_shrink_to_one_finding() -> None:
    whole = plans(load())
    name = f"{RULE}[create-reject]"
    variation = next(each for each in whole.variations if each.id == name)
    run_variation(bench().target, name, variation.cases)
    with pytest.raises(ContractBreachError) as caught:
        run_variation(bench(rule_off(RULE)(Behaviour())).target, name, variation.cases)
    assert {finding.rule for finding in caught.value.findings} == {RULE}


def test_a_case_of_no_batch_is_not_settled() -> None:
    case: PlannedCase = replace(plan(f"{RULE}[create-accept]").cases[0], id="nobody-knows-it")
    assert case.side == ACCEPT
    assert not batches.settles(bench().target, case)
