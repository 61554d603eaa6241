"""Several clients at once: nothing is lost, nothing is mixed up, nothing fails."""

import pytest

from assay.checks import concurrency, stages
from assay.checks.probe import Probe

pytestmark = pytest.mark.concurrent


def test_parallel_creations(probe: Probe, test: str) -> None:
    """As many as may live at once, at most eight."""
    concurrency.creations(probe, test, min(8, probe.session.settings.max_live))


def test_parallel_updates(probe: Probe, test: str) -> None:
    concurrency.updates(probe, test, stages.RICH)


def test_update_against_delete(probe: Probe, test: str) -> None:
    concurrency.update_against_delete(probe, test)


def test_reads_during_writes(probe: Probe, test: str) -> None:
    concurrency.reads_during_writes(probe, test)
