"""What the steps of a run share, and where it keeps its things.

Reports go to the folder that the user named, working files to one that goes away.
"""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from assay.client.settings import Settings
from assay.client.usage import Usage
from assay.clock import SYSTEM, Clock, utc
from assay.contract.documents import Contract
from assay.errors import SettingsError
from assay.files import temporary_place, why
from assay.findings.journal import LenientJournal
from assay.run.plan import RunPlan
from assay.run.progress import Progress
from assay.wording import listed

RUNS: Final = Path("reports") / "runs"
LATEST: Final = "latest"
_REPORT: Final = re.compile(
    r"verdict\.json|report\.html|junit\.xml|summary\.md|allure-results|reproduce|certificate\.json|report\.sarif|\.assay-probe"
)


@dataclass(frozen=True, slots=True)
class Space:
    """``out`` receives exactly the reports; ``work`` holds journal, logs and hand-over files."""

    run_id: str
    out: Path
    work: Path
    is_default: bool
    is_new: bool  # the folder of the reports was made for this run

    @property
    def journal(self) -> Path:
        return self.work / "journal.jsonl"

    def close(self, *, keep: bool = False) -> None:
        """Remove the working files, unless to ``keep``, and the reports' folder if no report came to lie in it."""
        if not keep:
            shutil.rmtree(self.work, ignore_errors=True)
        if self.is_new:
            with suppress(OSError):  # it holds reports, or is gone
                self.out.rmdir()

    def point_latest_here(self) -> None:
        """``reports/runs/latest`` names the newest run; not every file system has symbolic links, none is needed."""
        if not self.is_default:
            return
        link = self.out.parent / LATEST
        try:
            link.unlink(missing_ok=True)
            link.symlink_to(self.out.name, target_is_directory=True)
        except OSError:
            return


@dataclass
class RunContext:
    """What the steps of a run share."""

    plan: RunPlan
    settings: Settings
    contract: Contract
    space: Space
    journal: LenientJournal
    console: Console
    progress: Progress
    clock: Clock = SYSTEM
    started: datetime = field(init=False)
    began: float = field(init=False)
    interrupted: bool = False
    mark: str = ""
    used: Usage = field(default_factory=Usage)  # by the parts so far; the time is in ``used_so_far``

    def __post_init__(self) -> None:
        self.started, self.began = utc(self.clock), self.clock.monotonic()

    keeps_work: bool = False  # the reports lie there, because their own folder did not take them

    @property
    def deadline(self) -> float | None:
        """The moment (monotonic) at which the wall-clock budget ends, if there is one."""
        limit = self.settings.max_seconds
        return self.began + limit if limit is not None else None

    def used_so_far(self) -> Usage:
        """What the run has used of its limits."""
        return replace(self.used, seconds=self.clock.monotonic() - self.began)


def open_space(command: str, out: Path | None, clock: Clock = SYSTEM) -> Space:
    """Make the folders of a run. SettingsError when the user's folder cannot be written or holds other things."""
    run_id = f"{command}-{utc(clock):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    temporary = temporary_place()
    folder = out if out is not None else RUNS / run_id
    try:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        foreign = sorted(entry.name for entry in folder.iterdir() if not _REPORT.fullmatch(entry.name))
        (folder / ".assay-probe").write_text("")
        (folder / ".assay-probe").unlink()
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        raise SettingsError(
            f"{folder} cannot be written: {why(error)}", hint="name another folder with --out"
        ) from None
    if foreign:
        raise SettingsError(
            f"{folder} holds other files ({listed(foreign, 3)})",
            hint="--out takes a folder of its own, so that a report never mixes with something else",
        )
    return Space(run_id, folder, Path(tempfile.mkdtemp(prefix="assay-", dir=temporary)), out is None, is_new)
