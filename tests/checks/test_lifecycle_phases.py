"""Edges between phases that make no sense are told; all others are left alone."""

from __future__ import annotations

import json

import pytest

from assay.checks import lifecycle
from assay.checks.exchange import Exchange
from assay.client.exchange import Answer
from assay.contract.request import Expectation, Outcome, Request


def told(*names: str | None) -> list[Exchange]:
    """Answers that tell these phases, one after the other; None: an answer without a phase."""
    bodies = [{"actualPhase": name} if name else {} for name in names]
    return [
        Exchange(Request("read"), Expectation(Outcome.ACCEPT), Answer(200, body=json.dumps(body).encode()))
        for body in bodies
    ]


def blamed(*names: str | None) -> list[str]:
    return [deviation.check for each in lifecycle.in_order(told(*names)) for deviation in each.deviations]


@pytest.mark.parametrize(
    "course",
    [
        ("Creating", "Creating", "Pending", "Initializing", "Running"),
        ("Creating", "Running", "Degraded", "Running", "Updating", "Running"),
        ("Pending", "Running", "Pending", "Initializing", "Failed"),
        (None, None, None),
        ("Unknown", "Running", "Unknown"),
        ("Pending", "Creating", "Initializing", "Running"),
    ],
)
def test_lawful_courses(course: tuple[str | None, ...]) -> None:
    assert blamed(*course) == []


def test_back_to_creating() -> None:
    assert blamed("Creating", "Running", "Creating", "Running") == ["phase-creating"]


@pytest.mark.parametrize("phase", ["Deleting", "Terminating"])
def test_deletion_that_nobody_asked_for(phase: str) -> None:
    assert blamed("Creating", "Running", phase) == [f"phase-{phase.lower()}"]
