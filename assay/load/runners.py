"""What the engine takes from Locust: its runners, workers, messages, events and web UI."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
import locust
from locust import User, constant, task
from locust.env import Environment
from locust.event import Events
from locust.opentelemetry import setup_opentelemetry
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from assay.client.events import NOWHERE, EventLog
from assay.client.handover import JOURNAL, from_env
from assay.client.layers import load_settings
from assay.client.ledger import LedgerWriter
from assay.client.settings import Settings
from assay.client.usage import UsageFile
from assay.errors import AssayError
from assay.findings.journal import FileJournal
from assay.load.clock import GEVENT
from assay.load.context import ScenarioContext
from assay.load.dispatch import Listener
from assay.load.intents import keep
from assay.load.master import Master
from assay.load.messages import (
    TO_MASTER,
    TO_WORKERS,
    LedgerKept,
    LedgerRows,
    Message,
    Prepare,
    UsedSoFar,
    decode,
    encode,
    wire_name,
)
from assay.load.options import Waits
from assay.load.target import at_target, open_context
from assay.load.worker import LoadWorker

logger = logging.getLogger(__name__)


class ScheduledLoad(User):  # type: ignore[misc] # Locust is untyped
    """One per load process. It stands for the whole schedule, which runs in greenlets of the engine.

    Stopping it (in the web UI, say) halts the schedule.
    """

    wait_time = constant(0)
    worker: LoadWorker | None = None

    @task  # type: ignore[untyped-decorator] # Locust is untyped
    def attend(self) -> None:
        GEVENT.sleep(1.0)

    def on_stop(self) -> None:
        if ScheduledLoad.worker is not None:
            ScheduledLoad.worker.halt()


def settings_at_hand(env: Mapping[str, str] = os.environ) -> Settings:
    """The settings that a parent handed over, else those of the environment and assay.toml."""
    return from_env(env) if "ASSAY__SETTINGS" in env else load_settings({}, env=env)


def journal_at_hand(env: Mapping[str, str] = os.environ) -> EventLog:
    """The journal that a parent handed over; none for a load process that works for a master elsewhere."""
    return FileJournal(Path(env[JOURNAL])) if env.get(JOURNAL) else NOWHERE


def new_environment(*, otel: bool = False) -> Environment:
    """Locust's environment with one user class. ``otel``: traced and measured by Locust's OpenTelemetry option."""
    if otel:
        # Locust hangs its measuring into the events that all of a process share.
        setup_opentelemetry("assay", None)
    return Environment(
        user_classes=[ScheduledLoad], events=locust.events if otel else Events(), stop_timeout=0, host=""
    )


def listener_of(environment: Environment) -> Listener:
    """Tells Locust's statistics and web UI of every finished request."""
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

    return listen


def send(runner: Any, message: Message, member: str | None = None) -> None:
    """Send a message by Locust's transport: to the load process ``member``, or to the master."""
    runner.send_message(wire_name(type(message)), encode(message), member)


def attach_worker(
    environment: Environment,
    runner: LocalRunner | WorkerRunner,
    settings: Settings,
    waits: Waits,
    events: EventLog,
) -> LoadWorker:
    """Make this process one that produces load, led by the messages of ``runner``.

    ``events`` is the run's journal, if it is a file of this machine.
    """

    def tell(message: Message) -> None:
        send(runner, message)

    def open_at(order: Prepare) -> ScenarioContext:
        return open_context(
            settings if order.target is None else at_target(settings, order.target),
            run=order.run,
            mark=order.stem,
            timeout=order.profile.timeout,
            part=order.part,
            of=order.of,
            seed=order.seed,
            master=order.ledger,
            tell=tell,
            events=events,
        )

    worker = LoadWorker(tell, open_at, listener_of(environment), waits)
    ScheduledLoad.worker = worker
    # Each in a greenlet of its own: stages take minutes, and Locust's listener must go on hearing heartbeats.
    for kind in TO_WORKERS:
        on_message(runner, kind, lambda message, _: gevent.spawn(worker.hear, message))
    gevent.spawn(worker.announce)
    return worker


def attach_master(runner: LocalRunner | MasterRunner, waits: Waits) -> Master:
    """Make this process the one that leads the load processes which announce themselves."""

    def present() -> set[str]:
        if isinstance(runner, LocalRunner):
            return {runner.client_id}
        return {client.id for client in runner.clients.all if client.state != "missing"}

    master = Master(lambda message, member: send(runner, message, member), present, absent_seconds=waits.absent)
    for kind in TO_MASTER:
        on_message(runner, kind, lambda message, source: master.hear(source, message))
    return master


def keep_usage(runner: MasterRunner, folder: Path) -> None:
    """Count in ``folder`` what load processes on other machines say that they have used."""
    files: dict[str, UsageFile] = {}

    def hear(message: UsedSoFar, source: str) -> None:
        if source not in files:
            files[source] = UsageFile(folder)
        files[source].note(message.usage)

    on_message(runner, UsedSoFar, hear)


def keep_ledger(runner: MasterRunner, ledger: LedgerWriter) -> None:
    """Write into ``ledger`` what load processes on other machines relay, and confirm it to them.

    Not by way of ``Master``, which has other things to wait for. What cannot be written is not confirmed, so that
    nothing is created under it.
    """

    def hear(events: LedgerRows, source: str) -> None:
        try:
            keep(ledger, events)
        except AssayError as error:
            logger.error("%s", error.message)  # noqa: TRY400 - a message, no trace
            return
        send(runner, LedgerKept(events.number), source)

    on_message(runner, LedgerRows, hear)


def on_message(runner: Any, kind: type[Any], act: Callable[[Any, str], Any]) -> None:
    """Have ``act`` called with every message of this kind, and with the id of the process that sent it."""

    def hear(environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG001 - Locust's signature
        try:
            message = decode(kind, msg.data)
        except AssayError as error:
            logger.error("%s", error.message)  # noqa: TRY400 - a message, no trace
            return
        act(message, runner.client_id if isinstance(runner, LocalRunner) else msg.node_id)

    runner.register_message(wire_name(kind), hear)
