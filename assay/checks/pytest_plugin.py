"""The pytest side of a contract run: options, the target, test ids, concurrency, and journal events.

``contract_tests/conftest.py`` takes the hooks from here, so ``pytest contract_tests --base-url URL`` and
``assay gate`` run the very same thing.

Tests of modules marked ``concurrent`` do not depend on each other. Before the first test the fixtures of all of them
are set up, and their bodies run ahead in a thread pool (``--concurrency``); each pytest item then only waits for its
own result, and its fixtures are torn down. Reports stay in order.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from assay.checks.diagnosis import diagnose
from assay.checks.exchange import ContractBreachError
from assay.checks.generation_lock import generating
from assay.checks.opening import ContractSession, contract_in_force, open_contract_session
from assay.checks.pytest_internals import FixtureParking, shares_parameters
from assay.checks.target import TargetUnderTest
from assay.clock import SYSTEM, Clock
from assay.errors import ENDS_THE_RUN, AnswerLostError, AssayError, BudgetExhausted, UsageError
from assay.generation.cases import PlannedCase
from assay.generation.plans import Plan, plans

KEY = pytest.StashKey["ContractRun"]()
_NOT_TESTED = pytest.StashKey[AssayError]()
_MARKERS = (
    "concurrent: tests do not depend on each other and run ahead in threads",
    "exclusive: runs alone, after all concurrent tests",
    "from_contract(names, make): parametrize with what make(contract in force) returns",
)
# pytest judges these when it comes to the item, so nothing of it may happen ahead.
_NOT_AHEAD = ("skip", "skipif", "xfail")
# What ends a test without saying anything against the target, alone or in a group with the breaches found before it.
_CUTS_SHORT = (AnswerLostError, BudgetExhausted, *ENDS_THE_RUN)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("assay", "assay: the target under test")
    group.addoption("--base-url", help="control plane under test; without it the embedded one is started")
    group.addoption("--project", help="id of the project to create workloads in")
    group.addoption("--cluster", help="UUID of the cluster to create workloads on")
    group.addoption("--only", action="append", default=[], help="test-id prefix such as rules/compute; repeatable")
    group.addoption("--concurrency", type=int, help="requests in flight (default 8)")


def add_markers(config: pytest.Config) -> None:
    """Declare the markers that contract test modules carry."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_configure(config: pytest.Config) -> None:
    add_markers(config)
    if not config.option.collectonly and not config.option.help:
        config.stash[KEY] = ContractRun(config)
        config.pluginmanager.register(config.stash[KEY], "assay-contract-run")


def test_id(item: pytest.Item) -> str:
    """``test_rules.py::test_rule[compute/x[create-reject]]`` is known as ``rules/compute/x[create-reject]``."""
    area = item.path.stem.removeprefix("test_")
    callspec = getattr(item, "callspec", None)
    if callspec is not None:
        return f"{area}/{callspec.id}"
    return f"{area}/{item.name.removeprefix('test_').replace('_', '-')}"


def selects_nothing(prefix: str, ids: Iterable[str]) -> str:
    """The message for a prefix of no test id, with the nearest beginning that there is."""
    steps = len(prefix.strip("/").split("/"))
    begins = sorted({"/".join(name.partition("[")[0].split("/")[:steps]) for name in ids})
    near = difflib.get_close_matches(prefix, begins, n=1)
    return f"--only {prefix} selects no test" + (f"; did you mean {near[0]}?" if near else _areas(ids))


