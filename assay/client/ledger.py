"""The ledger: a durable record of every workload that a run created or may have created.

One file of JSON lines per run, in ``<state>/runs/<target hash>/<run id>.jsonl``; ``<state>`` is ``$ASSAY_STATE_DIR``,
else ``$XDG_STATE_HOME/assay``, else ``~/.local/state/assay``. Events (``e``):

- ``run``          {run, base_url, project, mark, embedded, started, pid}   the header; every name that only this
                   run can have given begins with ``mark``
- ``intend``       {name, prefix, by}  about to be created (``prefix``: the target appends to the name)
- ``created``      {name, id, by}
- ``refused``      {name}              the target said no
- ``withdrawn``    {name}              it never left, or was refused for what says nothing of it
- ``lost``         {name}              no usable answer, or it was sent twice: a workload may live whose id we lack
- ``searched``     {name}              a lost one was looked for; what was found follows as ``created``
- ``delete_sent``  {id}
- ``delete_taken`` {id}                the target agreed to delete it
- ``gone``         {id}                seen to be gone
- ``left_behind``  {id | name, why}
- ``finished``     {}                  nothing is left
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from assay.clock import SYSTEM, Clock
from assay.errors import ReportError

_SAFE_RUN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(slots=True)
class Entry:
    """What the ledger knows of a workload, or (``id`` None) of a name that was about to be created.

    ``prefix``: the target appends to the name; ``by``: whose token created it; ``lost``: a workload of this name may
    live although its id is unknown.
    """

    name: str
    prefix: bool = False
    by: str = "main"
    id: str | None = None
    lost: bool = False
    delete_taken: bool = False
    gone: bool = False


@dataclass(slots=True)
class State:
    """A ledger read to its end."""

    header: Mapping[str, Any] = field(default_factory=dict)
    workloads: dict[str, Entry] = field(default_factory=dict)  # by id: all that were created
    intended: dict[str, Entry] = field(default_factory=dict)  # by name: all that were ever about to be
    left_behind: dict[str, str] = field(default_factory=dict)  # id or name to why
    finished: bool = False
    damaged: int = 0  # lines that are no events

    @property
    def live(self) -> dict[str, Entry]:
        """Created and not seen gone, by id."""
        return {workload_id: entry for workload_id, entry in self.workloads.items() if not entry.gone}

    @property
    def standing(self) -> dict[str, Entry]:
        """Those of ``live`` that nobody has agreed to delete."""
        return {workload_id: entry for workload_id, entry in self.live.items() if not entry.delete_taken}

    @property
    def agreed(self) -> dict[str, Entry]:
        """Those of ``live`` whose deletion the target agreed to: they are gone, or on their way."""
        return {workload_id: entry for workload_id, entry in self.live.items() if entry.delete_taken}

    @property
    def unresolved(self) -> dict[str, Entry]:
        """May exist, id unknown, by name."""
        return {name: entry for name, entry in self.intended.items() if entry.lost}


def state_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Where this user's ledgers lie."""
    if env.get("ASSAY_STATE_DIR"):
        return Path(env["ASSAY_STATE_DIR"])
    base = env.get("XDG_STATE_HOME")
    return (Path(base) if base and Path(base).is_absolute() else Path.home() / ".local" / "state") / "assay"


