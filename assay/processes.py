"""How our processes end: with the one that started them, killed or not, and in good order on a signal."""

from __future__ import annotations

import math
import os
import signal
import site
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import IO, Final

from assay.polling import wait_until

_STARTED_BY: Final = "ASSAY__PARENT"

# Soon enough for `assay cleanup` right after the kill, and no load worth mentioning.
_LOOK_SECONDS: Final = 0.5


# What changes how Python, pytest and the libraries of a part behave: the user's own, and not meant for us.
_INFLUENCES: Final = (
    *("PYTHON", "PYTEST_", "PY_COLORS", "COVERAGE_", "COV_", "HYPOTHESIS_", "SCHEMATHESIS_", "ALLURE_"),
    *("LOCUST_", "UVICORN_", "GEVENT_", "WEB_CONCURRENCY"),
)
_HARMLESS: Final = frozenset({"PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"})
_DEPENDENCIES: Final = ("httpx", "locust", "pydantic", "pytest")


def child_environment(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a Python process that we start: ``env`` without what would change what the process does.

    It imports this very package, and nothing from its working folder or from folders of the user's PYTHONPATH, except
    those that hold our dependencies.
    """
    kept = {name: value for name, value in env.items() if name in _HARMLESS or not name.startswith(_INFLUENCES)}
    paths = _import_path(env.get("PYTHONPATH", ""))
    own = {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
    return {**kept, **own, "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _import_path(given: str) -> list[str]:
    """This package's folder, unless it is installed, and folders of ``given`` that hold what we depend on."""
    homes = {str(Path(spec.origin).parents[1]) for name in _DEPENDENCIES if (spec := find_spec(name)) and spec.origin}
    own = str(Path(__file__).resolve().parents[1])
    wanted = [own, *(str(Path(entry).resolve()) for entry in given.split(os.pathsep) if entry)]
    known = {*site.getsitepackages(), site.getusersitepackages()}
    return [entry for entry in dict.fromkeys(wanted) if entry not in known and (entry == own or entry in homes)]


def started_by_us() -> Mapping[str, str]:
    """The environment that tells a process we start who its parent is, should we be gone before it asks."""
    return {_STARTED_BY: str(os.getpid())}


def start_python(
    arguments: Sequence[str], *, env: Mapping[str, str], folder: Path | None = None, out: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """``python <arguments>`` in ``folder``, with ``env`` alone, and all that it says in ``out``; None: as we do.

    It gets a process group of its own, so that Ctrl-C on the terminal reaches us alone and we decide the order in
    which things end.
    """
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=None if out is None else subprocess.STDOUT,
        start_new_session=True,
    )


class Parent:
    """The process that started this one. Make it early: afterwards a parent that is gone already goes unnoticed.

    Looks at the parent's id rather than asking the kernel for a signal (PR_SET_PDEATHSIG): that one comes when the
    *thread* that started this process ends, and on Linux alone.
    """

    def __init__(self) -> None:
        # Taken out, for processes that this one starts have another parent.
        self._id = int(os.environ.pop(_STARTED_BY, "0")) or os.getppid()

    @property
    def is_gone(self) -> bool:
        return os.getppid() != self._id

    def when_gone(self, act: Callable[[], object]) -> None:
        """Call ``act`` once, in a thread of its own, soon after the parent is gone."""
        threading.Thread(target=self._watch, args=(act,), name="end-with-parent", daemon=True).start()

    def _watch(self, act: Callable[[], object]) -> None:
        wait_until(lambda: self.is_gone, within=math.inf, every=_LOOK_SECONDS)
        act()


def heed_interrupts() -> None:
    """Raise KeyboardInterrupt on SIGINT, also where a shell had us ignore it: what it starts in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupt() -> None:
    """Send this process SIGINT, so that it cleans up as after Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def terminate() -> None:
    """Send this process SIGTERM."""
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def on_signals(act: Callable[[signal.Signals], object]) -> Iterator[None]:
    """Within the block, SIGINT and SIGTERM call ``act`` in the main thread instead of what they did before."""

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature that signal.signal wants
        act(signal.Signals(number))

    before = {each: signal.signal(each, note) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
