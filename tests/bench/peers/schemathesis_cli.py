"""Plain Schemathesis, from its command line, with the best settings that its documentation offers without code.

All checks, all phases, both generation modes, a token in the header, failures do not end a scenario; and its fuzz
dictionaries name the project, the cluster, a workload and a pod that exist, so that requests get past the door. No
hooks and no checks of ours: those would be a suite, as assay is one.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from assay.reference import embedded
from assay.reference.embedded import Options

_LONGEST: Final = 1_800.0
_POD_SECONDS: Final = 15.0
_NOBODY: Final = "00000000-0000-4000-8000-000000000000"

_CONFIG: Final = """\
continue-on-failure = true
seed = {seed}

[dictionaries.project]
values = ["{project}"]
[dictionaries.cluster]
values = ["{cluster}"]
[dictionaries.workload]
values = ["{workload}"]
[dictionaries.pod]
values = ["{pod}"]

# A tenth of the values stays random, so that what does not exist is asked for as well.
[parameters]
"body.projectId" = {{ dictionary = "project", probability = 0.9 }}
"body.clusterId" = {{ dictionary = "cluster", probability = 0.9 }}
"path.workloadId" = {{ dictionary = "workload", probability = 0.7 }}
"path.podId" = {{ dictionary = "pod", probability = 0.7 }}
"""


@dataclass(frozen=True, slots=True)
class PeerRun:
    """One run: what failed, as (check, operation, status) each, how many requests it sent and how long it took."""

    failures: frozenset[tuple[str, str, str]]
    requests: int
    seconds: float


def run(defect: str | None, document: Path, folder: Path, *, seed: int, examples: int | None = None) -> PeerRun:
    """Run ``st run`` on a control plane with ``defect``. ``examples`` overrides its own number of examples.

    RuntimeError when it wrote no report.
    """
    events = folder / "events.ndjson"
    events.unlink(missing_ok=True)
    with embedded.start(Options(defects=(defect,) if defect else ())) as plane:
        token = _token(plane)
        config = folder / "schemathesis.toml"
        config.write_text(_config(plane, token, seed), encoding="utf-8")
        # -c takes what follows it for a program, so that nothing depends on where scripts are installed.
        command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
        command += ["--config-file", str(config), "run", str(document), "--url", plane.base_url, "--checks", "all"]
        command += ["--header", f"Authorization: Bearer {token}", "--seed", str(seed), "--no-color"]
        command += ["--report", "ndjson", "--report-ndjson-path", str(events)]
        command += ["--max-examples", str(examples)] if examples else []
        began = time.monotonic()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_LONGEST, check=False)
        seconds = time.monotonic() - began
    if not events.exists():
        raise RuntimeError(f"st run wrote no report: {done.stdout[-800:]} {done.stderr[-400:]}")
    with events.open(encoding="utf-8") as lines:
        return read_events(lines, seconds)


def read_events(lines: Iterable[str], seconds: float) -> PeerRun:
    """Add up the events that Schemathesis reports, one JSON object a line."""
    failures: set[tuple[str, str, str]] = set()
    requests = 0
    for line in lines:
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        interactions = recorder.get("interactions", {})
        requests += len(interactions)
        for case, checks in recorder.get("checks", {}).items():
            status = str(interactions.get(case, {}).get("response", {}).get("status_code", "none"))
            failures |= {
                (check["name"], _operation(check), status) for check in checks if check["status"] == "failure"
            }
    return PeerRun(frozenset(failures), requests, seconds)


def _operation(check: Mapping[str, Any]) -> str:
    return str(check.get("failure_info", {}).get("failure", {}).get("operation", ""))


def _config(plane: embedded.Embedded, token: str, seed: int) -> str:
    workload, pod = _workload_and_pod(plane, token)
    return _CONFIG.format(seed=seed, project=plane.projects[0], cluster=plane.cluster, workload=workload, pod=pod)


def _token(plane: embedded.Embedded) -> str:
    client = plane.clients[0]
    asked = {
        "grantType": "client_credentials",
        "clientId": client.client_id,
        "clientSecret": client.client_secret,
    }
    return str(httpx.post(f"{plane.base_url}/api/v1/token", json=asked).raise_for_status().json()["accessToken"])


def _workload_and_pod(plane: embedded.Embedded, token: str) -> tuple[str, str]:
    """A workload that the peer may ask about, and its pod once it has one; made-up ids where a defect prevents it."""
    with httpx.Client(base_url=f"{plane.base_url}/api/v1", headers={"Authorization": f"Bearer {token}"}) as client:
        body = {
            "name": "peer",
            "projectId": plane.projects[0],
            "clusterId": plane.cluster,
            "spec": {"image": "registry.example/echo:1.0"},
        }
        created = client.post("/workloads/inferences", json=body)
        try:
            workload = str(created.json()["workloadId"])
        except (ValueError, KeyError, TypeError):
            return _NOBODY, _NOBODY
        deadline = time.monotonic() + _POD_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                pods = client.get(f"/workloads/{workload}/pods").json().get("pods") or []
                if pods:
                    return workload, str(pods[0]["id"])
            time.sleep(0.5)
    return workload, _NOBODY
