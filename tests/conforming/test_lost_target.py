"""A target that dies in the middle of a gate: the run cannot decide, and says what it did and did not test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.reference import embedded

pytestmark = pytest.mark.slow

PART = "lifecycle"
# So many creations are on the run's ledger when the target dies: some tests are over, most have not begun.
CREATIONS = 12
STARTED_SECONDS = 90.0


def test_what_was_and_was_not_tested_is_told(tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    with embedded.start() as plane, log.open("wb") as lines:
        client = plane.clients[0]
        gate = subprocess.Popen(
            [
                *(sys.executable, "-m", "assay", "gate", "--only", PART, "--concurrency", "1"),
                *("--base-url", plane.base_url, "--project", plane.projects[0], "--cluster", plane.cluster),
                *("--out", str(out), "--delete-deadline", "2", "--request-timeout", "2"),
            ],
            env=clean
            | {"ASSAY_CLIENT_ID": client.client_id, "ASSAY_CLIENT_SECRET": client.client_secret}
            | {"ASSAY_STATE_DIR": str(tmp_path / "state")},
            cwd=tmp_path,
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for_creations(tmp_path / "state", gate)
            plane.stop()
            code = gate.wait(120)
        finally:
            gate.kill()
    said = log.read_text(encoding="utf-8")
    verdict = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    assert (code, verdict["verdict"]) == (3, "inconclusive"), said
    assert "Traceback" not in said
    assert any("lost" in problem for problem in verdict["problems"]), verdict["problems"]
    untested = {item["what"] for item in verdict["not_tested"] if item["what"].startswith(PART)}
    assert untested, "the tests that the loss kept from running are listed"
    assert verdict["tests"]["passed"] > 0
    assert verdict["tests"]["passed"] + len(untested) >= verdict["tests"]["planned"], verdict["tests"]
    assert not [item for item in verdict["findings"] if item["class"] == "violation"], "a loss is no finding"
    assert verdict["resources"]["created"] >= verdict["resources"]["deleted"]
    assert "INCONCLUSIVE" in said


def _wait_for_creations(state: Path, gate: subprocess.Popen[bytes]) -> None:
    """Until the ledger of the run holds CREATIONS."""
    deadline = time.monotonic() + STARTED_SECONDS
    while time.monotonic() < deadline:
        assert gate.poll() is None, "the gate ended before the target died"
        ledgers = [file.read_text(encoding="utf-8") for file in state.glob("runs/*/*.jsonl")]
        if sum(text.count('"created"') for text in ledgers) >= CREATIONS:
            return
        time.sleep(0.05)
    raise AssertionError("the gate did not get to its tests")
