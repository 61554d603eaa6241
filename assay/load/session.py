"""assay's open arrivals and recorder for people who run Locust themselves (``locust -f load_tests/locustfile.py``).

Locust stays in charge: its users, spawn rate, shapes, workers, web UI and statistics work as documented. A user of
class ``OpenUser`` stands for a stream of requests (one a second unless set otherwise) that does not wait for answers;
what Locust shows as response time counts from the moment a request was due.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import random
import secrets
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from locust import User, constant, events, task
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from assay.client.settings import Settings, load_settings
from assay.contract.documents import load
from assay.errors import AssayError, InconclusiveError, SettingsError
from assay.load.clock import sleeper
from assay.load.collector import Collector
from assay.load.dispatch import Dispatcher, Lane
from assay.load.histogram import PERCENTILES
from assay.load.payload import specs
from assay.load.profiles import available
from assay.load.reaper import Reaper
from assay.load.recorder import Recorder
from assay.load.scenario import Base, load_scenario
from assay.load.site import Site
from assay.load.world import World
from assay.reference import embedded
from assay.reference.embedded import Embedded

POPULATION: Final = 3
IN_FLIGHT: Final = 1000
TIMEOUT: Final = 30.0
CLEANUP_SECONDS: Final = 30.0
TOLD_SECONDS: Final = 20.0

logger = logging.getLogger(__name__)


class LocustProcess:
    """What the users of one Locust process share. There is one, ``SESSION``."""

    def __init__(self) -> None:
        self._told = Event()
        self._closing = BoundedSemaphore(1)
        self._opener: gevent.Greenlet | None = None
        self._lane: Lane | None = None
        self._keeper: gevent.Greenlet | None = None
        self._given: dict[str, Any] = {}
        self._environment: Any = None
        self._site: Site | None = None
        self._failed: AssayError | None = None
        self._dispatchers: dict[str, Dispatcher] = {}
        self.collector = _collector()

    # Locust's events ---------------------------------------------------------------------------------------------

    def begin(self, environment: Any) -> None:
        """A process starts: find the target, or start the embedded control plane; join the workers' reports."""
        self._environment = environment
        runner = environment.runner
        if not isinstance(runner, MasterRunner):
            _warm_up()
        if isinstance(runner, WorkerRunner):
            runner.register_message("assay_target", self._told_target)
            environment.events.report_to_master.add_listener(self._report)
            gevent.spawn(self._ask_target, runner)
            return
        if isinstance(runner, MasterRunner):
            runner.register_message("assay_target_wanted", self._tell_target)
            runner.register_message("assay_failed", self._told_failure)
        self._given = self._find_target(environment)
        self._told.set()
        if isinstance(runner, MasterRunner):
            environment.events.worker_report.add_listener(self._take_report)
        else:
            gevent.spawn(self._report_locally)

    def test_start(self) -> None:
        """A test starts, perhaps not the first one. The target stays the one that this process was started for."""
        self.collector = _collector()
        self._failed = None
        host = (self._environment.host or "").rstrip("/")
        if self._given and host and host != self._given["flags"]["base_url"].rstrip("/"):
            # Anyone who reaches the web UI may type a host there, and it would be sent our credentials.
            error = SettingsError(
                f"the host {host} was typed in the web UI; the credentials here are for "
                f"{self._given['flags']['base_url']}",
                hint=f"start Locust with --host {host}",
            )
            self._failed = error
            gevent.spawn(self._fail, error)

    def test_stop(self) -> None:
        """Delete what the test created, in every process that created something; take in the last answers."""
        self.close()
        if isinstance(self._environment.runner, LocalRunner) and hasattr(self, "_recorder"):
            self.collector.add("local", self._recorder.drain())

    # the target --------------------------------------------------------------------------------------------------

    def _find_target(self, environment: Any) -> dict[str, Any]:
        options = environment.parsed_options
        host = environment.host or getattr(options, "host", None)
        flags = {
            "base_url": host,
            "project": getattr(options, "project", None) or None,
            "cluster": getattr(options, "cluster", None) or None,
        }
        settings = load_settings(flags)
        if settings.base_url:
            return {"flags": {**flags, "base_url": settings.base_url}, "credentials": {}}
        plane = _KEPT.enter_context(embedded.start())
        environment.host = plane.base_url
        logger.info("no --host given: testing the embedded control plane at %s", plane.base_url)
        return _embedded_target(plane)

    def _tell_target(self, environment: Any, msg: Any, **_: Any) -> None:
        # The embedded plane's credentials are made up at its start and worth nothing elsewhere; those of a real
        # target are never sent: each worker has them in its own environment.
        if self._given:
            environment.runner.send_message("assay_target", self._given, msg.node_id)

    def _ask_target(self, runner: Any) -> None:
        # Until it is told: the master may not listen yet when its workers join.
        while not self._told.is_set():
            runner.send_message("assay_target_wanted", {})
            self._told.wait(0.5)

    def _told_target(self, environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG002 - Locust's signature
        self._given = msg.data
        self._told.set()

    def settings(self) -> Settings:
        """The settings in force; SettingsError when something is missing."""
        if not self._told.wait(TOLD_SECONDS):
            raise InconclusiveError(
                "the master did not say which target to test", hint="give master and workers the same locustfile"
            )
        flags, credentials = dict(self._given["flags"]), self._given["credentials"]
        if credentials:
            return load_settings({}).with_embedded(
                flags["base_url"], flags["project"], flags["cluster"], **credentials
            )
        return load_settings(flags)

    # opening and closing -----------------------------------------------------------------------------------------

    def join(self) -> World:
        """The world of this process; the first call reaches the target and makes the workloads that users share.

        Raises AssayError, the same one to every caller, when that is not possible.
        """
        if self._failed is not None:
            raise self._failed
        if self._opener is None:
            # Not in the user's own greenlet, which Locust may end at any moment: a creation must not be cut off.
            self._opener = gevent.spawn(self._try_to_open)
        self._opener.join()
        if self._failed is not None:
            raise self._failed
        return self.world

    def dispatcher(self, scenario: str, parameters: Mapping[str, Any]) -> Dispatcher:
        """The dispatcher of a scenario in this process; AssayError as in ``join``."""
        world = self.join()
        if scenario not in self._dispatchers:
            made: Base = load_scenario(scenario)(world, parameters)
            self._dispatchers[scenario] = Dispatcher(self.lane, made, world.operation(made.operation), iter(()))
        return self._dispatchers[scenario]

    @property
    def authorization(self) -> dict[str, str]:
        """The header for those who send requests with Locust's own clients."""
        return {"Authorization": f"Bearer {self._site.token}"} if self._site is not None else {}

    @property
    def lane(self) -> Lane:
        """Where requests are launched, once ``join`` has returned."""
        assert self._lane is not None
        return self._lane

    def _try_to_open(self) -> None:
        try:
            self._open()
        except AssayError as error:
            self._failed = error
            if not self._closing.locked():
                self._fail(error)

    def _open(self) -> None:
        runner = self._environment.runner
        part = max(runner.worker_index, 0)
        run = f"locust-{secrets.token_hex(4)}"
        settings = self.settings()
        site = Site(settings, run=run, stem=f"{settings.name_prefix}-{run[7:]}", timeout=TIMEOUT)
        self.world: World = site.world({"part": 0, "of": 1, "seed": part})
        self._reaper = Reaper(self.world)
        self._reaper.start()
        self._site = site
        for note in self.world.populate(POPULATION, specs(site.contract, "plain", 0)[0], deadline=20.0):
            logger.warning("%s", note)
        self.world.look_for_pods()
        self._recorder = Recorder([math.inf])
        self._lane = Lane(site.client, self._recorder, time.monotonic(), IN_FLIGHT, TIMEOUT, self._listen)
        self._keeper = gevent.spawn(self._keep)

    def _keep(self) -> None:
        for second in itertools.count(1):
            gevent.sleep(1.0)
            if self._site is not None:
                self._site.renew_token()
                if second % 5 == 0:
                    self.world.look_for_pods()

    def close(self) -> None:
        """Delete what this process created and let go of the target."""
        with self._closing:
            opener, self._opener = self._opener, None
            if self._site is not None:
                self.world.closing = True
            if opener is not None:
                opener.join(timeout=TIMEOUT)
            if self._site is None:
                return
            if self._lane is not None:
                self._lane.stop()
                self._lane.idle.wait(timeout=TIMEOUT)
            if self._keeper is not None:
                gevent.kill(self._keeper)
            for dispatcher in self._dispatchers.values():
                dispatcher.end()
            left = self._reaper.finish(CLEANUP_SECONDS)
            self.world.names.close()
            if not self._site.conclude(left):
                logger.warning("%d workloads are left or in doubt; `assay cleanup` looks after them", max(left, 1))
            self._site.close()
            self._site = self._lane = self._keeper = None
            self._dispatchers = {}

    def _fail(self, error: AssayError) -> None:
        """Say why no test can be made, in the log and among the web UI's exceptions, and end it."""
        said = f"{error.message} ({error.hint})" if error.hint else error.message
        logger.error("%s", said)
        runner = self._environment.runner
        if isinstance(runner, WorkerRunner):
            runner.send_message("assay_failed", {"said": said, "exit": error.exit_code})
        else:
            self._give_up(said, error.exit_code)

    def _told_failure(self, environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG002 - Locust's signature
        if self._environment.process_exit_code is None:
            logger.error("a load process cannot take part: %s", msg.data["said"])
        self._give_up(msg.data["said"], msg.data["exit"])

    def _give_up(self, said: str, code: int) -> None:
        runner = self._environment.runner
        runner.log_exception("assay", said, "")
        if self._environment.parsed_options.headless:
            self._environment.process_exit_code = code
            gevent.spawn(runner.quit)
        else:
            gevent.spawn(runner.stop)

    # reports -----------------------------------------------------------------------------------------------------

    def _listen(self, method: str, name: str, milliseconds: float, length: int, error: str | None) -> None:
        self._environment.events.request.fire(
            request_type=method,
            name=name,
            response_time=milliseconds,
            response_length=length,
            exception=error,
            context={},
        )

    def _report(self, client_id: str, data: dict[str, Any]) -> None:  # noqa: ARG002 - Locust's signature
        recorder = getattr(self, "_recorder", None)
        if recorder is not None:
            data["assay"] = recorder.drain()

    def _take_report(self, client_id: str, data: Mapping[str, Any]) -> None:
        if "assay" in data:
            self.collector.add(client_id, data["assay"])

    def _report_locally(self) -> None:
        while True:
            gevent.sleep(1.0)
            if self._site is not None and hasattr(self, "_recorder"):
                self.collector.add("local", self._recorder.drain())

    def table(self) -> str:
        """The latency table with three exact digits, which Locust's own statistics do not have."""
        lines = [f"{'operation (latency from when due, ms)':<42}" + "".join(f"{name:>10}" for name in PERCENTILES)]
        for operation in self.collector.operations:
            summary = self.collector.merged(operation, "ok").summary()
            if summary:
                lines.append(f"{operation:<42}" + "".join(f"{value:>10.1f}" for value in summary.values()))
        for (operation, _, reason), number in sorted(self.collector.skipped.items()):
            lines.append(f"{operation}: {number} not started ({reason})")
        return "\n".join(lines) if len(lines) > 1 else ""


def _warm_up() -> None:
    """Read the contract and the scenarios now: a second's work, in which a running test would stand still."""
    load()
    for scenario in available():
        load_scenario(scenario)


def _collector() -> Collector:
    # No end is known, so time blocks are made for ten hours; nothing compares runs of this kind.
    return Collector((True,), seconds=36_000.0, patience=2 * TIMEOUT)


def _embedded_target(plane: Embedded) -> dict[str, Any]:
    client = plane.clients[0]
    return {
        "flags": {"base_url": plane.base_url, "project": plane.projects[0], "cluster": plane.cluster},
        "credentials": {"client_id": client.client_id, "client_secret": client.client_secret},
    }


SESSION: Final = LocustProcess()
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
            dispatcher = SESSION.dispatcher(self.scenario, self.parameters)
        except AssayError:
            gevent.sleep(1.0)
            return
        source = random.Random(f"{self.scenario}/{id(self)}")
        timer = sleeper()
        try:
            lane = SESSION.lane
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
        SESSION.begin(environment)
    except AssayError as error:
        logger.error("%s%s", error.message, f" ({error.hint})" if error.hint else "")  # noqa: TRY400 - a message, no trace
        raise SystemExit(error.exit_code) from None
    # Locust sets its --run-time next, and gevent counts from when its loop last looked at the clock: seconds ago.
    gevent.get_hub().loop.update_now()


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def _test_start(**_: Any) -> None:
    SESSION.test_start()


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def _test_stop(**_: Any) -> None:
    SESSION.test_stop()


@events.quit.add_listener  # type: ignore[untyped-decorator]
def _quit(**_: Any) -> None:
    table = SESSION.table()
    if table:
        logger.info("latency by HdrHistogram, three digits exact:\n%s", table)
    _KEPT.close()
