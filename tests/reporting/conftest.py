"""A run with something of everything, and one made of hostile text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from assay.findings.model import Class
from assay.findings.record import Record
from assay.findings.verdict import Verdict
from tests.findings.samples import (
    HOSTILE,
    event,
    exchange,
    finding,
    hostile_finding,
    judge,
    load,
    ran,
    run_info,
    waiver,
)

Run = tuple[Verdict, Sequence[Mapping[str, Any]], Record]

WAIVED = finding(rule="compute/waived", test="tests/waived", cls=Class.VIOLATION)


UNCONFIRMED = "1 deletion was agreed to by the target and could not be confirmed any more"


@pytest.fixture
def full() -> Run:
    """A failing run with every kind of event."""
    events = [
        ran("contract_tests/test_rules.py::test_rule[compute/x::y[create-reject]]", "failed", at=1763906413.0),
        ran("tests/b"),
        ran("tests/waived", "failed"),
        ran("tests/skipped", "skipped", message="no GPU"),
        exchange(rules=[["compute/portion", "accept"]], keywords=[["/name:minLength", "accept"]]),
        exchange(status=400, rules=[["compute/portion", "reject"]]),
        exchange(status=None),
        event(finding(test="contract_tests/test_rules.py::test_rule[compute/x::y[create-reject]]", occurrences=7)),
        event(finding(cls=Class.GAP, rule="gap", test="tests/b", summary="a gap | of the contract")),
        event(WAIVED),
        load(ok=False),
        {
            "t": "series",
            "operation": "create_inference1",
            "points": [[s, 50, s % 2, 5.0, 9.0, 20.0] for s in range(9)],
        },
        {"t": "resource", "event": "created", "id": "1", "name": "one"},
        {"t": "resource", "event": "left_behind", "id": "1", "name": "one"},
        {"t": "resource", "event": "unconfirmed", "id": "2", "name": "two"},
        {"t": "limit", "name": "max_requests", "allowed": 6000, "used": 3450},
        {"t": "limit", "name": "max_rps", "allowed": None, "used": 199.0},
        {"t": "not_tested", "what": "access", "why": "no second identity"},
        {"t": "problem", "what": "the target was lost"},
        {"t": "note", "text": "429 was waited out twice"},
    ]
    run = run_info(operations=("create_inference1",), rules={"compute/portion": True}, run_id="gate-1")
    return judge(*events, run=run, waivers=[waiver(WAIVED)]), events, Record.of(events)


@pytest.fixture
def hostile() -> Run:
    """Hostile text wherever a target or a user can put text."""
    events = [
        ran(f"tests/{HOSTILE}", "failed", message=HOSTILE),
        ran(f"tests/skip {HOSTILE}", "skipped", message=HOSTILE),
        event(hostile_finding()),
        exchange(operation=HOSTILE, rules=[[HOSTILE, "accept"]], keywords=[[HOSTILE, "reject"]]),
        load(ok=False, operation=HOSTILE),
        {"t": "series", "operation": HOSTILE, "points": [[s, 1, 0, 1.0, 2.0, 3.0] for s in range(3)]},
        {"t": "resource", "event": "left_behind", "id": HOSTILE, "name": HOSTILE},
        {"t": "not_tested", "what": HOSTILE, "why": HOSTILE},
        {"t": "problem", "what": HOSTILE},
        {"t": "note", "text": HOSTILE},
    ]
    run = run_info(
        base_url=f"http://h/{HOSTILE}",
        only=HOSTILE,
        packages={HOSTILE: HOSTILE},
        environment={HOSTILE: HOSTILE},
        contract_version=HOSTILE,
    )
    return judge(*events, run=run), events, Record.of(events)
