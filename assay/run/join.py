"""Lends this machine to a benchmark that another one leads: load processes that work for its master."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from rich.console import Console

from assay.client.settings import Settings
from assay.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS
from assay.files import temporary_folder
from assay.load.launch import LoadProcess
from assay.polling import look_until
from assay.processes import on_signals

_POLL_SECONDS: Final = 0.2


def join(
    settings: Settings, master: tuple[str, int], console: Console, *, processes: int, seconds: float, otel: bool
) -> int:
    """Work for ``master`` (host, port) until it ends the run; returns the exit code.

    ``processes`` load processes join; each waits ``seconds`` at most for the master. 0: the run is over and what they
    created is gone or on record; 2 settings or credentials; 3 no master, or it went silent; 130 interrupted.
    """
    host, port = master
    arguments = ["--worker", f"{host}:{port}", "--join-seconds", f"{seconds:g}", *(["--otel"] if otel else [])]
    with temporary_folder("assay-worker-") as folder:
        running = [
            LoadProcess(arguments, settings, _made(folder / str(number)), shown=True) for number in range(processes)
        ]
        interrupted, codes = _worked(running, console, f"{processes} load processes for the master at {host}:{port}")
    code = EXIT_INTERRUPTED if interrupted else max(codes, key=_weight)
    console.print(f"worker: {_SAID.get(code, 'a load process broke off')}", highlight=False, soft_wrap=True)
    return code if code in _SAID else EXIT_INCONCLUSIVE


def _worked(running: list[LoadProcess], console: Console, note: str) -> tuple[bool, list[int]]:
    """Run the load processes to their end: was there an interrupt, which is passed on, and their exit codes."""
    signals: list[object] = []

    def interrupt(number: object) -> None:
        signals.append(number)
        for process in running:
            process.interrupt()

    with on_signals(interrupt):
        for process in running:
            process.start()
        console.print(f"worker: {note}", highlight=False, soft_wrap=True)
        codes = _codes(running)
    return bool(signals), codes


_SAID: Final = {
    EXIT_PASS: "the run is over; the master has the verdict",
    2: "not joined; see above",
    EXIT_INCONCLUSIVE: "the run is not over; see above",
    EXIT_INTERRUPTED: "interrupted; what was created here is removed, or on record for `assay cleanup`",
}


def _weight(code: int) -> int:
    """A signal's negative code is the worst end of all."""
    return code if code >= 0 else 1000


def _codes(running: list[LoadProcess]) -> list[int]:
    codes = look_until(
        lambda: [process.wait(0) for process in running],
        lambda codes: None not in codes,
        within=math.inf,
        every=_POLL_SECONDS,
    )
    return [code for code in codes if code is not None]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
