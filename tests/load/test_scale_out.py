"""A master and its workers, each with a state folder of its own as on machines of their own; and the loss of one."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped] # the stubs are not among the locked packages
import pytest

from assay.client.ledger import State, read_state
from assay.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS, EXIT_USAGE
from assay.reference import embedded
from assay.reference.embedded import Embedded, Options
from tests.load import namespaces
from tests.load.namespaces import HUB, Machine
from tests.run.whole import Begun, begin, begin_fresh, end, place, wait_for, workloads

pytestmark = pytest.mark.slow

PROFILES = """
[short]
stages = [{ name = "steady", duration = "3s" }]
scenarios.create = { rate = 8 }
scenarios.metrics = { rate = 40, samples = 5 }

[long]
stages = [{ name = "steady", duration = "6s" }]
timeout = "2s"
scenarios.create = { rate = 8, keep = 4 }
scenarios.metrics = { rate = 40, samples = 5 }
"""
METRICS = "get_inference_workload_metrics"
QUICK = Options(pace=0.1)
"""Workloads run and are gone within a tenth of a second."""

SECONDS, SHARE = 6, 20
"""Of the profile ``long``: its length, and the metrics requests that each of two workers is due to send a second."""


BUSY = ("the load generator was the bottleneck", "was lost after", "the master did not confirm")
"""Said of a run without any mishap, these tell that this machine is too busy: a process got no turn for seconds."""


WAITS = {"ASSAY__WAITS": json.dumps({"absent": 0.3, "silence": 5.0})}
"""A lost worker is noticed 1.7 s sooner, and a lost master 10 s."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def here(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


