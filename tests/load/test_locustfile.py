"""`locust -f load_tests/...` as a Locust user starts it, who has never heard of assay."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from assay.reference import embedded
from assay.reference.embedded import Embedded, Options
from tests.load.test_scale_out import free_port
from tests.run import whole
from tests.run.whole import PATIENCE, Begun, end, place, wait_for, workloads

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
OPEN: Final = ROOT / "load_tests" / "locustfile.py"
CLOSED: Final = ROOT / "load_tests" / "closed_users.py"
SHORT: Final = ("--headless", "-u", "20", "-r", "20", "-t", "5s")
QUICK: Final = Options(pace=0.1)
"""Workloads run and are gone within a tenth of a second."""
OPERATIONS: Final = {
    "create_inference1": "POST",
    "get_inference": "GET",
    "get_inference_workload_metrics": "GET",
    "get_inference_workload_pod_metrics": "GET",
    "update_inference_spec": "PATCH",
}


@pytest.fixture(scope="module")
def plane() -> Iterator[Embedded]:
    with embedded.start(QUICK) as running:
        yield running


def two_processes() -> tuple[str, ...]:
    """They meet at a port of their own: other tests run at the same time."""
    port = str(free_port())
    return ("--processes", "2", "--master-bind-port", port, "--master-port", port)


def target(plane: Embedded) -> list[str]:
    return ["--host", *place(plane)[1:]]


def begin(
    folder: Path, locustfile: Path, *arguments: str, plane: Embedded | None = None, fresh: bool = False
) -> Begun:
    """Locust with a locustfile: a warm fork, or ``fresh``, with a Python of its own."""
    start = whole.begin_fresh if fresh else whole.begin
    return start(folder, "-f", str(locustfile), *arguments, plane=plane, module="locust")


def statistics(folder: Path) -> dict[str, tuple[str, int]]:
    """What Locust itself says: request name to method and number, of a run that got no wrong answer."""
    rows = json.loads((folder / "stats.json").read_text())
    assert [row["num_failures"] for row in rows] == [0] * len(rows)
    return {row["name"]: (row["method"], row["num_requests"]) for row in rows}


def ledgers(folder: Path) -> list[Path]:
    return list((folder / "state").rglob("*.jsonl"))


Ended = tuple[Path, int, str]
"""The folder of a run, its exit code and what it said."""

Ends = dict[str, Ended]


@pytest.fixture(scope="module")
def ended(plane: Embedded, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    """Runs that need nobody to look after them, by name. Side by side, for they mostly wait."""
    arguments: dict[str, tuple[Path, tuple[str, ...], Embedded | None]] = {
        "no host": (OPEN, (*SHORT, "--json-file", "stats"), None),
        "two processes": (OPEN, (*target(plane), *SHORT, *two_processes(), "--json-file", "stats"), plane),
        "closed": (CLOSED, (*target(plane), *SHORT, "--json-file", "stats"), plane),
        "no credentials, 1": (OPEN, (*target(plane), *SHORT), None),
        "no credentials, 2": (OPEN, (*target(plane), *SHORT, *two_processes()), None),
    }
    folders = {name: tmp_path_factory.mktemp("run") for name in arguments}
    begun = {
        name: begin(folders[name], locustfile, *words, plane=credentials, fresh=name == "no host")
        for name, (locustfile, words, credentials) in arguments.items()
    }
    return {name: (folders[name], *end(process)) for name, process in begun.items()}


def test_without_a_host_the_embedded_control_plane_is_tested(ended: Ends) -> None:
    folder, code, said = ended["no host"]
    assert code == 0, said
    found = statistics(folder)
    assert {name: method for name, (method, _) in found.items()} == OPERATIONS
    assert found["get_inference_workload_metrics"][1] > found["create_inference1"][1]
    assert "operation (latency from when due, ms)" in said
    assert not ledgers(folder)


def test_several_processes_on_a_host(ended: Ends, plane: Embedded) -> None:
    folder, code, said = ended["two processes"]
    assert code == 0, said
    assert len(statistics(folder)) >= 3
    assert not workloads(plane)
    assert len(ledgers(folder)) == 2
    assert all('"finished"' in file.read_text() for file in ledgers(folder))


@pytest.mark.parametrize("processes", [1, 2])
def test_without_credentials_it_says_what_to_set(ended: Ends, processes: int) -> None:
    _, code, said = ended[f"no credentials, {processes}"]
    assert code == 2
    assert "credentials are missing: ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET not set" in said


def test_closed_users(ended: Ends, plane: Embedded) -> None:
    folder, code, said = ended["closed"]
    assert code == 0, said
    assert statistics(folder).keys() == {"get_inference", "get_inference_workload_metrics"}
    assert not workloads(plane)


@pytest.mark.parametrize("created", [1, 4])
def test_ctrl_c_removes_what_was_created(tmp_path: Path, plane: Embedded, created: int) -> None:
    """Also while the processes still make the workloads that the test begins with: no user finds half of that."""
    arguments = ("--headless", "-u", "20", "-r", "20", *two_processes())
    process = begin(tmp_path, OPEN, *target(plane), *arguments, plane=plane)
    wait_for(lambda: len(workloads(plane)) >= created, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    code, said = end(process)
    assert code == 0, said
    assert "KeyboardInterrupt" not in said
    assert not workloads(plane)


class Page:
    """Locust's web UI, driven as a browser does."""

    def __init__(self, port: int, process: Begun) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
        self._process = process
        wait_for(self.is_there, process)

    def is_there(self) -> bool:
        try:
            return "Locust" in self.http.get("/").text
        except httpx.TransportError:
            return False

    def swarm(self, host: str) -> None:
        answer = self.http.post("/swarm", data={"user_count": "20", "spawn_rate": "20", "host": host})
        assert answer.json()["success"], answer.text

    def stop(self) -> None:
        assert self.http.post("/stop").json()["success"]

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/stats/requests").json()
        return found

    def numbers(self) -> dict[str, int]:
        return {row["name"]: row["num_requests"] for row in self.stats()["stats"]}

    def is_busy(self) -> bool:
        """A test runs (the figures of the last one are gone), and every operation has been asked for."""
        asked = {name for name, number in self.numbers().items() if number}
        return bool(self.stats()["state"] == "running" and asked >= OPERATIONS.keys())

    def exceptions(self) -> str:
        return self.http.get("/exceptions").text

    def wait(self, condition: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self._process.poll() is None
            assert time.monotonic() < deadline, self.http.get("/logs").text
            time.sleep(0.2)


def test_web_ui(tmp_path: Path, plane: Embedded) -> None:
    port = free_port()
    web = ("--web-host", "127.0.0.1", "--web-port", str(port))
    process = begin(tmp_path, OPEN, *target(plane), *web, plane=plane, fresh=True)
    try:
        page = Page(port, process)
        assert page.numbers() == {"Aggregated": 0}
        page.swarm("https://elsewhere.invalid")
        page.wait(lambda: "the host https://elsewhere.invalid was typed in the web UI" in page.exceptions())
        page.wait(lambda: page.stats()["state"] == "stopped")
        assert page.numbers() == {"Aggregated": 0}
        for _ in range(2):  # a second test in the same process starts afresh
            page.swarm(plane.base_url)
            page.wait(page.is_busy)
            page.stop()
            page.wait(lambda: page.stats()["state"] == "stopped" and not workloads(plane))
        page.http.close()
        process.send_signal(signal.SIGTERM)
        code, said = end(process)
        assert code == 0, said
    finally:
        process.kill()
        process.wait()
