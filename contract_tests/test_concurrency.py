"""Several clients at once: nothing is lost, nothing is mixed up, nothing fails."""

import pytest

from assay.checks import concurrency, specs
from assay.checks.target import TargetUnderTest

pytestmark = pytest.mark.concurrent


def test_parallel_creations(target: TargetUnderTest, test: str) -> None:
    """As many as may live at once, at most eight."""
    concurrency.creations(target, test, min(8, target.session.settings.max_live))


def test_parallel_updates(target: TargetUnderTest, test: str) -> None:
    concurrency.updates(target, test, specs.RICH)


def test_update_against_delete(target: TargetUnderTest, test: str) -> None:
    concurrency.update_against_delete(target, test)


def test_reads_during_writes(target: TargetUnderTest, test: str) -> None:
    concurrency.reads_during_writes(target, test)
