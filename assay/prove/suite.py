"""The contract tests as plain functions: collected once by pytest, called as often as there are defects."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from assay import folders
from assay.checks.opening import PROFILE
from assay.checks.probe import Probe
from assay.checks.pytest_plugin import test_id
from assay.errors import InconclusiveError


@dataclass(frozen=True, slots=True)
class SuiteTest:
    """One contract test: its id, as reports name it, and what to call."""

    id: str
    function: Callable[..., None]
    parameters: Mapping[str, Any]
    wants: frozenset[str]

    @property
    def area(self) -> str:
        return self.id.split("/", 1)[0]

    def run(self, probe: Probe) -> None:
        """Run the test on ``probe``; raises what the test raises."""
        given = dict(self.parameters)
        if "probe" in self.wants:
            given["probe"] = probe
        if "test" in self.wants:
            given["test"] = self.id
        self.function(**given)


def collect(profile: str = "gate") -> tuple[SuiteTest, ...]:
    """Every contract test in the order of a run. InconclusiveError when pytest cannot collect them."""
    os.environ[PROFILE] = profile  # the modules choose their cases by it when they are imported
    folder = folders.top("contract_tests")
    collector = _Collector()
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = pytest.main(
            [str(folder), "-c", str(folder / "pytest.ini"), "--collect-only", "-qq"], plugins=[collector]
        )
    if code != 0:
        raise InconclusiveError(f"the contract tests cannot be collected (exit {code}): {out.getvalue()[-500:]}")
    return tuple(_test(item) for item in collector.items)


class _Collector:
    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = list(session.items)


def _test(item: pytest.Item) -> SuiteTest:
    assert isinstance(item, pytest.Function)
    parameters = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    return SuiteTest(test_id(item), item.obj, parameters, frozenset(item._fixtureinfo.argnames))
