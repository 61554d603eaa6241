"""Whole load runs, each in its own process, against the embedded control plane or one that misbehaves."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import psutil  # type: ignore[import-untyped] # the stubs are not among the locked packages
import pytest

from assay.client.layers import load_settings
from assay.client.ledger import read_state
from assay.client.settings import Settings
from assay.client.unfinished import unfinished_runs
from assay.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS, EXIT_USAGE
from assay.findings import journal
from assay.load import launch
from assay.load.launch import load_run
from assay.load.options import LoadOptions, RunFile
from assay.reference import embedded
from assay.reference.embedded import Embedded, Options
from tests.warm import warm

pytestmark = pytest.mark.slow

PROFILES = """
[short]
stages = [{ name = "warm-up", duration = "0.5s", measured = false }, { name = "steady", duration = "2s" }]
scenarios.create = { rate = 10 }
scenarios.metrics = { rate = 40, samples = 5 }

[long]
stages = [{ name = "steady", duration = "60s" }]
timeout = "2s"
scenarios.create = { rate = 10 }
scenarios.read = { rate = 40 }

[everything]
stages = [{ name = "steady", duration = "4s" }]
arrivals = "poisson"
scenarios.lifecycle = { rate = 60, payload = "dense", create = 40 }
scenarios.pod_metrics = { rate = 20 }

[wrong]
stages = [{ name = "steady", duration = "4s" }]
scenarios.metrics = { rate = 1, samples = 5000 }
"""

CREATE, READ, METRICS = "create_inference1", "get_inference", "get_inference_workload_metrics"


WAITS = json.dumps({"absent": 0.3, "target_lost": 1.5, "lost_cleanup": 1.0})
"""A lost worker is noticed 1.7 s sooner, a lost target 3.5 s."""

QUICK = Options(pace=0.1)
"""Workloads run and are gone within a tenth of a second."""

_NUMBERS = itertools.count()


class Run:
    """One load run and what it left behind."""

    def __init__(self, folder: Path, settings: Settings, **more: Any) -> None:
        folder.mkdir(exist_ok=True)
        profiles = folder / "profiles.toml"
        profiles.write_text(PROFILES)
        self.journal = folder / "journal.jsonl"
        self.folder = folder
        # A killed worker leaves workloads on the shared plane, so every run has names of its own.
        stem = f"assay-{next(_NUMBERS)}"
        options = LoadOptions(profiles=profiles, **{"profile": "short", **more})
        file = RunFile("run-1", stem, self.journal, options)
        self.process = load_run(file, settings, folder)
        variables = {"ASSAY_STATE_DIR": str(folder / "state"), "ASSAY__WAITS": WAITS}
        with mock.patch.dict(os.environ, variables), mock.patch.object(launch, "start_python", warm().start):
            self.process.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait(self, seconds: float = 60.0) -> int:
        code = self.process.wait(seconds)
        assert code is not None, f"still running after {seconds} s: {self.process.said()}"
        return code

    def events(self, kind: str) -> list[Mapping[str, Any]]:
        return [event for event in journal.read(self.journal) if event["t"] == kind]

    def results(self) -> dict[str, Mapping[str, Any]]:
        return {event["operation"]: event for event in self.events("load")}

    def problems(self) -> str:
        return "\n".join(event["what"] for event in self.events("problem"))

    def wait_until_creating(self) -> None:
        deadline = time.monotonic() + 60
        while len(self.entries()) < 10:
            assert time.monotonic() < deadline, self.process.said()
            assert self.process.wait(0) is None, self.problems()
            time.sleep(0.1)

    def forget(self) -> None:
        """Remove journal and ledger, so that another run can take this one's place."""
        self.journal.unlink()
        shutil.rmtree(self.folder / "state")

    def entries(self) -> list[Any]:
        """The workloads in the ledger whose id is known."""
        files = list((self.folder / "state").rglob("*.jsonl"))
        return [entry for file in files for entry in read_state(file).workloads.values() if entry.id]

    def live(self) -> int:
        return sum(not entry.gone for entry in self.entries())


Start = Callable[..., Run]


