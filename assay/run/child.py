"""A part of a run as a child process: started with our settings, watched, ended in good order."""

from __future__ import annotations

import math
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assay.clock import SYSTEM, Clock
from assay.polling import wait_until
from assay.processes import child_environment, start_python, started_by_us

# Enough for a part to delete ten live workloads on a target that takes 2 s for each answer.
GRACE_SECONDS: Final = 25.0
INSIST_SECONDS: Final = 3.0
_POLL_SECONDS: Final = 0.1
_TAIL_CHARACTERS: Final = 1_500


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended. ``code`` is negative when a signal ended it; ``tail`` is the end of its output."""

    code: int
    tail: str
    timed_out: bool = False
    interrupted: bool = False


def run(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    folder: Path,
    log: Path,
    watch: Callable[[], None],
    stop: Callable[[], bool],
    deadline: float | None,
    clock: Clock = SYSTEM,
) -> Ended:
    """Run ``python <arguments>`` in ``folder`` until it ends, ``stop()`` says so, or ``deadline`` (monotonic) passes.

    ``watch`` is called several times a second.
    """
    with log.open("wb") as out:
        process = start_python(
            arguments, env={**child_environment(), **env, **started_by_us()}, folder=folder, out=out
        )
        timed_out = interrupted = False

        def over() -> bool:
            nonlocal interrupted
            if process.poll() is not None:
                return True
            watch()
            interrupted = stop()
            return interrupted

        try:
            within = math.inf if deadline is None else deadline - clock.monotonic()
            timed_out = not wait_until(over, within=within, every=_POLL_SECONDS, clock=clock)
        finally:
            _end(process)
    watch()
    return Ended(process.returncode, _tail(log), timed_out, interrupted)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the child to clean up and end (SIGINT), insist (SIGTERM), and at last end its group (SIGKILL)."""
    for sign, patience in ((signal.SIGINT, GRACE_SECONDS), (signal.SIGTERM, INSIST_SECONDS)):
        if process.poll() is None:
            process.send_signal(sign)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(log: Path) -> str:
    try:
        return log.read_bytes()[-_TAIL_CHARACTERS:].decode("utf-8", "replace").strip()
    except OSError:
        return ""
