"""The embedded control plane must never be what is measured: its rates on one core, and its tail under load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from assay.reference.embedded import Embedded, start
from tests.bench.figure import Figure
from tests.bench.loopback import PLACE

SECONDS = 4.0
LIVE = 5_000
# What a careful user sends: a fifth of the properties, and enough for most rules to have something to judge.
SPEC: dict[str, Any] = {
    "image": "nvcr.io/nim/llama:1.2",
    "command": "serve",
    "args": "--model llama --port 8000",
    "environmentVariables": [
        {"name": "MODEL", "value": "llama"},
        {"name": "TOKEN", "secret": {"name": "hub", "key": "token"}},
    ],
    "labels": [{"name": "team", "value": "vision"}],
    "compute": {
        "cpuCoreRequest": 1,
        "cpuCoreLimit": 2,
        "cpuMemoryRequest": "1G",
        "cpuMemoryLimit": "2G",
    },
    "servingPort": {"container": 8000, "protocol": "http", "authorizationType": "public"},
    "autoscaling": {"minReplicas": 1, "maxReplicas": 4, "metric": "throughput", "metricThreshold": 50},
    "storage": {"emptyDirVolume": [{"path": "/cache", "sizeLimit": "1G"}]},
}
COLLECTION = "/api/v1/workloads/inferences"


def figures() -> Iterator[Figure]:
    """Start time, create and read rates, and the tail of a mix with 5,000 live workloads."""
    began = time.perf_counter()
    with start() as plane:
        yield Figure("start of the process until it is ready", time.perf_counter() - began, "s", 1.5, at_least=False)
        _pin(plane.pid, 0)
        token = _token(plane)
        create = _request(plane, token, "POST", COLLECTION, _body(plane))
        made = _run(plane, [create], SECONDS)
        yield _rate("create, 16 connections", made, 800)
        ids = _fill(plane, token, create)
        reads = [_request(plane, token, "GET", f"{COLLECTION}/{item}") for item in ids[:100]]
        yield _rate("get, 16 connections", _run(plane, reads, SECONDS), 2000)
        metrics = [_request(plane, token, "GET", f"{COLLECTION}/{item}/metrics?{_range()}") for item in ids[:100]]
        yield _rate("metrics of 20 samples, 16 connections", _run(plane, metrics, SECONDS), None)
        patch = [
            _request(plane, token, "PATCH", f"{COLLECTION}/{item}", {"spec": {"args": "0000000000"}})
            for item in ids[:50]
        ]
        mix = [part for pair in zip(reads, reads[50:] + reads[:50], metrics, strict=True) for part in pair]
        mix = [*mix, *patch, *([create] * 30)]
        mix = [mix[number * 7 % len(mix)] for number in range(len(mix))]
        tail = _run(plane, mix, 15.0, rate=300)
        yield Figure("mix at 300/s, 5,000 live workloads: p50", tail["latency_ms"]["0.5"], "ms")
        yield Figure("mix at 300/s, 5,000 live workloads: p99", tail["latency_ms"]["0.99"], "ms", 15, at_least=False)
        yield Figure("mix at 300/s, 5,000 live workloads: max", tail["latency_ms"]["max"], "ms")
        yield Figure("mix: answers that are not 2xx", _failures(tail), "", 0, at_least=False)


def _pin(pid: int, core: int) -> None:
    """One core for the server, the others for the client: so the rate is that of one core."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


def _token(plane: Embedded) -> str:
    client = plane.clients[0]
    request = {"grantType": "client_credentials", "clientId": client.client_id, "clientSecret": client.client_secret}
    answer = httpx.post(f"{plane.base_url}/api/v1/token", json=request)
    return str(answer.raise_for_status().json()["accessToken"])


def _body(plane: Embedded) -> dict[str, Any]:
    return {
        "name": f"bench-{PLACE.decode()}",
        "projectId": plane.projects[0],
        "clusterId": plane.cluster,
        "spec": SPEC,
    }


def _range() -> str:
    now = time.time()
    stamps = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + shift)) for shift in (-60, 60)]
    return f"metricType=THROUGHPUT,LATENCY&start={stamps[0]}&end={stamps[1]}"


def _request(plane: Embedded, token: str, method: str, path: str, body: Any = None) -> str:
    head = f"{method} {path} HTTP/1.1\r\nhost: {urlsplit(plane.base_url).netloc}\r\nauthorization: Bearer {token}\r\n"
    if body is None:
        return head + "\r\n"
    content = json.dumps(body)
    return f"{head}content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n{content}"


def _run(plane: Embedded, requests: list[str], seconds: float, rate: float | None = None) -> dict[str, Any]:
    where = urlsplit(plane.base_url)
    job = {
        "host": where.hostname,
        "port": where.port,
        "connections": 16,
        "seconds": seconds,
        "rate": rate,
        "requests": requests,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.loopback"],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=seconds + 30,
        preexec_fn=lambda: _pin(0, 1),
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _fill(plane: Embedded, token: str, create: str) -> list[str]:
    """Create until there are enough live workloads; return the ids of the newest 500."""
    headers = {"authorization": f"Bearer {token}"}
    where = f"{plane.base_url}/api/v1/workloads"
    while not httpx.get(where, params={"offset": LIVE - 1}, headers=headers).json()["workloads"]:
        _run(plane, [create], 1.0)
    query: dict[str, str | int] = {"limit": 500, "sortOrder": "desc"}
    return [item["id"] for item in httpx.get(where, params=query, headers=headers).json()["workloads"]]


def _rate(name: str, result: dict[str, Any], goal: float | None) -> Figure:
    if _failures(result):
        raise AssertionError(f"{name}: {result['statuses']}")
    return Figure(name, result["rate"], "/s", goal)


def _failures(result: dict[str, Any]) -> int:
    return sum(count for status, count in result["statuses"].items() if not status.startswith("2"))
