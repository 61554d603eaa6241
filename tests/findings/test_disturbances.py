"""However often something broke on the way: one advisory with the count and the share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from assay.findings.disturbances import Disturbed, advisory
from assay.findings.model import Class, Finding
from assay.findings.record import Record
from assay.findings.slo import missed, without_echoes


def seen(*parts: Mapping[str, Any]) -> Disturbed:
    return Record.of({"t": "disturbances", **part} for part in parts).disturbed


def part(
    requests: int, *, asked_again: bool = True, repeated: int = 0, in_vain: int = 0, **kinds: int
) -> dict[str, Any]:
    named = {kind.replace("_", " ").lstrip("n"): number for kind, number in kinds.items()}
    return {
        "requests": requests,
        "kinds": named,
        "asked_again": asked_again,
        "repeated": repeated,
        "in_vain": in_vain,
    }


@pytest.mark.parametrize(
    ("parts", "summary"),
    [
        (
            [part(1204, n502_by_nginx=12)],
            "12 of 1,204 answers (1.0%) were a 502 by nginx; asked for again, none repeated",
        ),
        (
            [part(415, n503_by_nginx=243, repeated=70)],
            "243 of 415 answers (58.6%) were a 503 by nginx; asked for again, some more than once, until the API "
            "answered; so many look like a rate limit: give a lower --max-rps",
        ),
        (
            [part(77, n429_by_nginx=45, repeated=9, in_vain=2)],
            "45 of 77 answers (58.4%) were a 429 by nginx; asked for again, 2 requests in vain; so many look like a "
            "rate limit: give a lower --max-rps",
        ),
        (
            [part(415, n503_by_nginx=19)],
            "19 of 415 answers (4.6%) were a 503 by nginx; asked for again, none repeated",
        ),
        (
            [part(500, broken_connection=1)],
            "1 of 500 answers (0.2%) was a broken connection; asked for again, it did not repeat",
        ),
        (
            [part(1000, n502_by_nginx=10, broken_connection=2), part(1000, asked_again=False, n502_by_nginx=8)],
            "18 of 2,000 answers (0.9%) were a 502 by nginx, 2 (0.1%) a broken connection; asked for again, none "
            "repeated (the 8 under load were only counted)",
        ),
        (
            [part(0), part(700, asked_again=False, n502=7)],
            "7 of 700 answers (1.0%) were a 502; all under load, where they are only counted",
        ),
    ],
)
def test_one_advisory_tells_of_all(parts: list[dict[str, Any]], summary: str) -> None:
    (found,) = advisory(seen(*parts))
    assert (found.cls, found.summary) == (Class.ADVISORY, summary)


def test_an_undisturbed_run_says_nothing() -> None:
    assert list(advisory(seen(part(100), part(7, asked_again=False)))) == []


def test_the_id_does_not_depend_on_what_was_seen() -> None:
    one, two = (next(iter(advisory(seen(given)))) for given in (part(9, n502=1), part(70, broken_connection=3)))
    assert one.id == two.id


def load_event(value: float, kinds: dict[str, int]) -> dict[str, Any]:
    slo = {"name": "error_ratio", "limit": 0.01, "value": value, "ok": False}
    numbers = {"rate": 10.0, "requests": 1000, "errors": sum(kinds.values()), "latency_ms": {}}
    return {"t": "load", "operation": "get_inference", **numbers, "slo": [slo], "error_kinds": kinds}


def failure(*, waived: bool = False) -> Finding:
    return Finding(Class.VIOLATION, "server-error", "get_inference", "500", "/l", "s", "w", "t", waived=waived)


def explaining(symptom: Finding, *, waived: bool = False) -> Finding:
    cause = Finding(Class.VIOLATION, "schema-enforced", "get_inference", "type", "/l", "s", "w", "t", waived=waived)
    return replace(cause, symptoms=(symptom.as_symptom(),))


@pytest.mark.parametrize(
    ("kinds", "value", "explained", "checks"),
    [
        ({"500": 20}, 0.02, [failure()], ["server-error"]),
        ({"500": 20, "502 by nginx": 10}, 0.02, [failure()], ["server-error"]),  # the 502s did not count
        ({"500": 20, "timeout": 20}, 0.04, [failure()], ["server-error", "slo"]),
        ({"500": 20}, 0.02, [failure(waived=True)], ["server-error", "slo"]),
        ({"500": 20}, 0.02, [explaining(failure())], ["schema-enforced"]),
        ({"500": 20}, 0.02, [explaining(failure(), waived=True)], ["schema-enforced", "slo"]),
        ({"500": 20}, 0.02, [], ["slo"]),
        ({"503": 20}, 0.02, [failure()], ["server-error", "slo"]),
    ],
)
def test_a_missed_error_ratio_is_no_second_finding_of_the_failures_that_are_told(
    kinds: dict[str, int], value: float, explained: list[Finding], checks: list[str]
) -> None:
    record = Record.of([load_event(value, kinds)])
    assert [each.check for each in without_echoes([*explained, *missed(record)], record)] == checks
