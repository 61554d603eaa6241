"""Runs that left something behind, from the ledgers of this user; what cannot be read is told, never passed over."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.client.ledger import State, read_state, state_folder, target_folder
from assay.errors import SettingsError
from assay.files import unreadable
from assay.wording import plural


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run whose ledger is not marked complete. ``active``: its process still lives.

    ``damage`` says why the ledger may not list everything that the run created; empty where it does.
    """

    file: Path
    state: State
    active: bool
    damage: str = ""

    @property
    def run(self) -> str:
        return str(self.state.header.get("run") or self.file.stem)

    @property
    def base_url(self) -> str:
        return str(self.state.header.get("base_url") or "")

    @property
    def mark(self) -> str:
        """How the names of what the run created begin; empty when the ledger does not say."""
        return str(self.state.header.get("mark") or "")

    @property
    def embedded(self) -> bool:
        return bool(self.state.header.get("embedded"))


def unfinished_runs(base_url: str | None = None, env: Mapping[str, str] = os.environ) -> list[Unfinished]:
    """Unfinished runs of one target, or of all, oldest first. SettingsError when their folder cannot be read."""
    runs_folder = state_folder(env) / "runs"
    folders = [target_folder(base_url, env)] if base_url else [each for each in _inside(runs_folder) if each.is_dir()]
    files = [file for folder in folders for file in _inside(folder) if file.suffix == ".jsonl"]
    runs = [run for file in files if (run := _look_at(file)) is not None]
    return sorted(runs, key=lambda run: (_number(run.state.header.get("started")), run.file.name))


def _inside(folder: Path) -> list[Path]:
    """What lies in a folder; nothing where there is none yet."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not any(map(Path.is_symlink, (folder, *folder.parents))):
            return []
        raise SettingsError(
            f"the ledgers in {folder} cannot be read: {error.strerror}",
            hint="so nobody knows what is left: mend that folder, or let ASSAY_STATE_DIR name the one that runs used",
        ) from None


def _look_at(file: Path) -> Unfinished | None:
    reason = unreadable(file)
    if reason is not None:
        return Unfinished(file, State(), active=False, damage=f"it cannot be read: {reason}")
    state, active = read_state(file), is_active(file)
    begun = file.stat().st_size > 0
    if (not active and not begun) or (state.finished and not state.damaged):
        return None
    return Unfinished(file, state, active, "" if active else _damage(state))


def _damage(state: State) -> str:
    if state.damaged:
        return f"{plural(state.damaged, 'line')} of it cannot be read"
    return "" if state.header else "its first line, which names run and target, is missing"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


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
