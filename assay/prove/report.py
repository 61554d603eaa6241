"""Shows a detection score: tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from rich.console import Console
from rich.table import Table

from assay.findings.detection import Share
from assay.prove.real_runs import Agreement
from assay.prove.score import Score
from assay.reference.defects.base import Defect

MOST_TOLD: Final = 3
"""Findings of one run under load that are printed; a server that is slow all over misses every limit."""


def show(score: Score, console: Console) -> None:
    """The score by family and by operation, then every missed defect with what was tried on it."""
    console.print(_table("family", score.by_family(), score.total))
    console.print(_table("operation", score.by_operation(), None))
    effort = score.effort(score.defects.values())
    if effort is not None:
        told = (f"{effort[unit]['median']:g} {unit} (median), {effort[unit]['p90']:g} (p90)" for unit in effort)
        console.print(f"first detection after {' and '.join(told)}; {score.seconds:.0f} s in total", soft_wrap=True)
    for family, why in score.not_tried.items():
        console.print(f"not tried: {family}: {why}")
    _show_under_load(score, console)
    again = [outcome for outcome in score.outcomes.values() if outcome.caught and outcome.tries > 1]
    for outcome in again:
        console.print(f"detected only in trial {outcome.tries}: {outcome.id}", soft_wrap=True)
    if score.survivors:
        console.print(f"\n{len(score.survivors)} missed:")
    for outcome in score.survivors:
        tried = f"{outcome.tests} tests, {outcome.requests} requests"
        console.print(f"  {outcome.id}\n      {score.defects[outcome.id].summary} ({tried})", soft_wrap=True)
        for note in (*outcome.broken[:1], *([outcome.problem] if outcome.problem else [])):
            console.print(f"      {note}", soft_wrap=True)


def _show_under_load(score: Score, console: Console) -> None:
    """What was found under load, in the words of the findings."""
    for outcome in score.outcomes.values():
        for told in outcome.told[:MOST_TOLD]:
            console.print(f"{outcome.id}: {told}", soft_wrap=True)
        if len(outcome.told) > MOST_TOLD:
            console.print(f"    and {len(outcome.told) - MOST_TOLD} more (--json lists them)", soft_wrap=True)


def list_defects(defects: Iterable[Defect], console: Console) -> None:
    """One line a defect; an equivalent one with the reason why nothing can tell it."""
    for defect in defects:
        console.print(f"{defect.id}  {defect.summary}", soft_wrap=True)
        if defect.equivalent is not None:
            console.print(f"    equivalent: {defect.equivalent}", soft_wrap=True)


def show_agreement(agreements: Iterable[Agreement], console: Console) -> int:
    """Print each defect on which runs with and without shortcuts differ; returns how many do."""
    checked = list(agreements)
    differing = [item for item in checked if not item.agrees]
    console.print(f"shortcuts agree with plain runs on {len(checked) - len(differing)} of {len(checked)} defects")
    for item in differing:
        short = "detected" if item.short else "missed"
        plain = f"detected ({', '.join(sorted(item.plain)[:3])})" if item.plain else "missed"
        console.print(f"  {item.id}: {short} with shortcuts, {plain} without", soft_wrap=True)
    return len(differing)


def _table(name: str, shares: Mapping[str, Share], total: Share | None) -> Table:
    table = Table(name, box=None, pad_edge=False)
    for heading in ("tried", "detected", "as gap only", "percent", "equivalent"):
        table.add_column(heading, justify="right")
    for label, share in shares.items():
        table.add_row(label, *_cells(share))
    if total is not None:
        table.add_row("all", *_cells(total), style="bold")
    return table


def _cells(share: Share) -> list[str]:
    percent = "-" if share.percent is None else f"{share.percent:.1f}"
    return [str(share.tried), str(share.caught), str(share.gaps), percent, str(share.equivalent)]
