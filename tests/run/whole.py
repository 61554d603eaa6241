"""Whole runs as a user starts them: ``assay`` in its own process, on a control plane that the test started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Protocol

import httpx
import pytest

from assay.reference import embedded
from assay.reference.embedded import Embedded, Options
from tests.warm import Speaking

REPORTS = {"verdict.json", "report.html", "junit.xml", "allure-results", "summary.md"}
# Four tests, two of them with workloads that live for a while.
ONE_RULE = "rules/compute/portion-limit-not-below-request"
# Longer than any of these runs takes on a crowded machine.
PATIENCE = 240.0


@contextmanager
def serving(*defects: str) -> Iterator[Embedded]:
    """A control plane in its own process, lawful or with defects."""
    with embedded.start(Options(defects=defects)) as plane:
        yield plane


def place(plane: Embedded) -> list[str]:
    return ["--base-url", plane.base_url, "--project", plane.projects[0], "--cluster", plane.cluster]


def environment(folder: Path, plane: Embedded | None = None) -> dict[str, str]:
    """A clean environment with a state folder below ``folder``, and the credentials of the plane's first client."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ASSAY_", "PYTEST_"))}
    env |= {"ASSAY_STATE_DIR": str(folder / "state"), "TMPDIR": str(folder / "temporary")}
    (folder / "temporary").mkdir(exist_ok=True)
    if plane is not None:
        env |= {"ASSAY_CLIENT_ID": plane.clients[0].client_id, "ASSAY_CLIENT_SECRET": plane.clients[0].client_secret}
    return env


class Begun(Protocol):
    """As much of ``subprocess.Popen`` as tests ask of a process."""

    pid: int

    @property
    def stdout(self) -> IO[str] | None: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sign: int, /) -> None: ...
    def kill(self) -> None: ...
    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[Any, Any]: ...  # noqa: A002


def begin(
    folder: Path,
    *arguments: str,
    plane: Embedded | None = None,
    module: str = "assay",
    more: Mapping[str, str] = MappingProxyType({}),
) -> Begun:
    """Start ``python -m assay <arguments>`` in ``folder``, in a process group of its own: a warm fork.

    ``more`` are further variables of its environment.
    """
    return Speaking(module, arguments, env=_variables(folder, plane, more), folder=folder)


def begin_fresh(
    folder: Path,
    *arguments: str,
    plane: Embedded | None = None,
    module: str = "assay",
    more: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.Popen[str]:
    """The same with a Python of its own, which imports everything anew."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=_variables(folder, plane, more),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _variables(folder: Path, plane: Embedded | None, more: Mapping[str, str]) -> dict[str, str]:
    return {**environment(folder, plane), "PYTHONPATH": str(Path(__file__).parents[2]), **more}


def end(process: Begun) -> tuple[int, str]:
    """Its exit code and all it wrote; a traceback is never part of that."""
    try:
        said, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert "Traceback" not in said, said
    assert process.returncode is not None
    return process.returncode, said


def assay(folder: Path, *arguments: str, plane: Embedded | None = None) -> tuple[int, str]:
    return end(begin(folder, *arguments, plane=plane))


def workloads(plane: Embedded) -> list[dict[str, Any]]:
    """Everything that lives on the plane and that nobody has asked to delete."""
    client = plane.clients[0]
    with httpx.Client(base_url=plane.base_url, trust_env=False) as http:
        asked = {
            "grantType": "client_credentials",
            "clientId": client.client_id,
            "clientSecret": client.client_secret,
        }
        token = http.post("/api/v1/token", json=asked).json()["accessToken"]
        answer = http.get("/api/v1/workloads", headers={"Authorization": f"Bearer {token}"}, params={"limit": 500})
    found: list[dict[str, Any]] = answer.json()["workloads"]
    return [each for each in found if each.get("phase") not in {"Deleting", "Terminating", "Deleted"}]


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` holds; TimeoutError when it does not come to hold."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.05)


def wait_for(condition: Callable[[], object], process: Begun) -> None:
    """Wait until ``condition`` holds while ``process`` runs."""
    wait_until(lambda: condition() or process.poll() is not None)
    if process.poll() is not None and not condition():
        pytest.fail(f"what was waited for did not come, exit code {process.returncode}: {process.communicate()[0]}")


def verdict(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "verdict.json").read_text())
    return found
