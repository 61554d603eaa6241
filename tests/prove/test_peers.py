"""The comparison with other tools counts by one rule, and reads what they report."""

from __future__ import annotations

import json

from assay.contract import documents
from assay.reference.defects import catalogue
from tests.bench.peers.sample import stratified
from tests.bench.peers.schemathesis_cli import read_events
from tests.bench.peers.table import render


def event(*checks: tuple[str, str], status: int | None) -> str:
    """A finished scenario with one case; ``checks`` are (name, status)."""
    recorder = {
        "interactions": {"c1": {"response": {"status_code": status}} if status else {}},
        "checks": {
            "c1": [
                {"name": name, "status": outcome, "failure_info": {"failure": {"operation": "GET /x"}}}
                for name, outcome in checks
            ]
        },
    }
    return json.dumps({"ScenarioFinished": {"phase": "fuzzing", "recorder": recorder}})


def test_failures_are_check_operation_and_status() -> None:
    found = read_events(
        [
            json.dumps({"EngineStarted": {}}),
            event(("not_a_server_error", "failure"), ("ignored_auth", "success"), status=500),
            event(("not_a_server_error", "failure"), status=500),
            event(("not_a_server_error", "failure"), status=None),
        ],
        1.5,
    )
    assert found.failures == {("not_a_server_error", "GET /x", "500"), ("not_a_server_error", "GET /x", "none")}
    assert (found.requests, found.seconds) == (3, 1.5)


def test_a_sample_takes_of_every_family_in_turn() -> None:
    every = catalogue(documents.load()).values()
    families = {item.family for item in every} - {"performance"}
    drawn = stratified(every, len(families), 1)
    assert {item.family for item in drawn} == families
    assert all(item.equivalent is None for item in drawn)
    assert drawn == stratified(every, len(families), 1) != stratified(every, len(families), 2)
    assert stratified(every, 3 * len(families), 1)[: len(families)] == drawn


def test_the_table_has_a_column_a_tool() -> None:
    rows = [
        {"defect": d, "family": "store", "tool": tool, "caught": caught, "requests": 1000, "seconds": 10.0}
        for d, tool, caught in (("a", "one", True), ("b", "one", True), ("a", "two", False), ("b", "two", True))
    ]
    text = render(rows)
    assert "2/2 (100 %)" in text
    assert "1/2 (50 %)" in text
    assert "1,000" in text
    assert len({len(line) for line in text.splitlines()}) == 1
