"""Metrics answer the question that was asked: how many samples, of which type, of which time, of whose pods."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone

import pytest

from assay.checks import metrics, metrics_csv
from assay.checks.echo import server_time
from assay.checks.exchange import Exchange
from assay.checks.metrics import TYPES, Asked
from assay.checks.metrics_host import OPEN, SECOND, SHARED, SPAN, Measured, ask, measuring
from assay.checks.target import TargetUnderTest
from assay.client.exchange import Answer

pytestmark = pytest.mark.concurrent

WHOSE = ("workload", "pod")
THROUGHPUT, LATENCY = TYPES
COMBINATIONS = ((THROUGHPUT,), (LATENCY,), TYPES, tuple(reversed(TYPES)))
SAMPLES = (None, 0, 1, 2, 7, 1000)
DAY = timedelta(days=1)

# Ranges by name, made of the moment at which the workload was seen to serve. Nothing need be measured in them, and a
# backend that keeps no such past may refuse them, but what comes back must lie inside.
RANGES: dict[str, Callable[[datetime], tuple[datetime, datetime]]] = {
    "before-creation": lambda at: (at - DAY, at - timedelta(hours=1)),
    "across-creation": lambda at: (at - timedelta(hours=1), at),
    "day-before": lambda at: (at - DAY, at - DAY + timedelta(seconds=SPAN)),
    "fraction": lambda at: (at + timedelta(seconds=0.4), at + timedelta(seconds=0.6)),
    "far-past": lambda _: (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC)),
    "far-future": lambda at: (at + 3650 * DAY, at + 3651 * DAY),
    "into-the-future": lambda at: (at, at + DAY),
    "wide": lambda at: (at - 3650 * DAY, at + 3650 * DAY),
    "one-second": lambda at: (at, at + timedelta(seconds=1)),
    "one-millisecond": lambda at: (at, at + timedelta(milliseconds=1)),
    "equal": lambda at: (at, at),
    "its-end": lambda at: (at + timedelta(seconds=SPAN), at + timedelta(seconds=SPAN, milliseconds=1)),
    "start-after-end": lambda at: (at + timedelta(seconds=2), at),
}


def _at(offset: timedelta) -> Callable[[datetime], str]:
    return lambda at: at.astimezone(timezone(offset)).isoformat()


# Ways in which RFC 3339 writes one moment.
SPELLINGS: dict[str, Callable[[datetime], str]] = {
    "east": _at(timedelta(hours=5, minutes=30)),
    "west": _at(timedelta(hours=-8)),
    "fraction": lambda at: metrics.stamp(at).replace("Z", ".000Z"),
}
# Seconds from the beginning of the past that is measured.
NARROW = {"seconds": (0.0, float(SPAN)), "fraction": (0.2, 0.6)}
# How a backend may refuse a range in which it keeps nothing.
UNMEASURED = frozenset({400, 404, 413, 422})


def cases(*tables: tuple[str, object]) -> pytest.MarkDecorator:
    """Every case for workload and pod; ids such as ``workload/samples/1000``."""
    return pytest.mark.parametrize(
        ("whose", "case"),
        [pytest.param(whose, case, id=f"{whose}/{name}") for whose in WHOSE for name, case in tables],
    )


@contextmanager
def served(
    target: TargetUnderTest, test: str, whose: str, *, running: bool = True
) -> Iterator[tuple[Measured, str | None]]:
    """A workload with a past (any, where it need not be ``running``), and one of its pods when ``whose`` says so.

    Skips where there is none.
    """
    with SHARED.acquire(target, test) as host:
        if running and host.problem is not None:
            pytest.skip(f"no metrics to judge: {host.problem}")
        yield host, pod_of(host) if whose == "pod" else None


def pod_of(host: Measured) -> str:
    if not host.pods:
        pytest.skip("the target has no list of pods" if host.pods is None else "the workload has no pods")
    return host.pods[0]


def clock_of(target: TargetUnderTest, exchange: Exchange) -> datetime:
    return server_time(exchange.answer, target.session.there) if isinstance(exchange.answer, Answer) else target.now()


def judged(asked: Asked, exchange: Exchange) -> Exchange:
    if not exchange.accepted:
        return exchange
    return exchange.with_deviations(*metrics.judge(asked, exchange.body()))


@pytest.mark.parametrize("case", [pytest.param(None, id="pod/pod-of-another-workload")])
def test_pod_of_another_workload(target: TargetUnderTest, test: str, case: None) -> None:
    """First in the file, because a second workload takes as long to get ready as the first one."""
    with target.several(2), SECOND.acquire(target, test) as other, served(target, test, "workload") as (host, _):
        asked = Asked(TYPES, min(host.start, other.start), max(host.end, other.end))  # both were serving in it
        exchange = ask(target, test, host.workload, asked, pod=pod_of(other), expectation=OPEN)
        exchange = dataclasses.replace(exchange, setup=(*exchange.setup, other.workload.created))
        target.verify(exchange.with_deviations(*metrics.stranger(exchange, "pod-of-another-workload")))


@cases(*((f"types/{'+'.join(types).lower()}", types) for types in COMBINATIONS))
def test_types(target: TargetUnderTest, test: str, whose: str, case: tuple[str, ...]) -> None:
    with served(target, test, whose) as (host, pod):
        asked = host.asked(*case, samples=5)
        target.verify(judged(asked, ask(target, test, host.workload, asked, pod=pod)))


@cases(("types/together", None))
def test_together(target: TargetUnderTest, test: str, whose: str, case: None) -> None:
    """What each type has alone is not lost when both are asked for at once."""
    with served(target, test, whose) as (host, pod):
        both = host.asked(*TYPES, samples=5)
        alone = {kind: ask(target, test, host.workload, host.asked(kind, samples=5), pod=pod) for kind in TYPES}
        together = ask(target, test, host.workload, both, pod=pod)
        together = dataclasses.replace(together, setup=(*together.setup, *alone.values()))
        series = {kind: metrics.series_of(exchange.body()) for kind, exchange in alone.items() if exchange.accepted}
        lost = metrics.judge_together(series, metrics.series_of(together.body()), together.status)
        target.verify(*alone.values(), together.with_deviations(*lost))


@cases(*((f"samples/{'default' if samples is None else samples}", samples) for samples in SAMPLES))
def test_samples(target: TargetUnderTest, test: str, whose: str, case: int | None) -> None:
    with served(target, test, whose) as (host, pod):
        asked = host.asked(*TYPES, samples=case)
        target.verify(judged(asked, ask(target, test, host.workload, asked, pod=pod)))


@cases(*((f"range/{name}", name) for name in RANGES))
def test_range(target: TargetUnderTest, test: str, whose: str, case: str) -> None:
    with served(target, test, whose) as (host, pod):
        asked = Asked(TYPES, *RANGES[case](host.start), 10)
        exchange = judged(asked, ask(target, test, host.workload, asked, pod=pod, also=UNMEASURED))
        series = metrics.series_of(exchange.body()) if exchange.accepted else []
        target.verify(exchange.with_deviations(*metrics.judge_life(host.created, clock_of(target, exchange), series)))


@cases(*((f"spelling/{name}", spelling) for name, spelling in SPELLINGS.items()))
def test_spelling(target: TargetUnderTest, test: str, whose: str, case: Callable[[datetime], str]) -> None:
    """The same two moments, spelled otherwise: plain, otherwise and plain again."""
    with served(target, test, whose) as (host, pod):
        asked = host.asked(*TYPES, samples=3)
        operation = measuring(target.contract, of_pod=pod is not None)
        query = {**dict(asked.query), "start": case(asked.start), "end": case(asked.end)}
        request = operation.request(query=tuple(query.items()), workload=host.workload.id, pod=pod or "")
        before = ask(target, test, host.workload, asked, pod=pod)
        spelled = target.send(request, test=test, setup=(host.workload.created,))
        after = ask(target, test, host.workload, asked, pod=pod)
        if spelled.accepted and before.status == after.status == 200 and before.body() == after.body():
            plain, other = metrics.series_of(before.body()), metrics.series_of(spelled.body())
            spelled = dataclasses.replace(spelled, after=(after,))
            spelled = spelled.with_deviations(*metrics.judge_spelling(plain, other, query["start"][19:]))
        target.verify(before, spelled, after)


@cases(*((f"inside/{name}", span) for name, span in NARROW.items()))
def test_inside(target: TargetUnderTest, test: str, whose: str, case: tuple[float, float]) -> None:
    """What a wide range shows of a moment, a narrow one around the moment shows too."""
    with served(target, test, whose) as (host, pod):
        first, last = (host.start + timedelta(seconds=second) for second in case)
        around = timedelta(minutes=1) if last - first > timedelta(seconds=1) else timedelta(seconds=0.5)
        wide = ask(
            target, test, host.workload, Asked(TYPES, first - around, last + around, 1000), pod=pod, also=UNMEASURED
        )
        asked = Asked(TYPES, first, last, 1000)
        narrow = judged(asked, ask(target, test, host.workload, asked, pod=pod, also=UNMEASURED))
        narrow = dataclasses.replace(narrow, setup=(*narrow.setup, wide))
        series = metrics.series_of(wide.body()) if wide.accepted else []
        target.verify(wide, narrow.with_deviations(*metrics.judge_inside(asked, series, narrow)))


@cases(("csv/latency", (LATENCY,)), ("csv/both", TYPES))
def test_csv(target: TargetUnderTest, test: str, whose: str, case: tuple[str, ...]) -> None:
    """JSON, CSV and JSON again: only a past that did not change between the two can be compared.

    Three samples of two seconds fall on whole seconds, so that no spelling of a moment makes two of them one.
    """
    with served(target, test, whose) as (host, pod):
        asked = host.asked(*case, samples=3)
        before, table, after = (
            ask(target, test, host.workload, asked, pod=pod, accept=accept, also=frozenset({406}))
            for accept in (None, metrics_csv.CSV, None)
        )
        settled = before.status == after.status == 200 and before.body() == after.body()
        series = metrics.series_of(before.body()) if settled else None
        table = dataclasses.replace(table, setup=(*table.setup, before))
        target.verify(before, table.with_deviations(*metrics_csv.judge_exchange(asked, table, series)), after)


@cases(*metrics.MALFORMED.items())
def test_malformed(target: TargetUnderTest, test: str, whose: str, case: metrics.QueryChange) -> None:
    """One parameter of a valid question is missing or not what its schema says."""
    with served(target, test, whose, running=False) as (host, pod):
        query = case(dict(host.asked(*TYPES, samples=5).query))
        operation = measuring(target.contract, of_pod=pod is not None)
        request = operation.request(query=tuple(query.items()), workload=host.workload.id, pod=pod or "")
        target.verify(target.send(request, test=test, setup=(host.workload.created,)))


@cases(("unknown-workload", None))
def test_unknown_workload(target: TargetUnderTest, test: str, whose: str, case: None) -> None:
    end = target.now()
    query = Asked(TYPES, end - timedelta(minutes=1), end).query
    operation = measuring(target.contract, of_pod=whose == "pod")
    request = operation.request(query=query, workload=str(uuid.uuid4()), pod=str(uuid.uuid4()))
    target.verify(target.send(request, test=test, expectation=metrics.UNKNOWN_WORKLOAD))


@pytest.mark.parametrize("case", [pytest.param(None, id="pod/unknown-pod")])
def test_unknown_pod(target: TargetUnderTest, test: str, case: None) -> None:
    with served(target, test, "workload", running=False) as (host, _):
        stranger = str(uuid.uuid4())
        exchange = ask(target, test, host.workload, host.asked(), pod=stranger, expectation=OPEN)
        target.verify(exchange.with_deviations(*metrics.stranger(exchange, "unknown-pod")))


@pytest.mark.parametrize("case", [pytest.param(None, id="workload/not-ready")])
def test_not_ready(target: TargetUnderTest, test: str, case: None) -> None:
    """Right after its creation a workload has no metrics, or none yet; it may say so in any documented way."""
    with target.workload(test) as workload:
        end = target.now()
        asked = Asked(TYPES, end - timedelta(minutes=1), end, 5)
        target.verify(judged(asked, ask(target, test, workload, asked, expectation=OPEN)))
