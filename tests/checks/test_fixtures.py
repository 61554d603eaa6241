"""Concurrent contract tests take ordinary pytest fixtures: set up before the body, torn down after it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay import folders
from assay.reference.embedded import Embedded
from tests.run.whole import environment, place, serving

pytestmark = pytest.mark.slow

CONFTEST = """
from assay.checks.pytest_plugin import pytest_addoption, pytest_configure, pytest_generate_tests, target, test

__all__ = ["pytest_addoption", "pytest_configure", "pytest_generate_tests", "target", "test"]
"""

# Two bodies wait for each other: they pass only when they run at the same time.
MODULE = """
import os
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.concurrent
TOGETHER = threading.Barrier(2)


def log(text):
    with Path(os.environ["FIXTURE_LOG"]).open("a") as file:
        file.write(text + "\\n")


@pytest.fixture(scope="session")
def whole():
    log("whole up")
    yield object()
    log("whole down")


@pytest.fixture(scope="module")
def common():
    log("common up")
    yield object()
    log("common down")


@pytest.fixture
def own(test, common):
    log(f"{test} up")
    yield test
    log(f"{test} down")


@pytest.fixture
def raises():
    raise LookupError("nothing of the kind")


@pytest.fixture
def skips():
    pytest.skip("there is none here")


@pytest.fixture
def ends_badly():
    yield
    raise OSError("cannot be put away")


@pytest.fixture(params=["a", "b"])
def letter(request):
    return request.param


@pytest.fixture(scope="module", params=[1, 2])
def number(request):
    log(f"number {request.param} up")
    yield request.param
    log(f"number {request.param} down")


@pytest.mark.parametrize("case", ["one", "two"])
def test_own(target, own, whole, common, tmp_path, case):
    TOGETHER.wait(60)
    assert own == f"fixtures/{case}"
    (tmp_path / case).write_text("")
    assert len(list(tmp_path.iterdir())) == 1
    log(f"{own} body")


@pytest.fixture(scope="class")
def shared():
    log("class up")
    yield 5
    log("class down")


class TestClass:
    def test_of_a_class(self, shared):
        assert shared == 5
        log("class body")


def test_raises(raises):
    log("never")


def test_skips(skips):
    log("never")


@pytest.mark.skip(reason="not now")
def test_skipped():
    log("never")


def test_ends_badly(ends_badly):
    pass


def test_letter(letter, request):
    assert letter in request.node.name


def test_number(number):
    log(f"number {number} body")


def test_fails(own):
    log("fails body")
    raise ArithmeticError("as it should")


def test_late(own, whole):
    log("late body")


"""


@pytest.fixture(scope="module")
def plane() -> Iterator[Embedded]:
    with serving() as plane:
        yield plane


def run(folder: Path, plane: Embedded, *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """The run of the module above, and what its fixtures and bodies have logged."""
    tests = folder / "tests"
    tests.mkdir()
    (tests / "conftest.py").write_text(CONFTEST)
    (tests / "test_fixtures.py").write_text(MODULE)
    shutil.copy(folders.top("contract_tests") / "pytest.ini", tests)
    log = folder / "log"
    env = {**environment(folder, plane), "FIXTURE_LOG": str(log), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "pytest", str(tests), "-q", "-rA", *place(plane), *arguments]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=240)
    return done, log.read_text().splitlines()


def in_order(log: list[str], *texts: str) -> bool:
    return [text for text in log if text in texts] == list(texts)


def test_fixtures_live_as_long_as_pytest_says(tmp_path: Path, plane: Embedded) -> None:
    report = tmp_path / "junit.xml"
    done, log = run(tmp_path, plane, f"--junitxml={report}", f"--alluredir={tmp_path / 'allure'}")
    assert "never" not in log
    for name in ("fixtures/one", "fixtures/two"):
        assert in_order(log, "whole up", "common up", f"{name} up", f"{name} body", f"{name} down", "common down")
    assert max(log.index(f"fixtures/{name} up") for name in ("one", "two")) < log.index("fixtures/one down")
    assert in_order(log, "class up", "class body", "class down")
    assert in_order(
        log, "number 1 up", "number 1 body", "number 1 down", "number 2 up", "number 2 body", "number 2 down"
    )
    assert in_order(log, "late body", "fixtures/late down", "whole down")
    assert len(log) == len(set(log))
    cases = ET.parse(report).iter("testcase")  # noqa: S314 - our own
    outcomes = {case.get("name"): [child.tag for child in case] for case in cases}
    assert {name for name, tags in outcomes.items() if "failure" in tags} == {"test_fails"}
    assert {name for name, tags in outcomes.items() if "error" in tags} == {"test_raises", "test_ends_badly"}
    assert {name for name, tags in outcomes.items() if "skipped" in tags} == {"test_skips", "test_skipped"}
    assert len(outcomes) == 13
    assert "LookupError: nothing of the kind" in done.stdout
    assert "there is none here" in done.stdout
    assert len(list((tmp_path / "allure").glob("*-result.json"))) == 13


def test_what_waits_is_torn_down_when_the_run_ends_early(tmp_path: Path, plane: Embedded) -> None:
    done, log = run(tmp_path, plane, "-x", "-k", "fails or late or own")
    assert "1 failed" in done.stdout
    assert "test_late" not in done.stdout.partition("short test summary")[2]
    assert in_order(log, "fixtures/late up", "fixtures/late down", "common down", "whole down")


def test_one_selected_test_needs_no_other(tmp_path: Path, plane: Embedded) -> None:
    done, log = run(tmp_path, plane, "--only", "fixtures/late")
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert log == ["whole up", "common up", "fixtures/late up", "late body", *log[4:]]
    assert sorted(log[4:]) == ["common down", "fixtures/late down", "whole down"]
