"""assay's open arrivals and recorder for people who run Locust themselves (``locust -f load_tests/locustfile.py``).

Locust stays in charge: its users, spawn rate, shapes, workers, web UI and statistics work as documented. A user of
class ``OpenUser`` stands for a stream of requests (one a second unless set otherwise) that does not wait for answers;
what Locust shows as response time counts from the moment a request was due. The streams of a process feed one
``Engine``.
"""

from __future__ import annotations

import contextlib
import logging
import random
import secrets
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from locust import User, constant, events, task
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from assay.client.layers import load_settings
from assay.client.opening import check_embedded
from assay.client.settings import Settings
from assay.contract.documents import load
from assay.errors import AssayError, InconclusiveError, SettingsError
from assay.load.clock import GEVENT
from assay.load.collector import Collector
from assay.load.context import ScenarioContext
from assay.load.dispatch import Dispatcher, Lane, sleeper
from assay.load.engine import Engine
from assay.load.histogram import PERCENTILES
from assay.load.latency import Latency
from assay.load.measures import NotStarted, Timeline
from assay.load.messages import GivenTarget, Message, decode, encode
from assay.load.profiles import available
from assay.load.recorder import Observations
from assay.load.runners import listener_of, on_message, send
from assay.load.scenario import load_scenario
from assay.load.target import given_target, open_context
from assay.polling import every
from assay.reference import embedded

POPULATION: Final = 3
IN_FLIGHT: Final = 1000
TIMEOUT: Final = 30.0
CLEANUP_SECONDS: Final = 30.0
TOLD_SECONDS: Final = 20.0

TIMELINE: Final = Timeline(ends=(36_000.0,), measured=(True,), patience=2 * TIMEOUT)
"""No end is known, so time blocks are made for ten hours; nothing compares runs of this kind."""

