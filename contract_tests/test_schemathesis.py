"""Schemathesis drives all six operations: examples, coverage, fuzzing and stateful phases."""

import pytest

from assay.checks.fuzzing.campaign import NotReachedError, Phase, campaign
from assay.checks.probe import Probe
from assay.contract.request import Role

# The names that operations have in the published document, in the order in which their tests run.
OPERATIONS = {
    "create_inference1": Role.CREATE,
    "get_inference": Role.READ,
    "update_inference_spec": Role.UPDATE,
    "delete_inference": Role.DELETE,
    "get_inference_workload_metrics": Role.METRICS,
    "get_inference_workload_pod_metrics": Role.POD_METRICS,
}
CASES = [pytest.param(phase, role, id=f"{phase}/{name}") for phase in Phase for name, role in OPERATIONS.items()]


@pytest.mark.concurrent
@pytest.mark.parametrize(("phase", "role"), CASES)
def test_operation(probe: Probe, test: str, phase: Phase, role: Role) -> None:
    """Every answer to a generated request keeps the contract and the expectation stated before it was sent."""
    campaign(probe).run(phase, role, test)


@pytest.mark.concurrent
@pytest.mark.parametrize("machine", [pytest.param(None, id="stateful/links")])
def test_stateful(probe: Probe, test: str, machine: None) -> None:
    """Sequences that follow links from answer to request keep the contract, deletion in whatever way it is done."""
    campaign(probe).run_stateful(test)


@pytest.mark.parametrize("role", [pytest.param(role, id=f"reached/{name}") for name, role in OPERATIONS.items()])
def test_reached(probe: Probe, role: Role) -> None:
    """Generated requests get past the door: each operation has answered some of them with success."""
    try:
        campaign(probe).reached(role)
    except NotReachedError as error:
        if role in {Role.METRICS, Role.POD_METRICS}:  # there are none where nothing comes to run
            pytest.skip(str(error))
        raise
