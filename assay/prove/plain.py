"""The plain way: `assay gate` against `assay serve --defect ID`, each in a process of its own, over the network.

Slow and beyond doubt: what the short cuts of ``trial`` are held against.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from assay.errors import InconclusiveError
from assay.prove.trial import Outcome
from assay.reference import embedded
from assay.reference.options import Options

# A gate's contract part takes 25 s on two idle cores.
_LONGEST: Final = 900.0
# The embedded control plane sets no limit to GPUs; a target named by --base-url gets none unless told so. More than
# the largest number of devices that a request can name.
_GPUS: Final = "10000000000"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the short way and the plain way say of one defect; the plain one with the ids of its findings."""

    id: str
    short: bool
    plain: frozenset[str]

    @property
    def agrees(self) -> bool:
        return self.short == bool(self.plain)


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run of a command came to: its findings and problems as in verdict.json, and its requests."""

    findings: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...]
    requests: int


def run_command(defect: str | None, *, profile: str, seed: int, part: str) -> Ran:
    """Run the command of ``profile`` on a control plane with ``defect``, narrowed to ``part``.

    Raises InconclusiveError when it wrote no verdict.
    """
    with (
        embedded.start(Options(defects=(defect,) if defect else ())) as plane,
        tempfile.TemporaryDirectory(prefix="assay-prove-") as folder,
    ):
        out = Path(folder) / "out"
        command = [sys.executable, "-m", "assay.cli.main", profile, "--only", part, "--seed", str(seed)]
        command += ["--base-url", plane.base_url, "--project", plane.projects[0], "--cluster", plane.cluster]
        command += ["--max-gpu-devices", _GPUS, "--out", str(out), "--yes"]
        environment = {**os.environ, "ASSAY_STATE_DIR": folder, **_credentials(plane)}
        ran = subprocess.run(command, env=environment, capture_output=True, timeout=_LONGEST, check=False)
        file = out / "verdict.json"
        if not file.exists():
            raise InconclusiveError(
                f"`assay {profile}` on the defect {defect} wrote no verdict: {ran.stderr[-400:]!r}"
            )
        verdict = json.loads(file.read_text(encoding="utf-8"))
    judged = sum(counts["requests"] for counts in verdict["coverage"]["operations"].values())
    under_load = sum(result["requests"] for result in verdict["load"].values())
    return Ran(tuple(verdict["findings"]), tuple(verdict["problems"]), judged + under_load)


def compare(outcomes: Sequence[Outcome], *, profile: str, seed: int, processes: int) -> Iterator[Agreement]:
    """Try each outcome's defect the plain way, ``processes`` at a time."""
    known = _ids(None, profile, seed)

    def one(outcome: Outcome) -> Agreement:
        return Agreement(outcome.id, outcome.caught, _ids(outcome.id, profile, seed) - known)

    with ThreadPoolExecutor(processes) as pool:
        yield from pool.map(one, outcomes)


def _ids(defect: str | None, profile: str, seed: int) -> frozenset[str]:
    ran = run_command(defect, profile=profile, seed=seed, part="contract")
    return frozenset(str(item["id"]) for item in ran.findings)


def _credentials(plane: embedded.Embedded) -> Mapping[str, str]:
    return {f"ASSAY_{name.upper()}": value for name, value in embedded.credentials(plane).items()}
