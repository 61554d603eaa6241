"""Experiments on what was found: one cause is one finding, and they cost a sound target nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from assay.checks import diagnosis, experiments
from assay.checks.diagnosis import diagnose
from assay.checks.exchange import ContractBreachError
from assay.checks.planned import run_cases
from assay.contract.documents import load
from assay.contract.request import Json
from assay.contract.rules.base import BOTH, Broken
from assay.errors import TargetLostError
from assay.findings.causes import join
from assay.findings.model import Finding
from assay.generation.plans import plans
from assay.prove.bench import Bench
from assay.prove.trial import oracle
from assay.reference.behaviour import Behaviour
from assay.reference.defects import catalogue

Judge = Callable[[Mapping[str, Json]], Iterator[Broken]]


def found(behaviour: Behaviour, *names: str) -> tuple[Bench, list[Finding]]:
    """What the plans of these names find, and the bench they found it on."""
    bench, whole = Bench(load(), behaviour, oracle(load())), plans(load())
    for plan in (*whole.rules, *whole.schema):
        if plan.id.startswith(names):
            try:
                run_cases(bench.target, plan.id, plan.cases)
            except ContractBreachError as breach:
                bench.target.recorder.write(*breach.findings)
    return bench, list(bench.notebook.record.findings.values())


def joined(bench: Bench) -> list[Finding]:
    record = bench.notebook.record
    return join(record.findings.values(), record.coverage.rejected, record.diagnosed)


def stricter(judge: Judge) -> Behaviour:
    """A control plane with a rule of its own."""
    mine = replace(load().rules[0], id="mine/own", judge=judge, applies=BOTH, needs=None)
    return Behaviour(rules=(lambda rules: (*rules, mine),))


def test_a_refused_combination_is_taken_apart() -> None:
    """A server that wants room to scale refuses this of all that the request holds."""

    def judge(spec: Mapping[str, Json]) -> Iterator[Broken]:
        scaling = spec.get("autoscaling") or {}
        if scaling.get("minReplicas") is not None and scaling["minReplicas"] == scaling.get("maxReplicas"):
            yield Broken("/autoscaling")

    bench, before = found(stricter(judge), "autoscaling/max-not-below-min[create-accept]")
    assert [each.location for each in before] == ["/body/spec"]
    diagnose(bench.target)
    (cause,) = joined(bench)
    assert "By experiment: without spec.autoscaling.maxReplicas it is accepted" in cause.why


def test_the_neighbours_of_a_refused_value_tell_where_the_limit_lies() -> None:
    """A server that knows the ports below 60,000: 65,535 is refused, and 65,534 as well."""

    def judge(spec: Mapping[str, Json]) -> Iterator[Broken]:
        if (spec.get("servingPort") or {}).get("container", 0) > 60_000:
            yield Broken("/servingPort/container")

    bench, _ = found(stricter(judge), "create/spec.servingPort.container[accept]")
    diagnose(bench.target)
    says = "with another value of spec.servingPort.container it is accepted; 65,534 is refused, too"
    assert any(says in each.why for each in joined(bench))


def test_a_value_that_every_plain_query_holds_is_one_cause() -> None:
    defect = catalogue(load())["request-legal/metrics/query.metricType/enum-THROUGHPUT"]
    bench, before = found(defect.change(Behaviour()), "metrics/query")
    assert len(join(before)) > 1
    diagnose(bench.target)
    (cause,) = [each for each in joined(bench) if each.check == "accepts-valid"]
    assert cause.location == "/query/metricType"
    assert "By experiment: with another value of query.metricType it is accepted" in cause.why


def test_only_the_first_entry_of_a_list_is_looked_at() -> None:
    defect = catalogue(load())["request-schema/create/spec.storage.git/first-entry-only"]
    bench, before = found(defect.change(Behaviour()), "create/spec.storage.git")
    assert len(before) > 1
    diagnose(bench.target)
    causes = {each.cause for each in bench.notebook.record.diagnosed.values()}
    assert causes == {"accepted beside /spec/storage/git/*"}
    assert len([each for each in joined(bench) if each.check == "schema-enforced"]) == 1


def test_nothing_is_left_behind_and_nothing_else_is_found() -> None:
    defect = catalogue(load())["request-schema/create/spec.storage.git/first-entry-only"]
    bench, before = found(defect.change(Behaviour()), "create/spec.storage.git")
    diagnose(bench.target)
    assert [each.id for each in bench.notebook.record.findings.values()] == [each.id for each in before]
    alive = [each for each in bench.plane.store.live(bench.plane.now()) if each.deleted is None]
    assert not alive


def test_a_sound_target_is_sent_no_experiment() -> None:
    bench, before = found(Behaviour(), "autoscaling")
    sent = bench.notebook.requests
    diagnose(bench.target)
    assert {each.check for each in before} <= {"status-documented"}  # a gap, and of no request
    assert bench.notebook.requests == sent


def test_experiments_end_with_their_share_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "_MOST", 3)
    defect = catalogue(load())["request-schema/create/spec.storage.git/first-entry-only"]
    bench, _ = found(defect.change(Behaviour()), "create/spec.storage.git")
    sent = bench.notebook.requests
    diagnose(bench.target)
    assert 0 < bench.notebook.requests - sent <= 3 * 3  # each with its deletion, and a look whether it is gone


@pytest.mark.parametrize("most", range(1, 7))
def test_what_was_not_taken_apart_to_its_end_is_not_told(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the experiments would name the section, and join what has another cause in it."""

    def judge(spec: Mapping[str, Json]) -> Iterator[Broken]:
        if (spec.get("servingPort") or {}).get("container", 0) > 60_000:
            yield Broken("/servingPort/container")

    monkeypatch.setattr(experiments, "_EACH", most)
    bench, _ = found(stricter(judge), "create/spec.servingPort.container[accept]")
    diagnose(bench.target)
    causes = {each.cause.split()[1] for each in bench.notebook.record.diagnosed.values()}
    assert causes <= {"/spec/servingPort/container"}


def test_a_target_that_is_lost_meanwhile_costs_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    defect = catalogue(load())["request-legal/metrics/query.metricType/enum-THROUGHPUT"]
    bench, before = found(defect.change(Behaviour()), "metrics/query")

    def lost(*_: object, **__: object) -> object:
        raise TargetLostError("gone")

    monkeypatch.setattr(bench.target, "send", lost)
    diagnose(bench.target)
    assert not bench.notebook.record.diagnosed
    assert len(joined(bench)) == len(join(before, bench.notebook.record.coverage.rejected))
