"""Every planned case deviates in one thing from a request that the contract accepts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from assay.contract.documents import load
from assay.contract.oracle import Oracle
from assay.contract.request import Absent, Json, Outcome
from assay.contract.steps import Steps
from assay.generation.base_requests import Judge
from assay.generation.cases import ACCEPT, PlannedCase, plain_body
from assay.generation.ordinary_plan import ordinary_plan
from assay.generation.ordinary_requests import OrdinaryRequests, parts, section
from assay.generation.plans import plans

CONTRACT = load()

# What rules tie together: there is no accepted request with the first and without the others.
TIED = {
    "/body/spec/autoscaling/metric": {"/body/spec/autoscaling/metricThreshold"},
    "/body/spec/nodeAffinityRequired/nodeSelectorTerms/*/matchExpressions/*/operator": {
        "/body/spec/nodeAffinityRequired/nodeSelectorTerms/*/matchExpressions/*/values"
    },
    "/body/spec/storage/pvc/*/existingPvc": {"/body/spec/storage/pvc/*/claimInfo"},
    "/body/spec/storage/configMapVolume/*/exclude": {
        "/body/spec/storage/configMapVolume/*/configMap",
        "/body/spec/storage/configMapVolume/*/mountPath",
    },
    "/body/spec/storage/secretVolume/*/exclude": {
        "/body/spec/storage/secretVolume/*/secret",
        "/body/spec/storage/secretVolume/*/mountPath",
    },
}


@cache
def cases() -> tuple[PlannedCase, ...]:
    whole = plans(CONTRACT)
    every = [case for area in (whole.rules, whole.schema, whole.combinations) for plan in area for case in plan.cases]
    return tuple(case for case in every if case.operation in oracle().judged)


@cache
def oracle() -> Oracle:
    return Oracle(CONTRACT)


@cache
def found() -> dict[str, PlannedCase | None]:
    requests = OrdinaryRequests(oracle())
    return {case.id: requests.of(case) for case in cases()}


def differences(one: Json, two: Json, at: Steps = ()) -> Iterator[Steps]:
    """The outermost places in which two values differ; lists that are not of one length differ as a whole."""
    if isinstance(one, dict) and isinstance(two, dict):
        for name in {**one, **two}:
            if name in one and name in two:
                yield from differences(one[name], two[name], (*at, name))
            else:
                yield (*at, name)
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for number, (left, right) in enumerate(zip(one, two, strict=True)):
            yield from differences(left, right, (*at, number))
    elif one != two or isinstance(one, bool) is not isinstance(two, bool):
        yield at


@cache
def _by_case() -> dict[str, set[str]]:
    return {case.id: _deviations(case) for case in cases()}


def deviations(case: PlannedCase) -> set[str]:
    """The templated places in which a case differs from its ordinary request, laid over what is stored before."""
    return _by_case()[case.id]


def _deviations(case: PlannedCase) -> set[str]:
    ordinary = found()[case.id]
    assert ordinary is not None
    whole = [_merged(case, body) for body in (case.body, ordinary.body)]
    return {_templated(steps) for steps in differences(*whole)}


def _merged(case: PlannedCase, body: Json | Absent) -> Json:
    if isinstance(body, dict) and isinstance(body.get("spec"), dict):
        return {**body, "spec": {**(case.before or {}), **body["spec"]}}
    return body


def _templated(steps: Steps) -> str:
    return "/body" + "".join("/*" if isinstance(step, int) else f"/{step}" for step in steps)


def about(place: str, location: str) -> bool:
    """Whether a place is the one that a case is about, or the section that says nothing else."""
    return f"{location}/".startswith(f"{place}/") or f"{place}/".startswith(f"{location}/")


def test_each_case_has_an_ordinary_request() -> None:
    assert [name for name, ordinary in found().items() if ordinary is None] == []


def test_what_is_ordinary_is_accepted_and_assumes_no_more_than_it_must() -> None:
    for ordinary in {each.id: each for each in found().values() if each is not None}.values():
        expectation = Judge(oracle(), ordinary.operation, ordinary.before).expect(ordinary.body)
        assert expectation.outcome is Outcome.ACCEPT, ordinary.id
        assert set(ordinary.assumed) == {reason.text for reason in expectation.assumes}, ordinary.id


def test_each_case_deviates_in_the_one_place_that_it_is_about() -> None:
    wrong = {}
    for case in cases():
        where = case.reason.location
        places = deviations(case) - TIED.get(where, set())
        if len(places) > 1 or not all(about(place, where) for place in places):
            wrong[case.id] = sorted(places)
    assert wrong == {}


def test_what_is_tied_is_needed_by_a_rule() -> None:
    """Leaving out what the case is about alone, or putting a plain value there, is accepted nowhere in TIED."""
    used = {case.reason.location for case in cases() if len(deviations(case)) > 1}
    assert used == set(TIED)


@pytest.mark.parametrize("operation", ["create", "update"])
def test_the_plainest_request_of_each_part_is_known(operation: str) -> None:
    requests = OrdinaryRequests(oracle())
    told: dict[str, PlannedCase] = {}
    for case in cases():
        if case.operation == operation:
            told |= {each.reason.location: each for each in requests.of_parts(case) if each.operation == operation}
    assert {"/body/spec/environmentVariables", "/body/spec/compute", "/body/spec/autoscaling"} <= set(told)
    spec = told["/body/spec/environmentVariables"].body["spec"]  # type: ignore[index]
    assert spec["environmentVariables"] == [{"name": "VARIABLE_0", "value": "value-0"}]


def test_what_many_cases_deviate_from_is_sent_once_and_together() -> None:
    plan = ordinary_plan(CONTRACT)
    distinct = {each.id for several in plan.of.values() for each in several}
    batches = {batch.cases[0].id for batch in plan.by_case.values()}
    assert {*plan.by_case, *plan.twins} == distinct
    assert len(batches) < len(distinct) / 3 < len(plan.of) / 6
    assert all(twin.side == ACCEPT for twin in plan.twins.values())


def test_a_part_is_named_by_the_innermost_section() -> None:
    assert section({"spec": {"image": "x"}}) == "/spec"
    assert section({"spec": {"image": "x", "storage": {"nfs": [{"path": "/a"}]}}}) == "/spec/storage/nfs"
    assert section({"spec": {"ports": [{"container": 1}], "command": "x"}}) == "/spec"
    assert section(plain_body(CONTRACT.creation.kind)) == "/spec"
    assert parts({"image": "x", "storage": {"nfs": [], "git": []}, "ports": None}) == [
        "/spec/storage/nfs",
        "/spec/storage/git",
        "/spec/ports",
    ]


def test_a_run_of_few_cases_asks_only_for_what_these_deviate_from() -> None:
    few = [case for case in cases() if case.id.startswith("rules/environment/name-required/create-reject")]
    plan = ordinary_plan(CONTRACT, few)
    assert set(plan.of) == {case.id for case in few}
    assert 0 < len(plan.by_case) < 8
