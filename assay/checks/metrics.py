"""Judges what a metrics answer holds: how many samples, when, of what type, and whether its values are numbers.

The document gives the shape and little more, so only what follows from its words is a violation: a sample outside
the range that was asked for, more samples than were asked for, a type nobody asked for, a value that is no number.
A measurement without values and a sample without a timestamp are allowed by the schema.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from assay.checks.claims import Claim
from assay.checks.echo import CLOCK_TOLERANCE, moment
from assay.checks.exchange import Deviation, Exchange, gap, violation
from assay.checks.metrics_claims import LIVED, NO_SAMPLES, claimed
from assay.contract.request import Expectation, Json, Outcome, Reason, Source

TYPES: Final = ("THROUGHPUT", "LATENCY")
DEFAULT_SAMPLES: Final = 20
"""``numberOfSamples`` when it is left out: the default of its schema."""

# A server may keep times in whole seconds and round them; a second more or less is no other range.
ROUNDING: Final = timedelta(seconds=1)
# JSON's number grammar, which also admits no NaN and no Infinity, plus the leading '+' and the bare '.5' of printf.
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_SERIES: Final = "/response/body/measurements/*"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a metrics request asked for. ``samples`` None: left out."""

    types: tuple[str, ...]
    start: datetime
    end: datetime
    samples: int | None = None

    @property
    def query(self) -> tuple[tuple[str, str], ...]:
        """The query parameters that ask for it."""
        pairs = (("metricType", ",".join(self.types)), ("start", stamp(self.start)), ("end", stamp(self.end)))
        return pairs if self.samples is None else (*pairs, ("numberOfSamples", str(self.samples)))

    @property
    def most(self) -> int:
        """The largest number of samples that one measurement may hold."""
        return DEFAULT_SAMPLES if self.samples is None else self.samples


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One measurement of an answer, as far as it could be read. ``values`` are (timestamp, value) as sent."""

    type: str
    labels: tuple[tuple[str, str], ...]
    values: tuple[tuple[Json, Json], ...]

    @property
    def times(self) -> list[datetime]:
        """The timestamps that are date-times, in the order of the answer."""
        return [at for at in (moment(raw) for raw, _ in self.values) if at is not None]


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC; whole seconds when ``at`` is one."""
    at = at.astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{at.microsecond:06d}" if at.microsecond else "") + "Z"


