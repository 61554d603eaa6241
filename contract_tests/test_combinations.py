"""Options that act together: every pair of GPU options and every pair of autoscaling options occurs."""

import pytest

from assay.checks.planned import HANGS, run_cases
from assay.checks.target import TargetUnderTest
from assay.generation.plans import Plan

pytestmark = pytest.mark.concurrent


def test_combinations(target: TargetUnderTest, test: str, plan: Plan) -> None:
    """The rows of a pairwise covering array: ``compute[create-accept]``."""
    if not run_cases(target, test, plan.cases):
        pytest.skip(HANGS)
