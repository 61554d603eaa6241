"""Processes end with the one that started them, also when it was killed, or is gone before they ask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.processes import Parent, child_environment, started_by_us

CHILD = """
import os, sys, time
from assay.processes import Parent
parent = Parent()
print("gone" if parent.is_gone else "there", "STARTED" if "ASSAY__PARENT" in os.environ else "alone", flush=True)
parent.when_gone(lambda: (print("ends", flush=True), os._exit(0)))
time.sleep(60)
"""
PARENT = f"""
import subprocess, sys
from assay.processes import started_by_us
import os
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], env={{**os.environ, **started_by_us()}})
child.wait()
"""


def test_ends_with_a_killed_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "there alone\n"
        parent.kill()
        assert parent.stdout.read() == "ends\n"  # both hold the pipe: it ends when both have


def test_started_in_the_background_an_interrupt_is_heeded() -> None:
    code = "from assay.processes import heed_interrupts, interrupt; heed_interrupts(); interrupt()"
    shell = subprocess.run(
        ["sh", "-c", f"trap '' INT; {sys.executable} -c '{code}'"], capture_output=True, check=False
    )
    assert b"KeyboardInterrupt" in shell.stderr


def test_a_parent_gone_before_the_child_asks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY__PARENT", str(os.getpid()))  # it was us; whoever started us now, is another
    assert Parent().is_gone


def test_without_a_word_from_the_parent_it_is_the_present_one() -> None:
    assert not Parent().is_gone
    assert started_by_us() == {"ASSAY__PARENT": str(os.getpid())}


ROOT = str(Path(__file__).parents[1])


def test_what_a_child_does_is_not_for_the_users_variables_to_say() -> None:
    given = {
        "PATH": "/bin",
        "ASSAY_TOKEN": "t",
        "HTTPS_PROXY": "http://p",
        "PYTHONHOME": "/py",
        "PYTHONPATH": "/home/me/lib",
        "PYTHONSTARTUP": "/home/me/start.py",
        "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "error",
        "PYTEST_ADDOPTS": "-k create",
        "PYTEST_PLUGINS": "mine",
        "COVERAGE_PROCESS_START": "x",
        "HYPOTHESIS_STORAGE_DIRECTORY": "x",
        "ALLURE_TESTPLAN_PATH": "x",
        "LOCUST_USERS": "9",
    }
    made = child_environment(given)
    assert made.pop("PYTHONPATH", ROOT) == ROOT
    assert made == {
        **{name: given[name] for name in ("PATH", "ASSAY_TOKEN", "HTTPS_PROXY", "PYTHONHOME")},
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def test_a_folder_that_holds_what_we_depend_on_stays(tmp_path: Path) -> None:
    home = str(Path(pytest.__file__).parents[1])
    paths = child_environment({"PYTHONPATH": os.pathsep.join(("", str(tmp_path), ROOT, home))}).get("PYTHONPATH", "")
    assert set(paths.split(os.pathsep)) <= {ROOT, home}
    assert str(tmp_path) not in paths
