"""A missed SLO is a finding, so that a report never shows a missed limit below the verdict pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from assay.findings.model import Class, Finding
from assay.findings.record import Record

CHECK: Final = "slo"
ERROR_RATIO: Final = "error_ratio"
SERVER_ERROR: Final = "server-error"
STALLS: Final = "(stalls: "
"""How the remark of a percentile begins that was missed because few responses stall."""

STALLING: Final = 10.0
"""How many times the median a missed percentile is when few answers stall and most are quick. Measured: at most 1.6
on servers that are slow all over, 600 with one answer in fifty held up for 3 s."""


def missed(record: Record) -> Iterator[Finding]:
    """Yield a finding for each missed SLO, unless the run reported it itself (check ``slo``, rule its name).

    A run whose load generator was the bottleneck is inconclusive and reports no missed limit.
    """
    reported = {(found.operation, found.rule) for found in record.findings.values() if found.check == CHECK}
    for operation, result in record.load.items():
        for limit in result.slo if result.judged else ():
            name = str(limit.get("name"))
            if limit.get("ok") is False and limit.get("value") is not None and (operation, name) not in reported:
                yield _finding(operation, name, limit, result.latency_ms.get("p50"))


def without_echoes(findings: Iterable[Finding], record: Record) -> list[Finding]:
    """The findings without missed error ratios that another finding explains: one fact is one finding.

    An API that answers 500 to each fiftieth request of an operation does so under load as well. The ratio is left out
    when the errors that remain without those statuses keep its limit; what is waived explains nothing.
    """
    found = list(findings)
    seen = (every for each in found if not each.waived for every in each.observed())
    told = {(every.operation, every.rule) for every in seen if every.check == SERVER_ERROR}
    return [each for each in found if not _is_echo(each, told, record)]


def _is_echo(finding: Finding, told: set[tuple[str, str | None]], record: Record) -> bool:
    result = record.load.get(finding.operation)
    if finding.check != CHECK or finding.rule != ERROR_RATIO or result is None or not result.requests:
        return False
    limits = [limit for limit in result.slo if limit.get("name") == ERROR_RATIO]
    known = sum(number for kind, number in result.error_kinds.items() if (finding.operation, kind) in told)
    value = [(limit["value"], limit["limit"]) for limit in limits if limit.get("value") is not None]
    return bool(known) and all(seen - known / result.requests <= most for seen, most in value)


def stalls(value: float, median: float | None) -> str:
    """A remark for a percentile (ms) that was missed because few responses stall while most are fast; else empty."""
    if median is None or value < STALLING * median:
        return ""
    return f" {STALLS}few answers are that late, half of them take at most {median:.3g} ms)"


def unmeasured(record: Record) -> Iterator[tuple[str, str]]:
    """Yield (operation, SLO) wherever a limit was set but nothing was measured that could keep or miss it."""
    for operation, result in record.load.items():
        for limit in result.slo:
            if limit.get("value") is None:
                yield operation, str(limit.get("name"))


def _finding(operation: str, name: str, limit: Mapping[str, Any], median: float | None) -> Finding:
    value = limit.get("value")
    detail = stalls(value, median) if name.endswith("_ms") and isinstance(value, int | float) else ""
    return Finding(
        cls=Class.VIOLATION,
        check=CHECK,
        operation=operation,
        rule=name,
        location="load",
        summary=f"{operation} misses its SLO {name}: measured {_number(limit.get('value'))}, "
        f"limit {_number(limit.get('limit'))}{detail}",
        why=f"The SLO {name} of this run's profile sets the limit {_number(limit.get('limit'))}.",
        test=f"load/{operation}",
    )


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1_000 else f"{value:,.0f}"
    return "nothing" if value is None else str(value)
