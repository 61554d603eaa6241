"""The part of a load process that does the work: it prepares workloads, runs legs, reports, cleans up.

It is driven by messages, which Locust carries to worker processes and hands straight through in a single one:

=================  ==========================================================  ==========================
message            content                                                     answer
=================  ==========================================================  ==========================
``assay_prepare``  {profile, run, stem, seed, part, of, target, ledger}        ``assay_ready``
``assay_leg``      {number, steps, begin}                                      ``assay_report`` once a second,
                                                                               then ``assay_done``
``assay_halt``     {}                                                          ``assay_done`` comes early
``assay_finish``   {seconds}                                                   ``assay_finished``
``assay_kept``     {number}: what ``assay_ledger`` carried is on disk
=================  ==========================================================  ==========================

``target`` and ``ledger`` are given to load processes that were not started by the master: where to, and the header of
the run's ledger, by which one on the master's own machine knows the file as its own (else see ``relay``).
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import gevent
from gevent.event import Event

from assay.errors import AssayError, CredentialsError
from assay.load import health
from assay.load.dispatch import Dispatcher, Lane, Listener, Pulse, deaf, follow
from assay.load.payload import specs
from assay.load.plan import profile_from_json, steps_from_json
from assay.load.profiles import Load, Profile
from assay.load.reaper import Reaper
from assay.load.recorder import Recorder
from assay.load.relay import Relay
from assay.load.scenario import Base, load_scenario
from assay.load.site import Site
from assay.load.world import World

REPORT_SECONDS: Final = 1.0
READY_SECONDS: Final = 20.0
"""How long set-up waits for its workloads to run."""

RECOVER_SECONDS: Final = 60.0
"""How long a flooded target may take to answer quickly again before the next try of a search."""

_MOST_DELAY: Final = 0.5
"""The start of a leg is agreed by the clock; where clocks differ, a process waits no longer than this."""

_RELAY_SECONDS: Final = 0.5
_TOKEN_SECONDS: Final = 1.0
_POD_SECONDS: Final = 5.0
_FEW_NAMES: Final = 32

logger = logging.getLogger(__name__)


class Agent:
    """Works for one process. ``tell`` sends a message to the coordinator; ``open_site`` reaches the target."""

    def __init__(
        self,
        tell: Callable[[str, dict[str, Any]], None],
        open_site: Callable[[Mapping[str, Any]], Site],
        listener: Listener = deaf,
    ) -> None:
        self._tell = tell
        self._open_site = open_site
        self._listener = listener
        self._lane: Lane | None = None
        self._leg_over = Event()
        self._leg_over.set()
        self._prepared = Event()
        self._prepared.set()
        self._site: Site | None = None
        self._background: list[gevent.Greenlet] = []
        self._world: World | None = None
        self._relay: Relay | None = None
        self._told_to_halt = False
        self._scenarios: list[tuple[Load, Base]] = []
        self._sequence = 0
        self._finished = False
        self.left_behind = 0
        self.over = Event()

    @property
    def engaged(self) -> bool:
        """True once it was given work, or let go."""
        return self._finished or not self._prepared.is_set() or self._world is not None

    # messages in -------------------------------------------------------------------------------------------------

    def prepare(self, data: Mapping[str, Any]) -> None:
        """Reach the target and make the population; answers ``assay_ready`` with what went wrong, if anything."""
        self._prepared.clear()
        try:
            notes = self._prepare(data)
        except AssayError as error:
            self._tell(
                "assay_ready", {"problem": error.message, "hint": error.hint, "exit": error.exit_code, "notes": []}
            )
        else:
            self._tell("assay_ready", {"problem": None, "hint": None, "exit": 0, "notes": notes})
        finally:
            self._prepared.set()

    def leg(self, data: Mapping[str, Any]) -> None:
        """Run one leg to its end; reports on the way, then answers ``assay_done``."""
        self._leg_over.clear()
        problem: str | None = None
        self._cut_at: float | None = None
        self._told_to_halt = False
        try:
            problem = self._leg(data)
        except AssayError as error:
            problem = error.message
        except Exception as error:  # whatever a scenario raises must reach the report
            logger.exception("the load process failed")
            problem = f"a load process failed: {type(error).__name__}: {error}"
        finally:
            self._leg_over.set()
            content: dict[str, Any] = {
                "number": data["number"],
                "problem": problem,
                "reports": self._sequence,
                "cut_at": self._cut_at,
                "stopped": self._cut_at is not None and not (self._told_to_halt or problem),
            }
            if self._world is not None:
                content["connections"] = [self._world.client.answered, self._world.client.closed]
            self._tell("assay_done", content)

    def halt(self, *, told: bool = False) -> None:
        """Start no more requests; the leg ends when the last answers are there. ``told``: by the coordinator."""
        self._told_to_halt = self._told_to_halt or told
        if self._lane is not None:
            self._lane.stop()

    def kept(self, data: Mapping[str, Any]) -> None:
        """The master confirms what was relayed to its ledger."""
        if self._relay is not None:
            self._relay.kept(data)

    def finish(self, data: Mapping[str, Any]) -> None:
        """Delete what this process created and let go of the target; answers ``assay_finished``.

        A second call waits until the first one is through.
        """
        if self._finished:
            self.over.wait()
            return
        self._finished = True
        try:
            self._finish(float(data["seconds"]))
        finally:
            self.over.set()

    def _finish(self, seconds: float) -> None:
        self.halt()
        if self._world is not None:
            self._world.closing = True
        self._prepared.wait()
        self._leg_over.wait()
        left, deleted = 0, 0
        for _, scenario in self._scenarios:
            scenario.end()
        if self._world is not None and self._site is not None:
            left = self._reaper.finish(seconds)
            deleted = self._reaper.deleted
            self._world.names.close()
            gevent.killall(self._background)
            if self._relay is not None:
                self._relay.send()
                self._site.conclude(left)
            self._site.close()
        self.left_behind = left
        self._tell("assay_finished", {"left": left, "deleted": deleted})

    # the work ----------------------------------------------------------------------------------------------------

    def _prepare(self, data: Mapping[str, Any]) -> list[str]:
        self._profile: Profile = profile_from_json(data["profile"])
        self._part, self._of = int(data["part"]), int(data["of"])
        self._seed = int(data["seed"])
        self._site = site = self._open_site(data)
        header = data.get("ledger")
        if header is not None and dict(site.ledger.state().header) != header:
            self._relay = Relay(site.ledger, self._tell)
        self._world = world = site.world(data, self._relay)
        self._reaper = Reaper(world)
        self._reaper.start()
        self._background = [
            gevent.spawn(self._keep_token, site),
            gevent.spawn(health.watch, self._current, gevent.sleep),
        ]
        if self._relay is not None:
            self._background.append(gevent.spawn(self._keep_relaying, self._relay))
        kinds = [(load, load_scenario(load.scenario)) for load in self._profile.loads]
        population = max((kind.population(load.parameters) for load, kind in kinds), default=0)
        mine = population // self._of + (self._part < population % self._of)
        notes = world.populate(
            max(mine, min(population, 1)),
            specs(site.contract, "plain", 0)[0],
            deadline=READY_SECONDS,
            sleep=gevent.sleep,
        )
        if any(kind.operation == "pod_metrics" for _, kind in kinds):
            world.look_for_pods()
            self._background.append(gevent.spawn(self._keep_pods, world))
        self._scenarios = [(load, kind(world, load.parameters)) for load, kind in kinds]
        world.names.prepare()
        # What lives by now lives to the end: keep the collector from walking over it again and again.
        gc.collect()
        gc.freeze()
        return notes

    def _leg(self, data: Mapping[str, Any]) -> str | None:
        profile = profile_from_json(data["profile"], steps_from_json(data["steps"]))
        world = self._world
        assert world is not None
        ends, end = [], 0.0
        for step in profile.steps:
            end += step.seconds
            ends.append(end)
        if data["recover"] and not world.wait_until_calm(RECOVER_SECONDS, gevent.sleep):
            return f"the target did not recover within {RECOVER_SECONDS:.0f} s from the load before"
        wait = min(max(float(data["begin"]) - time.time(), 0.0), _MOST_DELAY)
        recorder = Recorder(ends, float(data["slot"]), measured=[step.measured for step in profile.steps])
        lane = self._lane = Lane(
            client=world.client,
            recorder=recorder,
            origin=time.monotonic() + wait,
            cap=max(profile.in_flight // self._of, 1),
            patience=profile.patience,
            pulse=Pulse(profile.timeout),
            listener=self._listener,
        )
        dispatchers = [
            Dispatcher(
                lane,
                scenario,
                world.operation(scenario.operation),
                profile.schedule(load, self._seed + number).arrivals(self._part, self._of),
            )
            for number, (load, scenario) in enumerate(self._scenarios)
        ]
        reporter = gevent.spawn(self._report, world, recorder, int(data["number"]))
        try:
            lost = follow(lane, dispatchers, profile.timeout + profile.patience)
            self._cut_at = lane.cut_at
        finally:
            self._lane = None
            gevent.kill(reporter)
            self._send_report(recorder, int(data["number"]))
        return f"target lost: {lost}" if lost else None

    def _report(self, world: World, recorder: Recorder, number: int) -> None:
        while True:
            gevent.sleep(REPORT_SECONDS)
            self._send_report(recorder, number)
            if world.names.ready < _FEW_NAMES:
                try:
                    world.names.prepare()
                except AssayError as error:
                    logger.warning("%s", error.message)  # the next creation asks again, and ends the leg if it must

    def _send_report(self, recorder: Recorder, number: int) -> None:
        self._sequence += 1
        self._tell("assay_report", {"number": number, "sequence": self._sequence, "report": recorder.drain()})

    def _current(self) -> tuple[Recorder, float] | None:
        lane = self._lane
        return None if lane is None else (lane.recorder, lane.origin)

    def _keep_relaying(self, relay: Relay) -> None:
        while True:
            gevent.sleep(_RELAY_SECONDS)
            relay.send()

    def _keep_token(self, site: Site) -> None:
        while True:
            gevent.sleep(_TOKEN_SECONDS)
            try:
                site.renew_token()
            except (AssayError, CredentialsError) as error:
                logger.warning("the token could not be renewed: %s", error)

    def _keep_pods(self, world: World) -> None:
        while True:
            gevent.sleep(_POD_SECONDS)
            world.look_for_pods()
