"""What a run did not test, and why: a report never lies by omission."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assay.findings.model import NotTested
from assay.findings.record import Outcome, Record
from assay.findings.run import RunInfo


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
        entries += _operations(coverage["operations"])
        entries += _rules(coverage["rules"], run.rules)
    return list(dict.fromkeys(entries))


def _skipped(record: Record) -> Iterator[NotTested]:
    listed = {entry.what for entry in record.not_tested}
    for test in record.tests.values():
        if test.outcome is Outcome.SKIPPED and test.id not in listed:
            yield NotTested(test.id, test.message or "skipped without a reason")


def _never_ran(record: Record) -> Iterator[NotTested]:
    listed = {entry.what for entry in record.not_tested}
    for test in record.planned_tests:
        if test not in record.tests and test not in listed:
            yield NotTested(test, "planned, but the run ended before it")


def _operations(operations: Mapping[str, Mapping[str, float]]) -> Iterator[NotTested]:
    for name, counts in operations.items():
        if not counts["requests"]:
            yield NotTested(name, "no request was sent to it")
        elif not counts["2xx"]:
            why = f"none of its {counts['requests']:,} requests was answered with a 2xx"
            yield NotTested(f"{name}: what it does with a request that it accepts", why)


def _rules(rules: Mapping[str, Mapping[str, int | None]], known: Mapping[str, bool]) -> Iterator[NotTested]:
    for name in known:
        for side in ("accept", "reject"):
            if rules[name][side] == 0:
                yield NotTested(f"rule {name}, {side} side", "no answered request exercised it")
