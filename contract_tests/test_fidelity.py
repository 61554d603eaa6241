"""To the letter: texts, order and names come back as they were sent, and nothing else moves them."""

import pytest

from assay.checks import fidelity
from assay.checks.target import TargetUnderTest

pytestmark = pytest.mark.concurrent


@pytest.mark.parametrize("group", fidelity.TEXTS, ids=lambda group: f"texts-{group}")
def test_texts(target: TargetUnderTest, test: str, group: str) -> None:
    fidelity.texts(target, test, group)


def test_order(target: TargetUnderTest, test: str) -> None:
    fidelity.order(target, test)


def test_updated(target: TargetUnderTest, test: str) -> None:
    fidelity.updated(target, test)


def test_one_prefix(target: TargetUnderTest, test: str) -> None:
    fidelity.of_one_prefix(target, test)


def test_spelt(target: TargetUnderTest, test: str) -> None:
    fidelity.spelt(target, test)


def test_after_a_refusal(target: TargetUnderTest, test: str) -> None:
    fidelity.after_a_refusal(target, test)


def test_aged(target: TargetUnderTest, test: str) -> None:
    fidelity.aged(target, test)


def test_renamed(target: TargetUnderTest, test: str) -> None:
    fidelity.renamed(target, test)