_PART: Final = "assay"
"""Where observations stand in the reports that Locust's workers send to their master."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TargetWanted(Message):
    """A worker asks its master which target to test."""


@dataclass(frozen=True, slots=True)
class CannotTest(Message):
    """A worker says why no test can be made."""

    said: str
    exit_code: int


class LocustLoad:
    """What the users of one Locust process share. There is one, ``LOAD``."""

    def __init__(self) -> None:
        self._told = Event()
        self._closing = BoundedSemaphore(1)
        self._opener: gevent.Greenlet | None = None
        self._given: GivenTarget | None = None
        self._environment: Any = None
        self._engine: Engine | None = None
        self._lane: Lane | None = None
        self._failed: AssayError | None = None
        self._dispatchers: dict[str, Dispatcher] = {}
        self.collector = Collector(TIMELINE)

    # Locust's events ---------------------------------------------------------------------------------------------

    def begin(self, environment: Any) -> None:
        """A process starts: find the target, or start the embedded control plane; join the workers' reports."""
        self._environment = environment
        runner = environment.runner
        if not isinstance(runner, MasterRunner):
            _warm_up()
        if isinstance(runner, WorkerRunner):
            on_message(runner, GivenTarget, self._told_target)
            environment.events.report_to_master.add_listener(self._report)
            gevent.spawn(self._ask_target, runner)
            return
        if isinstance(runner, MasterRunner):
            on_message(runner, TargetWanted, self._tell_target)
            on_message(runner, CannotTest, self._told_failure)
        self._told_target(self._find_target(environment))
        if isinstance(runner, MasterRunner):
            environment.events.worker_report.add_listener(self._take_report)
        else:
            gevent.spawn(self._report_locally)

    def test_start(self) -> None:
        """A test starts, perhaps not the first one. The target stays the one that this process was started for."""
        self.collector = Collector(TIMELINE)
        self._failed = None
        host = (self._environment.host or "").rstrip("/")
        ours = self._given.base_url if self._given is not None else None
        if ours and host and host != ours.rstrip("/"):
            # Anyone who reaches the web UI may type a host there, and it would be sent our credentials.
            error = SettingsError(
                f"the host {host} was typed in the web UI; the credentials here are for {ours}",
                hint=f"start Locust with --host {host}",
            )
            self._failed = error
            gevent.spawn(self._fail, error)

    def test_stop(self) -> None:
        """Delete what the test created, in every process that created something; take in the last answers."""
        observed = self.close()
        if observed is not None and isinstance(self._environment.runner, LocalRunner):
            self.collector.add("local", observed)

    # the target --------------------------------------------------------------------------------------------------

    def _find_target(self, environment: Any) -> GivenTarget:
        options = environment.parsed_options
        settings = load_settings(
            {
                "base_url": environment.host or getattr(options, "host", None),
                "project": getattr(options, "project", None) or None,
                "cluster": getattr(options, "cluster", None) or None,
            }
        )
        if settings.base_url:
            return given_target(settings)
        check_embedded(settings)
        plane = _KEPT.enter_context(embedded.start())
        environment.host = plane.base_url
        logger.info("no --host given: testing the embedded control plane at %s", plane.base_url)
        client = plane.clients[0]
        return given_target(
            settings.with_embedded(
                plane.base_url,
                plane.projects[0],
                plane.cluster,
                client_id=client.client_id,
                client_secret=client.client_secret,
            )
        )

    def _tell_target(self, _: TargetWanted, source: str) -> None:
        if self._given is not None:
            send(self._environment.runner, self._given, source)

    def _ask_target(self, runner: Any) -> None:
        # Until it is told: the master may not listen yet when its workers join.
        while not self._told.is_set():
            send(runner, TargetWanted())
            self._told.wait(0.5)

    def _told_target(self, target: GivenTarget, _: str = "") -> None:
        self._given = target
        self._told.set()

    def settings(self) -> Settings:
        """The settings in force; SettingsError when something is missing."""
        if not self._told.wait(TOLD_SECONDS) or self._given is None:
            raise InconclusiveError(
                "the master did not say which target to test", hint="give master and workers the same locustfile"
            )
        target = self._given
        place = {"base_url": target.base_url, "project": target.project, "cluster": target.cluster}
        if target.embedded:
            known = {name: str(value) for name, value in place.items()}
            return load_settings({}).with_embedded(**known, **target.credentials)
        return load_settings(place)

    # opening and closing -----------------------------------------------------------------------------------------

    def join(self) -> ScenarioContext:
        """What the users of this process share; the first call reaches the target and makes the workloads.

        Raises AssayError, the same one to every caller, when that is not possible.
        """
        return self._joined()[0].context

    def dispatcher(self, scenario: str, parameters: Mapping[str, Any]) -> tuple[Lane, Dispatcher]:
        """Where the requests of a scenario are launched, and by what; AssayError as in ``join``."""
        engine, lane = self._joined()
        if scenario not in self._dispatchers:
            made = engine.scenario(load_scenario(scenario), parameters)
            self._dispatchers[scenario] = engine.dispatcher(lane, made)
        return lane, self._dispatchers[scenario]

    @property
    def authorization(self) -> dict[str, str]:
        """The header for those who send requests with Locust's own clients."""
        return {"Authorization": f"Bearer {self._engine.context.session.token()}"} if self._engine is not None else {}

    def _joined(self) -> tuple[Engine, Lane]:
        if self._failed is not None:
            raise self._failed
        if self._opener is None:
            # Not in the user's own greenlet, which Locust may end at any moment: a creation must not be cut off.
            self._opener = gevent.spawn(self._try_to_open)
        self._opener.join()
        if self._failed is not None:
            raise self._failed
        if self._engine is None or self._lane is None:
            raise InconclusiveError("the test ends before its workloads were made", hint="let it run for longer")
        return self._engine, self._lane

    def _try_to_open(self) -> None:
        try:
            self._open()
        except AssayError as error:
            self._failed = error
            if not self._closing.locked():
                self._fail(error)

    def _open(self) -> None:
        run = f"locust-{secrets.token_hex(4)}"
        settings = self.settings()
        mark = f"{settings.name_prefix}-{run[7:]}"
        seed = max(self._environment.runner.worker_index, 0)
        context = open_context(settings, run=run, mark=mark, timeout=TIMEOUT, seed=seed)
        engine = Engine(context, listener_of(self._environment))
        engine.open()
        self._engine = engine
        for note in engine.populate(POPULATION):
            logger.warning("%s", note)
        engine.keep_pods()
        origin = engine.clock.monotonic()
        self._lane = engine.begin(TIMELINE, origin=origin, cap=IN_FLIGHT, patience=TIMEOUT, timeout=TIMEOUT)

    def close(self) -> Observations | None:
        """Delete what this process created and let go of the target; returns what was not reported yet."""
        with self._closing:
            opener, self._opener = self._opener, None
            if self._engine is not None:
                self._engine.context.closing = True
            if opener is not None:
                opener.join(timeout=TIMEOUT)
            engine, lane = self._engine, self._lane
            if engine is None:
                return None
            if lane is not None:
                lane.stop()
                lane.idle.wait(timeout=TIMEOUT)
            left = engine.close(CLEANUP_SECONDS, own_ledger=True)
            if not engine.concluded:
                logger.warning("%d workloads are left or in doubt; `assay cleanup` looks after them", max(left, 1))
            self._engine, self._lane = None, None
            self._dispatchers = {}
            return engine.drain(lane) if lane is not None else None

    # failures ----------------------------------------------------------------------------------------------------

    def _fail(self, error: AssayError) -> None:
        """Say why no test can be made, in the log and among the web UI's exceptions, and end it."""
        said = f"{error.message} ({error.hint})" if error.hint else error.message
        logger.error("%s", said)
        runner = self._environment.runner
        if isinstance(runner, WorkerRunner):
            send(runner, CannotTest(said, error.exit_code))
        else:
            self._give_up(said, error.exit_code)

    def _told_failure(self, message: CannotTest, _: str) -> None:
        if self._environment.process_exit_code is None:
            logger.error("a load process cannot take part: %s", message.said)
        self._give_up(message.said, message.exit_code)

    def _give_up(self, said: str, code: int) -> None:
        runner = self._environment.runner
        runner.log_exception("assay", said, "")
        if self._environment.parsed_options.headless:
            self._environment.process_exit_code = code
            gevent.spawn(runner.quit)
        else:
            gevent.spawn(runner.stop)

    # reports -----------------------------------------------------------------------------------------------------

    def _report(self, client_id: str, data: dict[str, Any]) -> None:  # noqa: ARG002 - Locust's signature
        if self._engine is not None and self._lane is not None:
            data[_PART] = encode(self._engine.drain(self._lane))

    def _take_report(self, client_id: str, data: Mapping[str, Any]) -> None:
        if _PART in data:
            self.collector.add(client_id, decode(Observations, data[_PART]))

    def _report_locally(self) -> None:
        for _ in every(1.0, GEVENT):
            if self._engine is not None and self._lane is not None:
                self.collector.add("local", self._engine.drain(self._lane))

    def table(self) -> str:
        """The latency table with three exact digits, which Locust's own statistics do not have."""
        lines = [f"{'operation (latency from when due, ms)':<42}" + "".join(f"{name:>10}" for name in PERCENTILES)]
        for operation in self.collector.operations:
            summary = self.collector[Latency].merged(operation, "ok").summary()
            if summary:
                lines.append(f"{operation:<42}" + "".join(f"{value:>10.1f}" for value in summary.values()))
        for (operation, _, reason), number in sorted(self.collector[NotStarted].counts.items()):
            lines.append(f"{operation}: {number} not started ({reason})")
        return "\n".join(lines) if len(lines) > 1 else ""


