"""A load process that a master leads by messages (see ``assay.load.messages``)."""

from __future__ import annotations

import gc
import logging
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from typing import Final

import gevent
from gevent.event import Event

from assay import __version__
from assay.clock import Clock
from assay.errors import EXIT_INCONCLUSIVE, AssayError
from assay.load.clock import GEVENT
from assay.load.context import ScenarioContext
from assay.load.dispatch import Lane, Listener, follow, no_listener
from assay.load.engine import Engine
from assay.load.intents import RelayedLedger
from assay.load.measures import Timeline
from assay.load.messages import (
    Done,
    Finish,
    Finished,
    Halt,
    Here,
    LedgerKept,
    Message,
    Prepare,
    Problem,
    Ready,
    Report,
    RunStages,
    UsedSoFar,
)
from assay.load.options import WAITS, Waits
from assay.load.profiles import Load, Profile
from assay.load.scenario import Base, load_scenario
from assay.polling import every, wait_until

REPORT_SECONDS: Final = 1.0

TARGET_LOST: Final = "target lost"
"""Begins the problem of a run whose target, or the way to it, ended."""

RECOVER_SECONDS: Final = 60.0
"""How long a flooded target may take to answer quickly again before the next try of a search."""

_MOST_DELAY: Final = 0.5
"""The start is agreed by the clock; where clocks differ, a process waits no longer than this."""

_HERE_SECONDS: Final = 0.25

logger = logging.getLogger(__name__)


