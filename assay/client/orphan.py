"""Ends a part of a run whose conductor is gone: killed with SIGKILL, it could not tell its parts to stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Final

PARENT: Final = "ASSAY__PARENT"
"""Names the process that conducts the run, to its parts."""

# Soon enough for `assay cleanup` right after the kill, and no load worth mentioning.
_LOOK_SECONDS: Final = 0.5


def end_with_parent() -> None:
    """From now on, send this process SIGINT when its parent is gone, so that it cleans up as after Ctrl-C."""
    threading.Thread(target=_watch, name="end-with-parent", daemon=True).start()


def is_orphan() -> bool:
    """Whether the process that conducts the run is gone. False where nobody does."""
    parent = os.environ.get(PARENT)
    return parent is not None and os.getppid() != int(parent)


def _watch() -> None:
    while not is_orphan():
        time.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGINT)
