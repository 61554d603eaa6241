"""Starts load processes. Safe to import anywhere: gevent never enters this process."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from assay.client.handover import hand_over
from assay.client.settings import Settings
from assay.errors import EXIT_INTERRUPTED
from assay.load.options import RunFile
from assay.processes import child_environment, start_python

STOP_SECONDS: Final = 45.0
"""How long an interrupted load process may take to end: last answers (10 s), then the clean-up (30 s)."""


class LoadProcess:
    """``python -m assay.load`` with ``arguments``. ``start`` it, ``wait`` for it; ``stop`` it early.

    ``folder`` takes the settings handed over and, unless ``shown``, ``load.log`` with what the process says.
    """

    def __init__(self, arguments: Sequence[str], settings: Settings, folder: Path, *, shown: bool = False) -> None:
        self._arguments = tuple(arguments)
        self._settings = settings
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.log = None if shown else folder / "load.log"

    @property
    def pid(self) -> int:
        """The process id of one that was started."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it. Secrets go through its environment, everything else through files."""
        environment = {**child_environment(), **hand_over(self._settings, self._folder)}
        log = None if self.log is None else self.log.open("wb")
        try:
            self._process = start_python(["-m", "assay.load", *self._arguments], env=environment, out=log)
        finally:
            if log is not None:
                log.close()

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code (see ``assay.load.__main__``); None when it still runs after ``seconds``.

        KeyboardInterrupt stops the load process, waits for its clean-up and is raised again.
        """
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        except KeyboardInterrupt:
            self.stop()
            raise

    def interrupt(self) -> None:
        """Ask it to stop and to clean up."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask it to stop and to clean up; kill it when it does not. Returns the exit code."""
        if self._process is None:
            return EXIT_INTERRUPTED
        self.interrupt()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return self._process.wait()

    def said(self) -> str:
        """The end of what the process wrote to its log (at most 2,000 characters), for messages."""
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")[-2000:].strip() if self.log else ""
        except OSError:
            return ""


def load_run(file: RunFile, settings: Settings, folder: Path) -> LoadProcess:
    """The process that leads the run ``file``; what it observed is in the run file's journal."""
    path = folder / "load.json"
    file.write(path)
    return LoadProcess(["--run-file", str(path)], settings, folder)
