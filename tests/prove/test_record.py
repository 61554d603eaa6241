"""The scores that ship are whole, and reach what they are meant to."""

from __future__ import annotations

import pytest

from assay.contract import documents
from assay.findings.detection import Detection, Share, shipped
from assay.reference.defects import FAMILIES, catalogue


@pytest.mark.parametrize("command", ["gate", "certify"])
def test_what_ships_names_families_and_survivors_that_exist(command: str) -> None:
    record = shipped(command)
    assert record is not None
    assert record.profile == command
    assert {*record.shares, *record.not_tried} == set(FAMILIES)
    defects = catalogue(documents.load())
    assert set(record.survivors) <= set(defects)
    assert record.total.tried - record.total.caught == len(record.survivors)
    assert sum(record.equivalent.values()) == record.total.equivalent


def test_the_goals_are_met_by_what_ships() -> None:
    """The gate: 98 % outside of performance and every rule; certify: 99.5 %, and every performance defect."""
    gate, certify = shipped("gate"), shipped("certify")
    assert gate is not None
    assert certify is not None
    assert _percent(gate) >= 98.0
    assert gate.families["rule-off"].percent == 100.0
    assert _percent(certify) >= 99.5
    assert certify.families["performance"].percent == 100.0


def _percent(record: Detection) -> float:
    total = Share(0, 0, 0, 0)
    for name, share in record.families.items():
        total += share if name != "performance" else Share(0, 0, 0, 0)
    assert total.percent is not None
    return total.percent