def target_folder(base_url: str, env: Mapping[str, str] = os.environ) -> Path:
    """The folder of one target's ledgers; case of the host, a default port and a trailing slash do not matter."""
    parts = urlsplit(base_url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    canonical = f"{parts.scheme}://{parts.hostname}:{port}{parts.path.rstrip('/')}"
    return state_folder(env) / "runs" / hashlib.sha256(canonical.encode()).hexdigest()[:16]


class LedgerWriter:
    """What can be written into a ledger, wherever it lies. All events go through ``append``."""

    def intend(self, *names: str, prefix: bool = False, by: str = "main") -> None:
        """Note that these names are about to be created; on disk when this returns. ReportError: do not create."""
        self.append([{"e": "intend", "name": name, "prefix": prefix, "by": by} for name in names], sync=True)

    def created(self, name: str, workload_id: str, *, by: str = "main") -> None:
        self._write("created", name=name, id=workload_id, by=by)

    def refused(self, name: str) -> None:
        self._write("refused", name=name)

    def withdrawn(self, name: str) -> None:
        self._write("withdrawn", name=name)

    def lost(self, name: str) -> None:
        self._write("lost", name=name)

    def searched(self, name: str) -> None:
        self._write("searched", name=name)

    def delete_sent(self, workload_id: str) -> None:
        self._write("delete_sent", id=workload_id)

    def delete_taken(self, workload_id: str) -> None:
        self._write("delete_taken", id=workload_id)

    def gone(self, workload_id: str) -> None:
        self._write("gone", id=workload_id)

    def left_behind(self, *, why: str, workload_id: str | None = None, name: str | None = None) -> None:
        self._write("left_behind", why=why, **({"id": workload_id} if workload_id else {"name": name}))

    def finish(self) -> None:
        """Mark the run complete: nothing is left."""
        self._write("finished", sync=True)

    def state(self) -> State:
        """Everything that was written so far, summed up."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held, unless a subclass says so."""

    def live(self) -> dict[str, Entry]:
        """Workloads created and not seen gone, by id."""
        return self.state().live

    def unresolved(self) -> dict[str, Entry]:
        """Names that may exist although their id is unknown."""
        return self.state().unresolved

    def entries(self) -> list[Entry]:
        """Every workload that was created, gone or not, then every name that may still exist (``lost``)."""
        state = self.state()
        return [*state.workloads.values(), *state.unresolved.values()]

    def _write(self, event: str, *, sync: bool = False, **fields: Any) -> None:
        self.append([{"e": event, **fields}], sync=sync)

    def append(self, events: list[dict[str, Any]], *, sync: bool = False) -> None:
        """Write events in their order; on disk when this returns, if ``sync``. ReportError: they are not kept."""
        raise NotImplementedError


class MemoryLedger(LedgerWriter):
    """A ledger that ends with its process: for what creates nothing, or creates it in this very process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = State()

    def state(self) -> State:
        return self._state

    def append(self, events: list[dict[str, Any]], *, sync: bool = False) -> None:
        del sync
        with self._lock:
            for event in events:
                _take(self._state, event)


class Ledger(LedgerWriter):
    """Appends events; several threads, and several processes of one run, may hold the same file open.

    While it is open the file is locked (shared), so that a clean-up leaves a running run alone. The lock goes with
    the process, even one that is killed.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._finished = False
        try:
            self._out: int | None = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._out, fcntl.LOCK_SH)
        except OSError as error:
            raise _unwritable(file, error) from error

    @classmethod
    def open(
        cls,
        run_id: str,
        base_url: str,
        *,
        project: str = "",
        mark: str = "",
        embedded: bool = False,
        env: Mapping[str, str] = os.environ,
        clock: Clock = SYSTEM,
    ) -> Self:
        """Begin a run's ledger, or join it when another process of the run has begun it.

        Raises ReportError when the state folder cannot be written: before anything is created.
        """
        if not _SAFE_RUN.fullmatch(run_id):
            raise ValueError(f"not a run id: {run_id!r}")
        folder = target_folder(base_url, env)
        file = folder / f"{run_id}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _unwritable(file, error) from error
        ledger = cls(file)
        ledger._begin(clock.time(), run=run_id, base_url=base_url, project=project, mark=mark, embedded=embedded)
        return ledger

    def _begin(self, started: float, **header: Any) -> None:
        lock = self.file.with_suffix(".lock")
        try:
            # Two processes of a run may start at once; only one writes the header.
            with lock.open("a") as guard:
                fcntl.flock(guard, fcntl.LOCK_EX)
                if self.file.stat().st_size == 0:
                    self._write("run", sync=True, **header, started=started, pid=os.getpid())
            lock.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.file, error) from error

    def finish(self) -> None:
        super().finish()
        self._finished = True

    def close(self) -> None:
        """Let go of the file. A finished ledger of an embedded target is removed: nobody will ask for it."""
        if self._finished and self.state().header.get("embedded"):
            self.file.unlink(missing_ok=True)
        with self._lock:
            if self._out is not None:
                os.close(self._out)
                self._out = None

    def state(self) -> State:
        """Read the file to its end, with what other processes of the run wrote."""
        return read_state(self.file)

    def append(self, events: list[dict[str, Any]], *, sync: bool = False) -> None:
        # Each starts with a newline: if a full disk cut the line before, this one is still whole.
        lines = b"".join(b"\n" + json.dumps(event).encode() + b"\n" for event in events)
        with self._lock:
            if self._out is None:
                raise ReportError(f"the ledger {self.file} is closed")
            try:
                # One write each: O_APPEND keeps the lines of several processes apart.
                written = os.write(self._out, lines)
                if written != len(lines):
                    raise OSError(errno.ENOSPC, "no space left on device")
                sink = self._out
            except OSError as error:
                raise _unwritable(self.file, error) from error
        if sync:
            # Outside the lock: a sync takes milliseconds, and threads may wait for theirs side by side.
            try:
                os.fsync(sink)
            except OSError as error:
                raise _unwritable(self.file, error) from error


