"""Edges between phases that make no sense are told; all others are left alone."""

from __future__ import annotations

import json

import pytest

from assay.checks import lifecycle
from assay.checks.exchange import Exchange
from assay.client.exchange import Answer
from assay.contract.request import Expectation, Outcome, Request
from assay.findings.model import Class


def _exchanges(*names: str | None) -> list[Exchange]:
    """Answers that tell these phases, one after the other; None: an answer without a phase."""
    bodies = [{"actualPhase": name} if name else {} for name in names]
    return [
        Exchange(Request("read"), Expectation(Outcome.ACCEPT), Answer(200, body=json.dumps(body).encode()))
        for body in bodies
    ]


def blamed(*names: str | None) -> list[str]:
    return [deviation.check for each in lifecycle.in_order(_exchanges(*names)) for deviation in each.deviations]


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


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("Stopped", "Stopped", True),
        ("Failed", "Unknown", True),
        ("Stopped", "Running", False),
        ("Pending", "Pending", False),
        (None, "Stopped", False),
    ],
)
def test_a_phase_without_sense_is_told_when_both_workloads_end_in_it(
    one: str | None, other: str | None, told: bool
) -> None:
    last, beside = _exchanges(one, other)
    found = [(item.check, item.cls) for item in lifecycle.ends_well(last, beside).deviations]
    assert found == ([("phase-of-plain-workloads", Class.GAP)] if told else [])
