"""What keeps a run from deciding: nothing ran, planned tests did not run, tests broke, a part gave no result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from assay.findings.record import Outcome, Record
from assay.findings.run import RunInfo
from assay.findings.slo import unmeasured

_NAMED: Final = 3
"""Tests named in one sentence; the reports list all of them."""


def incomplete(record: Record, run: RunInfo) -> Iterator[str]:
    """Yield every reason, in plain words, for which the events of a run cannot carry a pass."""
    ran = [test for test in record.tests.values() if test.outcome is not Outcome.SKIPPED]
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
    broken = [test for test in record.tests.values() if test.outcome is Outcome.ERROR]
    if broken:
        yield f"{_tests(len(broken))} broke before an answer: {_names([test.id for test in broken])}"


def _unexplained(record: Record) -> Iterator[str]:
    """Tests that failed without a finding: something was wrong, and nobody can say what."""
    explained = {test for finding in record.findings.values() for test in finding.tests}
    silent = [
        test.id for test in record.tests.values() if test.outcome is Outcome.FAILED and test.id not in explained
    ]
    if silent:
        yield f"{_tests(len(silent))} failed without a finding: {_names(silent)}"


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count:,} tests"


def _names(ids: list[str]) -> str:
    more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more