class LoadWorker:
    """Works for one process. ``tell`` sends a message to the master; ``open_context`` reaches the target."""

    def __init__(
        self,
        tell: Callable[[Message], None],
        open_context: Callable[[Prepare], ScenarioContext],
        listener: Listener = no_listener,
        waits: Waits = WAITS,
        clock: Clock = GEVENT,
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._open_context = open_context
        self._listener = listener
        self._waits = waits
        self._engine: Engine | None = None
        self._relay: RelayedLedger | None = None
        self._scenarios: list[tuple[Load, Base]] = []
        self._stages_over = _set()
        self._prepared = _set()
        self._told_to_halt = False
        self._reports = 0
        self._finished = False
        self.left_behind = 0
        self.over = Event()

    def announce(self) -> None:
        """Say that this process is there until it is given work, or let go.

        Locust calls a worker ready as soon as it has connected, before it knows our messages.
        """

        def at_work() -> bool:
            if self._finished or not self._prepared.is_set() or self._engine is not None:
                return True
            self._tell(Here(__version__))
            return False

        wait_until(at_work, within=math.inf, every=_HERE_SECONDS, clock=self._clock)

    def hear(self, message: Message) -> None:
        """Do what the master says; returns when it is done."""
        if isinstance(message, Prepare):
            self.prepare(message)
        elif isinstance(message, RunStages):
            self.run_stages(message)
        elif isinstance(message, Halt):
            self._told_to_halt = True
            self.halt()
        elif isinstance(message, Finish):
            self.finish(message.seconds)
        elif isinstance(message, LedgerKept) and self._relay is not None:
            self._relay.kept(message.number)

    def prepare(self, order: Prepare) -> None:
        """Reach the target and make the population; answers with what went wrong, if anything."""
        self._prepared.clear()
        try:
            self._tell(Ready(notes=tuple(self._prepare(order))))
        except AssayError as error:
            self._tell(Ready(Problem(error.message, error.hint, error.exit_code)))
        finally:
            self._prepared.set()

    def run_stages(self, order: RunStages) -> None:
        """Run the stages to their end; reports on the way."""
        self._stages_over.clear()
        self._told_to_halt = False
        self._cut_at: float | None = None
        problem: str | None = None
        code = EXIT_INCONCLUSIVE
        try:
            problem = self._run_stages(order)
        except AssayError as error:
            problem, code = f"{error.message} ({error.hint})" if error.hint else error.message, error.exit_code
        except Exception as error:  # whatever a scenario raises must reach the report
            logger.exception("the load process failed")
            problem = f"a load process failed: {type(error).__name__}: {error}"
        finally:
            self._stages_over.set()
            stopped = self._cut_at is not None and not (self._told_to_halt or problem)
            self._tell(Done(order.number, self._reports, problem, self._cut_at, stopped, code))

    def halt(self) -> None:
        """Start no more requests; the stages end when the last answers are there."""
        if self._engine is not None:
            self._engine.halt()

    def finish(self, seconds: float) -> None:
        """Delete what this process created and let go of the target.

        A second call waits until the first one is through.
        """
        if self._finished:
            self.over.wait()
            return
        self._finished = True
        try:
            self._finish(seconds)
        finally:
            self.over.set()

    def _finish(self, seconds: float) -> None:
        self.halt()
        if self._engine is not None:
            self._engine.context.closing = True
        self._prepared.wait()
        self._stages_over.wait()
        deleted = 0
        if self._engine is not None:
            self._tell_usage(self._engine)
            self.left_behind = self._engine.close(seconds, own_ledger=self._relay is not None)
            deleted = self._engine.deleted
        self._tell(Finished(self.left_behind, deleted))

    def _prepare(self, order: Prepare) -> list[str]:
        self._order = order
        context = self._open_context(order)
        engine = Engine(context, self._listener, self._waits)
        engine.open()
        self._relay = engine.relay
        self._engine = engine
        kinds = [(load, load_scenario(load.scenario)) for load in order.profile.loads]
        population = max((kind.population(load.parameters) for load, kind in kinds), default=0)
        notes = engine.populate(max(_share(population, order), min(population, 1)))
        operations = context.contract.operations
        if any("podId" in operations[kind.operation].row.needs for _, kind in kinds):
            engine.keep_pods()
        self._scenarios = [(load, engine.scenario(kind, load.parameters)) for load, kind in kinds]
        engine.context.names.prepare()
        # What lives by now lives to the end: keep the collector from walking over it again and again.
        gc.collect()
        gc.freeze()
        return notes

    def _run_stages(self, order: RunStages) -> str | None:
        engine, profile = self._engine, replace(self._order.profile, stages=order.stages)
        assert engine is not None
        if order.recover and not engine.context.wait_until_calm(RECOVER_SECONDS):
            return f"the target did not recover within {RECOVER_SECONDS:.0f} s from the load before"
        wait = min(max(order.begin - self._clock.time(), 0.0), _MOST_DELAY)
        lane = engine.begin(
            timeline_of(profile, order.slot),
            origin=self._clock.monotonic() + wait,
            cap=max(profile.in_flight // self._order.of, 1),
            patience=profile.patience,
            timeout=profile.timeout,
        )
        reporter = gevent.spawn(self._keep_reporting, engine, lane, order.number)
        try:
            lost = self._follow(engine, lane, profile)
        finally:
            self._cut_at = lane.cut_at
            engine.lane = None
            gevent.kill(reporter)
            self._report(engine, lane, order.number)
        return f"{TARGET_LOST}: {lost}" if lost else None

    def _follow(self, engine: Engine, lane: Lane, profile: Profile) -> str | None:
        order = self._order
        dispatchers = [
            engine.dispatcher(
                lane, scenario, profile.schedule(load, order.seed + number).arrivals(order.part, order.of)
            )
            for number, (load, scenario) in enumerate(self._scenarios)
        ]
        return follow(lane, dispatchers, profile.timeout + profile.patience)

    def _keep_reporting(self, engine: Engine, lane: Lane, number: int) -> None:
        for _ in every(REPORT_SECONDS, self._clock):
            self._report(engine, lane, number)

    def _report(self, engine: Engine, lane: Lane, number: int) -> None:
        self._tell_usage(engine)
        self._reports += 1
        self._tell(Report(number, engine.drain(lane)))

    def _tell_usage(self, engine: Engine) -> None:
        """A load process that the master did not start counts where the run cannot see it."""
        if self._order.target is not None:
            self._tell(UsedSoFar(engine.context.budget.usage))


def timeline_of(profile: Profile, slot: float = 1.0) -> Timeline:
    """The stages of a profile as measures see them; series points are ``slot`` seconds wide."""
    return Timeline(
        ends=tuple(accumulate(stage.seconds for stage in profile.stages)),
        measured=tuple(stage.measured for stage in profile.stages),
        slot=slot,
        patience=profile.timeout + profile.patience,
    )


def _share(number: int, order: Prepare) -> int:
    """This process's part of ``number`` things."""
    return number // order.of + (order.part < number % order.of)


def _set() -> Event:
    event = Event()
    event.set()
    return event
