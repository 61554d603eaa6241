"""Commands and parts of a run that begin with their imports done: forks of a process that has them behind it.

A command takes 0.8 s of a core before it sends its first request, a part 1.4 s, nearly all of it for imports. Tests
that are about something else start them here (``Warm.start`` in place of ``assay.processes.start_python``): each is a
process of its own all the same, with its own session, folder, environment and output. What forks is
``tests/warm_process.py``.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

from assay.clock import SYSTEM
from assay.polling import wait_until
from assay.processes import child_environment

_POLL_SECONDS = 0.02


class Warm:
    """The processes that fork, one for each module, begun when the first of its kind is."""

    def __init__(self) -> None:
        self._begun: dict[str, _Forks] = {}
        self._lock = threading.Lock()

    def start(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: Path | None = None,
        out: IO[bytes] | None = None,
    ) -> Forked:
        """``python -m MODULE ARGUMENT ...`` in ``folder``, with ``env`` alone, and its output in ``out``."""
        assert out is not None, "a fork cannot speak where this process speaks"
        _, module, *rest = arguments
        order = {"arguments": [module, *rest], "env": dict(env), "folder": str(folder or Path.cwd()), "out": out.name}
        with self._lock:
            forks = self._begun.setdefault(module, _Forks(module))
        return Forked(forks, forks.begin(order))

    def close(self) -> None:
        """End them; a fork that still runs ends with its parent."""
        for forks in self._begun.values():
            forks.close()


@cache
def warm() -> Warm:
    """That of this process."""
    made = Warm()
    atexit.register(made.close)
    return made


class _Forks:
    """A process that forks, and the exit codes of its forks by their ids. Safe to use from several threads."""

    def __init__(self, module: str) -> None:
        self._command = [sys.executable, "-m", "tests.warm_process", module]
        self._process: subprocess.Popen[bytes] | None = None
        self._codes: dict[int, int] = {}
        self._lock = threading.Lock()

    def begin(self, order: Mapping[str, Any]) -> int:
        """The id of a process that becomes what ``order`` says."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            process.stdin.write(json.dumps(order).encode() + b"\n")
            while True:
                begun, number = self._line()
                if begun == "begun":
                    return number

    def ended(self, pid: int) -> int | None:
        """The exit code of a fork; None while it runs."""
        with self._lock:
            stdout = self._running().stdout
            assert stdout is not None
            while select.select([stdout], [], [], 0)[0]:
                self._line()
            return self._codes.get(pid)

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()

    def _line(self) -> tuple[str, int]:
        """What the process said: that a fork has begun, with its id, or the exit code of one, which is kept."""
        stdout = self._running().stdout
        assert stdout is not None
        what, pid, *code = stdout.readline().decode().split()
        if what == "ended":
            self._codes[int(pid)] = int(code[0])
        return what, int(pid)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                env=child_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        return self._process


class Forked:
    """A fork, with as much of ``subprocess.Popen`` as is asked of a part."""

    def __init__(self, forks: _Forks, pid: int) -> None:
        self._forks = forks
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._forks.ended(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        within = float("inf") if timeout is None else timeout
        if not wait_until(lambda: self.poll() is not None, within=within, every=_POLL_SECONDS, clock=SYSTEM):
            raise subprocess.TimeoutExpired(str(self.pid), within)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sign: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sign)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Speaking(Forked):
    """A fork whose output is asked for at its end."""

    stdout = None

    def __init__(self, module: str, arguments: Sequence[str], *, env: Mapping[str, str], folder: Path) -> None:
        with tempfile.NamedTemporaryFile(delete=False) as out:
            begun = warm().start(["-m", module, *arguments], env=env, folder=folder, out=out)
        self._out = Path(out.name)
        self._said = ""
        super().__init__(begun._forks, begun.pid)

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str, None]:  # noqa: A002
        """All that it said, errors too, once it has ended. It reads nothing."""
        assert input is None
        self.wait(timeout)
        if self._out.exists():
            self._said = self._out.read_text(encoding="utf-8", errors="backslashreplace")
            self._out.unlink()
        return self._said, None
