"""Path and query parameters: what is refused, what is accepted, and what no document decides."""

from __future__ import annotations

from typing import Final

import pytest

from assay.contract.oracle import Oracle
from assay.contract.request import Request

PATH: Final = {
    "workloadId": "6d8e0a4c-1f2b-4c3d-8e5f-000000000001",
    "podId": "6d8e0a4c-1f2b-4c3d-8e5f-000000000002",
}
PLAIN: Final = {"metricType": "LATENCY", "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}


def judged(oracle: Oracle, operation: str = "metrics", /, **query: str | None) -> tuple[str, set[tuple[str, str]]]:
    pairs = tuple((name, value) for name, value in {**PLAIN, **query}.items() if value is not None)
    expectation = oracle.expect(Request(operation, PATH, pairs))
    return expectation.outcome.value, {(reason.id, reason.location) for reason in expectation.reasons}


@pytest.mark.parametrize("operation", ["metrics", "pod_metrics"])
def test_the_plain_request_is_accepted(oracle: Oracle, operation: str) -> None:
    assert judged(oracle, operation) == ("accept", set())
    assert judged(oracle, operation, numberOfSamples="20", metricType="THROUGHPUT,LATENCY") == ("accept", set())


@pytest.mark.parametrize("name", ["metricType", "start", "end"])
def test_a_required_parameter_is_required(oracle: Oracle, name: str) -> None:
    assert judged(oracle, "metrics", **{name: None}) == ("reject", {("required", f"/query/{name}")})


@pytest.mark.parametrize(
    ("value", "outcome", "reason"),
    [
        ("0", "accept", None),
        ("1000", "accept", None),
        ("1001", "reject", "maximum"),
        ("-1", "reject", "minimum"),
        ("9" * 5000, "reject", "maximum"),
        ("-" + "9" * 5000, "reject", "minimum"),
        ("1.5", "reject", "type"),
        ("many", "reject", "type"),
        ("nan", "reject", "type"),
        ("inf", "reject", "type"),
        ("1e2", "open", "spelling"),
        ("+5", "open", "spelling"),
        ("007", "open", "spelling"),
        (" 5", "open", "spelling"),
        ("20.0", "open", "spelling"),
        ("", "open", "empty-parameter"),
    ],
)
def test_number_of_samples(oracle: Oracle, value: str, outcome: str, reason: str | None) -> None:
    expected = {(reason, "/query/numberOfSamples")} if reason else set()
    assert judged(oracle, numberOfSamples=value) == (outcome, expected)


@pytest.mark.parametrize(
    ("value", "outcome", "reason"),
    [
        ("2025-12-31T00:00:00Z", "accept", None),
        ("2025-12-31T00:00:00.123456789Z", "accept", None),
        ("2025-12-31T00:00:00+05:30", "accept", None),
        ("2025-12-31", "open", "iso-8601"),
        ("20251231T000000Z", "open", "iso-8601"),
        ("2025-W52-3", "open", "iso-8601"),
        ("2025-12-31T23:59:60Z", "open", "iso-8601"),
        ("2025-12-31t00:00:00z", "open", "spelling"),
        ("1767225600", "open", "iso-8601"),
        ("now", "reject", "format"),
        ("not-a-date", "reject", "format"),
        ("31.12.2025", "reject", "format"),
    ],
)
def test_moments(oracle: Oracle, value: str, outcome: str, reason: str | None) -> None:
    expected = {(reason, "/query/start")} if reason else set()
    assert judged(oracle, start=value) == (outcome, expected)


@pytest.mark.parametrize(
    ("start", "end", "outcome"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.001Z", "accept"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "open"),
        ("2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z", "open"),
        # 02:00 in Berlin is earlier than 01:30 in London.
        ("2026-01-01T02:00:00+01:00", "2026-01-01T01:30:00Z", "accept"),
        ("2026-01-01T01:30:00Z", "2026-01-01T02:00:00+01:00", "open"),
    ],
)
def test_an_empty_range_is_open(oracle: Oracle, start: str, end: str, outcome: str) -> None:
    assert judged(oracle, start=start, end=end)[0] == outcome


@pytest.mark.parametrize(
    ("value", "outcome", "reasons"),
    [
        ("THROUGHPUT", "accept", set()),
        ("LATENCY,THROUGHPUT", "accept", set()),
        ("CPU", "reject", {"enum"}),
        ("LATENCY,CPU", "reject", {"enum"}),
        ("LATENCY;THROUGHPUT", "reject", {"enum"}),
        ("latency", "open", {"spelling"}),
        ("LATENCY, THROUGHPUT", "open", {"spelling"}),
        ("LATENCY,", "open", {"spelling"}),
        ("LATENCY,LATENCY", "open", {"repeated-entry"}),
    ],
)
def test_metric_types(oracle: Oracle, value: str, outcome: str, reasons: set[str]) -> None:
    assert judged(oracle, metricType=value) == (outcome, {(reason, "/query/metricType") for reason in reasons})


def test_a_parameter_given_twice_or_unknown_is_open(oracle: Oracle) -> None:
    twice = Request("metrics", PATH, (*PLAIN.items(), ("metricType", "THROUGHPUT")))
    assert [reason.id for reason in oracle.expect(twice).reasons] == ["repeated-parameter"]
    unknown = Request("metrics", PATH, (*PLAIN.items(), ("step", "60")))
    assert [reason.id for reason in oracle.expect(unknown).reasons] == ["unknown-parameter"]


@pytest.mark.parametrize(
    ("value", "outcome", "reason"),
    [
        ("6d8e0a4c-1f2b-4c3d-8e5f-000000000001", "accept", None),
        ("6D8E0A4C-1F2B-4C3D-8E5F-000000000001", "accept", None),
        ("6d8e0a4c1f2b4c3d8e5f000000000001", "open", "spelling"),
        ("{6d8e0a4c-1f2b-4c3d-8e5f-000000000001}", "open", "spelling"),
        ("urn:uuid:6d8e0a4c-1f2b-4c3d-8e5f-000000000001", "open", "spelling"),
        ("6d8e0a4c-1f2b-4c3d-8e5f-00000000000", "reject", "format"),
        ("not-a-uuid", "reject", "format"),
        ("", "reject", "format"),
    ],
)
@pytest.mark.parametrize("operation", ["read", "delete", "metrics"])
def test_ids_in_the_path(oracle: Oracle, operation: str, value: str, outcome: str, reason: str | None) -> None:
    query = tuple(PLAIN.items()) if operation == "metrics" else ()
    expectation = oracle.expect(Request(operation, {"workloadId": value}, query))
    found = {(reason.id, reason.location) for reason in expectation.reasons}
    assert (expectation.outcome.value, found) == (outcome, {(reason, "/path/workloadId")} if reason else set())
