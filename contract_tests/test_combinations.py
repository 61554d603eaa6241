"""Options that act together: every pair of GPU options and every pair of autoscaling options occurs."""

import pytest

from assay.checks.planned import run_cases
from assay.checks.probe import Probe
from assay.generation.plans import Plan

pytestmark = pytest.mark.concurrent


def test_combinations(probe: Probe, test: str, plan: Plan) -> None:
    """The rows of a pairwise covering array: ``compute[create-accept]``."""
    run_cases(probe, test, plan.cases, probe.packs)
