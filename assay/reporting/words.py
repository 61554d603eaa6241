"""The words of every report: the verdict in sentences; numbers and durations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from assay.findings.model import Class, Finding
from assay.findings.verdict import Decision, Verdict, fails
from assay.wording import listed, plural


def number(value: float | int | None) -> str:
    """Three significant digits and no exponent; a dash when there is no value."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) else _three(value)


def milliseconds(value: float | None) -> str:
    """A latency with its unit."""
    if value is None:
        return "–"
    return f"{_three(value / 1000)} s" if value >= 10_000 else f"{_three(value)} ms"


def duration(seconds: float) -> str:
    """A duration as people say it: ``4.2 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def share(part: float) -> str:
    """A share of one in percent; 100 % and 0 % only when exactly so."""
    percent = part * 100
    if percent in (0, 100):
        return f"{percent:.0f} %"
    return f"{min(max(percent, 0.1), 99.9):.1f} %"


def _three(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


TITLE: Final = {Decision.PASS: "Pass", Decision.FAIL: "Fail", Decision.INCONCLUSIVE: "Inconclusive"}

MEANING: Final = {
    Class.VIOLATION: "The contract says otherwise.",
    Class.GAP: "The contract is silent or contradicts itself, or the target is stricter than its contract.",
    Class.ADVISORY: "Worth knowing; no promise is broken.",
}


_NAMED: Final = 5
"""Workloads that are named in one line."""


def sentence(verdict: Verdict) -> str:
    """One or two sentences for a reader who has never seen a report."""
    if verdict.decision is Decision.FAIL:
        return _fail(verdict)
    if verdict.decision is Decision.INCONCLUSIVE:
        return f"The run could not decide: {_end(verdict.problems[0])}{_further(verdict)}"
    return f"{_pass(verdict)}.{_remarks(verdict)}"


def counts(verdict: Verdict) -> dict[str, int]:
    """Findings by class, waived ones apart: {"violation", "gap", "advisory", "waived"}."""
    seen = Counter("waived" if finding.waived else finding.cls.value for finding in verdict.findings)
    return {name: seen[name] for name in (*(cls.value for cls in Class), "waived")}


def untested(verdict: Verdict) -> list[tuple[str, list[str]]]:
    """What was not tested by the reason why not: (why, [what, ...]), the reason that holds for most first."""
    groups: dict[str, list[str]] = {}
    for entry in verdict.not_tested:
        groups.setdefault(entry.why, []).append(entry.what)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def limits(verdict: Verdict) -> list[tuple[str, str]]:
    """The limits that the user, or the command, has set: (name as in ``--max-requests``, "3,450 of 6,000")."""
    return [
        (f"--{limit['name'].replace('_', '-')}", f"{limit['used']:,.12g} of {limit['allowed']:,.12g}")
        for limit in verdict.resources.get("limits", ())
        if limit["allowed"] is not None
    ]


def left_behind(names: Sequence[str]) -> str:
    """How many workloads are left behind, some by name."""
    return f"{plural(len(names), 'workload')} left behind: {listed(names, _NAMED)}"


def unconfirmed(number: int) -> str:
    """What is known of so many deletions that nobody saw done; empty when there are none."""
    if not number:
        return ""
    done = plural(number, "deletion was", "deletions were")
    return f"{done} agreed to by the target and could not be confirmed any more"


def weight(finding: Finding, fail_on: Class) -> str:
    """How a finding bears on the verdict, in one word or two: ``fails``, ``waived``, ``reported``."""
    if finding.waived:
        return "waived"
    return "fails" if fails(finding, fail_on) else "reported"


def _fail(verdict: Verdict) -> str:
    failing = verdict.failing
    slow = sum(map(_limits_missed, failing))
    broken = [finding for finding in failing if finding.check != "waiver" and not _limits_missed(finding)]
    stale = sum(finding.check == "waiver" for finding in failing)
    parts = []
    if broken:
        operations = len({finding.operation for finding in broken})
        noun = "deviates from" if any(f.cls is not Class.VIOLATION for f in broken) else "breaks"
        where = plural(operations, "operation")
        parts.append(f"the target {noun} its contract in {plural(len(broken), 'way')}, across {where}")
    if slow:
        parts.append(f"it misses {plural(slow, 'limit')} under load" if parts else _misses(slow))
    if stale:
        parts.append(f"{plural(stale, 'waiver is', 'waivers are')} no longer valid")
    text = ", and ".join(parts)
    return f"{text[0].upper()}{text[1:]}.{_undecided(verdict)}"


def _limits_missed(finding: Finding) -> int:
    """How many limits under load a finding says were missed, itself or by what it explains."""
    return sum(each.check == "slo" for each in finding.observed())


def explains(finding: Finding) -> str:
    """How much else a finding explains, to be put behind its summary; else empty."""
    return f" (and explains {len(finding.symptoms):,} more)" if finding.symptoms else ""


def _misses(slow: int) -> str:
    return f"the target misses {plural(slow, 'limit')} under load"


def _undecided(verdict: Verdict) -> str:
    if not verdict.problems:
        return ""
    return f" The run is also incomplete: {_end(verdict.problems[0])}{_further(verdict)}"


def _further(verdict: Verdict) -> str:
    more = len(verdict.problems) - 1
    return f" {plural(more, 'further problem is', 'further problems are')} listed." if more else ""


def _pass(verdict: Verdict) -> str:
    ran = sum(verdict.tests.get(outcome, 0) for outcome in ("passed", "failed", "error"))
    done = []
    if ran:
        sent = f" with {plural(verdict.requests, 'request')}" if verdict.requests else ""
        done.append(f"{plural(ran, 'test')}{sent} found nothing that breaks the contract")
    if verdict.load:
        total = plural(sum(result.requests for result in verdict.load.values()), "request")
        limited = any(result.slo for result in verdict.load.values())
        kept = "kept every limit" if limited else "were measured against no limit"
        done.append(f"{total} under load {kept}")
    return ", and ".join(done)


def _remarks(verdict: Verdict) -> str:
    found = counts(verdict)
    remarks = [plural(found[name], noun) for name, noun in (("gap", "gap"), ("advisory", "remark")) if found[name]]
    if found["waived"]:
        remarks.append(plural(found["waived"], "waived finding"))
    return f" Worth a look: {', '.join(remarks)}." if remarks else ""


def _end(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
