"""To the letter: texts, order and names come back as they were sent, and nothing else moves them."""

import pytest

from assay.checks import fidelity, siblings
from assay.checks.probe import Probe

pytestmark = pytest.mark.concurrent


@pytest.mark.parametrize("group", fidelity.TEXTS, ids=lambda group: f"texts-{group}")
def test_texts(probe: Probe, test: str, group: str) -> None:
    fidelity.texts(probe, test, group)


def test_order(probe: Probe, test: str) -> None:
    fidelity.order(probe, test)


def test_updated(probe: Probe, test: str) -> None:
    fidelity.updated(probe, test)


def test_one_prefix(probe: Probe, test: str) -> None:
    siblings.of_one_prefix(probe, test)


def test_spelt(probe: Probe, test: str) -> None:
    siblings.spelt(probe, test)


def test_after_a_refusal(probe: Probe, test: str) -> None:
    siblings.after_a_refusal(probe, test)


def test_aged(probe: Probe, test: str) -> None:
    siblings.aged(probe, test)


def test_renamed(probe: Probe, test: str) -> None:
    siblings.renamed(probe, test)
