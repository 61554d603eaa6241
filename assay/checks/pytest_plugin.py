"""The pytest side of a contract run: options, the probe, test ids, concurrency, and journal events.

``contract_tests/conftest.py`` takes the hooks from here, so ``pytest contract_tests --base-url URL`` and
``assay gate`` run the very same thing.

Tests of modules marked ``concurrent`` do not depend on each other. Their bodies run ahead in a thread pool
(``--concurrency``), and each pytest item then only waits for its own result; reports stay in order.
"""

from __future__ import annotations

import ast
import difflib
import functools
import threading
import time
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from assay.checks.exchange import ContractBreachError
from assay.checks.generation import generating
from assay.checks.opening import ContractSession, contract_in_force, open_contract_session
from assay.checks.probe import Probe
from assay.errors import AssayError, BudgetExhausted, TargetLostError, UsageError
from assay.generation.plans import plans

KEY = pytest.StashKey["ContractRun"]()
_NOT_TESTED = pytest.StashKey[AssayError]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("assay", "assay: the target under test")
    group.addoption("--base-url", help="control plane under test; without it the embedded one is started")
    group.addoption("--project", help="id of the project to create workloads in")
    group.addoption("--cluster", help="UUID of the cluster to create workloads on")
    group.addoption("--only", action="append", default=[], help="test-id prefix such as rules/compute; repeatable")
    group.addoption("--concurrency", type=int, help="requests in flight (default 8)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "concurrent: tests do not depend on each other and run ahead in threads")
    config.addinivalue_line("markers", "exclusive: runs alone, after all concurrent tests")
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
    """Give every test that takes a ``plan`` the plans of its module: rules, schema, combinations."""
    if "plan" in metafunc.fixturenames:
        area = metafunc.module.__name__.rpartition("test_")[2]
        found = getattr(plans(contract_in_force()), area)
        metafunc.parametrize("plan", found, ids=[plan.id for plan in found])


@pytest.fixture(scope="session")
def probe(request: pytest.FixtureRequest) -> Probe:
    """The one way to the target, shared by all tests of a session."""
    run: ContractRun = request.config.stash[KEY]
    return run.session.probe


class ContractRun:
    """State and hooks of one contract session."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._session: ContractSession | None = None
        self._futures: dict[pytest.Item, Future[Any]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._started: dict[str, float] = {}

    @property
    def session(self) -> ContractSession:
        if self._session is None:
            try:
                self._session = open_contract_session(self._config.option)
            except UsageError as error:
                raise pytest.UsageError(f"{error.message} {error.hint or ''}".strip()) from error
            except AssayError as error:
                raise pytest.exit.Exception(f"{error.message} {error.hint or ''}".strip(), error.exit_code) from error
        return self._session

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

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        if session.config.option.collectonly or not session.items:
            return (yield)
        contract = self.session
        contract.probe.journal.write("planned", total=len(session.items), tests=[test_id(i) for i in session.items])
        contract.probe.learn()
        self._pool = ThreadPoolExecutor(contract.concurrency, thread_name_prefix="assay")
        try:
            _lock_parser()
            for item in session.items:
                if item.get_closest_marker("concurrent") is not None:
                    self._futures[item] = self._pool.submit(self._body, item, contract.probe)
            return (yield)
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _body(self, item: pytest.Item, probe: Probe) -> float:
        assert isinstance(item, pytest.Function)
        started = time.monotonic()
        parameters = dict(item.callspec.params) if hasattr(item, "callspec") else {}
        names = item._fixtureinfo.argnames
        if "probe" in names:
            parameters["probe"] = probe
        if "test" in names:
            parameters["test"] = test_id(item)
        item.obj(**parameters)
        return time.monotonic() - started

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        future = self._futures.get(pyfuncitem)
        if future is None:
            return None
        try:
            seconds = future.result()
        except (BudgetExhausted, TargetLostError) as error:
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
        if isinstance(error, BudgetExhausted | TargetLostError):
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, f"not tested: {error.message}")
        return report

    def _journal(self, item: pytest.Item, report: pytest.TestReport, error: BaseException | None) -> None:
        if self._session is None:
            return
        probe, name = self._session.probe, test_id(item)
        outcome: str = report.outcome
        message = ""
        breaches, others = sort_errors(error)
        for breach in breaches:
            probe.write_findings(breach.findings)
        if isinstance(error, BudgetExhausted | TargetLostError):
            probe.not_tested(name, error.message)
            outcome = "skipped"
            if isinstance(error, TargetLostError):
                probe.journal.write("problem", what=f"target lost: {error.message}")
        elif isinstance(error, pytest.skip.Exception):
            probe.not_tested(name, str(error))
        elif others:
            outcome, message = "error", f"{type(others[0]).__name__}: {others[0]}"[:1000]
        elif breaches:
            message = str(breaches[0])[:1000]
        seconds = dict(item.user_properties).get("seconds", report.duration)
        probe.journal.write("test", id=name, outcome=outcome, seconds=seconds, message=message)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        if self._session is not None:
            self._session.interrupt()

    def pytest_sessionfinish(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self._session is not None:
            self._session.close()


def _lock_parser() -> None:
    """Let one thread parse Python source at a time.

    CPython 3.11 keeps the depth of a parse in state that all threads share, and answers two parses at once with
    "SystemError: AST constructor recursion depth mismatch" (seen once in 5,000 tests). Hypothesis parses the source
    of lambdas to describe them, pytest that of failing lines.
    """
    if getattr(ast.parse, "is_locked", False):
        return
    parse, lock = ast.parse, threading.Lock()

    @functools.wraps(parse)
    def locked(*args: Any, **options: Any) -> Any:
        with lock:
            return parse(*args, **options)

    locked.is_locked = True  # type: ignore[attr-defined]
    ast.parse = locked


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


@pytest.fixture
def test(request: pytest.FixtureRequest) -> str:
    """The id of the running test, as findings and the journal name it."""
    return test_id(request.node)
