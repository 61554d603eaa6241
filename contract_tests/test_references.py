"""What names other things (secrets, volumes, pools) is stored like everything else, where the target takes it."""

import pytest

from assay.checks import fidelity, specs
from assay.checks.target import TargetUnderTest

pytestmark = pytest.mark.concurrent


@pytest.mark.parametrize("number", range(specs.REFERRING_SPECS), ids=lambda number: f"read-back-{number}")
def test_read_back(target: TargetUnderTest, test: str, number: int) -> None:
    fidelity.references(target, test, number)
