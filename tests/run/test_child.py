"""Parts as child processes: watched while they run, asked to end in good order, ended whatever they do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.run import child
from assay.run.child import Ended

POLITE = """
import signal, sys, time
def tidy(*_):
    print("tidied up", flush=True)
    sys.exit(7)
signal.signal(signal.SIGINT, tidy)
print("ready", flush=True)
time.sleep(60)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


def run(
    folder: Path,
    code: str,
    *,
    stop: Callable[[], bool] = lambda: False,
    watch: Callable[[], None] = lambda: None,
    deadline: float | None = None,
    **env: str,
) -> Ended:
    return child.run(
        ["-c", code], env=env, folder=folder, log=folder / "log", watch=watch, stop=stop, deadline=deadline
    )


def ready(folder: Path) -> Callable[[], bool]:
    return lambda: "ready" in (folder / "log").read_text()


def test_code_output_folder_and_environment(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['GIVEN'], sys.stdin.read() == ''); sys.exit(3)"
    ended = run(tmp_path, code, GIVEN="42")
    assert ended == Ended(3, f"{tmp_path} 42 True")


def test_the_end_of_a_long_output_is_kept(tmp_path: Path) -> None:
    ended = run(tmp_path, "print('x' * 10000, 'the end')")
    assert ended.tail.endswith("the end")
    assert len(ended.tail) <= 1500


def test_it_is_watched(tmp_path: Path) -> None:
    """Until it ends: this one ends when it was looked at three times."""
    looks = tmp_path / "looks"
    code = f"""
import os, time
while not os.path.exists({str(looks)!r}) or os.path.getsize({str(looks)!r}) < 3:
    time.sleep(0.01)
"""

    def watch() -> None:
        with looks.open("a") as file:
            file.write("x")

    assert run(tmp_path, code, watch=watch).code == 0


def test_interrupted_it_may_tidy_up(tmp_path: Path) -> None:
    ended = run(tmp_path, POLITE, stop=ready(tmp_path))
    assert (ended.code, ended.interrupted, ended.timed_out) == (7, True, False)
    assert ended.tail.endswith("tidied up")


def test_at_the_deadline_it_may_tidy_up(tmp_path: Path) -> None:
    """It would run for ten minutes, longer than any test may."""
    ended = run(tmp_path, "import time; time.sleep(600)", deadline=time.monotonic() + 0.5)
    assert (ended.interrupted, ended.timed_out) == (False, True)
    assert ended.code != 0


def test_one_that_does_not_listen_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(child, "INSIST_SECONDS", 0.2)
    ended = run(tmp_path, DEAF, stop=ready(tmp_path))
    assert ended.code == -signal.SIGKILL


def test_it_is_ended_when_we_fail_ourselves(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    def watch() -> None:
        if pid_file.exists() and pid_file.read_text():
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        run(tmp_path, code, watch=watch)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_ctrl_c_on_the_terminal_does_not_reach_it(tmp_path: Path) -> None:
    """It leads a process group of its own: the order in which things end is ours to decide."""
    ended = run(tmp_path, "import os; print(os.getpgrp() == os.getpid())")
    assert ended.tail == "True"
