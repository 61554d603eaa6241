"""From events to a verdict.

``fail``: an unwaived finding of the failing class or above, a missed SLO, a waiver that has expired or matches
nothing. ``inconclusive``: nothing of that kind, but the run could not decide (a problem, no test run, planned tests
not run, tests that broke). ``pass``: neither. A fail outweighs an inconclusive, because what was observed stays true;
the problems are listed all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from assay.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS
from assay.findings.completeness import incomplete, untested
from assay.findings.model import Class, Finding, LoadResult, NotTested, RunInfo
from assay.findings.record import Event, Record, TestOutcome
from assay.findings.slo import missed
from assay.findings.waivers import Waiver, waive

SCHEMA: Final = "assay/verdict/1"

_WEIGHT: Final = {Class.ADVISORY: 0, Class.GAP: 1, Class.VIOLATION: 2}


class Decision(StrEnum):
    """The answer of a run."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


_EXIT: Final = {
    Decision.PASS: EXIT_PASS,
    Decision.FAIL: EXIT_FAIL,
    Decision.INCONCLUSIVE: EXIT_INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verdict.json holds. ``findings`` are sorted: what fails first, then by class, operation, id."""

    run: RunInfo
    findings: tuple[Finding, ...]
    fail_on: Class = Class.VIOLATION
    problems: tuple[str, ...] = ()
    not_tested: tuple[NotTested, ...] = ()
    tests: Mapping[str, int] = field(default_factory=dict)
    coverage: Mapping[str, Any] = field(default_factory=dict)
    load: Mapping[str, LoadResult] = field(default_factory=dict)
    resources: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def decision(self) -> Decision:
        return decide(self.findings, self.problems, self.fail_on)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive."""
        return _EXIT[self.decision]

    @property
    def failing(self) -> tuple[Finding, ...]:
        """The findings for which the run fails."""
        return tuple(finding for finding in self.findings if fails(finding, self.fail_on))

    @property
    def requests(self) -> int:
        """Requests of the contract part."""
        return sum(int(counts["requests"]) for counts in self.coverage.get("operations", {}).values())

    def with_problems(self, problems: Iterable[str]) -> Verdict:
        """The same verdict with further problems (a report that could not be written); known ones stay single."""
        return replace(self, problems=tuple(dict.fromkeys((*self.problems, *problems))))

    def to_json(self) -> dict[str, Any]:
        """The shape of verdict.json (assay/reporting/verdict.schema.json)."""
        return {
            "schema": SCHEMA,
            "verdict": self.decision.value,
            "command": self.run.command,
            "run": self.run.run_id,
            "target": self.run.target,
            "started": _instant(self.run.started),
            "finished": _instant(self.run.finished),
            "seed": self.run.seed,
            "only": self.run.only,
            "fail_on": self.fail_on.value,
            "problems": list(self.problems),
            "tests": dict(self.tests),
            "findings": [finding.to_json() for finding in self.findings],
            "not_tested": [{"what": entry.what, "why": entry.why} for entry in self.not_tested],
            "coverage": dict(self.coverage),
            "load": {operation: _load(result) for operation, result in sorted(self.load.items())},
            "resources": dict(self.resources),
            "notes": list(self.notes),
            "suite": self.run.suite(),
            "environment": dict(self.run.environment),
        }


def fails(finding: Finding, fail_on: Class) -> bool:
    """Whether a finding alone makes the run fail."""
    return not finding.waived and _WEIGHT[finding.cls] >= _WEIGHT[fail_on]


def decide(findings: Iterable[Finding], problems: Sequence[str], fail_on: Class = Class.VIOLATION) -> Decision:
    """The decision that follows from findings and problems."""
    if any(fails(finding, fail_on) for finding in findings):
        return Decision.FAIL
    return Decision.INCONCLUSIVE if problems else Decision.PASS


def build(
    events: Iterable[Event],
    *,
    run: RunInfo,
    waivers: Sequence[Waiver] = (),
    fail_on: Class = Class.VIOLATION,
) -> Verdict:
    """Judge a run from the events of its journal (``assay.findings.journal.read``)."""
    record = Record.of(events, rules=run.rules)
    for problem in incomplete(record, run):
        record.problem(problem)
    observed = [*record.findings.values(), *missed(record)]
    complete = not record.problems and run.only is None
    findings, unjudged = waive(observed, waivers, run=run, complete=complete)
    return Verdict(
        run=run,
        findings=tuple(sorted(findings, key=lambda each: _order(each, fail_on))),
        fail_on=fail_on,
        problems=tuple(record.problems),
        not_tested=(*untested(record, run), *unjudged),
        tests=_counts(record, run),
        coverage=record.coverage.to_json(run.operations),
        load=dict(record.load),
        resources=_resources(record),
        notes=tuple(record.notes),
    )


def _order(finding: Finding, fail_on: Class) -> tuple[bool, int, str, str]:
    return (not fails(finding, fail_on), -_WEIGHT[finding.cls], finding.operation, finding.id)


def _counts(record: Record, run: RunInfo) -> dict[str, int]:
    """{"planned", "passed", "failed", "error", "skipped"}; without a plan, what ran is what was planned."""
    seen = Counter(test.outcome for test in record.tests.values())
    planned = run.planned if run.planned is not None else record.planned
    counts = {
        outcome.value: seen[outcome]
        for outcome in (TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.ERROR, TestOutcome.SKIPPED)
    }
    return {"planned": len(record.tests) if planned is None else planned, **counts}


def _resources(record: Record) -> dict[str, Any]:
    """{"created", "deleted": counts, "left_behind": [{"id", "name"}], "limits": [{"name", "allowed", "used"}]}."""
    happened = record.resources.values()
    return {
        "created": sum("created" in events for _, events in happened),
        "deleted": sum("deleted" in events for _, events in happened),
        "left_behind": [
            {"id": identity, "name": name}
            for identity, (name, events) in sorted(record.resources.items())
            if "left_behind" in events
        ],
        "limits": list(record.limits.values()),
    }


def _load(result: LoadResult) -> dict[str, Any]:
    return {
        "rate": result.rate,
        "requests": result.requests,
        "errors": result.errors,
        "latency_ms": dict(result.latency_ms),
        "slo": [dict(limit) for limit in result.slo],
    }


def _instant(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds; a moment without a zone counts as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