def finished(start: Start, plane: Embedded, **more: Any) -> Run:
    """A run to its end; once more when this machine was too busy to generate the load (it says so itself)."""
    for _ in range(3):
        run = start(plane, **more)
        if run.wait() != EXIT_INCONCLUSIVE or "the load generator was the bottleneck" not in run.problems():
            break
        run.forget()
    return run


def run_at(plane: Embedded, folder: Path, **more: Any) -> Run:
    client = plane.clients[0]
    settings = load_settings({}, env={}).with_embedded(
        plane.base_url,
        plane.projects[0],
        plane.cluster,
        client_id=client.client_id,
        client_secret=client.client_secret,
    )
    # Ten, as on a shared cluster, would hold creations back while earlier ones are being deleted.
    return Run(folder, settings.model_copy(update={"max_live": 100}), **more)


@pytest.fixture(scope="module")
def plane() -> Iterator[Embedded]:
    with embedded.start(QUICK) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    runs: list[Run] = []

    def start(plane: Embedded, **more: Any) -> Run:
        runs.append(run_at(plane, tmp_path, **more))
        return runs[-1]

    yield start
    for run in runs:
        run.process.stop()


def test_two_processes_keep_the_rate_and_leave_nothing(plane: Embedded, start: Start) -> None:
    run = finished(start, plane, processes=2)
    assert run.wait() == EXIT_PASS, run.problems() + run.process.said()
    results = run.results()
    assert {operation: (result["requests"], result["errors"]) for operation, result in results.items()} == {
        CREATE: (20, 0),
        METRICS: (80, 0),
    }
    assert results[METRICS]["rate"] == pytest.approx(40)
    assert 0 < results[METRICS]["service_ms"]["p50"] <= results[METRICS]["latency_ms"]["p50"] < 1000
    assert all(limit["ok"] for result in results.values() for limit in result["slo"])
    points = {event["operation"]: event["points"] for event in run.events("series")}
    assert sum(point[1] for point in points[METRICS]) == 100  # the warm-up shows in the series, not in the result
    assert not run.events("finding")
    assert run.live() == 0
    assert len(run.entries()) == 20 + 5 + 3  # measured, warm-up, population
    assert "load generator" in run.events("note")[-1]["text"]


def test_every_operation_with_dense_bodies(plane: Embedded, start: Start) -> None:
    run = finished(start, plane, profile="everything")
    assert run.wait() == EXIT_PASS, run.problems() + run.process.said()
    errors = {operation: result["error_kinds"] for operation, result in run.results().items()}
    assert errors == {
        CREATE: {},
        READ: {},
        METRICS: {},
        "get_inference_workload_pod_metrics": {},
        "update_inference_spec": {},
    }
    assert run.live() == 0


def test_a_missed_objective_is_a_finding(plane: Embedded, start: Start, tmp_path: Path) -> None:
    slo = tmp_path / "slo.toml"
    slo.write_text("[metrics]\np50_ms = 0.01\nerror_ratio = 0.5\n")
    run = finished(start, plane, slo=slo, scenario="metrics", duration=2.0)
    assert run.wait() == EXIT_PASS, run.problems()
    (finding,) = run.events("finding")
    assert (finding["kind"], finding["rule"], finding["class"]) == ("slo", "p50_ms", "violation")
    assert METRICS in finding["summary"]
    assert "0.01" in finding["why"]


# Runs that end otherwise than asked, side by side: none of them is judged, and they mostly wait.


