"""The index of runs: which ledgers of this user are not finished, and whether their run still goes on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.client.ledger import State, read_state, state_folder, target_folder


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run whose ledger is not marked complete. ``active``: its process still lives."""

    file: Path
    state: State
    active: bool

    @property
    def run(self) -> str:
        return str(self.state.header.get("run", self.file.stem))

    @property
    def base_url(self) -> str:
        return str(self.state.header.get("base_url", ""))

    @property
    def embedded(self) -> bool:
        return bool(self.state.header.get("embedded"))


def unfinished_runs(base_url: str | None = None, env: Mapping[str, str] = os.environ) -> list[Unfinished]:
    """Unfinished runs of one target, or of all, oldest first."""
    folders = [target_folder(base_url, env)] if base_url else sorted((state_folder(env) / "runs").glob("*"))
    runs = []
    for folder in folders:
        for file in folder.glob("*.jsonl"):
            state = read_state(file)
            if not state.finished:
                runs.append(Unfinished(file, state, is_active(file)))
    return sorted(runs, key=lambda run: (run.state.header.get("started", 0), run.file.name))


def is_active(file: Path) -> bool:
    """True while a process holds the ledger open."""
    try:
        with file.open("rb") as probe:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False
