"""Ordered and ranged rules once more, with values that Hypothesis draws and shrinks."""

import pytest

from assay.checks.planned import run_variation
from assay.checks.target import TargetUnderTest
from assay.generation.plans import Variation

pytestmark = pytest.mark.concurrent


def test_variations(target: TargetUnderTest, test: str, plan: Variation) -> None:
    """One rule, one operation, one side: ``autoscaling/max-not-below-min[create-reject]``."""
    run_variation(target, test, plan.cases)
