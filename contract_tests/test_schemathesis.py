"""Schemathesis drives all operations: examples, coverage, fuzzing and stateful phases."""

import pytest

from assay.checks.fuzzing.campaign import NotReachedError, Phase, campaign
from assay.checks.target import TargetUnderTest
from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind


def creations_first(contract: Contract) -> list[Operation]:
    """Operations in the order of their kinds: the longest tests, those that create, begin first."""
    return sorted(contract.operations.values(), key=lambda operation: list(Kind).index(operation.kind))


def of_each_phase(contract: Contract) -> list[object]:
    return [
        pytest.param(phase, each, id=f"{phase}/{each.id}") for phase in Phase for each in creations_first(contract)
    ]


def reached(contract: Contract) -> list[object]:
    return [pytest.param(each, id=f"reached/{each.id}") for each in creations_first(contract)]


@pytest.mark.concurrent
@pytest.mark.from_contract(("phase", "operation"), of_each_phase)
def test_operation(target: TargetUnderTest, test: str, phase: Phase, operation: Operation) -> None:
    """Every answer to a generated request keeps the contract and the expectation stated before it was sent."""
    campaign(target).run(phase, operation, test)


@pytest.mark.concurrent
@pytest.mark.parametrize("machine", [pytest.param(None, id="stateful/links")])
def test_stateful(target: TargetUnderTest, test: str, machine: None) -> None:
    """Sequences that follow links from answer to request keep the contract, deletion in whatever way it is done."""
    campaign(target).run_stateful(test)


@pytest.mark.from_contract("operation", reached)
def test_reached(target: TargetUnderTest, operation: Operation) -> None:
    """Generated requests get past the door: each operation has answered some of them with success."""
    try:
        campaign(target).reached(operation)
    except NotReachedError as error:
        if operation.kind is Kind.MEASURE:  # there are none where nothing comes to run
            pytest.skip(str(error))
        raise
