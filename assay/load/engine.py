"""The load engine of one process: it reaches the target, makes workloads, sends requests on time, cleans up.

Who feeds it decides when requests are due: a master by the stages of a profile (``assay.load.worker``), or Locust's
users by streams of their own (``assay.load.users``). All greenlets of the process share the one engine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

import gevent
from gevent.event import Event

from assay.client.creation import Pending
from assay.errors import AssayError
from assay.load.context import ScenarioContext, Workload
from assay.load.dispatch import Dispatcher, Lane, Listener, TargetPulse, no_listener
from assay.load.inputs import specs
from assay.load.intents import RelayedLedger
from assay.load.measures import Timeline
from assay.load.options import WAITS, Waits
from assay.load.recorder import Observations, Recorder
from assay.load.saturation import TICK
from assay.load.scenario import Base
from assay.polling import every

READY_SECONDS: Final = 20.0
"""How long set-up waits for its workloads to run."""

_RELAY_SECONDS: Final = 0.5
_TOKEN_SECONDS: Final = 1.0
_POD_SECONDS: Final = 5.0
_FEW_NAMES: Final = 32

_SETTLED: Final = 1.0
"""Seconds after which a creation whose answer was lost must have happened, if it happened."""

_PICK_UP: Final = 0.02

logger = logging.getLogger(__name__)


class Reaper:
    """Deletes what scenarios created, outside what is measured, and frees the budget when it is gone.

    It works through what a context discards; each workload has a greenlet of its own (10 live ones by default).
    """

    def __init__(self, context: ScenarioContext) -> None:
        self._context = context
        self._at_work: set[gevent.Greenlet] = set()
        self._stop = Event()
        self._main: gevent.Greenlet | None = None
        self.deleted = 0

    def start(self) -> None:
        self._main = gevent.spawn(self._collect)

    def finish(self, deadline: float) -> int:
        """Delete everything that is left, for ``deadline`` seconds at most; returns how many workloads remain."""
        self._stop.set()
        if self._main is not None:
            self._main.join()
        while self._context.workloads:
            self._context.discard(self._context.workloads.pop())
        self._pick_up()
        gevent.joinall(list(self._at_work), timeout=deadline)
        left = len(self._at_work)
        gevent.killall(list(self._at_work))
        return left

    def _collect(self) -> None:
        while not self._stop.wait(_PICK_UP):
            self._pick_up()

    def _pick_up(self) -> None:
        while (pending := self._context.next_lost()) is not None:
            self._employ(self._search, pending)
        while (workload := self._context.next_discarded()) is not None:
            self._employ(self._remove, workload)

    def _employ(self, work: Callable[[Any], None], on: Any) -> None:
        greenlet = gevent.spawn(work, on)
        self._at_work.add(greenlet)
        greenlet.link(self._at_work.discard)

    def _search(self, pending: Pending) -> None:
        """Look for a creation whose answer was lost; the ledger keeps what stays open."""
        self._context.session.clock.sleep(_SETTLED)
        if self._context.look_for(pending):
            self._pick_up()

    def _remove(self, workload: Workload) -> None:
        if self._context.session.remove(workload.id, workload.name, self._context.left) is None:
            self.deleted += 1


class Engine:
    """One target, seen from one load process; ``listener`` hears of every finished request.

    ``open`` comes first, then any number of lanes one after the other, then ``close``. ``context`` is what scenarios
    share.
    """

    def __init__(self, context: ScenarioContext, listener: Listener = no_listener, waits: Waits = WAITS) -> None:
        self.context = context
        self.lane: Lane | None = None
        self.concluded = False  # nothing is left or in doubt, and the ledger says so
        self.deleted = 0
        self._listener = listener
        self._waits = waits
        self.clock = context.session.clock
        self._scenarios: list[Base] = []
        self._background: list[gevent.Greenlet] = []
        self._token = context.session.token()
        self._reaper = Reaper(context)

    def open(self) -> None:
        """Begin to work in the background: delete what is discarded, keep the token, relay what is noted."""
        self._reaper.start()
        self._background = [gevent.spawn(self._keep_token), gevent.spawn(self._watch_generator)]
        if self.relay is not None:
            self._background.append(gevent.spawn(self._keep_relaying, self.relay))

    @property
    def relay(self) -> RelayedLedger | None:
        """What also notes creations in the ledger of a master elsewhere."""
        ledger = self.context.names.ledger
        return ledger if isinstance(ledger, RelayedLedger) else None

    def populate(self, number: int) -> list[str]:
        """Make the workloads that scenarios share; returns notes. InconclusiveError when that is not possible."""
        spec = specs(self.context.contract, "plain", 0)[0]
        return self.context.populate(number, spec, deadline=READY_SECONDS)

    def scenario(self, kind: type[Base], parameters: Any) -> Base:
        """A scenario of this process; it is ended when the engine closes."""
        made = kind(self.context, parameters)
        self._scenarios.append(made)
        return made

    def keep_pods(self) -> None:
        """Look which pods the workloads have, now and every few seconds; they come and go with replicas."""
        self.context.look_for_pods()
        self._background.append(gevent.spawn(self._look_for_pods))

    def begin(self, timeline: Timeline, *, origin: float, cap: int, patience: float, timeout: float) -> Lane:
        """Begin a run of stages: from now on this lane takes requests, and a recorder of its own their figures.

        ``origin`` is its start on ``clock.monotonic()``, ``cap`` bounds the requests at once, ``patience`` is how
        long (in seconds) one may wait for its turn and ``timeout`` how long for its answer.
        """
        recorder = Recorder(timeline)
        pulse = TargetPulse(timeout, self._waits.target_lost, last_answer=self.clock.monotonic())
        self.lane = Lane(
            self.context.transport,
            recorder,
            origin,
            cap,
            patience,
            self._listener,
            pulse=pulse,
            budget=self.context.budget,
            token=self._token,
            renew=self._renew,
            clock=self.clock,
        )
        self._count_connections(recorder)
        return self.lane

    def dispatcher(self, lane: Lane, scenario: Base, arrivals: Iterable[float] = ()) -> Dispatcher:
        """Sends the requests of ``scenario``, at ``arrivals`` (seconds since the lane's origin) or when launched."""
        return Dispatcher(lane, scenario, self.context.operation(scenario.operation), iter(arrivals))

    def drain(self, lane: Lane) -> Observations:
        """What was observed since the last call. Keeps names in stock besides."""
        if self.context.names.ready < _FEW_NAMES and not self.context.closing:
            self._prepare_names()
        self._count_connections(lane.recorder)
        return lane.recorder.drain()

    def halt(self) -> None:
        """Start no more requests."""
        if self.lane is not None:
            self.lane.stop()

    def close(self, seconds: float, *, own_ledger: bool) -> int:
        """Delete what this process created, within ``seconds``, and let go of the target; returns what is left.

        With ``own_ledger`` no other process writes to it, and it is concluded. No lane may be under way any more.
        """
        self.context.closing = True
        for scenario in self._scenarios:
            scenario.end()
        left = self._reaper.finish(seconds)
        self.context.names.close()
        gevent.killall(self._background)
        if self.relay is not None:
            self.relay.send()
        self.concluded = own_ledger and not left and self.context.session.conclude()
        self.context.session.close()
        self.deleted = self._reaper.deleted
        return left

    # in the background -------------------------------------------------------------------------------------------

    def _prepare_names(self) -> None:
        try:
            self.context.names.prepare()
        except AssayError as error:
            logger.warning("%s", error.message)  # the next creation asks again, and ends the run if it must

    def _count_connections(self, recorder: Recorder) -> None:
        client = self.context.transport
        recorder.connections(client.answered, client.closed, client.cut)

    def _keep_relaying(self, relay: RelayedLedger) -> None:
        for _ in every(_RELAY_SECONDS, self.clock):
            relay.send()

    def _keep_token(self) -> None:
        for _ in every(_TOKEN_SECONDS, self.clock):
            try:
                self._authorize(self.context.session.token())
            except AssayError as error:
                logger.warning("the token could not be renewed: %s", error)

    def _renew(self, refused: str) -> bool:
        """Use another token than the refused one from now on, if there is one. Raises CredentialsError."""
        fresh = self.context.session.renewed(refused)
        if fresh is not None:
            self._authorize(fresh)
        return fresh is not None

    def _authorize(self, token: str) -> None:
        self._token = token
        self.context.transport.authorize(token)
        if self.lane is not None:
            self.lane.token = token

    def _look_for_pods(self) -> None:
        for _ in every(_POD_SECONDS, self.clock):
            self.context.look_for_pods()

    def _watch_generator(self) -> None:
        """Sample the lag of the event loop 20 times and the CPU once a second, while a lane is there."""
        clock = self.clock
        cpu_at, cpu = clock.monotonic(), clock.cpu()
        while True:
            before = clock.monotonic()
            clock.sleep(TICK)
            now = clock.monotonic()
            lane = self.lane
            if lane is not None:
                lane.recorder.awake(max(now - before - TICK, 0.0), now - lane.origin)
            if now - cpu_at >= 1.0:
                used = clock.cpu()
                if lane is not None:
                    lane.recorder.cpu(now - lane.origin, (used - cpu) / (now - cpu_at))
                cpu_at, cpu = now, used
