"""summary.md: the verdict on one screen, fit for a GitHub job summary (which refuses more than 1 MiB)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from assay.files import write_text
from assay.findings.model import Class, Finding, LoadResult
from assay.findings.verdict import Decision, Verdict
from assay.legible import one_line
from assay.reporting import words
from assay.reporting.words import duration, milliseconds, number, share
from assay.wording import plural

MOST_FINDINGS: Final = 100
MOST_REASONS: Final = 10
MOST_NOT_TESTED: Final = 20  # for each reason: a job summary is read, not searched; verdict.json holds all
MOST_LEFT_BEHIND: Final = 50
_CELL: Final = 300  # characters of a table cell: about four lines in a job summary

_SIGN: Final = {Decision.PASS: "✅", Decision.FAIL: "❌", Decision.INCONCLUSIVE: "⚠️"}
_DOT: Final = {Class.VIOLATION: "🔴", Class.GAP: "🟠", Class.ADVISORY: "🔵"}
_SPECIAL: Final = re.compile(
    r"[\\`*{}\[\]#!|~$@<>&]"
    r"|(?<![a-zA-Z0-9])_|_(?![a-zA-Z0-9])"  # inside a word an underscore is plain
    r"|:(?=//)|(?<=www)\."  # a bare address would become a link
)


def write(verdict: Verdict, file: Path) -> None:
    """Write summary.md; ReportError when the disk refuses."""
    write_text(file, render(verdict))


def render(verdict: Verdict) -> str:
    """The summary as GitHub-flavoured Markdown."""
    blocks = [
        f"# {_SIGN[verdict.decision]} assay {escape(verdict.run.command)}: {words.TITLE[verdict.decision]}",
        escape(words.sentence(verdict)),
        _facts(verdict),
        *_problems(verdict),
        *_left_behind(verdict),
        *_unconfirmed(verdict),
        *_findings(verdict),
        *_load(verdict),
        *_operations(verdict),
        *_not_tested(verdict),
    ]
    return "\n\n".join(blocks) + "\n"


def escape(text: str, limit: int | None = None) -> str:
    """Text that Markdown and HTML take literally, on one line; cut to ``limit`` characters before escaping.

    Character references instead of backslashes: a backslash before a pipe ends a table cell in some renderers.
    """
    line = one_line(text)
    if limit is not None and len(line) > limit:
        line = f"{line[:limit]}…"
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", line)


def code(text: str, limit: int | None = None) -> str:
    """Text in a fixed-width font; an HTML element, because back-ticks cannot hold pipes in a table."""
    return f"<code>{escape(text, limit)}</code>"


def _facts(verdict: Verdict) -> str:
    run = verdict.run
    facts = [
        ("Target", code(run.target["base_url"])),
        ("Contract", escape(run.contract_version)),
        ("Seed", code(str(run.seed))),
        ("Took", duration(run.seconds)),
        ("assay", escape(run.suite_version)),
        *((name, escape(share)) for name, share in words.limits(verdict)),
    ]
    return _table([name for name, _ in facts], [[value for _, value in facts]])


def _problems(verdict: Verdict) -> Iterator[str]:
    if verdict.problems:
        yield "## What kept the run from deciding"
        yield "\n".join(f"- {escape(problem)}" for problem in verdict.problems)


def _left_behind(verdict: Verdict) -> Iterator[str]:
    left = verdict.resources.get("left_behind", [])
    if left:
        yield f"## ⚠️ {plural(len(left), 'workload')} left behind"
        yield "They may still hold resources. Remove them with `assay cleanup`."
        shown = [f"- {code(entry['name'] or '(no name)')} {code(entry['id'])}" for entry in left[:MOST_LEFT_BEHIND]]
        yield "\n".join([*shown, *_rest(len(left) - len(shown), "- ")])


def _unconfirmed(verdict: Verdict) -> Iterator[str]:
    told = words.unconfirmed(len(verdict.resources.get("unconfirmed", ())))
    if told:
        yield "## Deletions that nobody saw done"
        yield f"{told}; `assay cleanup` looks after them."


def _findings(verdict: Verdict) -> Iterator[str]:
    if not verdict.findings:
        return
    found = words.counts(verdict)
    yield "## Findings"
    yield ", ".join(
        plural(found[name], one, many)
        for name, one, many in (
            ("violation", "violation", "violations"),
            ("gap", "gap", "gaps"),
            ("advisory", "advisory", "advisories"),
            ("waived", "waived", "waived"),
        )
        if found[name]
    )
    shown = verdict.findings[:MOST_FINDINGS]
    yield _table(["Class", "Finding", "Operation", "What", "Seen"], [_finding(finding) for finding in shown])
    yield from _rest(len(verdict.findings) - len(shown), "")


def _finding(finding: Finding) -> Sequence[str]:
    waived = f" (waived until {finding.waiver['until']})" if finding.waiver else ""
    return (
        f"{_DOT[finding.cls]} {finding.cls.value}{waived}",
        code(finding.id),
        code(finding.operation, _CELL),
        escape(finding.summary, _CELL)
        + words.explains(finding)
        + (f"<br>{code(finding.rule, _CELL)}" if finding.rule else ""),
        f"{finding.occurrences:,}×",
    )


def _load(verdict: Verdict) -> Iterator[str]:
    if verdict.load:
        yield "## Load"
        heads = ["Operation", "Rate/s", "Requests", "Errors", "p50", "p95", "p99", "max", "SLO"]
        yield _table(heads, [_load_row(name, result) for name, result in sorted(verdict.load.items())])


def _load_row(operation: str, result: LoadResult) -> Sequence[str]:
    missed = [str(limit.get("name")) for limit in result.slo if limit.get("ok") is False]
    kept = "✅ kept" if result.slo else "none set"
    return (
        code(operation),
        number(result.rate),
        f"{result.requests:,}",
        f"{result.errors:,}",
        *(milliseconds(result.latency_ms.get(name)) for name in ("p50", "p95", "p99", "max")),
        f"❌ {escape(', '.join(missed))}" if missed else kept,
    )


def _operations(verdict: Verdict) -> Iterator[str]:
    operations = verdict.coverage.get("operations", {})
    if operations:
        yield "## Operations"
        rows = [
            [code(name), f"{counts['requests']:,}", f"{counts['2xx']:,}", share(counts["share_2xx"])]
            for name, counts in operations.items()
        ]
        yield _table(["Operation", "Requests", "2xx", "Share"], rows)


def _not_tested(verdict: Verdict) -> Iterator[str]:
    if not verdict.not_tested:
        return
    yield "## Not tested"
    groups = words.untested(verdict)
    for why, whats in groups[:MOST_REASONS]:
        shown = [f"- {escape(what, _CELL)}" for what in whats[:MOST_NOT_TESTED]]
        yield f"**{plural(len(whats), 'item')}**: {escape(why, _CELL)}"
        yield "\n".join([*shown, *_rest(len(whats) - len(shown), "- ")])
    yield from _rest(sum(len(whats) for _, whats in groups[MOST_REASONS:]), "")


def _rest(count: int, prefix: str) -> Iterator[str]:
    if count > 0:
        yield f"{prefix}… and {count:,} more in `verdict.json`."


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
