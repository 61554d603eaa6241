"""Conducts one `assay prove`: chooses defects, tries them, scores, compares with the record."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from assay.clock import SYSTEM, Clock
from assay.contract import documents
from assay.errors import EXIT_FAIL, EXIT_PASS, ReportError, SettingsError, UsageError
from assay.findings.detection import Detection, read_detection
from assay.prove.real_runs import compare
from assay.prove.score import (
    TIMED,
    Score,
    check_joinable,
    chosen,
    joined,
    list_defects,
    newly_surviving,
    reasons,
    show,
    show_agreement,
)
from assay.prove.trial import TrialOutcome
from assay.prove.trials import Trials, caught_by_gate
from assay.reference.defects import FAMILIES, catalogue
from assay.reference.defects.base import Defect
from assay.wording import plural

_TIMED: Final = "it shows under load only; assay prove --family performance tries it, half a minute for each defect"
_SAYS_EVERY: Final = 250  # outcomes between two lines of progress


@dataclass(frozen=True, slots=True)
class ProveRequest:
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
    causes: bool = False
    check_shortcuts: int = 0
    after: Path | None = None

    def check(self) -> None:
        """UsageError for an unknown family or options that contradict each other."""
        unknown = [name for name in self.families if name not in FAMILIES]
        if unknown:
            raise UsageError(f"there is no family '{unknown[0]}'", hint=f"the families are: {', '.join(FAMILIES)}")
        if self.after is not None and self.profile != "certify":
            raise SettingsError(
                "--after is for --profile certify: it spares the gate's tests", hint="leave --after out"
            )
        if self.write_baseline and (self.only or self.sample):
            raise SettingsError(
                "--write-baseline records the score of whole families",
                hint="leave --only and --sample out; with --family the other families stay as the record has them",
            )

    @property
    def joins(self) -> Path | None:
        """The record into which the families of this run are put; None when it is written anew, or not at all."""
        file = self.write_baseline
        return file if file is not None and self.families and file.exists() else None


def conduct(request: ProveRequest, console: Console, *, list_only: bool = False, clock: Clock = SYSTEM) -> int:
    """Do what ``request`` says and return the exit code. Raises UsageError and InconclusiveError."""
    request.check()
    record = read_detection(request.baseline) if request.baseline else None
    every = chosen(list(catalogue(documents.load()).values()), families=request.families, only=request.only)
    if not every:
        raise UsageError("no defect has that id", hint="`assay prove --list` lists them all")
    if list_only:
        list_defects(every, console)
        return EXIT_PASS
    if request.joins:
        check_joinable(read_detection(request.joins), request.profile)
    score, disagree = _tried(request, every, record, console, clock)
    show(score, console)
    failed = bool(disagree)
    for name in disagree:
        console.print(f"the gate's tests catch {name}, and certify's do not", soft_wrap=True)
    if record is not None:
        failed |= _worse(request, score, record, console)
    if request.check_shortcuts:
        failed |= _shortcuts_differ(request, score, console)
    _write(request.json_file, score.to_json())
    _write(request.write_baseline, _to_record(request, score))
    return EXIT_FAIL if failed else EXIT_PASS


def _tried(
    request: ProveRequest, every: Sequence[Defect], record: Detection | None, console: Console, clock: Clock
) -> tuple[Score, Sequence[str]]:
    """Try the defects that can be told, or a sample of them; and what certify misses although the gate does not."""
    telling = [defect for defect in every if defect.equivalent is None]
    not_tried = {}
    if request.profile == "gate" and not request.families and not request.only:
        telling = [defect for defect in telling if defect.family != TIMED]
        not_tried = {TIMED: _TIMED}
    if not telling:
        raise UsageError("nobody could tell any of these defects", hint="`assay prove --list` says why")
    if request.sample is not None:
        telling = random.Random(request.seed).sample(telling, min(request.sample, len(telling)))
    began = clock.monotonic()
    outcomes: dict[str, TrialOutcome] = {}
    trials = Trials(
        profile=request.profile,
        seed=request.seed,
        processes=request.processes or os.cpu_count() or 1,
        say=lambda line: console.print(line, soft_wrap=True),
        expected=frozenset(record.survivors if record else ()),
        causes=request.causes,
        earlier=caught_by_gate(request.after, request.seed) if request.after else {},
    )
    for outcome in trials.run(telling):
        outcomes[outcome.id] = outcome
        if outcome.told:
            console.print(f"detected {outcome.id}: {outcome.told[0]}", soft_wrap=True)
        if len(outcomes) % _SAYS_EVERY == 0:
            caught = sum(1 for item in outcomes.values() if item.caught)
            console.print(f"{len(outcomes)} tried, {caught} detected, {clock.monotonic() - began:.0f} s")
    score = Score(request.profile, request.seed, outcomes, {defect.id: defect for defect in every})
    return replace(score, seconds=clock.monotonic() - began, not_tried=not_tried), trials.disagree


def _worse(request: ProveRequest, score: Score, record: Detection, console: Console) -> bool:
    worse = newly_surviving(score, record)
    console.print(
        f"\n{plural(len(worse), 'defect was', 'defects were')} missed that {request.baseline} does not list",
        soft_wrap=True,
    )
    for name in worse:
        console.print(f"  {name}", soft_wrap=True)
    return bool(worse)


def _to_record(request: ProveRequest, score: Score) -> dict[str, Any]:
    """The record to write: of this run, or the one in place with this run's families put into it."""
    now = score.record()
    if request.joins is None:
        return now.to_json()
    every = catalogue(documents.load()).values()
    return joined(read_detection(request.joins), now, reasons(every)).to_json()


def _shortcuts_differ(request: ProveRequest, score: Score, console: Console) -> bool:
    # Under load there is no short cut.
    outcomes = [score.outcomes[name] for name in sorted(score.outcomes) if score.defects[name].family != TIMED]
    drawn = random.Random(request.seed).sample(outcomes, min(request.check_shortcuts, len(outcomes)))
    # A gate keeps one core busy and its control plane half of another.
    found = compare(drawn, profile=request.profile, seed=request.seed, processes=request.processes or 1)
    return show_agreement(found, console) > 0


def _write(file: Path | None, value: Any) -> None:
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{file} cannot be written: {error.strerror}", hint="name another file") from None
