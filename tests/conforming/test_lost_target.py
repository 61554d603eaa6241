"""A target that dies in the middle of a gate: the run cannot decide, and says what it did and did not test."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.reference import embedded
from assay.reference.embedded import Embedded
from tests.here import Here

pytestmark = pytest.mark.slow

PART = "lifecycle"
# So many creations are on the run's ledger when the target dies: some tests are over, most have not begun.
CREATIONS = 12


def test_what_was_and_was_not_tested_is_told(tmp_path: Path, here: Here) -> None:
    out, over = tmp_path / "out", threading.Event()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    with embedded.start() as plane, ThreadPoolExecutor(1) as aside:
        client = plane.clients[0]
        stopped = aside.submit(_stop_in_mid_run, plane, tmp_path / "state", over)
        code, said = here(
            [
                *("gate", "--only", PART, "--concurrency", "1"),
                *("--base-url", plane.base_url, "--project", plane.projects[0], "--cluster", plane.cluster),
                *("--out", str(out), "--delete-deadline", "2", "--request-timeout", "2"),
            ],
            clean
            | {"ASSAY_CLIENT_ID": client.client_id, "ASSAY_CLIENT_SECRET": client.client_secret}
            | {"ASSAY_STATE_DIR": str(tmp_path / "state")},
            tmp_path,
        )
        over.set()
        stopped.result()
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


def _stop_in_mid_run(plane: Embedded, state: Path, over: threading.Event) -> None:
    """Stop the target once the ledger of the run holds CREATIONS."""
    while not over.wait(0.05):
        ledgers = [file.read_text(encoding="utf-8") for file in state.glob("runs/*/*.jsonl")]
        if sum(text.count('"created"') for text in ledgers) >= CREATIONS:
            plane.stop()
            return
    raise AssertionError("the gate ended before the target died")
