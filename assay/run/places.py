"""Where the reports of this user's runs lie, so that a command finds a run that was written with ``--out``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from assay.client.ledger import state_folder
from assay.errors import ReportError
from assay.files import write_text

_FILE: Final = "reports"
_MOST: Final = 200
"""Folders kept; who looks for a finding of an older run names its folder."""


def remember(folder: Path, env: Mapping[str, str] = os.environ) -> None:
    """Note that a run has written its reports there. Where that cannot be noted nothing else is lost."""
    here = str(folder.absolute())
    kept = [each for each in _lines(env) if each != here and Path(each).is_dir()][-(_MOST - 1) :]
    try:
        write_text(state_folder(env) / _FILE, "".join(f"{each}\n" for each in [*kept, here]))
    except ReportError:
        return


def remembered(env: Mapping[str, str] = os.environ) -> list[Path]:
    """The folders, the newest first; some may be gone."""
    return [Path(line) for line in reversed(_lines(env))]


def _lines(env: Mapping[str, str]) -> list[str]:
    try:
        return (state_folder(env) / _FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
