"""Schemathesis drives all six operations: examples, coverage, fuzzing and stateful phases."""

import pytest

from assay.checks.fuzzing.campaign import NotReachedError, Phase, campaign
from assay.checks.probe import Probe

# The names that operations have in the published document, in the order in which their tests run.
OPERATIONS = {
    "create_inference1": "create",
    "get_inference": "read",
    "update_inference_spec": "update",
    "delete_inference": "delete",
    "get_inference_workload_metrics": "metrics",
    "get_inference_workload_pod_metrics": "pod_metrics",
}
CASES = [pytest.param(phase, role, id=f"{phase}/{name}") for phase in Phase for name, role in OPERATIONS.items()]


@pytest.mark.concurrent
@pytest.mark.parametrize(("phase", "role"), CASES)
def test_operation(probe: Probe, test: str, phase: Phase, role: str) -> None:
    """Every answer to a generated request keeps the contract and the expectation stated before it was sent."""
    campaign(probe).run(phase, role, test)


@pytest.mark.concurrent
@pytest.mark.parametrize("machine", [pytest.param(None, id="stateful/links")])
def test_stateful(probe: Probe, test: str, machine: None) -> None:
    """Sequences that follow links from answer to request keep the contract, deletion in whatever way it is done."""
    campaign(probe).run_stateful(test)


@pytest.mark.parametrize("role", [pytest.param(role, id=f"reached/{name}") for name, role in OPERATIONS.items()])
def test_reached(probe: Probe, role: str) -> None:
    """Generated requests get past the door: each operation has answered some of them with success."""
    try:
        campaign(probe).reached(role)
    except NotReachedError as error:
        if role in {"metrics", "pod_metrics"}:  # there are none where nothing comes to run
            pytest.skip(str(error))
        raise
