"""Metrics questions that must or may be refused, and what a refusal must not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from assay.checks import metrics_csv
from assay.checks.deviation import Deviation
from assay.checks.exchange import Exchange
from assay.checks.metrics import Asked, Series, count_of, series_of
from assay.client.exchange import Answer
from assay.contract.request import Expectation, Outcome, Reason, Source
from assay.findings.model import Class

Change = Callable[[Mapping[str, str]], dict[str, str]]
"""Makes one thing wrong with the query of a valid question."""

UNKNOWN_WORKLOAD: Final = Expectation(
    Outcome.REJECT, (Reason(Source.STATE, "unknown-workload", "/path/workloadId", "no such workload exists"),)
)


def _without(name: str) -> Change:
    return lambda query: {key: value for key, value in query.items() if key != name}


def _with(name: str, value: str) -> Change:
    return lambda query: {**query, name: value}


MALFORMED: Final[Mapping[str, Change]] = {
    "missing/start": _without("start"),
    "missing/end": _without("end"),
    "missing/metric-type": _without("metricType"),
    "no-date/start-word": _with("start", "yesterday"),
    "no-date/end-word": _with("end", "now"),
    "no-date/start-month-13": _with("start", "2026-13-01T00:00:00Z"),
    "no-date/end-hour-25": _with("end", "2026-01-01T25:00:00Z"),
    "no-date/start-epoch-millis": _with("start", "1767225600000"),
    "no-date/end-empty": _with("end", ""),
    "no-type/unknown": _with("metricType", "HAPPINESS"),
    "no-type/one-of-two-unknown": _with("metricType", "THROUGHPUT,HAPPINESS"),
    "no-count/1001": _with("numberOfSamples", "1001"),
    "no-count/negative": _with("numberOfSamples", "-1"),
    "no-count/fraction": _with("numberOfSamples", "1.5"),
    "no-count/word": _with("numberOfSamples", "many"),
}
"""By name; what each is worth (refuse, or open where ISO 8601 and RFC 3339 differ) is for the oracle to say."""


def stranger(exchange: Exchange, whose: str) -> Iterator[Deviation]:
    """Yield a deviation when metrics of a pod that the workload does not have hold any sample."""
    if exchange.accepted and count_of(series_of(exchange.body())):
        yield Deviation(
            Class.VIOLATION,
            f"metrics-{whose}",
            None,
            "/path/podId",
            f"metrics are given for a pod that the workload does not have ({whose.replace('-', ' ')})",
            "The path names a pod of this workload; another one must be refused (404) or have no samples.",
        )


def csv(asked: Asked, exchange: Exchange, series: Sequence[Series] | None) -> Iterator[Deviation]:
    """Judge the answer to ``Accept: text/csv``; ``series`` is what JSON holds, None when that is not settled."""
    if not isinstance(exchange.answer, Answer) or not exchange.accepted:
        return
    if exchange.answer.content_type == metrics_csv.CSV:
        yield from metrics_csv.judge(asked, exchange.answer.body, series)
    elif exchange.status == 200:  # 207 has JSON only
        yield Deviation(
            Class.GAP,
            "metrics-csv-not-offered",
            None,
            "/response/200/content-type",
            f"a question for text/csv is answered with {exchange.answer.content_type or 'no content type'}",
            "The document offers application/json and text/csv for 200, but not what decides between them.",
        )
