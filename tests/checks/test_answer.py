"""An answer judged on its own: what the document promises of status, content type, body and code."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from assay.checks.answer import SENSIBLE, AnswerChecks
from assay.checks.exchange import Deviation
from assay.client.evidence import Mask
from assay.client.exchange import Answer
from assay.client.gateway import TOO_LARGE
from assay.contract.documents import load
from assay.findings.model import Class
from tests.client import pages

SECRET = "canary-secret-7f3a"
ID = "71f69d83-ba66-4822-adf5-55ce55efd210"
WORKLOAD: dict[str, Any] = {
    "name": "a",
    "requestedName": "a",
    "workloadId": ID,
    "projectId": "1",
    "clusterId": ID,
    "createdBy": "me",
    "createdAt": "2026-01-01T00:00:00.123Z",
    "desiredPhase": "Running",
    "spec": {"image": "i"},
}


@cache
def checks() -> AnswerChecks:
    return AnswerChecks(load(), Mask([SECRET]))


def answer(status: int, body: Any = None, kind: str = "application/json", **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {"content-type": kind, **headers}, content)


def error(status: int, code: Any = None, **more: Any) -> Answer:
    return answer(status, {"code": status if code is None else code, "message": "no", **more})


def judge(role: str, given: Answer) -> list[tuple[str, str | None, str]]:
    return [(one.check, one.rule, one.location) for one in deviations(role, given)]


def deviations(role: str, given: Answer) -> list[Deviation]:
    return list(checks().judge(role, given))


LAWFUL = {
    "read": ("read", answer(200, WORKLOAD)),
    "charset": ("read", answer(200, WORKLOAD, "application/json; charset=utf-8")),
    "capitals": ("read", answer(200, WORKLOAD, "Application/JSON")),
    "unknown-fields": ("read", answer(200, {**WORKLOAD, "etag": "x", "spec": {"image": "i", "more": 1}})),
    "nulls": ("read", answer(200, {**WORKLOAD, "deletedAt": None, "spec": {"image": "i", "compute": None}})),
    "without-optional": ("read", answer(200, {k: v for k, v in WORKLOAD.items() if k != "spec"})),
    "offset": ("read", answer(200, {**WORKLOAD, "createdAt": "2026-01-01T05:30:00+05:30"})),
    "created": ("create", answer(202, WORKLOAD)),
    "deleted": ("delete", answer(202, {"code": 202, "message": "accepted"})),
    "refused": ("create", error(400)),
    "details": ("create", error(400, details="because")),
    "extra-in-error": ("create", error(400, trace="7")),
    "empty-metrics": ("metrics", answer(200, {"measurements": []})),
    "csv-has-no-schema": ("metrics", answer(200, b"anything", "text/csv")),
    "busy": ("read", answer(503, b"<html>", "text/html")),
    "throttled": ("read", answer(429, b"", "text/plain")),
    "a-code-that-is-no-status": ("read", answer(200, {**WORKLOAD, "code": 7})),
}


@pytest.mark.parametrize(("role", "given"), LAWFUL.values(), ids=LAWFUL)
def test_lawful(role: str, given: Answer) -> None:
    assert judge(role, given) == []


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in WORKLOAD.items() if key != name}


UNLAWFUL: dict[str, tuple[str, Answer, tuple[str, str | None, str]]] = {
    "server-error": ("read", error(500), ("server-error", "500", "/response/status")),
    "bad-gateway": ("read", answer(502, b"<html>", "text/html"), ("server-error", "502", "/response/status")),
    "teapot": ("read", error(418), ("status-documented", "418", "/response/status")),
    "other-success": ("create", answer(201, WORKLOAD), ("status-documented", "201", "/response/status")),
    "redirect": ("read", answer(302, b""), ("status-documented", "302", "/response/status")),
    "html": ("read", answer(404, b"<html>", "text/html"), ("content-type", None, "/response/404/content-type")),
    "csv-for-207": ("metrics", answer(207, b"", "text/csv"), ("content-type", None, "/response/207/content-type")),
    "no-content-type": ("read", answer(200, WORKLOAD, ""), ("content-type", None, "/response/200/content-type")),
    "not-json": ("read", answer(200, b"{"), ("body-json", None, "/response/200")),
    "empty": ("read", answer(200, b""), ("body-json", None, "/response/200")),
    "not-utf-8": ("read", answer(200, b'"\xff"'), ("body-json", None, "/response/200")),
    "nested-without-end": ("read", answer(200, b"[" * 100_000), ("body-json", None, "/response/200")),
    "nan": ("read", answer(200, b'{"code": NaN}'), ("body-json", None, "/response/200")),
    "required": (
        "read",
        answer(200, without("createdAt")),
        ("body-schema", "required", "/response/200/body/createdAt"),
    ),
    "type": ("read", answer(200, {**WORKLOAD, "name": 7}), ("body-schema", "type", "/response/200/body/name")),
    "null": (
        "read",
        answer(200, {**WORKLOAD, "name": None}),
        ("body-schema", "nullable", "/response/200/body/name"),
    ),
    "format": (
        "read",
        answer(200, {**WORKLOAD, "createdAt": "yesterday"}),
        ("body-schema", "format", "/response/200/body/createdAt"),
    ),
    "enum": (
        "create",
        answer(202, {**WORKLOAD, "desiredPhase": "Sleeping"}),
        ("body-schema", "enum", "/response/202/body/desiredPhase"),
    ),
    "in-a-list": (
        "read",
        answer(200, {**WORKLOAD, "spec": {"labels": [{"name": 1}]}}),
        ("body-schema", "type", "/response/200/body/spec/labels/*/name"),
    ),
    "error-null": ("read", answer(404, None), ("body-schema", "nullable", "/response/404/body")),
    "error-without-message": (
        "read",
        answer(404, {"code": 404}),
        ("body-schema", "required", "/response/404/body/message"),
    ),
    "other-code": ("read", error(404, 400), ("error-code", None, "/response/404/body/code")),
    "other-code-of-a-deletion": (
        "delete",
        answer(202, {"code": 200, "message": "m"}),
        ("error-code", None, "/response/202/body/code"),
    ),
    "secret-in-body": (
        "read",
        answer(404, {"code": 404, "message": f"x{SECRET}x"}),
        ("secret-echoed", None, "/response"),
    ),
    "secret-in-header": (
        "read",
        answer(200, WORKLOAD, **{"x-echo": SECRET}),
        ("secret-echoed", None, "/response"),
    ),
    "token-in-a-server-error": (
        "read",
        answer(503, b"eyJhbGciOi.eyJzdWIiOi.c2ln", "text/plain"),
        ("secret-echoed", None, "/response"),
    ),
}


@pytest.mark.parametrize(("role", "given", "wanted"), UNLAWFUL.values(), ids=UNLAWFUL)
def test_unlawful(role: str, given: Answer, wanted: tuple[str, str | None, str]) -> None:
    assert judge(role, given) == [wanted]
    assert [one.cls for one in deviations(role, given)] == [Class.VIOLATION]


@pytest.mark.parametrize("status", sorted(SENSIBLE - {401, 403, 404, 400} - TOO_LARGE))
def test_a_sensible_status_that_the_document_forgot_is_a_gap(status: int) -> None:
    """The document lists neither 409 nor 422; a server that sends them must not fail, whatever body it adds."""
    (found,) = deviations("read", answer(status, b"", "text/html"))
    assert (found.check, found.cls) == ("status-documented", Class.GAP)


@pytest.mark.parametrize("status", sorted(TOO_LARGE))
def test_what_http_itself_answers_to_what_is_large_is_nothing_at_all(status: int) -> None:
    assert deviations("read", answer(status, b"", "text/html")) == []
    assert deviations("create", error(status)) == []


@pytest.mark.parametrize("given", [pages.BLOCKED, pages.ENVOY_401, pages.ENVOY_403, pages.LOGIN, pages.TO_LOGIN])
def test_what_a_gateway_answers_is_not_held_against_the_document(given: Answer) -> None:
    assert deviations("read", given) == []


def test_a_failure_that_a_gateway_tells_of_names_it() -> None:
    (found,) = deviations("read", pages.NGINX_502)
    assert (found.check, found.rule, found.cls) == ("server-error", "502", Class.VIOLATION)
    assert "answers 502 (answered by nginx, not by the API)" in found.summary


def test_a_failure_that_may_be_a_gateways_names_none() -> None:
    (found,) = deviations("read", answer(502, b"", ""))
    assert found.summary.endswith("answers 502 (the API's own answer or a gateway's: it does not tell)")


def test_a_status_documented_elsewhere_is_a_gap_here() -> None:
    """PATCH lists no 400, and DELETE none either."""
    assert [one.cls for one in deviations("update", error(400))] == [Class.GAP]
    assert deviations("create", error(400)) == []


def test_nothing_drawn_at_random_is_in_the_place() -> None:
    one = judge("read", answer(200, {**WORKLOAD, "name": 7, "spec": {"args": 1}}))
    two = judge("read", answer(200, {**WORKLOAD, "name": 123456, "spec": {"args": 99}}))
    assert one == two
    assert len(one) == 2


TRACES = {
    "python": 'Traceback (most recent call last):\n  File "/srv/app.py", line 3, in create\n',
    "python-line": 'File "/srv/app.py", line 3',
    "java": "boom\n\tat com.example.Store.put(Store.java:42)",
    "java-exception": "java.lang.NullPointerException: spec",
    "go": "panic: x\n\ngoroutine 7 [running]:",
    "node": "TypeError: x\n    at /srv/app.js:12:7",
    "database": "ERROR: SQLSTATE 23505 unique_violation",
}


@pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)
def test_the_inside_of_the_server_is_worth_knowing(trace: str) -> None:
    found = [one for one in deviations("read", error(404, details=trace)) if one.check == "internals-told"]
    assert [one.cls for one in found] == [Class.ADVISORY]


@pytest.mark.parametrize(
    "told", ["the spec is wrong at line 3", "use File or Directory", "look at (docs) for more", "at 12:30:05"]
)
def test_plain_words_are_no_inside(told: str) -> None:
    assert [one.check for one in deviations("read", error(404, details=told))] == []


@pytest.mark.parametrize(
    ("undone", "sealed", "says"),
    [
        (("gzip",), "", "answers with Content-Encoding gzip, which nobody asked for"),
        (("a byte order mark",), "", "answers behind a byte order mark, which nobody asked for"),
        ((), "zork", "answers with Content-Encoding zork, which nobody asked for"),
    ],
)
def test_what_nobody_asked_for_around_a_body_is_an_advisory(undone: tuple[str, ...], sealed: str, says: str) -> None:
    given = replace(answer(200, b"\x00" if sealed else WORKLOAD), undone=undone, sealed=sealed)
    (deviation,) = checks().judge("read", given)
    assert (deviation.cls, deviation.check) == (Class.ADVISORY, "body-wrapping")
    assert says in deviation.summary
