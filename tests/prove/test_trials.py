"""A fixed sample of defects, one or two of each family, is caught in process by the tests near its place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from assay.contract import documents
from assay.prove.suite import SuiteTest, collect, near_operation, ordered
from assay.prove.trial import findings_of, try_defect
from assay.reference.defects import catalogue

pytestmark = pytest.mark.slow

SAMPLE = (
    "request-schema/create/spec.compute.cpuCoreRequest/minimum",
    "request-schema/update/spec.servingConfiguration.requestTimeoutSeconds/type",
    "request-schema/metrics/query.numberOfSamples/maximum",
    "request-legal/create/spec.imagePullPolicy/enum-Always",
    "request-legal/update/spec.command/null",
    "rule-off/container/image-required",
    "rule-wrong/compute/memory-limit-not-below-request/units-ignored",
    "rule-wrong/environment/name-required/first-entry-only",
    "response-field/read/workloadId/format",
    "response-field/create/spec.command/dropped",
    "response-status/create/202-200",
    "response-content-type/delete/success/html",
    "error-body/read/code-wrong",
    "identity/delete/signature-unread",
    "identity/read/foreign",
    "store/update-loses-probes",
    "store/delete-takes-all",
    "lifecycle/phase-unknown",
    "metrics/one-sample-more",
    "metrics/value-nan",
    "crash/create/body.nul",
    "race/update-lost",
)


@cache
def every_test() -> tuple[SuiteTest, ...]:
    return collect("gate")


def near(name: str) -> list[SuiteTest]:
    contract = documents.load()
    return ordered(contract, catalogue(contract)[name], every_test(), near=True)


@cache
def lawful() -> dict[str, Mapping[str, Any]]:
    """What is found on the control plane without any defect; Schemathesis, half of the time, is not in the sample."""
    tests = [test for test in every_test() if test.area != "schemathesis"]
    return findings_of(documents.load(), tests, profile="gate", seed=1)


def test_the_defect_free_control_plane_breaks_nothing() -> None:
    assert [finding for finding in lawful().values() if finding["class"] == "violation"] == []


@pytest.mark.parametrize("name", SAMPLE)
def test_a_defect_is_caught_near_its_place(name: str) -> None:
    contract, defect = documents.load(), catalogue(documents.load())[name]
    outcome = try_defect(contract, defect, every_test(), lawful(), profile="gate", seed=1, near=True)
    assert outcome.finding is not None, outcome
    assert outcome.finding["id"] not in lawful()
    assert outcome.requests > 0


@pytest.mark.parametrize(
    "name",
    ["response-field/create/spec.command/dropped", "identity/delete/signature-unread", "crash/create/body.nul"],
)
def test_a_defect_is_told_in_one_finding_that_names_its_place(name: str) -> None:
    contract = documents.load()
    outcome = try_defect(
        contract, catalogue(contract)[name], near(name), lawful(), profile="gate", seed=1, causes=True
    )
    assert (outcome.causes, outcome.named) == (1, True)
    assert outcome.tests < len(near(name))  # of the first detection still


def test_the_sample_spans_the_families() -> None:
    defects = catalogue(documents.load())
    assert {defects[name].family for name in SAMPLE} == {item.family for item in defects.values()} - {"performance"}


def test_an_equivalent_defect_is_not_caught_near_its_place() -> None:
    """Had it been, it would be no equivalent one."""
    contract = documents.load()
    defect = catalogue(contract)["request-schema/create/spec.imagePullPolicy/type"]
    assert defect.equivalent is not None
    assert not try_defect(contract, defect, every_test(), lawful(), profile="gate", seed=1, near=True).caught


def test_tests_about_the_place_come_first() -> None:
    ids = [test.id for test in near("rule-off/compute/memory-required-with-its-type")]
    assert ids
    assert all(test.startswith("rules/compute/memory-required-with-its-type[") for test in ids)


@pytest.mark.parametrize("name", documents.load().operations)
def test_there_are_tests_near_every_operation(name: str) -> None:
    begins = near_operation(documents.load().operations[name])
    assert begins
    assert not [each for each in begins if not any(test.id.startswith(each) for test in every_test())]