def series_of(body: Json) -> list[MetricSeries]:
    """The measurements of an answer; whatever breaks the schema is left out (the schema check tells it)."""
    found = body.get("measurements") if isinstance(body, Mapping) else None
    return [_series(item) for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _series(item: Mapping[str, Json]) -> MetricSeries:
    labels, values = item.get("labels"), item.get("values")
    pairs = sorted((str(key), str(value)) for key, value in labels.items()) if isinstance(labels, Mapping) else []
    samples = [entry for entry in values if isinstance(entry, Mapping)] if isinstance(values, list) else []
    return MetricSeries(
        str(item.get("type")),
        tuple(pairs),
        tuple((entry.get("timestamp"), entry.get("value")) for entry in samples),
    )


def count_of(series: list[MetricSeries], kind: str | None = None) -> int:
    """How many samples there are in all, or of one type."""
    return sum(len(one.values) for one in series if kind is None or one.type.upper() == kind)


def judge(asked: Asked, body: Json) -> Iterator[Deviation]:
    """Yield every deviation of the answer ``body`` (any JSON) from what was asked; each kind of it once."""
    seen: set[tuple[str, str | None, str]] = set()
    found = claimed(_all(asked, series_of(body)), asked.types, stamp(asked.start), stamp(asked.end), asked.most)
    for deviation in found:
        key = (deviation.check, deviation.rule, deviation.location)
        if key not in seen:
            seen.add(key)
            yield deviation


def _all(asked: Asked, found: list[MetricSeries]) -> Iterator[Deviation]:
    for one in found:
        yield from _type(asked, one)
        yield from _count(asked, one)
        yield from _times(asked, one)
        for _, value in one.values:
            yield from judge_value(value)
    for (kind, _), times in Counter((one.type, one.labels) for one in found).items():
        if times > 1:
            yield gap(
                "metrics-repeated-series",
                f"{_SERIES}/labels",
                "two measurements have the same type and labels",
                f"Nothing tells the {times} measurements of {kind[:40]} apart.",
            )


def _type(asked: Asked, one: MetricSeries) -> Iterator[Deviation]:
    kind = one.type.upper()
    if kind in asked.types:
        return
    if kind in TYPES:
        yield violation(
            "metrics-type-filter",
            f"{_SERIES}/type",
            "a measurement has a type that was not asked for",
            f"metricType: “Specify which data to request.” Asked for {', '.join(asked.types)}, got {kind}.",
        )
    else:
        yield gap(
            "metrics-type-unknown",
            f"{_SERIES}/type",
            "a measurement has a type that the document does not name",
            f"The document offers {', '.join(TYPES)}; a client cannot tell what '{one.type[:40]}' measures.",
        )


def _count(asked: Asked, one: MetricSeries) -> Iterator[Deviation]:
    got = len(one.values)
    if got > asked.most:
        given = "the default of numberOfSamples is" if asked.samples is None else "numberOfSamples was"
        yield violation(
            "metrics-more-samples-than-asked",
            f"{_SERIES}/values",
            "a measurement holds more samples than were asked for",
            f"“The number of samples to take in the specified time range.” Here {given} {asked.most}, got {got}.",
        )


def _times(asked: Asked, one: MetricSeries) -> Iterator[Deviation]:
    place = f"{_SERIES}/values/*/timestamp"
    times = one.times
    first, last = min(asked.start, asked.end) - ROUNDING, max(asked.start, asked.end) + ROUNDING
    outside = [at for at in times if not first <= at <= last]
    if outside:
        yield violation(
            "metrics-outside-range",
            place,
            "a sample lies outside the time range that was asked for",
            "“The number of samples to take in the specified time range.” "
            f"From {stamp(asked.start)} to {stamp(asked.end)}, got {outside[0].isoformat()}.",
        )
    elif (asked.start.microsecond or asked.end.microsecond) and any(not _within(asked, at) for at in times):
        yield gap(
            "metrics-range-rounded",
            place,
            "a sample lies outside the time range that was asked for, by less than a second",
            f"From {stamp(asked.start)} to {stamp(asked.end)}: the fraction of a second is passed over.",
        )
    yield from _repeated(asked, one)
    # The document names no order, so newest first is as good; back and forth is the order of nothing.
    if times not in (sorted(times), sorted(times, reverse=True)):
        yield violation(
            "metrics-out-of-order",
            place,
            "the samples of a measurement are in no order of time",
            "Samples of a time range come in the order of time, forwards or backwards.",
        )
    if times and asked.start > asked.end:
        yield gap(
            "metrics-inverted-range",
            "/query/start",
            "a range that starts after its end has samples",
            "The document does not say what such a range means; 400 or no samples would tell the caller.",
        )


# A timestamp may be cut or rounded to the last digit that is told.
_LAST_DIGIT: Final = timedelta(milliseconds=1)


def _within(asked: Asked, at: datetime) -> bool:
    return asked.start - _LAST_DIGIT <= at <= asked.end + _LAST_DIGIT


def _repeated(asked: Asked, one: MetricSeries) -> Iterator[Deviation]:
    """Yield what is wrong with samples of one moment.

    They may share it when they share the value: where a range has no room for as many whole seconds as samples were
    asked for nothing else can be taken, and elsewhere the document does not say that each is another one.
    """
    values: dict[datetime, set[str]] = {}
    for raw, value in one.values:
        if (at := moment(raw)) is not None:
            values.setdefault(at, set()).add(repr(value))
    place = f"{_SERIES}/values/*/timestamp"
    if any(len(held) > 1 for held in values.values()):
        yield violation(
            "metrics-repeated-timestamp",
            place,
            "two samples of a measurement have the same timestamp and different values",
            "One metric has one value at one moment; of two samples no client can tell which one holds.",
        )
    elif len(values) < len(one.times) and abs(asked.end - asked.start) >= ROUNDING * (asked.most - 1) > timedelta():
        yield gap(
            "metrics-repeated-sample",
            place,
            "a sample of a measurement is given twice",
            f"From {stamp(asked.start)} to {stamp(asked.end)} there is room for {asked.most} samples; whoever adds "
            "them up counts this one twice.",
        )


def judge_value(value: Json) -> Iterator[Deviation]:
    """Yield what is wrong with the text of one value (a schema error is not repeated here)."""
    if not isinstance(value, str):
        return
    place = f"{_SERIES}/values/*/value"
    if not _DECIMAL.fullmatch(value) or not math.isfinite(float(value)):
        yield violation(
            "metrics-value-not-a-number",
            place,
            "the value of a sample is not a decimal number",
            f"A sample of a throughput or a latency is a number; '{value[:40]}' is none.",
        )
    elif float(value) < 0:
        yield gap(
            "metrics-value-negative",
            place,
            "the value of a sample is negative",
            f"Neither a throughput nor a latency can be {value[:40]}; the document does not say what it would mean.",
        )


def judge_life(created: datetime, now: datetime, found: list[MetricSeries]) -> Iterator[Deviation]:
    """Yield what was measured before the workload was ``created`` or after ``now`` (both of the server's clock).

    Gaps, for no sentence says what a range holds in which nothing can have been measured; a backend may extrapolate.
    Zeros and samples that are no numbers are let pass: a backend may fill the times for which it has nothing.
    """
    measured = [at for one in found for raw, value in one.values if _is_measured(value) and (at := moment(raw))]
    place = f"{_SERIES}/values/*/timestamp"
    if any(at < created - CLOCK_TOLERANCE for at in measured):
        yield gap(
            "metrics-before-creation",
            place,
            "something was measured of a workload before it existed",
            f"createdAt: “The creation time of the workload.” It is {stamp(created)}, the first sample's time "
            f"{stamp(min(measured))}.",
            claims=(LIVED,),
        )
    if any(at > now + CLOCK_TOLERANCE for at in measured):
        yield gap(
            "metrics-from-the-future",
            place,
            "something was measured that has not happened yet",
            f"The server's clock says {stamp(now)}, the last sample's time is {stamp(max(measured))}.",
            claims=(LIVED,),
        )


def _is_measured(value: Json) -> bool:
    return isinstance(value, str) and _DECIMAL.fullmatch(value) is not None and float(value) != 0


def judge_together(
    alone: Mapping[str, list[MetricSeries]], together: list[MetricSeries], status: int | None
) -> Iterator[Deviation]:
    """Yield a deviation when a type that has samples ``alone`` has none in a whole (200) answer for several types."""
    if status != 200:  # 207 is "Partial success."
        return
    for kind, series in alone.items():
        if count_of(series, kind) and not count_of(together, kind):
            yield violation(
                "metrics-type-missing",
                _SERIES,
                "asked for two types together, one of them has no samples",
                f"Alone, {kind} has {count_of(series, kind)} samples in the same range; 200 is no partial success.",
                claims=(Claim("some", (f"^body/measurements/[^/ ]+/type string {kind}$",), f"samples of {kind}"),),
            )


def judge_spelling(plain: list[MetricSeries], spelled: list[MetricSeries], how: str) -> Iterator[Deviation]:
    """Yield a deviation when the same two moments, spelled ``how``, are answered with other samples."""
    if _samples(plain) != _samples(spelled):
        yield violation(
            "metrics-moment-spelling",
            "/query/start",
            f"the same range is answered with other samples when its moments are spelled {how}",
            "“ISO 8601 timestamp format”: two spellings of a moment name the same moment, and the past that was "
            "asked for has not changed between the two.",
            claims=(Claim("alike", ("2",), "the same samples as when it is spelled otherwise"),),
        )


def _samples(series: list[MetricSeries]) -> Counter[tuple[str, datetime | None, str]]:
    return Counter((one.type, moment(at), str(value)) for one in series for at, value in one.values)


def judge_inside(asked: Asked, wide: list[MetricSeries], narrow: Exchange) -> Iterator[Deviation]:
    """Yield a gap when a range has no samples, and a ``wide`` one around it has some that lie within."""
    inside = [at for one in wide for at in one.times if asked.start <= at <= asked.end]
    refused = narrow.status is not None and 400 <= narrow.status < 500
    empty = narrow.accepted and not count_of(series_of(narrow.body()))
    if inside and (refused or empty):
        yield gap(
            "metrics-range-missed",
            "/query/start",
            "a range has no samples although a wider one holds some that lie within it",
            f"From {stamp(asked.start)} to {stamp(asked.end)}; the wider range has a sample of "
            f"{stamp(inside[0])}. Which parts of a moment count is not for the server to choose.",
            claims=(
                Claim("covered", ("2", stamp(asked.start), stamp(asked.end)), "the samples that the wider one has"),
            ),
        )


QueryChange = Callable[[Mapping[str, str]], dict[str, str]]
"""Makes one thing wrong with the query of a valid question."""

UNKNOWN_WORKLOAD: Final = Expectation(
    Outcome.REJECT, (Reason(Source.STATE, "unknown-workload", "/path/workloadId", "no such workload exists"),)
)


def _without(name: str) -> QueryChange:
    return lambda query: {key: value for key, value in query.items() if key != name}


def _with(name: str, value: str) -> QueryChange:
    return lambda query: {**query, name: value}


MALFORMED: Final[Mapping[str, QueryChange]] = {
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
        yield violation(
            f"metrics-{whose}",
            "/path/podId",
            f"metrics are given for a pod that the workload does not have ({whose.replace('-', ' ')})",
            "The path names a pod of this workload; another one must be refused (404) or have no samples.",
            claims=(NO_SAMPLES,),
        )
