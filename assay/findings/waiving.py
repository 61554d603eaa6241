"""Applies waivers. One that has expired or matches nothing is itself a finding, so waivers cannot rot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

from assay.findings.model import Class, Finding, NotTested
from assay.findings.run import RunInfo
from assay.findings.waivers import FILE, Waiver

CHECK: Final = "waiver"


def waive(
    findings: Iterable[Finding], waivers: Sequence[Waiver], *, run: RunInfo, complete: bool
) -> tuple[list[Finding], list[NotTested]]:
    """Mark waived findings; add a finding for every waiver that is no longer right.

    A waiver that matches nothing is only judged when the run is ``complete`` (nothing selected away, nothing lost):
    otherwise its finding may merely not have been looked for, and the waiver is listed as not tested.
    """
    observed = {finding.id: finding for finding in findings}
    stale: list[Finding] = []
    unjudged: list[NotTested] = []
    for waiver in waivers:
        if not waiver.concerns(run.command):
            continue
        matched = observed.get(waiver.finding)
        if waiver.expired(_day(run.started)):
            stale.append(_expired(waiver, matched))
        elif matched is not None:
            observed[waiver.finding] = replace(matched, waived=True, waiver=waiver.to_json())
        elif complete:
            stale.append(_unmatched(waiver))
        else:
            unjudged.append(NotTested(f"waiver of {waiver.finding}", "the run was not complete enough to judge it"))
    return [*observed.values(), *stale], unjudged


def _day(moment: datetime) -> date:
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def _expired(waiver: Waiver, matched: Finding | None) -> Finding:
    state = "is still observed" if matched else "was not observed in this run"
    return Finding(
        cls=Class.VIOLATION,
        check=CHECK,
        operation=matched.operation if matched else "waivers",
        rule="expired",
        location=waiver.finding,
        summary=f"The waiver of {waiver.finding} expired on {waiver.until.isoformat()}; the finding {state}",
        why=f"{_place(waiver)}: until = {waiver.until.isoformat()}, owner {waiver.owner}, reason: {waiver.reason}. "
        + ("Mend the target, or agree on a new date." if matched else "Remove the waiver."),
        test=f"waivers/{waiver.finding}",
    )


def _unmatched(waiver: Waiver) -> Finding:
    return Finding(
        cls=Class.VIOLATION,
        check=CHECK,
        operation="waivers",
        rule="unmatched",
        location=waiver.finding,
        summary=f"The waiver of {waiver.finding} matches no finding of this run",
        why=f"{_place(waiver)}: owner {waiver.owner}, reason: {waiver.reason}. Remove the waiver if the finding was "
        'mended; if only some commands can observe it, name them in its key "commands".',
        test=f"waivers/{waiver.finding}",
    )


def _place(waiver: Waiver) -> str:
    return f"{FILE}, line {waiver.line}" if waiver.line else FILE
