"""Conducts one `assay prove`: chooses defects, tries them, scores, compares with the record."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from assay.contract import documents
from assay.control_plane.defects import FAMILIES, catalogue
from assay.control_plane.defects.base import Defect
from assay.errors import EXIT_FAIL, EXIT_PASS, ReportError, SettingsError, UsageError
from assay.prove import report
from assay.prove.plain import compare
from assay.prove.pool import try_all
from assay.prove.score import TIMED, Score, chosen, newly_surviving, read_baseline
from assay.prove.trial import Outcome

_TIMED: Final = "it shows under load only, and the contract part does not look at time"
_SAYS_EVERY: Final = 250  # outcomes between two lines of progress


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for; see ``assay.cli.prove``."""

    profile: str = "gate"
    families: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    sample: int | None = None
    seed: int = 1
    processes: int | None = None
    json_file: Path | None = None
    baseline: Path | None = None
    write_baseline: Path | None = None
    check_shortcuts: int = 0

    def check(self) -> None:
        """UsageError for an unknown family or options that contradict each other."""
        unknown = [name for name in self.families if name not in FAMILIES]
        if unknown:
            raise UsageError(f"there is no family '{unknown[0]}'", hint=f"the families are: {', '.join(FAMILIES)}")
        if self.write_baseline and (self.families or self.only or self.sample):
            raise SettingsError(
                "--write-baseline records the score of all defects",
                hint="leave --family, --only and --sample out",
            )


def conduct(request: Request, console: Console, *, list_only: bool = False) -> int:
    """Do what ``request`` says and return the exit code. Raises UsageError and InconclusiveError."""
    request.check()
    record = read_baseline(request.baseline) if request.baseline else None
    every = chosen(list(catalogue(documents.load()).values()), families=request.families, only=request.only)
    if not every:
        raise UsageError("no defect has that id", hint="`assay prove --list` lists them all")
    if list_only:
        report.list_defects(every, console)
        return EXIT_PASS
    score = _tried(request, every, console)
    report.show(score, console)
    failed = False
    if record is not None:
        worse = newly_surviving(score, record)
        failed = bool(worse)
        console.print(f"\n{len(worse)} defects survive that {request.baseline} does not list", soft_wrap=True)
        for name in worse:
            console.print(f"  {name}", soft_wrap=True)
    if request.check_shortcuts:
        failed |= _shortcuts_differ(request, score, console)
    _write(request.json_file, score.to_json())
    _write(request.write_baseline, score.record())
    return EXIT_FAIL if failed else EXIT_PASS


def _tried(request: Request, every: Sequence[Defect], console: Console) -> Score:
    """Try the defects that can be told, or a sample of them."""
    telling = [defect for defect in every if defect.equivalent is None and defect.family != TIMED]
    if not telling:
        raise UsageError(
            "none of these defects can be told by the contract part", hint="`assay prove --list` says why"
        )
    if request.sample is not None:
        telling = random.Random(request.seed).sample(telling, min(request.sample, len(telling)))
    began = time.monotonic()
    outcomes: dict[str, Outcome] = {}
    tried = try_all(
        # Shuffled, so that the survivors of one family, which take longest, do not all wait for the end.
        random.Random(request.seed).sample([defect.id for defect in telling], len(telling)),
        profile=request.profile,
        seed=request.seed,
        processes=request.processes or os.cpu_count() or 1,
        begun=lambda known: console.print(f"{len(known)} findings without any defect; {len(telling)} defects to try"),
    )
    for outcome in tried:
        outcomes[outcome.id] = outcome
        if len(outcomes) % _SAYS_EVERY == 0:
            caught = sum(1 for item in outcomes.values() if item.caught)
            console.print(f"{len(outcomes)} tried, {caught} caught, {time.monotonic() - began:.0f} s")
    timed = {TIMED: _TIMED} if any(defect.family == TIMED for defect in every) else {}
    score = Score(request.profile, request.seed, outcomes, {defect.id: defect for defect in every})
    return replace(score, seconds=time.monotonic() - began, not_tried=timed)


def _shortcuts_differ(request: Request, score: Score, console: Console) -> bool:
    outcomes = sorted(score.outcomes.values(), key=lambda outcome: outcome.id)
    drawn = random.Random(request.seed).sample(outcomes, min(request.check_shortcuts, len(outcomes)))
    # A gate keeps one core busy and its control plane half of another.
    found = compare(drawn, profile=request.profile, seed=request.seed, processes=request.processes or 1)
    return report.show_agreement(found, console) > 0


def _write(file: Path | None, value: Any) -> None:
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{file} cannot be written: {error.strerror}", hint="name another file") from None
