"""One workload's changes are nobody else's."""

import pytest

from assay.checks import neighbours
from assay.checks.probe import Probe

pytestmark = pytest.mark.concurrent


@pytest.mark.parametrize("case", [pytest.param(None, id="update")])
def test_neighbours(probe: Probe, test: str, case: None) -> None:
    neighbours.update(probe, test)
