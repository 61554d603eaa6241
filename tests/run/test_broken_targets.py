"""`assay gate` against servers that are no control plane: never a traceback, never a pass, always a report."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.client.servers import Reply, always, raw_serving, serving
from tests.here import Here

pytestmark = pytest.mark.slow

REPORTS = {"verdict.json", "report.html", "junit.xml", "allure-results", "summary.md"}


@contextmanager
def server(case: str) -> Iterator[str]:
    """A server that is wrong in one way; yields its base URL."""
    if case == "hanging":
        with raw_serving(lambda connection: _wait(connection)) as place:
            yield f"http://{place}"
        return
    reply = {
        "server-error": Reply(500, {"code": 500, "message": "no"}),
        "web-page": Reply(200, raw=b"<html><body>Welcome</body></html>", headers={"Content-Type": "text/html"}),
        "closing": Reply(hang_up=True),
    }[case]
    with serving(always(reply)) as started:
        yield started.base_url


def _wait(connection: socket.socket) -> None:
    """Read and say nothing, until the client gives up."""
    while connection.recv(65536):
        pass


def gate(here: Here, base_url: str, out: Path, *more: str) -> tuple[int, str]:
    """Run ``assay gate`` with a token that no server checks."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ASSAY_")}
    place = ["--base-url", base_url, "--project", "1", "--cluster", "8f1c2b7e-52d4-4a53-9c0e-6d2f3b9a4e10"]
    limits = ["--request-timeout", "1", "--delete-deadline", "2", "--max-seconds", "40"]
    env = {**clean, "ASSAY_TOKEN": "not-a-jwt-but-a-token", "ASSAY_STATE_DIR": str(out.parent / "state")}
    return here(["gate", *place, *limits, "--out", str(out), *more], env, out.parent)


@pytest.mark.parametrize(
    ("case", "codes"), [("server-error", {1, 3}), ("web-page", {3}), ("hanging", {3}), ("closing", {3})]
)
def test_broken_server(case: str, codes: set[int], here: Here, tmp_path: Path) -> None:
    with server(case) as base_url:
        code, said = gate(here, base_url, tmp_path / "out", "--only", "access/read", "--only", "access/delete")
    assert code in codes, said
    assert "Traceback" not in said
    assert {entry.name for entry in (tmp_path / "out").iterdir()} == REPORTS
    verdict = json.loads((tmp_path / "out" / "verdict.json").read_text())
    assert verdict["verdict"] == {1: "fail", 3: "inconclusive"}[code]
    assert verdict["problems"] or verdict["findings"]


def test_no_server(here: Here, tmp_path: Path) -> None:
    code, said = gate(here, "http://127.0.0.1:9", tmp_path / "out")
    assert code == 3, said
    assert "refused" in said
    assert "Traceback" not in said
    assert {entry.name for entry in (tmp_path / "out").iterdir()} == REPORTS
