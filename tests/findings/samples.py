"""Runs, findings and events to build verdicts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from assay.findings.model import Class, Evidence, Finding, RunInfo
from assay.findings.verdict import Verdict, build
from assay.findings.waivers import Waiver

STARTED = datetime(2026, 11, 23, 14, 0, 12, tzinfo=UTC)
CREATE = "create_inference1"

HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> | pipe ` tick *bold* \x00\x1b[31m"
    " \u202e reversed \ud800 \ufffe \U0001f600 [link](http://evil.example) {{7*7}} {% x %} ]]> &amp; \r\n second"
)


def run_info(**changes: Any) -> RunInfo:
    """A gate of 90 seconds."""
    info = RunInfo(
        command="gate",
        base_url="http://127.0.0.1:8080",
        contract_version="2.22",
        started=STARTED,
        finished=STARTED + timedelta(seconds=90),
        seed=7,
        suite_version="0.1.0",
        packages={"httpx": "0.28.1"},
    )
    return replace(info, **changes)


def evidence(**changes: Any) -> Evidence:
    sample = Evidence(
        request={"method": "POST", "url": "http://h/x", "headers": {"Accept": "*/*"}, "body": '{"name":"a"}'},
        response={"status": 202, "headers": {"content-type": "application/json"}, "body": '{"name":"b"}'},
        curl="curl -X POST http://h/x",
        replay="assay replay F-00000000",
    )
    return replace(sample, **changes)


def finding(**changes: Any) -> Finding:
    """A violation of a rule, observed by ``tests/a``."""
    sample = Finding(
        cls=Class.VIOLATION,
        check="acceptance",
        operation=CREATE,
        rule="compute/portion",
        location="/body/spec/compute",
        summary="accepts a limit below the request",
        why="“The limit must be no less than the request.”",
        test="tests/a",
        evidence=evidence(),
    )
    return replace(sample, **changes)


def hostile_finding() -> Finding:
    """Every text of the finding is hostile, and the response body has 100,000 characters."""
    message = {"method": HOSTILE, "url": HOSTILE, "headers": {HOSTILE: HOSTILE}, "body": HOSTILE}
    return finding(
        check=HOSTILE,
        operation=HOSTILE,
        rule=HOSTILE,
        location=HOSTILE,
        summary=HOSTILE,
        why=HOSTILE,
        test=f"tests/{HOSTILE}",
        evidence=Evidence(
            request=message,
            response={"status": 200, "headers": {HOSTILE: HOSTILE}, "body": "Z" * 100_000},
            curl=HOSTILE,
            replay=HOSTILE,
            setup=({"request": message, "response": None},),
        ),
    )


def event(observed: Finding) -> Mapping[str, Any]:
    return {"t": "finding", **observed.to_json()}


def ran(name: str = "tests/a", outcome: str = "passed", **more: Any) -> Mapping[str, Any]:
    return {"t": "test", "id": name, "outcome": outcome, "seconds": 0.5, **more}


def exchange(operation: str = CREATE, status: int | None = 202, **more: Any) -> Mapping[str, Any]:
    return {"t": "exchange", "operation": operation, "status": status, "ms": 4.0, "expected": "accept", **more}


def load(ok: bool = True, **more: Any) -> Mapping[str, Any]:
    slo = {"name": "p99", "limit": 45.0, "value": 30.0 if ok else 51.5, "ok": ok}
    latency = {"p50": 7.4, "p90": 11.9, "p95": 14.7, "p99": slo["value"], "p99.9": 60.0, "max": 61.7}
    return {
        "t": "load",
        "operation": CREATE,
        "rate": 50.0,
        "requests": 2000,
        "errors": 0,
        "latency_ms": latency,
        "slo": [slo],
        **more,
    }


def waiver(observed: Finding, until: date = date(2027, 3, 31), **more: Any) -> Waiver:
    return Waiver(observed.id, reason="accepted until 2.23", owner="Ada", until=until, line=4, **more)


def judge(*events: Mapping[str, Any], **options: Any) -> Verdict:
    """The verdict on events; ``run`` and the other options of ``build`` may be given."""
    return build(events, **{"run": run_info(), **options})