class Mishaps:
    """A run for each mishap, by its name, and what came of it."""

    def __init__(self, plane: Embedded, folder: Path, stack: contextlib.ExitStack) -> None:
        dying = stack.enter_context(embedded.start(QUICK))
        failing = stack.enter_context(failing_target())
        self._folder, self._stack = folder, stack
        self.few = self._keep(run_at, plane, scenario="metrics", rate=2.0, duration=2.0)
        self.stopped = self._keep(run_at, plane, profile="long", processes=2)
        self.worker_lost = self._keep(run_at, plane, profile="long", duration=5.0, processes=2)
        self.leader_lost = self._keep(run_at, plane, profile="long", processes=2)
        self.target_lost = self._keep(run_at, dying, profile="long")
        self.wrong = self._keep(run_at, plane, profile="wrong")
        self.failed = self._keep(lambda settings, folder: Run(folder, settings), failing)
        self.stop_code = self._stop()
        self.alive_workers = self._lose(dying)

    def _keep(self, make: Callable[..., Run], target: Any, **more: Any) -> Run:
        run = make(target, self._folder / str(next(_NUMBERS)), **more)
        self._stack.callback(run.process.stop)
        return run

    def _stop(self) -> int:
        self.worker_lost.wait_until_creating()
        psutil.Process(self.worker_lost.pid).children()[0].kill()
        self.stopped.wait_until_creating()
        return self.stopped.process.stop()

    def _lose(self, dying: Embedded) -> list[psutil.Process]:
        """Kill the one target, and the leader of the other run; returns its workers that go on."""
        self.target_lost.wait_until_creating()
        os.kill(dying.pid, signal.SIGKILL)
        self.leader_lost.wait_until_creating()
        workers = psutil.Process(self.leader_lost.pid).children()
        assert len(workers) == 2
        os.kill(self.leader_lost.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(workers, timeout=30)
        for process in alive:
            process.kill()
        return list(alive)


class _Failing(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_error(500)

    def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 - the base's name


@contextlib.contextmanager
def failing_target() -> Iterator[Settings]:
    """The settings for a target that answers 500 to everything."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Failing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = {
        "base_url": f"http://127.0.0.1:{server.server_port}",
        "project": "1",
        "cluster": "71f69d83-ba66-4822-adf5-55ce55efd210",
    }
    try:
        yield load_settings(place, env={"ASSAY_TOKEN": "a-token"})
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def mishaps(plane: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mishaps]:
    with contextlib.ExitStack() as stack:
        yield Mishaps(plane, tmp_path_factory.mktemp("mishaps"), stack)


def test_too_few_requests_never_pass(mishaps: Mishaps) -> None:
    run = mishaps.few
    assert run.wait() == EXIT_INCONCLUSIVE
    assert f"too few requests to judge {METRICS}: 4" in run.problems()


def test_sigterm_stops_and_cleans_up(mishaps: Mishaps) -> None:
    run = mishaps.stopped
    assert mishaps.stop_code == EXIT_INTERRUPTED
    assert "interrupted" in run.problems()
    assert not run.events("finding")
    assert len(run.entries()) >= 10
    assert run.live() == 0


def test_a_lost_worker_makes_the_run_inconclusive(mishaps: Mishaps) -> None:
    run = mishaps.worker_lost
    assert run.wait() == EXIT_INCONCLUSIVE
    assert "only 1 of 2 parts of the asked rate" in run.problems()
    assert not run.events("finding")


def test_a_worker_does_not_outlive_its_leader(
    plane: Embedded, mishaps: Mishaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = mishaps.leader_lost
    assert not mishaps.alive_workers
    # Each cleans up what it has created; what a crowded machine leaves no time for is on record for `assay cleanup`.
    monkeypatch.setenv("ASSAY_STATE_DIR", str(run.folder / "state"))
    assert run.live() == 0 or unfinished_runs(plane.base_url), run.process.said()


def test_a_target_that_dies_is_lost_not_slow(mishaps: Mishaps) -> None:
    run = mishaps.target_lost
    assert run.wait() == EXIT_INCONCLUSIVE
    assert "target lost: no answer for" in run.problems()
    assert "refused" in run.problems()
    assert not run.events("finding")


def test_a_wrong_parameter_is_told_before_anything_is_created(mishaps: Mishaps) -> None:
    run = mishaps.wrong
    assert run.wait() == EXIT_USAGE
    assert "samples = 5000; allowed: a whole number from 0 to 1000" in run.process.said()
    assert "Traceback" not in run.process.said()
    assert not run.entries()


def test_a_target_that_answers_500_to_everything_never_passes(mishaps: Mishaps) -> None:
    run = mishaps.failed
    assert run.wait() == EXIT_INCONCLUSIVE
    assert "could not create the workloads it needs: create_inference1 gave 500" in run.problems()
    assert "Traceback" not in run.process.said()
