"""One workload's changes are nobody else's."""

import pytest

from assay.checks import fidelity
from assay.checks.target import TargetUnderTest

pytestmark = pytest.mark.concurrent


@pytest.mark.parametrize("case", [pytest.param(None, id="update")])
def test_neighbours(target: TargetUnderTest, test: str, case: None) -> None:
    fidelity.updated_beside(target, test)
