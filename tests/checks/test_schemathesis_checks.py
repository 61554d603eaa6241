"""Every Schemathesis check has its treatment; what the kept ones find becomes one deviation for one fact."""

import json
import re
from typing import Any

import pytest

from assay.checks.fuzzing import treatment
from assay.checks.fuzzing.case_sender import to_response
from assay.checks.fuzzing.schemathesis_internals import registered_checks
from assay.checks.fuzzing.source import CaseSource
from assay.checks.fuzzing.treatment import TREATMENT, Use, deviations
from assay.client.exchange import Answer
from assay.contract import documents

JSON = {"content-type": "application/json"}
LOADED = CaseSource(documents.load())
WORKLOAD = "6d8e0a4c-1f2b-4c3d-8e5f-000000000002"
ERROR = {"code": 404, "message": "no such workload"}


def found(role: str, status: int, body: Any, headers: dict[str, str] = JSON, known: str = "") -> list[Any]:
    case = LOADED.examples(role)[0]
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = to_response(Answer(status, headers, content), case)
    return list(deviations(case, answer, frozenset(known.split()), "operation"))


def test_every_registered_check_has_a_treatment() -> None:
    assert registered_checks() == TREATMENT.keys()


def test_the_table_of_the_module_says_what_is_done() -> None:
    rows = re.findall(r"^(\w+) +(used|wrapped|replaced) ", str(treatment.__doc__), re.MULTILINE)
    assert dict(rows) == {name: item.use.value for name, item in TREATMENT.items()}


def test_only_kept_checks_run() -> None:
    kept = {name for name, item in TREATMENT.items() if item.use is not Use.REPLACED}
    assert set(treatment.KEPT) == kept


def test_a_documented_answer_has_no_deviation() -> None:
    assert found("read", 404, ERROR) == []


@pytest.mark.parametrize(
    ("status", "body", "headers", "check"),
    [
        (500, ERROR, JSON, "schemathesis-not-a-server-error"),
        (418, ERROR, JSON, "schemathesis-status-code-conformance"),
        (404, b"<html>", {"content-type": "text/html"}, "schemathesis-content-type-conformance"),
        (404, {"code": 404}, JSON, "schemathesis-response-schema-conformance"),
        (404, b"{", JSON, "schemathesis-response-schema-conformance"),
    ],
)
def test_each_kept_check_finds_its_breach(status: int, body: Any, headers: dict[str, str], check: str) -> None:
    assert check in {deviation.check for deviation in found("read", status, body, headers)}


@pytest.mark.parametrize(
    ("status", "body", "headers", "ours"),
    [
        (500, {"code": 500, "message": "no"}, JSON, "server-error"),
        (418, ERROR, JSON, "status-documented"),
        (404, b"<html>", {"content-type": "text/html"}, "content-type"),
        (404, {"code": 404}, JSON, "body-schema"),
        (404, b"{", JSON, "body-json"),
    ],
)
def test_what_our_own_checks_report_is_not_reported_twice(
    status: int, body: Any, headers: dict[str, str], ours: str
) -> None:
    assert found("read", status, body, headers, known=ours) == []


@pytest.mark.parametrize(("devices", "deviates"), [("0.0", False), ("2e0", False), ("0.5", True), ('"0"', True)])
def test_a_number_without_a_fraction_is_an_integer(devices: str, deviates: bool) -> None:
    workload = {
        "name": "w",
        "requestedName": "w",
        "workloadId": WORKLOAD,
        "projectId": "1",
        "clusterId": WORKLOAD,
        "createdBy": "me",
        "createdAt": "2026-01-01T00:00:00Z",
        "desiredPhase": "Running",
        "spec": {"image": "i", "compute": {"gpuDevicesRequest": "#"}},
    }
    body = json.dumps(workload).replace('"#"', devices).encode()
    assert bool(found("read", 200, body)) is deviates


@pytest.mark.parametrize("status", [429, 503])
def test_busy_answers_are_no_deviation(status: int) -> None:
    assert found("read", status, b"", {}) == []


def test_a_schema_failure_names_keyword_and_templated_place() -> None:
    body = {"type": "THROUGHPUT", "values": []}
    places = {
        (item.rule, item.location) for item in found("metrics", 200, {"measurements": [body, {**body, "type": 5}]})
    }
    assert ("type", "/response/200/body/measurements/*/type") in places
