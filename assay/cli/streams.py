"""Standard input, output and error as a run needs them: there, in any locale, and no reason to stop."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterable
from typing import Any, Final

from assay.errors import UsageError
from assay.legible import undecodable

_GONE: Final = frozenset({errno.EPIPE, errno.EIO})  # the reader went away; the terminal was closed


class Outlet(io.FileIO):
    """A stream whose reader may go away: what is written then goes nowhere, and the run goes on.

    ``refused`` is the first other error, such as a full disk.
    """

    refused: OSError | None = None

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno not in _GONE:
                self.refused = self.refused or error
            _let_go(self.fileno())
            return size


def _let_go(handle: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, handle)
    os.close(nowhere)


def open_streams() -> None:
    """Make the three streams usable: a closed one leads nowhere, and no character ends a run."""
    closed = _occupy()
    sys.stdin = sys.stdin or open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stdout = _stream(1, sys.stdout, OSError(errno.EBADF, "it is closed") if 1 in closed else None)
    sys.stderr = _stream(2, sys.stderr)


def _occupy() -> list[int]:
    """A closed 0, 1 or 2 would be given to the next file that is opened, which prints would then go into."""
    closed = []
    for handle in (0, 1, 2):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            closed.append(handle)
    return closed


def _stream(handle: int, before: Any, refused: OSError | None = None) -> io.TextIOWrapper:
    """In the encoding of the locale; a character that it lacks is spelled out."""
    encoding = getattr(before, "encoding", None) or "utf-8"
    if before is not None:
        before.flush()
    outlet = Outlet(handle, "w", closefd=False)
    outlet.refused = refused
    return io.TextIOWrapper(
        io.BufferedWriter(outlet), encoding, errors="backslashreplace", line_buffering=handle == 2 or outlet.isatty()
    )


def refusal() -> OSError | None:
    """Why standard output could not be written, if it could not; not when its reader merely went away."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return None if error.errno in _GONE else error
    outlet = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return outlet.refused if isinstance(outlet, Outlet) else None


def refuse_undecodable(arguments: Iterable[str]) -> None:
    """UsageError for an argument that is no text in this locale: it could go into no report and no request."""
    for number, argument in enumerate(arguments, start=1):
        if (todo := undecodable(argument)) is not None:
            raise UsageError(f"argument {number} is no text: {os.fsencode(argument)!r}", hint=todo)
