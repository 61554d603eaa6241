"""Every rule of the prose, both sides: what keeps it is accepted, what breaks it is refused."""

import pytest

from assay.checks.planned import HANGS, run_cases
from assay.checks.target import TargetUnderTest
from assay.generation.plans import Plan

pytestmark = pytest.mark.concurrent


def test_rules(target: TargetUnderTest, test: str, plan: Plan) -> None:
    """One rule, one operation, one side: ``compute/portion-limit-not-below-request[create-reject]``."""
    if not run_cases(target, test, plan.cases):
        pytest.skip(HANGS)
