"""Runs a load plan on Locust: its runners, workers, messages, events and web UI; assay's arrivals and recorder."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import gevent
from locust import User, constant, task
from locust.env import Environment
from locust.event import Events
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from assay.errors import InconclusiveError
from assay.load.agent import Agent
from assay.load.coordinator import Coordinator
from assay.load.site import Site
from assay.target.settings import Settings, from_env, load_settings

_TO_COORDINATOR: Final = ("assay_here", "assay_ready", "assay_report", "assay_done", "assay_finished")

logger = logging.getLogger(__name__)


class ScheduledLoad(User):  # type: ignore[misc] # Locust is untyped
    """One per load process. It stands for the whole schedule, which runs in the agent's greenlets.

    Stopping it (in the web UI, say) halts the schedule.
    """

    wait_time = constant(0)
    agent: Agent | None = None

    @task  # type: ignore[untyped-decorator] # Locust is untyped
    def attend(self) -> None:
        gevent.sleep(1.0)

    def on_stop(self) -> None:
        if ScheduledLoad.agent is not None:
            ScheduledLoad.agent.halt()


def settings_at_hand(env: Mapping[str, str] = os.environ) -> Settings:
    """The settings that a parent handed over, else those of the environment and assay.toml."""
    return from_env(env) if "ASSAY__SETTINGS" in env else load_settings({}, env=env)


def new_environment() -> Environment:
    return Environment(user_classes=[ScheduledLoad], events=Events(), stop_timeout=0)


def attach_agent(environment: Environment, runner: LocalRunner | WorkerRunner, settings: Settings) -> Agent:
    """Make this process one that produces load, driven by the messages of ``runner``."""

    def tell(kind: str, data: dict[str, Any]) -> None:
        runner.send_message(kind, {"source": runner.client_id, **data})

    def open_site(data: Mapping[str, Any]) -> Site:
        return Site(settings, run=str(data["run"]), timeout=float(data["profile"]["timeout"]))

    fire = environment.events.request.fire

    def listen(method: str, name: str, milliseconds: float, length: int, error: str | None) -> None:
        fire(
            request_type=method,
            name=name,
            response_time=milliseconds,
            response_length=length,
            exception=error,
            context={},
        )

    agent = Agent(tell, open_site, listen)
    ScheduledLoad.agent = agent
    handlers: dict[str, Callable[[Mapping[str, Any]], None]] = {
        "assay_prepare": agent.prepare,
        "assay_leg": agent.leg,
        "assay_halt": lambda _: agent.halt(),
        "assay_finish": agent.finish,
    }
    for kind, handler in handlers.items():
        runner.register_message(kind, _in_greenlet(handler))
    gevent.spawn(_announce, agent, tell)
    return agent


def _announce(agent: Agent, tell: Callable[[str, dict[str, Any]], None]) -> None:
    # Locust calls a worker ready as soon as it has connected, before it knows our messages; so it says so itself,
    # until it is given work.
    while not agent.engaged:
        tell("assay_here", {})
        gevent.sleep(0.25)


def attach_coordinator(runner: LocalRunner | MasterRunner) -> Coordinator:
    """Make this process the one that leads the load processes which announce themselves."""

    def send(kind: str, data: dict[str, Any], member: str) -> None:
        runner.send_message(kind, data, member)

    def present() -> set[str]:
        if isinstance(runner, LocalRunner):
            return {runner.client_id}
        return {client.id for client in runner.clients.all if client.state != "missing"}

    coordinator = Coordinator(send, present)

    def listener(kind: str) -> Callable[..., None]:
        def hear(environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG001 - Locust's signature
            coordinator.hear(kind, msg.data["source"], msg.data)

        return hear

    for kind in _TO_COORDINATOR:
        runner.register_message(kind, listener(kind))
    return coordinator


def _in_greenlet(handler: Callable[[Mapping[str, Any]], None]) -> Callable[..., None]:
    # Legs take minutes, and Locust's listener must go on hearing heartbeats meanwhile.
    def listen(environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG001 - Locust's signature
        gevent.spawn(handler, msg.data or {})

    return listen


def start_workers(number: int, host: str, port: int) -> list[subprocess.Popen[bytes]]:
    """Start worker processes on this machine; they inherit the environment, and with it settings and credentials."""
    command = [sys.executable, "-m", "assay.load", "--worker", f"{host}:{port}"]
    return [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(number)]


def watch_children(children: list[subprocess.Popen[bytes]]) -> None:
    """InconclusiveError when one of them has ended."""
    for child in children:
        if child.poll() is not None:
            raise InconclusiveError(f"a load process ended with exit code {child.returncode} before the run began")


def run_worker(host: str, port: int) -> int:
    """Be a worker until the master says quit. Returns the exit code."""
    environment = new_environment()
    runner = environment.create_worker_runner(host, port)
    agent = attach_agent(environment, runner, settings_at_hand())

    def stop() -> None:
        # The ledger has what is left; a worker that was told to go still tries to clean up itself.
        agent.finish({"seconds": 10.0})
        runner.quit()

    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, lambda: gevent.spawn(stop))
    runner.greenlet.join()
    return 0