def read_events(file: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the whole events of a ledger; a line that a full disk or a killed process cut off is passed over."""
    return (event for event in _lines(file) if event is not None)


def read_state(file: Path) -> State:
    """Sum up a ledger."""
    state = State()
    for event in _lines(file):
        if event is None:
            state.damaged += 1
        else:
            _take(state, event)
    return state


def _lines(file: Path) -> Iterator[Mapping[str, Any] | None]:
    """The events of a ledger; None for a line that no process of ours has written so."""
    if not file.exists():
        return
    with file.open("rb") as lines:
        for line in filter(None, map(bytes.strip, lines)):
            event = _event(line)
            if event is not None or not (line.startswith(b'{"e"') and not line.endswith(b"}")):
                yield event


def _event(line: bytes) -> Mapping[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):  # ValueError: also what is no UTF-8
        return None
    texts = ("e", "name", "id", "by", "run", "base_url", "mark", "project")
    sound = isinstance(event, dict) and "e" in event and all(isinstance(event.get(key, ""), str) for key in texts)
    return event if sound else None


def _take(state: State, event: Mapping[str, Any]) -> None:
    name, workload_id = event.get("name", ""), event.get("id", "")
    match event["e"]:
        case "run":
            state.header = state.header or event
        case "intend":
            state.finished = False  # a part of the run that came after a sweep
            state.intended[name] = Entry(name, bool(event.get("prefix")), event.get("by", "main"), lost=True)
        case "created":
            entry = Entry(name, by=event.get("by", "main"), id=workload_id)
            if workload_id not in state.workloads or state.workloads[workload_id].gone:
                state.workloads[workload_id] = entry  # seen again: deleting it starts anew
            _settle(state, name)
        case "refused" | "searched" | "withdrawn":
            _settle(state, name)
        case "lost":
            state.intended.setdefault(name, Entry(name)).lost = True
        case "delete_taken" if workload_id in state.workloads:
            state.workloads[workload_id].delete_taken = True
        case "gone" if workload_id in state.workloads:
            state.workloads[workload_id].gone = True
            state.left_behind.pop(workload_id, None)
        case "left_behind":
            state.left_behind[workload_id or name] = str(event.get("why", ""))
        case "finished":
            state.finished = True


def _settle(state: State, name: str) -> None:
    if name in state.intended:
        state.intended[name].lost = False


def _unwritable(file: Path, error: OSError) -> ReportError:
    return ReportError(
        f"the ledger {file} cannot be written: {error.strerror or error}",
        hint="without it nothing is created, because it could not be cleaned up after a crash; make room, or let "
        "ASSAY_STATE_DIR name a folder you can write",
    )
