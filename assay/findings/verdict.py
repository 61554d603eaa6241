"""From events to a verdict.

``fail``: an unwaived finding of the failing class or above, a missed SLO, a waiver that has expired or matches
nothing. ``inconclusive``: nothing of that kind, but the run could not decide (a problem, no test run, planned tests
not run, tests that broke). ``pass``: neither. A fail outweighs an inconclusive, because what was observed stays true;
the problems are listed all the same, and so is what was not tested (a report never lies by omission).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from assay.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_USAGE
from assay.findings.causes import join
from assay.findings.disturbances import advisory
from assay.findings.model import Class, Finding, LoadResult, NotTested, RunInfo
from assay.findings.record import Event, Record, TestOutcome
from assay.findings.slo import missed, unmeasured, without_echoes
from assay.findings.waivers import Waiver, waive
from assay.wording import plural

_NAMED: Final = 3
"""Tests named in one sentence; the reports list all of them."""


def incomplete(record: Record, run: RunInfo) -> Iterator[str]:
    """Yield every reason, in plain words, for which the events of a run cannot carry a pass."""
    said = bool(record.problems)  # the run itself said why
    ran = [test for test in record.tests.values() if test.outcome is not TestOutcome.SKIPPED]
    if not ran and not record.load and not said:
        yield _empty(record, run)
    planned = run.planned if run.planned is not None else record.planned
    if planned is not None and len(record.tests) < planned and (ran or record.load):
        yield f"{planned - len(record.tests):,} of {planned:,} planned tests did not run"
    yield from _parts_without_result(record, run, bool(ran))
    for operation, name in () if said else unmeasured(record):
        yield f"the SLO {name} of {operation} could not be judged: nothing was measured"
    if not said:
        yield from _broken(record)
        yield from _unexplained(record)


def _empty(record: Record, run: RunInfo) -> str:
    if record.tests:
        every = "the only selected test was" if len(record.tests) == 1 else f"all {len(record.tests):,} selected were"
        return f"no test ran: {every} skipped"
    return f"no test ran: nothing matches --only {run.only}" if run.only else "no test ran"


def _parts_without_result(record: Record, run: RunInfo, ran: bool) -> Iterator[str]:
    if record.problems:
        return  # the run itself said why
    if "load" in run.parts and not record.load:
        yield "the load part gave no result"
    if "contract" in run.parts and record.load and not ran:
        yield "the contract part gave no result"


def _broken(record: Record) -> Iterator[str]:
    if broken := _broken_tests(record):
        yield f"{plural(len(broken), 'test')} broke before an answer: {_names(broken)}"


def _broken_tests(record: Record) -> list[str]:
    return [test.id for test in record.tests.values() if test.outcome is TestOutcome.ERROR]


def _unexplained(record: Record) -> Iterator[str]:
    if silent := _silent_tests(record):
        yield f"{plural(len(silent), 'test')} failed without a finding: {_names(silent)}"


def _silent_tests(record: Record) -> list[str]:
    """Tests that failed without a finding: something went wrong, and nothing says what."""
    explained = {test for finding in record.findings.values() for test in finding.tests}
    return [
        test.id for test in record.tests.values() if test.outcome is TestOutcome.FAILED and test.id not in explained
    ]


def _broke_off(record: Record) -> Iterator[NotTested]:
    """Tests without a result in a run whose own problem explains them: a second problem would be a false one."""
    if record.problems:
        yield from (NotTested(test, "it broke before an answer") for test in _broken_tests(record))
        yield from (NotTested(test, "it ended without a result") for test in _silent_tests(record))


def _names(ids: list[str]) -> str:
    more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more


def untested(record: Record, run: RunInfo) -> list[NotTested]:
    """Everything that was not tested, each once, in a stable order.

    What the events say comes first, then tests that were skipped or
    never began, then operations and sides of rules that were never
    exercised. A selective run (``--only``) names the rest in one entry instead.
    """
    entries = [*record.not_tested, *_skipped(record), *_never_ran(record), *_broke_off(record)]
    if run.only is not None:
        entries.append(NotTested(f"everything outside {run.only}", f"only {run.only} was selected"))
    elif not any(entry.what == "contract" for entry in record.not_tested):  # else one entry stands for the whole part
        coverage = record.coverage.to_json(run.operations)
        entries += _operations_without_answer(coverage["operations"])
        entries += _unexercised_sides(coverage["rules"], run.rules)
    return list(dict.fromkeys(entries))


def _skipped(record: Record) -> Iterator[NotTested]:
    listed = {entry.what for entry in record.not_tested}
    for test in record.tests.values():
        if test.outcome is TestOutcome.SKIPPED and test.id not in listed:
            yield NotTested(test.id, test.message or "skipped without a reason")


def _never_ran(record: Record) -> Iterator[NotTested]:
    listed = {entry.what for entry in record.not_tested}
    for test in record.planned_tests:
        if test not in record.tests and test not in listed:
            yield NotTested(test, "planned, but the run ended before it")


def _operations_without_answer(operations: Mapping[str, Mapping[str, float]]) -> Iterator[NotTested]:
    for name, counts in operations.items():
        if not counts["requests"]:
            yield NotTested(name, "no request was sent to it")
        elif not counts["2xx"]:
            why = f"none of its {counts['requests']:,} requests was answered with a 2xx"
            yield NotTested(f"{name}: what it does with a request that it accepts", why)


def _unexercised_sides(
    rules: Mapping[str, Mapping[str, int | None]], known: Mapping[str, bool]
) -> Iterator[NotTested]:
    for name in known:
        for side in ("accept", "reject"):
            if rules[name][side] == 0:
                yield NotTested(f"rule {name}, {side} side", "no answered request exercised it")


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
    users_side: bool = False
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
        """0 pass, 1 fail, 3 inconclusive, 2 inconclusive for a reason that the user must mend."""
        decision = self.decision
        return EXIT_USAGE if decision is Decision.INCONCLUSIVE and self.users_side else _EXIT[decision]

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
            "load_options": dict(self.run.load_options) if self.run.load_options is not None else None,
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
    observed = [*record.findings.values(), *missed(record), *advisory(record.disturbed)]
    complete = not record.problems and run.only is None
    kept, unjudged = waive(_causes(observed, waivers, record), waivers, run=run, complete=complete)
    findings = without_echoes(kept, record)
    return Verdict(
        run=run,
        findings=tuple(sorted(findings, key=lambda each: _order(each, fail_on))),
        fail_on=fail_on,
        problems=tuple(record.problems),
        users_side=record.users_side,
        not_tested=(*untested(record, run), *unjudged),
        tests=_counts(record, run),
        coverage=record.coverage.to_json(run.operations),
        load=dict(record.load),
        resources=_resources(record),
        notes=tuple(record.notes),
    )


def _causes(observed: Iterable[Finding], waivers: Sequence[Waiver], record: Record) -> list[Finding]:
    """One finding for each cause. What was waived by an id of its own stays by itself: the rest is to be seen."""
    found = list(observed)
    joined = join(found, record.coverage.rejected, record.diagnosed)
    apart = {waiver.finding for waiver in waivers} - {each.id for each in joined}
    if not apart & {each.id for each in found}:
        return joined
    rest = join((each for each in found if each.id not in apart), record.coverage.rejected, record.diagnosed)
    return [*rest, *(each for each in found if each.id in apart)]


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
    """{"created", "deleted": counts, "unconfirmed", "left_behind": [{"id", "name"}], "limits": [...]}.

    ``deleted`` were seen to be gone; ``unconfirmed`` are deletions that the target agreed to and that nobody saw
    done; ``limits`` are {"name", "allowed", "used"}.
    """
    happened = record.resources.values()
    return {
        "created": sum("created" in events for _, events in happened),
        "deleted": sum("deleted" in events for _, events in happened),
        "unconfirmed": _ended(record, "unconfirmed"),
        "left_behind": _ended(record, "left_behind"),
        "limits": list(record.limits.values()),
    }


def _ended(record: Record, how: str) -> list[dict[str, str]]:
    """What ended so, by id: {"id", "name"}."""
    return [
        {"id": identity, "name": name}
        for identity, (name, events) in sorted(record.resources.items())
        if how in events
    ]


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
