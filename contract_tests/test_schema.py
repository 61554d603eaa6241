"""Every keyword of every property and parameter, both sides: legal values are accepted, others refused."""

import pytest

from assay.checks.planned import HANGS, run_cases
from assay.checks.target import TargetUnderTest
from assay.generation.plans import Plan

pytestmark = pytest.mark.concurrent


def test_schema(target: TargetUnderTest, test: str, plan: Plan) -> None:
    """One place, one operation, one side: ``create/spec.compute.gpuPortionRequest[reject]``."""
    if not run_cases(target, test, plan.cases):
        pytest.skip(HANGS)
