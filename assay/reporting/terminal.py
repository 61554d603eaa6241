"""The end of a run on a terminal or in a CI log: verdict, a line per finding, how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from assay.findings.model import Class, Finding
from assay.findings.verdict import Decision, Verdict
from assay.legible import one_line
from assay.reporting import words
from assay.reporting.words import duration
from assay.wording import plural

MOST_LINES: Final = 40
"""Findings listed; a screen and a half. The reports hold all of them."""

MOST_ALIKE: Final = 3
"""Findings listed of those that differ only in their place."""

MOST_REASONS: Final = 3
"""Reasons for not testing that are listed; the commonest come first."""

MOST_NAMED: Final = 4
"""Items that were not tested for one reason are named up to this number, as space allows; more are counted."""

_SUMMARY: Final = 160

_VERDICT_STYLE: Final = {
    Decision.PASS: "bold white on green",
    Decision.FAIL: "bold white on red",
    Decision.INCONCLUSIVE: "bold black on yellow",
}
_CLASS_STYLE: Final = {Class.VIOLATION: "red", Class.GAP: "yellow", Class.ADVISORY: "cyan"}


def show(verdict: Verdict, out_dir: Path | None = None, console: Console | None = None) -> None:
    """Print the end of a run, with the path of the report in ``out_dir``.

    Without colours and without wrapping when the output is no terminal.
    """
    out = console or Console(markup=False, emoji=False)
    for line in lines(verdict, out_dir / "report.html" if out_dir else None):
        out.print(line, soft_wrap=not out.is_terminal, highlight=False)


def lines(verdict: Verdict, report: Path | None = None) -> Iterator[Text]:
    """The lines of the end of a run, styled; ``report`` is the report a reader should open."""
    yield Text()
    yield Text.assemble(
        (f" {words.TITLE[verdict.decision].upper()} ", _VERDICT_STYLE[verdict.decision]),
        f" {one_line(words.sentence(verdict))}",
    )
    yield from _problems(verdict)
    yield from _left_behind(verdict)
    yield from _unconfirmed(verdict)
    yield from _findings(verdict)
    yield from _not_tested(verdict)
    yield from _footer(verdict, report)


def _problems(verdict: Verdict) -> Iterator[Text]:
    told = 1 if verdict.decision is Decision.INCONCLUSIVE else 0  # the first one is then the headline
    for problem in verdict.problems[told:]:
        yield Text.assemble(("  problem  ", "yellow"), one_line(problem))


def _left_behind(verdict: Verdict) -> Iterator[Text]:
    left = verdict.resources.get("left_behind", [])
    if left:
        told = words.left_behind([one_line(entry["name"] or entry["id"]) for entry in left])
        yield Text.assemble((f"  {told}", "bold red"), "; run: assay cleanup")


def _unconfirmed(verdict: Verdict) -> Iterator[Text]:
    told = words.unconfirmed(len(verdict.resources.get("unconfirmed", ())))
    if told:
        yield Text.assemble((f"  {told}", "yellow"), "; `assay cleanup` looks after them")


def _findings(verdict: Verdict) -> Iterator[Text]:
    """A line a finding; of many that differ only in their place, as a store that loses every field makes, a few."""
    kinds: dict[tuple[object, ...], list[Finding]] = {}
    for finding in verdict.findings:
        kinds.setdefault((finding.cls, finding.waived, finding.operation, finding.check, finding.rule), []).append(
            finding
        )
    width = min(max((len(finding.operation) for finding in verdict.findings), default=0), 40)
    left, rest = MOST_LINES, 0
    for alike in kinds.values():
        most = len(alike) if len(alike) <= MOST_ALIKE + 1 else MOST_ALIKE
        shown = alike[: min(left, most)]
        left -= len(shown)
        for finding in shown:
            yield _finding(finding, width)
        if not shown:
            rest += len(alike)
        elif len(alike) > len(shown):
            yield Text(f"             … and {len(alike) - len(shown):,} alike in other places", style="dim")
    if rest > 0:
        yield Text(f"  … and {rest:,} more in the report", style="dim")


def _finding(finding: Finding, width: int) -> Text:
    label = "waived" if finding.waived else finding.cls.value
    style = "dim" if finding.waived else _CLASS_STYLE[finding.cls]
    short = _short(one_line(finding.summary))
    times = f" (×{finding.occurrences:,})" if finding.occurrences > 1 else ""
    operation = one_line(finding.operation).ljust(width)
    return Text.assemble(
        (f"  {label:<9}", style),
        f"  {finding.id}  ",
        (operation, "bold"),
        f"  {short}{times}{words.explains(finding)}",
    )


def _not_tested(verdict: Verdict) -> Iterator[Text]:
    groups = words.untested(verdict)
    for why, whats in groups[:MOST_REASONS]:
        what = one_line("; ".join(whats)) if len(whats) <= MOST_NAMED else plural(len(whats), "item")
        told = bool(why) and any(why in problem for problem in verdict.problems[:1])
        reason = "for that reason" if told else one_line(why)
        yield Text(f"  not tested  {_short(what)}: {_short(reason)}", style="dim")
    rest = sum(len(whats) for _, whats in groups[MOST_REASONS:])
    if rest:
        yield Text(f"  not tested  {plural(rest, 'further item')}, listed in the report", style="dim")


def _short(text: str) -> str:
    return text if len(text) <= _SUMMARY else f"{text[:_SUMMARY]}…"


def _footer(verdict: Verdict, report: Path | None) -> Iterator[Text]:
    yield Text(
        f"  seed {verdict.run.seed}, {plural(sum(_ran(verdict)), 'test')}, "
        f"{plural(verdict.requests, 'request')}, {duration(verdict.run.seconds)}",
        style="dim",
    )
    used = ", ".join(f"{name.removeprefix('--max-')} {share}" for name, share in words.limits(verdict))
    if used:
        yield Text(f"  limits   {used}", style="dim")
    failing = sorted(verdict.failing, key=lambda finding: finding.evidence is None)
    if failing:
        yield Text.assemble(("  replay   ", "dim"), one_line(verdict.run.replay(failing[0])))
    if report is not None:
        yield Text.assemble(("  report   ", "dim"), one_line(str(report)))


def _ran(verdict: Verdict) -> Iterator[int]:
    for outcome in ("passed", "failed", "error"):
        yield verdict.tests.get(outcome, 0)