def _warm_up() -> None:
    """Read the contract and the scenarios now: a second's work, in which a running test would stand still."""
    load()
    for scenario in available():
        load_scenario(scenario)


LOAD: Final = LocustLoad()
_KEPT: Final = contextlib.ExitStack()


class OpenUser(User):  # type: ignore[misc] # Locust is untyped
    """A stream of requests of one scenario that never waits for answers.

    ``rate`` requests/s each; ``poisson`` spaces them at random, as independent people would. ``scenario`` is a file
    of load_tests/scenarios, ``parameters`` are its options.
    """

    abstract = True
    wait_time = constant(0)
    scenario: ClassVar[str] = ""
    parameters: ClassVar[Mapping[str, Any]] = {}
    rate: ClassVar[float] = 1.0
    poisson: ClassVar[bool] = True

    @task  # type: ignore[untyped-decorator] # Locust is untyped
    def stream(self) -> None:
        try:
            lane, dispatcher = LOAD.dispatcher(self.scenario, self.parameters)
        except AssayError:
            GEVENT.sleep(1.0)
            return
        source = random.Random(f"{self.scenario}/{id(self)}")
        timer = sleeper(lane.clock)
        try:
            due = lane.now() + source.random() / self.rate
            while not lane.halt.is_set():
                timer.until(lane.origin + due)
                dispatcher.launch(due)
                due += source.expovariate(self.rate) if self.poisson else 1.0 / self.rate
        finally:
            timer.close()


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _options(parser: Any) -> None:
    group = parser.add_argument_group("Run:ai target", "credentials: ASSAY_TOKEN, or ASSAY_CLIENT_ID and ..._SECRET")
    group.add_argument(
        "--project", default="", env_var="ASSAY_PROJECT", help="id of the project to create workloads in"
    )
    group.add_argument(
        "--cluster", default="", env_var="ASSAY_CLUSTER", help="UUID of the cluster to create workloads on"
    )


@events.init.add_listener  # type: ignore[untyped-decorator]
def _init(environment: Environment, **_: Any) -> None:
    try:
        LOAD.begin(environment)
    except AssayError as error:
        logger.error("%s%s", error.message, f" ({error.hint})" if error.hint else "")  # noqa: TRY400 - a message, no trace
        raise SystemExit(error.exit_code) from None
    gevent.signal_handler(signal.SIGINT, _interrupt)
    # Locust sets its --run-time next, and gevent counts from when its loop last looked at the clock: seconds ago.
    gevent.get_hub().loop.update_now()


def _interrupt() -> None:
    """Ctrl-C ends Locust's main greenlet. Python would raise it in whichever runs, perhaps amid a creation."""
    gevent.get_hub().handle_system_error(KeyboardInterrupt, KeyboardInterrupt())


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def _test_start(**_: Any) -> None:
    LOAD.test_start()


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def _test_stop(**_: Any) -> None:
    LOAD.test_stop()


@events.quit.add_listener  # type: ignore[untyped-decorator]
def _quit(**_: Any) -> None:
    table = LOAD.table()
    if table:
        logger.info("latency by HdrHistogram, three digits exact:\n%s", table)
    _KEPT.close()
