"""The load processes of a run and what stands around them: Locust's runner, the web UI, the ledger of a master.

``Processes`` is their side at the master; ``run_worker`` is a load process that works for one, whether the master
started it or it joins from elsewhere.
"""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

import gevent
from gevent.event import Event
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from assay.client.events import JournaledLedger
from assay.client.ledger import Ledger
from assay.client.settings import Settings
from assay.clock import Clock
from assay.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS, InconclusiveError, SettingsError
from assay.findings.journal import Journal
from assay.load.check import refuse_taken
from assay.load.clock import GEVENT
from assay.load.messages import Prepare
from assay.load.options import LOOPBACK, RunFile, Waits
from assay.load.profiles import Profile
from assay.load.runners import (
    attach_master,
    attach_worker,
    journal_at_hand,
    keep_ledger,
    keep_usage,
    new_environment,
    settings_at_hand,
)
from assay.load.target import given_target
from assay.load.worker import LoadWorker

_STOP_WORKERS: Final = 5.0

logger = logging.getLogger(__name__)


class Processes:
    """Makes the load processes that the run file asks for, and ends them; ``master`` leads them.

    One process is this one; several are children; with ``master`` they join from anywhere, and what they create is
    noted in this run's ledger too.
    """

    def __init__(self, file: RunFile, settings: Settings, journal: Journal) -> None:
        self._file = file
        self._options = file.options
        self._settings = settings
        self._journal = journal
        self._children: list[subprocess.Popen[bytes]] = []
        self._ledger: Ledger | None = None
        options = file.options
        self._alone = not options.master and options.processes == 1 and not options.ui
        # One that only leads sends nothing to be traced; and OpenTelemetry's exporters hang a process that forks.
        self._environment: Any = new_environment(otel=options.otel and self._alone)
        self._runner = self._make_runner()
        self.waits = Waits.at_hand()
        self.master = attach_master(self._runner, self.waits)
        self.master.watch = lambda event: journal.write("progress", **event)

    def _make_runner(self) -> LocalRunner | MasterRunner:
        options = self._options
        if options.master:
            # Locust ends the process when the port is taken, without a word in the journal.
            refuse_taken(options.master_bind_host, options.master_port, "--master-port")
            return self._environment.create_master_runner(options.master_bind_host, options.master_port)
        if self._alone:
            return self._environment.create_local_runner()
        # The web UI, too, has a process of its own: drawing it would take time from the load.
        return self._environment.create_master_runner(LOOPBACK, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        web_ui = self._environment.web_ui
        if web_ui is not None and web_ui.server is not None:  # none when the run ended before it could listen
            web_ui.stop()
        self._runner.quit()
        for child in self._children:
            _end(child)
        if self._ledger is not None:
            self._ledger.close()

    def gather(self) -> None:
        """Start the load processes or wait for them; InconclusiveError when they do not come."""
        options = self._options
        if options.ui:
            self._open_ui()
        if isinstance(self._runner, LocalRunner):
            attach_worker(self._environment, self._runner, self._settings, self.waits, self._journal)
            number = 1
        elif options.master:
            self._ledger = self._open_ledger()
            keep_ledger(self._runner, JournaledLedger(self._ledger, self._journal))
            if self._settings.usage_folder is not None:
                keep_usage(self._runner, self._settings.usage_folder)
            number = options.expect_workers
            self._tell(
                f"waiting up to {options.join_seconds:.0f} s for {number} load processes at "
                f"{options.master_bind_host}; "
                f"start them with: assay benchmark --worker --master-host HOST --master-port {options.master_port}"
            )
        else:
            number = options.processes
            self._children = start_workers(number, LOOPBACK, self._runner.server.port, otel=options.otel)
        self.master.gather(number, lambda: watch_children(self._children), options.join_seconds)

    def prepare(self, profile: Profile) -> list[str]:
        """Have every load process reach the target and make its workloads; returns notes, raises what they met."""
        order = Prepare(profile, self._file.run, self._file.stem, self._file.seed)
        if self._ledger is not None:
            order = replace(order, target=given_target(self._settings), ledger=dict(self._ledger.state().header))
        return self.master.prepare(order)

    def start(self) -> None:
        """Tell Locust that the test runs: its web UI and its events follow."""
        number = len(self.master.members)
        self._runner.start(number, number)

    def finish(self, seconds: float) -> int:
        """Have every load process delete what it created; returns how many workloads are left."""
        return self.master.finish(seconds)

    def _open_ui(self) -> None:
        options = self._options
        refuse_taken(options.ui_host, options.ui_port, "--ui-port")
        self._environment.host = self._settings.base_url  # shown at the top of the page
        self._environment.create_web_ui(options.ui_host, options.ui_port)
        self._environment.events.test_stopping.add_listener(self._stopped)
        self._tell(f"Locust's web UI: http://{options.ui_host}:{options.ui_port}")

    def _stopped(self, **_: Any) -> None:
        self.master.interrupt("the load part was stopped in the web UI")

    def _open_ledger(self) -> Ledger:
        settings = self._settings
        if settings.base_url is None:
            raise SettingsError("a master needs to know the target", hint="--base-url URL")
        return Ledger.open(
            self._file.run,
            settings.base_url,
            project=settings.project or "",
            mark=self._file.stem,
            embedded=settings.embedded,
        )

    def _tell(self, text: str) -> None:
        self._journal.write("progress", text=text)


def _end(child: subprocess.Popen[bytes]) -> None:
    for ask in (None, child.terminate, child.kill):
        if ask is not None:
            ask()
        try:
            child.wait(timeout=_STOP_WORKERS)
        except subprocess.TimeoutExpired:
            continue
        return
    child.wait()


def start_workers(number: int, host: str, port: int, *, otel: bool = False) -> list[subprocess.Popen[bytes]]:
    """Start worker processes on this machine; they inherit the environment, and with it settings and credentials."""
    command = [sys.executable, "-m", "assay.load", "--worker", f"{host}:{port}", *(["--otel"] if otel else [])]
    return [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(number)]


def watch_children(children: list[subprocess.Popen[bytes]]) -> None:
    """InconclusiveError when one of them has ended."""
    for child in children:
        if child.poll() is not None:
            raise InconclusiveError(f"a load process ended with exit code {child.returncode} before the run began")


def run_worker(host: str, port: int, *, join_seconds: float, otel: bool = False, clock: Clock = GEVENT) -> int:
    """Be a worker until the master says that the run is over, or is silent. Returns the exit code.

    Raises SettingsError when ``host`` has no address and InconclusiveError when no master answers within
    ``join_seconds``.
    """
    _resolve(host, port)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    environment = new_environment(otel=otel)
    settings, waits = settings_at_hand(), Waits.at_hand()
    runner = _join(environment, host, port, join_seconds, stop)
    if runner is None:
        return EXIT_INTERRUPTED
    worker = attach_worker(environment, runner, settings, waits, journal_at_hand())
    ended = gevent.spawn(runner.greenlet.join)
    silent = False
    while not (ended.ready() or stop.is_set() or silent):
        gevent.wait([ended, stop], timeout=1.0, count=1)
        silent = _is_silent(runner, waits.silence, clock)
    return _leave(environment, runner, worker, waits, interrupted=stop.is_set(), silent=silent)


def _join(environment: Any, host: str, port: int, seconds: float, stop: Event) -> WorkerRunner | None:
    # Locust's own patience is five minutes, and its constructor waits for the master.
    joining = gevent.spawn(environment.create_worker_runner, host, port)
    gevent.wait([joining, stop], timeout=seconds, count=1)
    if joining.ready():
        return joining.get()
    joining.kill(block=False)
    if stop.is_set():
        return None
    raise InconclusiveError(
        f"no master answered at {host}:{port} within {seconds:.0f} s",
        hint="start it with: assay benchmark --master --master-bind-host ADDRESS --expect-workers N; or see whether "
        "--master-host and --master-port name it, and whether a firewall lets its port through",
    )


def _resolve(host: str, port: int) -> None:
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SettingsError(
            f"--master-host {host} has no address: {error}", hint="name the machine that runs --master"
        ) from None


def _is_silent(runner: WorkerRunner, seconds: float, clock: Clock) -> bool:
    heard = runner.last_heartbeat_timestamp
    return heard is not None and clock.time() - heard > seconds


def _leave(
    environment: Any, runner: WorkerRunner, worker: LoadWorker, waits: Waits, *, interrupted: bool, silent: bool
) -> int:
    """Delete what this process created, whoever ended it, and say how it went."""
    unfinished = not worker.over.is_set()
    worker.finish(waits.last_cleanup)
    if unfinished:
        environment.events.quitting.fire(environment=environment, reverse=True)  # tells the master
    runner.quit()
    if worker.left_behind:
        logger.warning("%d workloads are still being deleted; `assay cleanup` looks after them", worker.left_behind)
    if interrupted:
        return EXIT_INTERRUPTED
    if silent:
        logger.error("the master was silent for %.0f s: this load process stopped and cleaned up", waits.silence)
        return EXIT_INCONCLUSIVE
    return EXIT_PASS