class Field:
    """A plane, a master and two workers, in the folders ``master``, ``worker-0`` and ``worker-1``."""

    def __init__(
        self,
        folder: Path,
        plane: Embedded,
        base_url: str,
        host: str,
        port: int,
        begin: Callable[..., Begun] = begin,
    ) -> None:
        self._start = begin
        self.folder = folder
        self.plane = plane
        self.base_url = base_url
        self.host, self.port = host, port
        self.processes: list[Begun] = []
        (folder / "profiles.toml").write_text(PROFILES)

    def _begin(self, name: str, *arguments: str, module: str = "assay") -> Begun:
        (self.folder / name).mkdir(exist_ok=True)
        process = self._start(self.folder / name, *arguments, plane=self.plane, module=module, more=WAITS)
        self.processes.append(process)
        return process

    def master(self, profile: str, *more: str) -> Begun:
        profiles = ("--profiles", str(self.folder / "profiles.toml"), "--profile", profile)
        place_ = ("--base-url", self.base_url, *place(self.plane)[2:])
        listening = ("--master-bind-host", self.host, "--master-port", str(self.port), "--expect-workers", "2")
        return self._begin("master", "benchmark", "--master", *listening, *place_, *profiles, "--out", "out", *more)

    def worker(self, number: int, *more: str) -> Begun:
        where = ("--master-host", self.host, "--master-port", str(self.port), "--base-url", self.base_url)
        return self._begin(f"worker-{number}", "benchmark", "--worker", *where, *more)

    def load_process(self, number: int) -> Begun:
        """A worker without the command line above it: what that starts."""
        return self._begin(f"worker-{number}", "--worker", f"{self.host}:{self.port}", module="assay.load")

    def workers(self) -> list[Begun]:
        return [self.worker(0), self.load_process(1)]

    def ledger(self, name: str) -> State:
        files = list((self.folder / name / "state").rglob("*.jsonl"))
        return read_state(files[0]) if files else State()

    def verdict(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads((self.folder / "master" / "out" / "verdict.json").read_text())
        return found

    def has_created(self, name: str) -> bool:
        """True once the master knows of workloads that the worker ``name`` has created."""
        own = self.ledger(name).workloads
        return len(own) >= 6 and len(own.keys() & self.ledger("master").workloads.keys()) >= 6

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture(scope="module")
def plane() -> Iterator[Embedded]:
    """One for all: every test leaves nothing on it."""
    with embedded.start(QUICK) as running:
        yield running


@pytest.fixture
def field(tmp_path: Path, plane: Embedded) -> Iterator[Field]:
    made = Field(tmp_path, plane, plane.base_url, "127.0.0.1", free_port())
    try:
        yield made
    finally:
        made.close()


def check_loss(field: Field) -> None:
    """What the verdict says is right for what remained, and it says what is missing."""
    verdict = field.verdict()
    assert verdict["verdict"] == "inconclusive"
    assert not verdict["findings"]
    problems = "\n".join(verdict["problems"])
    told = re.search(r"was lost after (\d+) s: what it did after second (\d+) is not in the figures", problems)
    assert told, problems
    assert "1 of 2 parts of the asked rate" in problems
    heard = int(told[2])
    result = verdict["load"][METRICS]
    # The survivor's whole share, and of the lost one what it had reported: a report a second.
    assert SECONDS * SHARE <= result["requests"] <= SECONDS * SHARE + (heard + 1) * SHARE
    assert result["rate"] == pytest.approx(result["requests"] / SECONDS, rel=0.01)
    assert result["errors"] == 0


def check_nothing_left(field: Field, run: Callable[..., Any] = here) -> None:
    assert not run(workloads, field.plane)
    master = field.ledger("master")
    assert master.finished
    assert not master.live
    assert not master.unresolved
    told = field.verdict()["resources"]
    assert not told["left_behind"]
    assert told["created"] == told["deleted"] == len(master.workloads)


def test_two_workers_elsewhere_do_the_run(field: Field) -> None:
    for _ in range(3):
        workers = [field.worker(number) for number in range(2)]
        # Ten live workloads, five for each worker, would hold creations back on a busy machine.
        master = field.master("short", "--max-live", "100")
        code, said = end(master)
        ends = [end(worker) for worker in workers]
        if not any(sign in said for sign in BUSY):
            break
    assert code == EXIT_PASS, said
    assert [each[0] for each in ends] == [EXIT_PASS, EXIT_PASS], ends
    results = field.verdict()["load"]
    assert {name: (result["requests"], result["errors"]) for name, result in results.items()} == {
        "create_inference1": (24, 0),
        METRICS: (120, 0),
    }
    check_nothing_left(field)
    # Both ledgers know the same: what a worker created is on its own disk and on the master's.
    own = [field.ledger(f"worker-{number}") for number in range(2)]
    assert all(ledger.finished and not ledger.unresolved for ledger in own)
    assert all(len(ledger.workloads) >= 12 for ledger in own)
    known = field.ledger("master").workloads.keys()
    theirs = own[0].workloads.keys() | own[1].workloads.keys()
    assert known > theirs
    assert len(known - theirs) == 1  # that of the master's preflight
    # What the workers have used of the run's limits is known where the verdict is written.
    used = {limit["name"]: limit["used"] for limit in field.verdict()["resources"]["limits"]}
    assert used["max_creates"] == len(known)
    assert used["max_requests"] >= 120 + len(known)


def test_a_killed_worker_costs_the_verdict_and_leaves_nothing(field: Field) -> None:
    workers = field.workers()
    master = field.master("long")
    wait_for(lambda: field.has_created("worker-1"), master)
    workers[1].kill()
    code, said = end(master)
    assert code == EXIT_INCONCLUSIVE, said
    assert end(workers[0])[0] == EXIT_PASS
    check_loss(field)
    check_nothing_left(field)
    # Its machine's own ledger was left open, and a clean-up there finds that nothing is to be done.
    assert not field.ledger("worker-1").finished
    cleanup = begin(field.folder / "worker-1", "cleanup", "--base-url", field.base_url, "--yes", plane=field.plane)
    assert end(cleanup)[0] == EXIT_PASS
    assert field.ledger("worker-1").finished


REASON = namespaces.why_not()


@pytest.mark.skipif(bool(REASON), reason=REASON)
def test_a_worker_whose_cable_is_pulled_costs_the_verdict_and_leaves_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        net = stack.enter_context(namespaces.network(2))
        plane = net.hub.call(stack.enter_context, embedded.start(QUICK))
        stack.enter_context(forwarding(net.hub, plane))
        # Forks would be in the network of the process that forks them.
        field = Field(tmp_path, plane, f"http://{HUB}:8000", HUB, 5557, begin_fresh)
        stack.callback(field.close)
        workers = [machine.call(field.load_process, number) for number, machine in enumerate(net.spokes)]
        master = net.hub.call(field.master, "long")
        wait_for(lambda: field.has_created("worker-1"), master)
        net.pull(1)
        code, said = end(master)
        assert code == EXIT_INCONCLUSIVE, said
        assert end(workers[0])[0] == EXIT_PASS
        check_loss(field)
        check_nothing_left(field, net.hub.call)
        assert field.ledger(
            "worker-1"
        ).live  # as far as it can know: it hears of nobody, and goes on until it notices


@contextmanager
def forwarding(hub: Machine, plane: Embedded) -> Iterator[None]:
    """The plane, which listens on the hub's loopback alone, for the spokes too."""
    port = plane.base_url.rpartition(":")[2]
    command = [sys.executable, "-m", "tests.load.forward", HUB, "8000", port]
    process = hub.call(subprocess.Popen, command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.kill()
        process.communicate()


class Masterless:
    """A master that is interrupted, and one that is killed with all its processes. Side by side, up to their ends."""

    def __init__(self, interrupted: Field, killed: Field) -> None:
        self.interrupted, self.killed = interrupted, killed
        masters = interrupted.master("long"), killed.master("long", "--duration", "60s")
        workers = interrupted.workers(), killed.workers()
        wait_for(lambda: interrupted.has_created("worker-0"), masters[0])
        masters[0].send_signal(signal.SIGINT)
        wait_for(lambda: killed.has_created("worker-0"), masters[1])
        for process in (psutil.Process(masters[1].pid), *psutil.Process(masters[1].pid).children()):
            process.kill()
        self.code = end(masters[0])[0]
        self.workers_of_interrupted, self.workers_of_killed = ([end(worker) for worker in each] for each in workers)


@pytest.fixture(scope="module")
def masterless(plane: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Masterless]:
    fields = [
        Field(tmp_path_factory.mktemp("field"), plane, plane.base_url, "127.0.0.1", free_port()) for _ in range(2)
    ]
    try:
        yield Masterless(*fields)
    finally:
        for field in fields:
            field.close()


def test_an_interrupted_master_ends_its_workers_in_good_order(masterless: Masterless) -> None:
    field = masterless.interrupted
    assert masterless.code == EXIT_INTERRUPTED
    assert [code for code, _ in masterless.workers_of_interrupted] == [EXIT_PASS, EXIT_PASS]
    check_nothing_left(field)
    assert all(field.ledger(f"worker-{number}").finished for number in range(2))


def test_a_worker_outlives_no_master(masterless: Masterless) -> None:
    field, ends = masterless.killed, masterless.workers_of_killed
    assert [code for code, _ in ends] == [EXIT_INCONCLUSIVE] * 2, ends
    assert all("the master was silent" in said for _, said in ends)
    assert not workloads(field.plane)
    assert all(field.ledger(f"worker-{number}").finished for number in range(2))


Ends = list[tuple[int, str]]
Refused = dict[str, tuple[Field, Ends]]


@pytest.fixture(scope="module")
def refused(plane: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refused]:
    """Runs that cannot be: of each its field, and exit codes and words. Side by side, for they mostly wait."""
    names = ("no worker", "no master", "no address", "elsewhere")
    fields = {
        name: Field(tmp_path_factory.mktemp("field"), plane, plane.base_url, "127.0.0.1", free_port())
        for name in names
    }
    fields["no address"].host = "no-such-host.invalid"
    elsewhere = fields["elsewhere"]
    begun = {
        "no worker": [fields["no worker"].master("short", "--join-deadline", "1s")],
        "no master": [fields["no master"].worker(0, "--join-deadline", "1s")],
        "no address": [fields["no address"].worker(0)],
        "elsewhere": [
            elsewhere.master("short"),
            elsewhere.load_process(0),
            elsewhere.worker(1, "--base-url", "https://elsewhere.invalid"),
        ],
    }
    try:
        yield {name: (fields[name], [end(process) for process in begun[name]]) for name in names}
    finally:
        for field in fields.values():
            field.close()


def test_workers_that_do_not_come_are_not_waited_for_for_ever(refused: Refused) -> None:
    _, [(code, said)] = refused["no worker"]
    assert code == EXIT_INCONCLUSIVE
    assert "0 of 2 load processes joined within 1 s" in said
    assert "assay benchmark --worker --master-host" in said


def test_a_master_that_is_not_there_is_not_waited_for_for_ever(refused: Refused) -> None:
    field, [(code, said)] = refused["no master"]
    assert code == EXIT_INCONCLUSIVE
    assert f"no master answered at 127.0.0.1:{field.port} within 1 s" in said
    assert "--master-bind-host" in said


def test_a_master_host_without_address(refused: Refused) -> None:
    _, [(code, said)] = refused["no address"]
    assert code == EXIT_USAGE
    assert "--master-host no-such-host.invalid has no address" in said


def test_credentials_go_to_no_other_target_than_the_worker_was_told(refused: Refused) -> None:
    field, [(code, said), *_] = refused["elsewhere"]
    assert code == EXIT_USAGE
    assert "may test https://elsewhere.invalid" in said
    assert f"the master asks for {field.base_url}" in said
    assert not workloads(field.plane)
