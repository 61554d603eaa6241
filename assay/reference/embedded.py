"""The control plane as a child process: started on a free port, stopped with its parent, however that ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from assay.errors import InconclusiveError, SettingsError, UsageError
from assay.files import temporary_place
from assay.processes import child_environment

# It takes 0.6 s on two idle cores, and took 12 s on two with a load of 13. One that dies is noticed at once.
READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 3.0
_INSIST_SECONDS: Final = 1.0
_TAIL: Final = 2000


@dataclass(frozen=True, slots=True)
class Options:
    """How a control plane is started: the options of ``assay serve`` and ``python -m assay.reference``.

    ``port`` 0 is any free port. ``pace`` stretches every phase. ``token_seconds`` is how long a token holds.

    ``seed`` makes ids repeatable. ``faults`` enables the header X-Assay-Fault. ``contract`` None is the shipped one.
    ``latency`` is the median of what every answer takes longer, in seconds.
    """

    port: int = 0
    pace: float = 1.0
    token_seconds: float = 3600.0
    seed: int | None = None
    faults: bool = False
    variants: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    contract: Path | None = None
    corrections: Path | None = None
    latency: float = 0.0

    def check(self) -> None:
        """SettingsError when a number is out of range."""
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"--port {self.port} is no port", hint="give a number from 0 (any free one) to 65535")
        if not 0 <= self.pace <= 1000:
            raise SettingsError(
                f"--pace {self.pace} is out of range", hint="give a number from 0 to 1000; 1 is usual"
            )
        if not 1 <= self.token_seconds <= 10**9:
            raise SettingsError(f"--token-seconds {self.token_seconds} is out of range", hint="give at least 1")
        if not 0 <= self.latency <= 60:
            raise SettingsError(f"--latency {self.latency} is out of range", hint="give seconds from 0 to 60")

    def arguments(self) -> list[str]:
        """The same options as a command line."""
        words = [f"--port={self.port}", f"--pace={self.pace}", f"--token-seconds={self.token_seconds}"]
        words += [f"--seed={self.seed}"] if self.seed is not None else []
        words += ["--faults"] if self.faults else []
        words += [f"--variant={name}" for name in self.variants]
        words += [f"--defect={name}" for name in self.defects]
        words += [f"--contract={self.contract}"] if self.contract else []
        words += [f"--corrections={self.corrections}"] if self.corrections else []
        words += [f"--latency={self.latency}"] if self.latency else []
        return words


@dataclass(frozen=True, slots=True)
class IssuedCredentials:
    """A client of the embedded control plane and the projects it may work in."""

    client_id: str
    client_secret: str = field(repr=False)
    projects: tuple[str, ...] = ()


class Embedded:
    """A running child. ``clients[0]`` owns ``projects[0]``; ``clients[1]``, the outsider, has no right there."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any], errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors
        self.base_url: str = ready["base_url"]
        self.projects: tuple[str, ...] = tuple(ready["projects"])
        self.cluster: str = ready["cluster"]
        self.clients = tuple(
            IssuedCredentials(item["client_id"], item["client_secret"], tuple(item["projects"]))
            for item in ready["clients"]
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def stderr_tail(self) -> str:
        """The end of what the child wrote to its standard error."""
        return _tail(self._errors)

    def stop(self) -> int:
        """Stop the child and return its exit code (0 is a clean stop). May be called twice."""
        return _stop(self._process)


def start(options: Options | None = None) -> contextlib.AbstractContextManager[Embedded]:
    """A control plane in its own process for the length of a ``with`` block, on a free port unless one is asked for.

    Raises UsageError for wrong options and InconclusiveError when the child does not come up.
    """
    return _started(options or Options())


def credentials(plane: Embedded) -> dict[str, str]:
    """The settings that make the first client ours and the second one the outsider."""
    main, outsider = plane.clients[0], plane.clients[1]
    return {
        "client_id": main.client_id,
        "client_secret": main.client_secret,
        "outsider_client_id": outsider.client_id,
        "outsider_client_secret": outsider.client_secret,
    }


@contextlib.contextmanager
def _started(options: Options) -> Iterator[Embedded]:
    with tempfile.TemporaryFile(dir=temporary_place(), prefix="assay-control-plane-") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "assay.reference", *options.arguments(), "--lifeline"],
            stdin=subprocess.PIPE,  # its end tells the child that we are gone
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=child_environment(),
        )
        try:
            yield Embedded(process, _await_ready(process, errors), errors)
        finally:
            _stop(process)


def _await_ready(process: subprocess.Popen[str], errors: IO[bytes]) -> dict[str, Any]:
    lines: list[str] = []
    assert process.stdout is not None
    # A thread, because a pipe cannot be waited for with a deadline on every platform.
    reader = threading.Thread(target=lambda out: lines.append(out.readline()), args=(process.stdout,), daemon=True)
    reader.start()
    reader.join(READY_SECONDS)
    with contextlib.suppress(ValueError, IndexError):
        ready: dict[str, Any] = json.loads(lines[0])
        return ready
    ended = _poll(process)
    tail = _tail(errors)
    if ended == UsageError.exit_code:
        raise UsageError(f"the embedded control plane refused its options: {tail}")
    state = f"ended with exit code {ended}" if ended is not None else f"was not ready after {READY_SECONDS:.0f} s"
    raise InconclusiveError(
        f"the embedded control plane {state}: {tail or 'it wrote nothing to its standard error'}",
        hint="run `assay serve` to see it start alone",
    )


def _poll(process: subprocess.Popen[str]) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(0.5)
    return None


def _tail(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - _TAIL))
    return errors.read().decode("utf-8", "replace").strip()


def _stop(process: subprocess.Popen[str]) -> int:
    """Let go of the lifeline, then insist."""
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()
    for number, patience in ((None, _STOP_SECONDS), (signal.SIGTERM, _INSIST_SECONDS), (signal.SIGKILL, None)):
        if number is not None:
            process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    if process.stdout is not None:
        process.stdout.close()
    return process.wait()
