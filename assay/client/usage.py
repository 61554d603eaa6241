"""How much of its limits a run has used: counted by every process for itself, kept where a killed process leaves it.

Each process writes its counts to a small file of its own, mapped into memory: a write costs a quarter of a
microsecond and outlives the process, even one that is killed. Who conducts the run adds the files up.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import struct
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from assay.errors import ReportError

_FORM: Final = struct.Struct("=4Qd")
_SUFFIX: Final = ".usage"


@dataclass(frozen=True, slots=True)
class Usage:
    """``requests`` and ``creates`` in all; the most ``live`` workloads and ``gpu_devices`` at once.

    ``rps`` is the number of requests in the busiest second, ``seconds`` the time
    that went by.
    """

    requests: int = 0
    creates: int = 0
    live: int = 0
    gpu_devices: int = 0
    rps: float = 0.0
    seconds: float = 0.0

    def beside(self, other: Usage) -> Usage:
        """Of two processes at the same time. Their peaks need not coincide: no sum can have been more."""
        return Usage(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def then(self, other: Usage) -> Usage:
        """Of one after the other."""
        return Usage(
            self.requests + other.requests,
            self.creates + other.creates,
            max(self.live, other.live),
            max(self.gpu_devices, other.gpu_devices),
            max(self.rps, other.rps),
            self.seconds + other.seconds,
        )


class UsageFile:
    """The counts of this process, in ``folder``. ReportError when it cannot be written."""

    def __init__(self, folder: Path) -> None:
        file = folder / f"{os.getpid()}-{secrets.token_hex(3)}{_SUFFIX}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with file.open("w+b") as opened:
                opened.write(bytes(_FORM.size))
                opened.flush()
                self._counts = mmap.mmap(opened.fileno(), _FORM.size)
        except OSError as error:
            raise ReportError(f"what the run uses cannot be kept in {folder}: {error.strerror or error}") from error

    def note(self, usage: Usage) -> None:
        """Write the counts down, all of them as they are now; of the time nothing is kept."""
        self.count(usage.requests, usage.creates, usage.live, usage.gpu_devices, usage.rps)

    def count(self, requests: int, creates: int, live: int, gpu_devices: int, rps: float) -> None:
        """The same for who counts at every request."""
        _FORM.pack_into(self._counts, 0, requests, creates, live, gpu_devices, rps)


def read_usage(folder: Path) -> Usage:
    """What the processes that count in ``folder`` have used together."""
    total = Usage()
    for file in sorted(folder.glob(f"*{_SUFFIX}")):
        with contextlib.suppress(OSError, struct.error):
            total = total.beside(Usage(*_FORM.unpack(file.read_bytes())))
    return total
