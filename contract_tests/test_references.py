"""What names other things (secrets, volumes, pools) is stored like everything else, where the target takes it."""

import pytest

from assay.checks import referring
from assay.checks.probe import Probe

pytestmark = pytest.mark.concurrent


@pytest.mark.parametrize("number", range(referring.SPECS), ids=lambda number: f"read-back-{number}")
def test_read_back(probe: Probe, test: str, number: int) -> None:
    referring.read_back(probe, test, number)
