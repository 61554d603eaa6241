"""Starts the load part as a process of its own. Safe to import anywhere: gevent never enters this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from assay.errors import EXIT_INTERRUPTED
from assay.load.plan import RunFile
from assay.target.settings import Settings

STOP_SECONDS: Final = 45.0
"""How long an interrupted load part may take to end: last answers (10 s), then the clean-up (30 s)."""


class LoadRun:
    """One load part. ``start`` it, ``wait`` for it; what it observed is in the run file's journal."""

    def __init__(self, file: RunFile, settings: Settings, folder: Path) -> None:
        """``folder`` takes the run file, the settings handed over, and ``load.log`` with what the process said."""
        self._file = file
        self._settings = settings
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "load.log"

    def start(self) -> None:
        """Start it. Secrets go through its environment, everything else through files."""
        file = self._folder / "load.json"
        self._file.write(file)
        command = [sys.executable, "-m", "assay.load", "--run-file", str(file)]
        environment = {**os.environ, **_package_path(), **self._settings.to_env(self._folder)}
        with self.log.open("wb") as log:
            # A group of its own: Ctrl-C in the terminal reaches only us, and we pass it on once.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code (see ``assay.load.__main__``); None when it still runs after ``seconds``.

        KeyboardInterrupt stops the load part, waits for its clean-up and is raised again.
        """
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        except KeyboardInterrupt:
            self.stop()
            raise

    def stop(self) -> int:
        """Ask it to stop and to clean up; kill it when it does not. Returns the exit code."""
        if self._process is None:
            return EXIT_INTERRUPTED
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def said(self) -> str:
        """The end of what the process wrote to its log (at most 2,000 characters), for messages."""
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()
        except OSError:
            return ""


def _package_path() -> dict[str, str]:
    """The child finds this package whatever its working directory."""
    here = str(Path(__file__).resolve().parents[2])
    return {"PYTHONPATH": os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])}
