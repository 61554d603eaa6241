"""Parts of a run that begin with their imports done: forks of a process that has them behind it.

A part takes 1.4 s of a core before it sends its first request, nearly all of it for imports. Tests that are about
something else start parts here (``Warm.start`` in place of ``assay.run.child.start``): each is a process of its own
all the same, with its own session, folder, environment and output. What forks is ``tests/warm_process.py``.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from assay.processes import child_environment


class Warm:
    """The processes that fork, one for each kind of part, begun when the first of its kind is."""

    def __init__(self) -> None:
        self._begun: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, arguments: Sequence[str], *, env: Mapping[str, str], folder: Path, out: IO[bytes]) -> Forked:
        """``python -m MODULE ARGUMENT ...`` in ``folder``, with ``env`` alone, and its output in ``out``."""
        _, module, *rest = arguments
        order = {"arguments": [module, *rest], "env": dict(env), "folder": str(folder), "out": out.name}
        return Forked(self._process(module), order)

    def _process(self, module: str) -> subprocess.Popen[bytes]:
        if module not in self._begun:
            self._begun[module] = subprocess.Popen(
                [sys.executable, "-m", "tests.warm_process", module],
                env=child_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        return self._begun[module]

    def close(self) -> None:
        """End them; a fork that still runs ends with its parent."""
        for process in self._begun.values():
            process.communicate()


class Forked:
    """A fork, with as much of ``subprocess.Popen`` as is asked of a part."""

    def __init__(self, process: subprocess.Popen[bytes], order: Mapping[str, Any]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._answers = process.stdout
        process.stdin.write(json.dumps(order).encode() + b"\n")
        self.pid = int(self._answers.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, sign: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sign)

    def _ended(self, within: float | None) -> int | None:
        if self.returncode is None and select.select([self._answers], [], [], within)[0]:
            self.returncode = int(self._answers.readline())
        return self.returncode
