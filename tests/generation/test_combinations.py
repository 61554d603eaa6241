"""GPU request options and autoscaling options: every pair of values stands in a case with a known expectation."""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from typing import Final

import pytest

from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import ABSENT, Outcome
from assay.generation.base_requests import Judge
from assay.generation.cases import ACCEPT, REJECT, CaseList, PlannedCase, TargetIds, overlay, plain_body
from assay.generation.combinations import (
    CombinedOptions,
    all_pairs,
    autoscaling_options,
    combination_cases,
    gpu_options,
    pairs_of,
    row_of,
)

pytestmark = pytest.mark.slow

IDS: Final = TargetIds(
    "4711", "6d8e0a4c-1f2b-4c3d-8e5f-000000000001", {"workload": "6d8e0a4c-1f2b-4c3d-8e5f-000000000002"}
)
SECTIONS: Final = {"compute": gpu_options, "autoscaling": autoscaling_options}
# Counted by hand from the values in pairs.py: the sum of the products of every two options' numbers of values.
PAIRS: Final = {"compute": 384, "autoscaling": 721}


@cache
def planned(oracle: Oracle, operation: str) -> CaseList:
    return combination_cases(oracle, operation)


def options(oracle: Oracle, section: str, operation: str = "create") -> CombinedOptions:
    return SECTIONS[section](oracle.bodies[operation].find("/spec"))


def of_section(oracle: Oracle, section: str, operation: str = "create") -> list[PlannedCase]:
    return [case for case in planned(oracle, operation).cases if case.id.startswith(f"combinations/{section}/")]


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("operation", ["create", "update"])
def test_every_pair_stands_in_a_case_with_a_known_expectation(oracle: Oracle, section: str, operation: str) -> None:
    wanted = set(all_pairs(options(oracle, section, operation)))
    held = {
        pair
        for case in of_section(oracle, section, operation)
        for pair in pairs_of(row_of(options(oracle, section), case))
    }
    assert len(wanted) == PAIRS[section]
    assert wanted - held == set()
    assert planned(oracle, operation).excluded == ()


@pytest.mark.parametrize("section", SECTIONS)
def test_absent_and_null_are_values_of_every_option(oracle: Oracle, section: str) -> None:
    for name, values in options(oracle, section).fields.items():
        assert values[:2] == (ABSENT, None), name
        assert len(values) >= 3, name
    spec = oracle.bodies["create"].find("/spec")
    assert set(options(oracle, "autoscaling").fields) == set(spec.properties["autoscaling"].properties)


def test_a_pair_that_can_be_accepted_stands_in_an_accepted_case(oracle: Oracle) -> None:
    wanted = options(oracle, "compute")
    judge = Judge(oracle, "create")
    possible = set()
    # Null means absent to the oracle: the rows without null, with each of their absences read as null too.
    for row in product(*([value for value in values if value is not None] for values in wanted.fields.values())):
        compute = {name: value for name, value in zip(wanted.fields, row, strict=True) if value is not ABSENT}
        if judge.accepts({**plain_body(Kind.CREATE), "spec": overlay({"compute": compute})}):
            possible |= {
                pair
                for one in (None, ABSENT)
                for pair in pairs_of(tuple(one if value is ABSENT else value for value in row))
            }
    accepted = {
        pair
        for case in of_section(oracle, "compute")
        if case.side == ACCEPT
        for pair in pairs_of(row_of(wanted, case))
    }
    assert possible - accepted == set()
    assert len(possible) >= 150


@pytest.mark.parametrize("operation", ["create", "update"])
def test_every_case_has_its_expectation(oracle: Oracle, operation: str) -> None:
    several = 0
    for case in planned(oracle, operation).cases:
        expectation = oracle.expect(
            case.build(oracle.contract.operations[case.operation], IDS, "assay-1"), case.before
        )
        assert expectation.outcome is Outcome(case.side), (case.title, expectation)
        if case.side == REJECT and not case.reason.alone_in(expectation.reasons):
            assert case.reason.id in {reason.id for reason in expectation.reasons}
            several += 1
    # Pairs that cannot be refused for one reason: a portion above 1 is only known to be too much beside the type
    # portion, which forbids what it is paired with.
    assert several <= 5


def test_the_cases_are_few_unique_and_always_the_same(oracle: Oracle) -> None:
    cases = planned(oracle, "create").cases
    assert combination_cases(oracle).cases == cases
    assert len({case.id for case in cases}) == len(cases) <= 160
    for case in cases:
        assert re.fullmatch(r"combinations/(compute|autoscaling)/create-(accept|reject)/[0-9a-f]{8}", case.id)


def test_autoscaling_cases_ask_for_no_gpu(oracle: Oracle) -> None:
    assert {case.gpus for case in of_section(oracle, "autoscaling")} == {0}
    assert max(case.gpus for case in of_section(oracle, "compute")) == 2
