"""From creation to deletion: what is written is read, what is updated is stored, what is deleted stays deleted."""

import pytest

from assay.checks import lifecycle, phases, stages
from assay.checks.opening import contract_in_force
from assay.checks.probe import Probe

pytestmark = pytest.mark.concurrent


@pytest.mark.parametrize("number", range(stages.DENSE_SPECS), ids=lambda number: f"read-your-writes-{number}")
def test_read_your_writes(probe: Probe, test: str, number: int) -> None:
    lifecycle.read_your_writes(probe, test, stages.dense_spec(probe, number))


@pytest.mark.parametrize("change", stages.CHANGES, ids=lambda change: f"update-{change.id}")
def test_update_is_stored(probe: Probe, test: str, change: stages.Change) -> None:
    lifecycle.update_is_stored(probe, test, change.before, change.patch)


@pytest.mark.parametrize("change", stages.REFUSED_CHANGES, ids=lambda change: f"refused-update-{change.id}")
def test_refused_update(probe: Probe, test: str, change: stages.Change) -> None:
    lifecycle.refused_update_changes_nothing(probe, test, change.before, change.patch)


@pytest.mark.parametrize("fault", stages.REFUSED_CREATIONS, ids=lambda fault: f"refused-create-{fault.id}")
def test_refused_create(probe: Probe, test: str, fault: stages.Change) -> None:
    lifecycle.refused_create_leaves_nothing(probe, test, probe.body(fault.patch))


def test_names(probe: Probe, test: str) -> None:
    """With and without useGivenNameAsPrefix; the probe judges the names of every creation."""
    for prefixed in (True, False):
        with probe.workload(test, useGivenNameAsPrefix=prefixed):
            pass


def test_phases(probe: Probe, test: str) -> None:
    """A workload that nobody touches moves along edges that make sense."""
    phases.watch(probe, test)


def test_deletion(probe: Probe, test: str) -> None:
    lifecycle.deletion(probe, test)


@pytest.mark.parametrize(
    "role",
    [operation.name for operation in contract_in_force().needing("workload")],
    ids=lambda role: f"gone-{role}",
)
def test_after_deletion(probe: Probe, test: str, role: str) -> None:
    lifecycle.after_deletion(probe, test, role)
