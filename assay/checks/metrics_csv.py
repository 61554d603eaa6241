"""Judges the CSV form of metrics, which the document offers without saying what is in it.

Certain is only this: it is text, it is not JSON, it is a table, and where its columns can be told it holds the same
numbers as the JSON form.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from assay.checks.claims import Claim
from assay.checks.echo import moment
from assay.checks.exchange import Deviation, Exchange, gap
from assay.checks.metrics import ROUNDING, Asked, MetricSeries, count_of, judge_value, stamp
from assay.client.exchange import Answer
from assay.findings.model import Class

CSV: Final = "text/csv"
_BODY: Final = "/response/body"
_VALUE: Final = frozenset({"value", "values"})
_TIME: Final = frozenset({"timestamp", "time", "date", "datetime"})


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV body read as rows. ``value`` is the column of the values when there is exactly one such column."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    value: int | None

    @property
    def values(self) -> list[str] | None:
        """The values, one a sample; None when the columns cannot be told (no value or no time column)."""
        if self.value is None or not _TIME.intersection(name.strip().lower() for name in self.header):
            return None
        return [row[self.value] for row in self.rows]

    @property
    def times(self) -> list[datetime]:
        """The moments of the samples that are RFC 3339; the empty list when no column, or several, are called so."""
        named = [index for index, name in enumerate(self.header) if name.strip().lower() in _TIME]
        found = [moment(row[named[0]]) for row in self.rows] if len(named) == 1 else []
        return [at for at in found if at is not None]


class NotATableError(ValueError):
    """The body is no CSV; the message says why."""


def read(body: bytes) -> CsvTable:
    """Read a CSV body; NotATableError when it is not UTF-8, is JSON, or its rows differ in length."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotATableError(f"byte {error.start} is not UTF-8") from error
    if _is_json(text):
        raise NotATableError("it is JSON")
    try:
        rows = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise NotATableError(str(error)) from error
    if len({len(row) for row in rows}) > 1:
        raise NotATableError("its rows differ in their number of columns")
    header = rows[0] if rows else ()
    named = [index for index, name in enumerate(header) if name.strip().lower() in _VALUE]
    return CsvTable(header, tuple(rows[1:]), named[0] if len(named) == 1 else None)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def judge(asked: Asked, body: bytes, series: Sequence[MetricSeries] | None) -> Iterator[Deviation]:
    """Yield what is wrong with a CSV ``body``; ``series`` is what JSON holds of the same, None if unknown."""
    try:
        table = read(body)
    except NotATableError as error:
        yield _violation("metrics-csv", "the body of a text/csv answer is no CSV", f"As a table it fails: {error}.")
        return
    yield from _outside(asked, table)
    values = table.values
    if values is None:
        return
    for value in values:
        wrong = next(judge_value(value), None)
        if wrong is not None:
            yield Deviation(wrong.cls, wrong.check, "csv", _BODY, f"in CSV, {wrong.summary}", wrong.why, (_TABLE,))
            break
    if series is not None:
        yield from _compare(asked, values, series)


def judge_exchange(asked: Asked, exchange: Exchange, series: Sequence[MetricSeries] | None) -> Iterator[Deviation]:
    """Judge the answer to ``Accept: text/csv``; ``series`` is what JSON holds, None when that is not settled."""
    if not isinstance(exchange.answer, Answer) or not exchange.accepted:
        return
    if exchange.answer.content_type == CSV:
        yield from judge(asked, exchange.answer.body, series)
    elif exchange.status == 200:  # 207 has JSON only
        yield gap(
            "metrics-csv-not-offered",
            "/response/200/content-type",
            f"a question for text/csv is answered with {exchange.answer.content_type or 'no content type'}",
            "The document offers application/json and text/csv for 200, but not what decides between them.",
            claims=(Claim("every", ("^type ", "^type text/csv$"), "content type text/csv"),),
        )


def _outside(asked: Asked, table: CsvTable) -> Iterator[Deviation]:
    first, last = min(asked.start, asked.end) - ROUNDING, max(asked.start, asked.end) + ROUNDING
    outside = [at for at in table.times if not first <= at <= last]
    if outside:
        yield _violation(
            "metrics-outside-range",
            "in CSV, a sample lies outside the time range that was asked for",
            "“The number of samples to take in the specified time range.” "
            f"From {stamp(asked.start)} to {stamp(asked.end)}, got {outside[0].isoformat()}.",
            Claim("within", (stamp(asked.start), stamp(asked.end)), "samples within the time range"),
        )


def _compare(asked: Asked, values: list[str], series: Sequence[MetricSeries]) -> Iterator[Deviation]:
    expected = count_of(list(series))
    if len(values) != expected:
        yield _violation(
            "metrics-csv-disagrees",
            "CSV and JSON hold different numbers of samples",
            f"The same question ({','.join(asked.types)}, at most {asked.most} samples) has {len(values)} samples in "
            f"CSV and {expected} in JSON.",
        )
    elif sorted(values) != sorted(str(value) for one in series for _, value in one.values) and not _close(
        values, series
    ):
        yield _violation(
            "metrics-csv-disagrees",
            "CSV and JSON hold different values",
            "Both forms answer the same question about the same past, so they must hold the same numbers.",
        )


# CSV is often printed with fewer digits than JSON; two per cent cover two significant digits.
_PRINTED: Final = 0.02


def _close(values: list[str], series: Sequence[MetricSeries]) -> bool:
    """Whether the numbers agree but for the digits they are printed with."""
    try:
        left = sorted(float(value) for value in values)
        right = sorted(float(value) for one in series for _, value in one.values)
    except (TypeError, ValueError):
        return True  # a value that is no number is told by its own check
    return all(
        abs(one - two) <= _PRINTED * max(abs(one), abs(two)) + 0.01 for one, two in zip(left, right, strict=True)
    )


def _violation(check: str, summary: str, why: str, claim: Claim | None = None) -> Deviation:
    claim = claim or (_AS_JSON if check == "metrics-csv-disagrees" else _TABLE)
    return Deviation(Class.VIOLATION, check, None, _BODY, summary, why, (claim,))


_AS_JSON: Final = Claim("as_json", ("2",), "the numbers that JSON holds")
_TABLE: Final = Claim("table", (), "a table of samples in the time range")