def _areas(ids: Iterable[str]) -> str:
    return f"; test ids begin with {', '.join(sorted({name.partition('/')[0] for name in ids}))}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize from the contract in force: what a test asks for by ``from_contract``, and every ``plan``.

    A test that takes a ``plan`` gets the plans of its module: rules, schema, combinations.
    """
    for marker in metafunc.definition.iter_markers("from_contract"):
        names, make = marker.args
        metafunc.parametrize(names, make(contract_in_force()))
    if "plan" in metafunc.fixturenames:
        area = metafunc.module.__name__.rpartition("test_")[2]
        found = getattr(plans(contract_in_force()), area)
        metafunc.parametrize("plan", found, ids=[plan.id for plan in found])


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> TargetUnderTest:
    """The one way to the target, shared by all tests of a session."""
    run: ContractRun = request.config.stash[KEY]
    return run.session.target


@pytest.fixture
def test(request: pytest.FixtureRequest) -> str:
    """The id of the running test, as findings and the journal name it."""
    return test_id(request.node)


class ContractRun:
    """State and hooks of one contract session."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._session: ContractSession | None = None
        self._futures: dict[pytest.Item, Future[float]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._parking: FixtureParking | None = None
        self._planned: list[str] = []
        self._over: AssayError | None = None  # what makes every further test pointless

    @property
    def session(self) -> ContractSession:
        if self._session is None:
            try:
                self._session = open_contract_session(self._config.option)
            except UsageError as error:
                raise pytest.UsageError(f"{error.message} {error.hint or ''}".strip()) from error
            except AssayError as error:
                raise _ended(error) from error
        return self._session

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        only = tuple(config.option.only)
        if only:
            ids = [test_id(item) for item in items]
            for prefix in only:
                if not any(name.startswith(prefix) for name in ids):
                    raise pytest.UsageError(selects_nothing(prefix, ids))
            kept = [item for item, name in zip(items, ids, strict=True) if name.startswith(only)]
            config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
            items[:] = kept
        items.sort(key=lambda item: item.get_closest_marker("concurrent") is None)
        # Before others deselect: what they take away is missing from the run, not from the plan.
        self._planned = [test_id(item) for item in items]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        if session.config.option.collectonly or not session.items:
            return (yield)
        contract = self.session
        self._preflight(contract)
        contract.target.journal.write("planned", total=len(self._planned), tests=self._planned)
        contract.target.state.planned = _planned_cases(session.items)
        contract.target.learn()
        self._pool = ThreadPoolExecutor(contract.concurrency, thread_name_prefix="assay")
        self._parking = FixtureParking(session)
        try:
            self._run_ahead(session.items, self._pool, self._parking)
            return (yield)
        finally:
            self._end_ahead()

    def _preflight(self, contract: ContractSession) -> None:
        """Without a command in charge, end the session at what would end a run, with the same words and exit code."""
        try:
            said = contract.ask()
        except AssayError as error:
            raise _ended(error) from error
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if said is not None and reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(said)

    def _run_ahead(self, items: Iterable[pytest.Item], pool: ThreadPoolExecutor, parking: FixtureParking) -> None:
        """Set up the fixtures of all concurrent items, and let each body begin as soon as its own are."""
        for item in items:
            if self._over is not None:
                break
            if isinstance(item, pytest.Function) and _may_run_ahead(item):
                arguments = parking.set_up(item)
                if arguments is not None:
                    self._futures[item] = pool.submit(self._body, item.obj, arguments)
        parking.pause()

    def _body(self, body: Callable[..., object], arguments: Mapping[str, Any]) -> float:
        """Run the body of a test in a thread; the seconds that it took. None begins once the run is over."""
        if self._over is not None:
            raise self._over
        try:
            return _timed(body, arguments)
        except ENDS_THE_RUN as error:
            self._end(error)
            raise

    def _end(self, error: AssayError) -> None:
        """From now on no further test begins, whatever thread has met the end; the first one says why."""
        self._over = self._over or error
        self.session.target.recorder.run_is_over(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Once the run is over, no further test begins: no fixture is made, and nothing is drawn."""
        if self._over is None:
            return None
        target, name = self.session.target, test_id(item)
        target.not_tested(name, self._over.message)
        target.journal.write("test", id=name, outcome="skipped", seconds=0.0, message="")
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Hand pytest the fixtures that were set up ahead, before it sets up what is missing."""
        if self._parking is not None:
            self._parking.put_back(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Before everything is torn down, end what was begun for items that pytest will not come to (``-x``)."""
        if nextitem is None:
            self._end_ahead(item)

    def _end_ahead(self, last: pytest.Item | None = None) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self._parking is not None:
            self._parking.close(last)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        future = self._futures.get(pyfuncitem)
        if future is None:
            return None
        try:
            seconds = future.result()
        except _CUTS_SHORT as error:
            # Told as a skip, whose report shows no source: pytest takes 30 ms to show that of an error, and once the
            # target is lost more than a thousand tests end so.
            pyfuncitem.stash[_NOT_TESTED] = error
            pytest.skip(f"not tested: {error.message}")
        pyfuncitem.user_properties.append(("seconds", round(seconds, 4)))
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        with generating():  # a report parses source, which must not happen while a thread generates
            report = yield
        error = call.excinfo.value if call.excinfo is not None else None
        if call.when == "call":
            error = item.stash.get(_NOT_TESTED, error)
        if call.when != "call" and report.passed:
            return report
        self._journal(item, report, error)
        if isinstance(error, _CUTS_SHORT):
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, f"not tested: {error.message}")
        return report

    def _journal(self, item: pytest.Item, report: pytest.TestReport, error: BaseException | None) -> None:
        if self._session is None:
            return
        target, name = self._session.target, test_id(item)
        outcome: str = report.outcome
        message = ""
        breaches, others = sort_errors(error)
        for breach in breaches:
            target.recorder.write(*breach.findings)
        for cut in [other for other in others if isinstance(other, _CUTS_SHORT)]:
            others.remove(cut)
            target.not_tested(name, cut.message)
            outcome = "failed" if breaches else "skipped"
            if isinstance(cut, ENDS_THE_RUN):
                self._end(cut)
        if isinstance(error, pytest.skip.Exception):
            target.not_tested(name, str(error))
        elif others:
            outcome, message = "error", f"{type(others[0]).__name__}: {others[0]}"[:1000]
        elif breaches:
            message = str(breaches[0])[:1000]
        seconds = dict(item.user_properties).get("seconds", report.duration)
        target.journal.write("test", id=name, outcome=outcome, seconds=seconds, message=message)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        if self._session is not None:
            self._session.interrupt()

    def pytest_sessionfinish(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self._session is not None:
            target = self._session.target
            if self._over is None:
                diagnose(target)
            target.journal.write("disturbances", asked_again=True, **target.session.disturbances.to_json())
            self._session.close()


def _planned_cases(items: Iterable[pytest.Item]) -> tuple[PlannedCase, ...]:
    """The cases of the plans that tests take."""
    taken = (getattr(item, "callspec", None) for item in items)
    plans_taken = (callspec.params.get("plan") for callspec in taken if callspec is not None)
    return tuple(case for plan in plans_taken if isinstance(plan, Plan) for case in plan.cases)


def _ended(error: AssayError) -> BaseException:
    """What ends the session with the words and the exit code of an error."""
    return pytest.exit.Exception(f"{error.message} ({error.hint})" if error.hint else error.message, error.exit_code)


def _may_run_ahead(item: pytest.Function) -> bool:
    """Whether the body may run before pytest comes to the item."""
    if item.get_closest_marker("concurrent") is None or item.config.getoption("setuponly", False):
        return False
    return not shares_parameters(item) and not any(item.get_closest_marker(name) for name in _NOT_AHEAD)


def _timed(body: Callable[..., object], arguments: Mapping[str, Any], clock: Clock = SYSTEM) -> float:
    """Run a body; the seconds that it took."""
    began = clock.monotonic()
    body(**arguments)
    return clock.monotonic() - began


def sort_errors(error: BaseException | None) -> tuple[list[ContractBreachError], list[BaseException]]:
    """Breaches and other errors of a test; Hypothesis groups several distinct failures into one exception."""
    if error is None or isinstance(error, pytest.skip.Exception):
        return [], []
    if isinstance(error, BaseExceptionGroup):
        breaches: list[ContractBreachError] = []
        others: list[BaseException] = []
        for inner in error.exceptions:
            found, rest = sort_errors(inner)
            breaches += found
            others += rest
        return breaches, others
    return ([error], []) if isinstance(error, ContractBreachError) else ([], [error])
