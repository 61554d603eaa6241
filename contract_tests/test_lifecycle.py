"""From creation to deletion: what is written is read, what is updated is stored, what is deleted stays deleted."""

import pytest

from assay.checks import deletion, lifecycle, merging, specs
from assay.checks.target import TargetUnderTest
from assay.contract.documents import Contract, Operation

pytestmark = pytest.mark.concurrent


@pytest.mark.parametrize("number", range(specs.DENSE_SPECS), ids=lambda number: f"read-your-writes-{number}")
def test_read_your_writes(target: TargetUnderTest, test: str, number: int) -> None:
    lifecycle.read_your_writes(target, test, specs.dense_spec(target, number))


@pytest.mark.parametrize("change", specs.CHANGES, ids=lambda change: f"update-{change.id}")
def test_update_is_stored(target: TargetUnderTest, test: str, change: specs.SpecChange) -> None:
    lifecycle.update_is_stored(target, test, change.before, change.patch)


@pytest.mark.parametrize("change", specs.REFUSED_CHANGES, ids=lambda change: f"refused-update-{change.id}")
def test_refused_update(target: TargetUnderTest, test: str, change: specs.SpecChange) -> None:
    lifecycle.refused_update_changes_nothing(target, test, change.before, change.patch)


def test_merged_rules(target: TargetUnderTest, test: str) -> None:
    """Rules hold for what comes of an update."""
    merging.merged(target, test)


@pytest.mark.parametrize("fault", specs.REFUSED_CREATIONS, ids=lambda fault: f"refused-create-{fault.id}")
def test_refused_create(target: TargetUnderTest, test: str, fault: specs.SpecChange) -> None:
    lifecycle.refused_create_leaves_nothing(target, test, target.body(fault.patch))


def test_names(target: TargetUnderTest, test: str) -> None:
    """With and without useGivenNameAsPrefix; the names of every creation are judged."""
    for prefixed in (True, False):
        with target.workload(test, useGivenNameAsPrefix=prefixed):
            pass


def test_phases(target: TargetUnderTest, test: str) -> None:
    """A workload that nobody touches moves along edges that make sense."""
    lifecycle.phases(target, test)


def test_deletion(target: TargetUnderTest, test: str) -> None:
    deletion.deletion(target, test)


def on_what_exists(contract: Contract) -> list[object]:
    """Every operation that names a workload, or what belongs to one."""
    return [pytest.param(each, id=f"gone-{each.name}") for each in contract.operations.values() if each.needs]


@pytest.mark.from_contract("operation", on_what_exists)
def test_after_deletion(target: TargetUnderTest, test: str, operation: Operation) -> None:
    deletion.after_deletion(target, test, operation)
