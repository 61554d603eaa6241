"""Runs a load plan on Locust: its runners, workers, messages, events and web UI; assay's arrivals and recorder."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import gevent
import locust
from locust import User, constant, task
from locust.env import Environment
from locust.event import Events
from locust.opentelemetry import setup_opentelemetry
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from assay import __version__
from assay.client.settings import Settings, from_env, load_settings
from assay.errors import AssayError
from assay.load.agent import Agent
from assay.load.coordinator import Coordinator
from assay.load.names import Book
from assay.load.relay import keep
from assay.load.site import Site, at_target

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


def new_environment(*, otel: bool = False) -> Environment:
    """Locust's environment with one user class. ``otel``: traced and measured by Locust's OpenTelemetry option."""
    if otel:
        # Locust hangs its measuring into the events that all of a process share.
        setup_opentelemetry("assay", None)
    return Environment(
        user_classes=[ScheduledLoad], events=locust.events if otel else Events(), stop_timeout=0, host=""
    )


def attach_agent(environment: Environment, runner: LocalRunner | WorkerRunner, settings: Settings) -> Agent:
    """Make this process one that produces load, driven by the messages of ``runner``."""

    def tell(kind: str, data: dict[str, Any]) -> None:
        runner.send_message(kind, {"source": runner.client_id, **data})

    def open_site(data: Mapping[str, Any]) -> Site:
        target = data.get("target")
        return Site(
            settings if target is None else at_target(settings, target),
            run=str(data["run"]),
            stem=str(data["stem"]),
            timeout=float(data["profile"]["timeout"]),
        )

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
        "assay_halt": lambda _: agent.halt(told=True),
        "assay_finish": agent.finish,
        "assay_kept": agent.kept,
    }
    for kind, handler in handlers.items():
        runner.register_message(kind, _in_greenlet(handler))
    gevent.spawn(_announce, agent, tell)
    return agent


def _announce(agent: Agent, tell: Callable[[str, dict[str, Any]], None]) -> None:
    # Locust calls a worker ready as soon as it has connected, before it knows our messages; so it says so itself,
    # until it is given work.
    while not agent.engaged:
        tell("assay_here", {"version": __version__})
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


def keep_ledger(runner: MasterRunner, ledger: Book) -> None:
    """Write into ``ledger`` what load processes on other machines relay, and confirm it to them.

    Not by way of the coordinator, which has other things to wait for. What cannot be written is not confirmed, so
    that nothing is created under it.
    """

    def hear(environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG001 - Locust's signature
        try:
            keep(ledger, msg.data)
        except AssayError as error:
            logger.error("%s", error.message)  # noqa: TRY400 - a message, no trace
            return
        runner.send_message("assay_kept", {"number": msg.data["number"]}, msg.data["source"])

    runner.register_message("assay_ledger", hear)


def _in_greenlet(handler: Callable[[Mapping[str, Any]], None]) -> Callable[..., None]:
    # Legs take minutes, and Locust's listener must go on hearing heartbeats meanwhile.
    def listen(environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG001 - Locust's signature
        gevent.spawn(handler, msg.data or {})

    return listen
