"""Load processes that work for a master: those it starts itself, and those that join from anywhere."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import time
from typing import Any, Final

import gevent
from gevent.event import Event
from locust.runners import WorkerRunner

from assay.errors import (
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    InconclusiveError,
    SettingsError,
)
from assay.load.agent import Agent
from assay.load.engine import attach_agent, new_environment, settings_at_hand

SILENCE_SECONDS: Final = 15.0
"""A worker that hears nothing from its master for so long stops its load: nobody watches it any more. The master
answers every second, and counts a worker as lost after 6 to 7 s."""

LAST_SECONDS: Final = 10.0
"""How long a worker whose master is gone takes to delete what it has created; the ledger has what stays."""

logger = logging.getLogger(__name__)


def start_workers(number: int, host: str, port: int, *, otel: bool = False) -> list[subprocess.Popen[bytes]]:
    """Start worker processes on this machine; they inherit the environment, and with it settings and credentials."""
    command = [sys.executable, "-m", "assay.load", "--worker", f"{host}:{port}", *(["--otel"] if otel else [])]
    return [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(number)]


def watch_children(children: list[subprocess.Popen[bytes]]) -> None:
    """InconclusiveError when one of them has ended."""
    for child in children:
        if child.poll() is not None:
            raise InconclusiveError(f"a load process ended with exit code {child.returncode} before the run began")


def run_worker(host: str, port: int, *, join_seconds: float, otel: bool = False) -> int:
    """Be a worker until the master says that the run is over, or is silent. Returns the exit code.

    Raises SettingsError when ``host`` has no address and InconclusiveError when no master answers within
    ``join_seconds``.
    """
    _resolve(host, port)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    environment = new_environment(otel=otel)
    settings = settings_at_hand()
    runner = _join(environment, host, port, join_seconds, stop)
    if runner is None:
        return EXIT_INTERRUPTED
    agent = attach_agent(environment, runner, settings)
    ended = gevent.spawn(runner.greenlet.join)
    silent = False
    while not (ended.ready() or stop.is_set() or silent):
        gevent.wait([ended, stop], timeout=1.0, count=1)
        silent = _is_silent(runner)
    return _leave(environment, runner, agent, interrupted=stop.is_set(), silent=silent)


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


def _is_silent(runner: WorkerRunner) -> bool:
    heard = runner.last_heartbeat_timestamp
    return heard is not None and time.time() - heard > SILENCE_SECONDS


def _leave(environment: Any, runner: WorkerRunner, agent: Agent, *, interrupted: bool, silent: bool) -> int:
    """Delete what this process created, whoever ended it, and say how it went."""
    unfinished = not agent.over.is_set()
    agent.finish({"seconds": LAST_SECONDS})
    if unfinished:
        environment.events.quitting.fire(environment=environment, reverse=True)  # tells the master
    runner.quit()
    if agent.left_behind:
        logger.warning("%d workloads are still being deleted; `assay cleanup` looks after them", agent.left_behind)
    if interrupted:
        return EXIT_INTERRUPTED
    if silent:
        logger.error("the master was silent for %.0f s: this load process stopped and cleaned up", SILENCE_SECONDS)
        return EXIT_INCONCLUSIVE
    return EXIT_PASS
