"""To the letter: texts, order and names come back as they were sent, and nothing else moves them."""

import pytest

from assay.checks import fidelity, spelling
from assay.checks.target import TargetUnderTest
from assay.contract.documents import Contract, Operation

pytestmark = pytest.mark.concurrent


@pytest.mark.parametrize("group", fidelity.TEXTS, ids=lambda group: f"texts-{group}")
def test_texts(target: TargetUnderTest, test: str, group: str) -> None:
    fidelity.texts(target, test, group)


@pytest.mark.parametrize("name", spelling.UNLIKE, ids=lambda name: f"fields-{name}")
def test_fields(target: TargetUnderTest, test: str, name: str) -> None:
    spelling.fields(target, test, name)


def test_cluster_in_capitals(target: TargetUnderTest, test: str) -> None:
    spelling.cluster_in_capitals(target, test)


def on_a_workload(contract: Contract) -> list[object]:
    return [pytest.param(each, id=f"id-in-capitals-{each.name}") for each in contract.needing(contract.main_resource)]


@pytest.mark.from_contract("operation", on_a_workload)
def test_id_in_capitals(target: TargetUnderTest, test: str, operation: Operation) -> None:
    spelling.id_in_capitals(target, test, operation)


def test_order(target: TargetUnderTest, test: str) -> None:
    fidelity.order(target, test)


def test_updated(target: TargetUnderTest, test: str) -> None:
    fidelity.updated(target, test)


def test_one_prefix(target: TargetUnderTest, test: str) -> None:
    fidelity.of_one_prefix(target, test)


def test_spelt(target: TargetUnderTest, test: str) -> None:
    fidelity.spelt(target, test)


def test_after_a_refusal(target: TargetUnderTest, test: str) -> None:
    fidelity.after_a_refusal(target, test)


def test_aged(target: TargetUnderTest, test: str) -> None:
    fidelity.aged(target, test)


def test_renamed(target: TargetUnderTest, test: str) -> None:
    fidelity.renamed(target, test)
