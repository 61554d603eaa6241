"""What a run lacks: what keeps it from deciding, and what it did not test (a report never lies by omission)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from assay.findings.model import NotTested, RunInfo
from assay.findings.record import Record, TestOutcome
from assay.findings.slo import unmeasured

_NAMED: Final = 3
"""Tests named in one sentence; the reports list all of them."""


def incomplete(record: Record, run: RunInfo) -> Iterator[str]:
    """Yield every reason, in plain words, for which the events of a run cannot carry a pass."""
    ran = [test for test in record.tests.values() if test.outcome is not TestOutcome.SKIPPED]
    if not ran and not record.load:
        yield _empty(record, run)
    planned = run.planned if run.planned is not None else record.planned
    if planned is not None and len(record.tests) < planned and (ran or record.load):
        yield f"{planned - len(record.tests):,} of {planned:,} planned tests did not run"
    yield from _parts_without_result(record, run, bool(ran))
    for operation, name in unmeasured(record):
        yield f"the SLO {name} of {operation} could not be judged: nothing was measured"
    yield from _broken(record)
    yield from _unexplained(record)


def _empty(record: Record, run: RunInfo) -> str:
    if record.tests:
        return f"no test ran: all {len(record.tests):,} selected tests were skipped"
    return f"no test ran: nothing matches --only {run.only}" if run.only else "no test ran"


def _parts_without_result(record: Record, run: RunInfo, ran: bool) -> Iterator[str]:
    if record.problems:
        return  # the run itself said why
    if "load" in run.parts and not record.load:
        yield "the load part gave no result"
    if "contract" in run.parts and record.load and not ran:
        yield "the contract part gave no result"


def _broken(record: Record) -> Iterator[str]:
    broken = [test for test in record.tests.values() if test.outcome is TestOutcome.ERROR]
    if broken:
        yield f"{_tests(len(broken))} broke before an answer: {_names([test.id for test in broken])}"


def _unexplained(record: Record) -> Iterator[str]:
    """Tests that failed without a finding: something went wrong, and nothing says what."""
    explained = {test for finding in record.findings.values() for test in finding.tests}
    silent = [
        test.id for test in record.tests.values() if test.outcome is TestOutcome.FAILED and test.id not in explained
    ]
    if silent:
        yield f"{_tests(len(silent))} failed without a finding: {_names(silent)}"


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count:,} tests"


def _names(ids: list[str]) -> str:
    more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more


def untested(record: Record, run: RunInfo) -> list[NotTested]:
    """Everything that was not tested, each once, in a stable order.

    What the events say comes first, then tests that were skipped or
    never began, then operations and sides of rules that were never
    exercised. A selective run (``--only``) names the rest in one entry instead.
    """
    entries = [*record.not_tested, *_skipped(record), *_never_ran(record)]
    if run.only is not None:
        entries.append(NotTested(f"everything outside {run.only}", f"only {run.only} was selected"))
    else:
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
