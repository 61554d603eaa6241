"""Metrics answer the question that was asked: how many samples, of which type, of which time, of whose pods."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from assay.checks import metrics, metrics_csv, metrics_refusal
from assay.checks.created import server_time
from assay.checks.exchange import Exchange
from assay.checks.metrics import TYPES, Asked
from assay.checks.metrics_host import OPEN, SECOND, SHARED, SPAN, Measured, ask
from assay.checks.probe import Probe
from assay.client.exchange import Answer
from assay.contract.request import Request

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
# How a backend may refuse a range in which it keeps nothing.
UNMEASURED = frozenset({400, 404, 413, 422})


def cases(*tables: tuple[str, object]) -> pytest.MarkDecorator:
    """Every case for workload and pod; ids such as ``workload/samples/1000``."""
    return pytest.mark.parametrize(
        ("whose", "case"),
        [pytest.param(whose, case, id=f"{whose}/{name}") for whose in WHOSE for name, case in tables],
    )


@contextmanager
def served(probe: Probe, test: str, whose: str, *, running: bool = True) -> Iterator[tuple[Measured, str | None]]:
    """A workload with a past (any, where it need not be ``running``), and one of its pods when ``whose`` says so.

    Skips where there is none.
    """
    with SHARED.borrow(probe, test) as host:
        if running and host.problem is not None:
            pytest.skip(f"no metrics to judge: {host.problem}")
        yield host, pod_of(host) if whose == "pod" else None


def pod_of(host: Measured) -> str:
    if not host.pods:
        pytest.skip("the target has no list of pods" if host.pods is None else "the workload has no pods")
    return host.pods[0]


def clock_of(exchange: Exchange) -> datetime:
    return server_time(exchange.answer) if isinstance(exchange.answer, Answer) else datetime.now(UTC)


def judged(asked: Asked, exchange: Exchange) -> Exchange:
    if not exchange.accepted:
        return exchange
    return exchange.with_deviations(*metrics.judge(asked, exchange.body()))


@pytest.mark.parametrize("case", [pytest.param(None, id="pod/pod-of-another-workload")])
def test_pod_of_another_workload(probe: Probe, test: str, case: None) -> None:
    """First in the file, because a second workload takes as long to get ready as the first one."""
    with probe.several(2), SECOND.borrow(probe, test) as other, served(probe, test, "workload") as (host, _):
        asked = Asked(TYPES, min(host.start, other.start), max(host.end, other.end))  # both were serving in it
        exchange = ask(probe, test, host.workload, asked, pod=pod_of(other), expectation=OPEN)
        probe.verify(exchange.with_deviations(*metrics_refusal.stranger(exchange, "pod-of-another-workload")))


@cases(*((f"types/{'+'.join(types).lower()}", types) for types in COMBINATIONS))
def test_types(probe: Probe, test: str, whose: str, case: tuple[str, ...]) -> None:
    with served(probe, test, whose) as (host, pod):
        asked = host.asked(*case, samples=5)
        probe.verify(judged(asked, ask(probe, test, host.workload, asked, pod=pod)))


@cases(("types/together", None))
def test_together(probe: Probe, test: str, whose: str, case: None) -> None:
    """What each type has alone is not lost when both are asked for at once."""
    with served(probe, test, whose) as (host, pod):
        both = host.asked(*TYPES, samples=5)
        alone = {kind: ask(probe, test, host.workload, host.asked(kind, samples=5), pod=pod) for kind in TYPES}
        together = ask(probe, test, host.workload, both, pod=pod)
        series = {kind: metrics.series_of(exchange.body()) for kind, exchange in alone.items() if exchange.accepted}
        lost = metrics.judge_together(series, metrics.series_of(together.body()), together.status)
        probe.verify(*alone.values(), together.with_deviations(*lost))


@cases(*((f"samples/{'default' if samples is None else samples}", samples) for samples in SAMPLES))
def test_samples(probe: Probe, test: str, whose: str, case: int | None) -> None:
    with served(probe, test, whose) as (host, pod):
        asked = host.asked(*TYPES, samples=case)
        probe.verify(judged(asked, ask(probe, test, host.workload, asked, pod=pod)))


@cases(*((f"range/{name}", name) for name in RANGES))
def test_range(probe: Probe, test: str, whose: str, case: str) -> None:
    with served(probe, test, whose) as (host, pod):
        asked = Asked(TYPES, *RANGES[case](host.start), 10)
        exchange = judged(asked, ask(probe, test, host.workload, asked, pod=pod, also=UNMEASURED))
        series = metrics.series_of(exchange.body()) if exchange.accepted else []
        probe.verify(exchange.with_deviations(*metrics.judge_life(host.created, clock_of(exchange), series)))


@cases(("csv/latency", (LATENCY,)), ("csv/both", TYPES))
def test_csv(probe: Probe, test: str, whose: str, case: tuple[str, ...]) -> None:
    """JSON, CSV and JSON again: only a past that did not change between the two can be compared.

    Three samples of two seconds fall on whole seconds, so that no spelling of a moment makes two of them one.
    """
    with served(probe, test, whose) as (host, pod):
        asked = host.asked(*case, samples=3)
        before, table, after = (
            ask(probe, test, host.workload, asked, pod=pod, accept=accept, also=frozenset({406}))
            for accept in (None, metrics_csv.CSV, None)
        )
        settled = before.status == after.status == 200 and before.body() == after.body()
        series = metrics.series_of(before.body()) if settled else None
        probe.verify(before, table.with_deviations(*metrics_refusal.csv(asked, table, series)), after)


@cases(*metrics_refusal.MALFORMED.items())
def test_malformed(probe: Probe, test: str, whose: str, case: metrics_refusal.Change) -> None:
    """One parameter of a valid question is missing or not what its schema says."""
    with served(probe, test, whose, running=False) as (host, pod):
        path = {"workloadId": host.workload.id} | ({"podId": pod} if pod else {})
        query = case(dict(host.asked(*TYPES, samples=5).query))
        request = Request("pod_metrics" if pod else "metrics", path=path, query=tuple(query.items()))
        probe.verify(probe.send(request, test=test, setup=(host.workload.created,)))


@cases(("unknown-workload", None))
def test_unknown_workload(probe: Probe, test: str, whose: str, case: None) -> None:
    end = datetime.now(UTC).replace(microsecond=0)
    path = {"workloadId": str(uuid.uuid4())} | ({"podId": str(uuid.uuid4())} if whose == "pod" else {})
    query = Asked(TYPES, end - timedelta(minutes=1), end).query
    request = Request("pod_metrics" if whose == "pod" else "metrics", path=path, query=query)
    probe.verify(probe.send(request, test=test, expectation=metrics_refusal.UNKNOWN_WORKLOAD))


@pytest.mark.parametrize("case", [pytest.param(None, id="pod/unknown-pod")])
def test_unknown_pod(probe: Probe, test: str, case: None) -> None:
    with served(probe, test, "workload", running=False) as (host, _):
        stranger = str(uuid.uuid4())
        exchange = ask(probe, test, host.workload, host.asked(), pod=stranger, expectation=OPEN)
        probe.verify(exchange.with_deviations(*metrics_refusal.stranger(exchange, "unknown-pod")))


@pytest.mark.parametrize("case", [pytest.param(None, id="workload/not-ready")])
def test_not_ready(probe: Probe, test: str, case: None) -> None:
    """Right after its creation a workload has no metrics, or none yet; it may say so in any documented way."""
    with probe.workload(test) as workload:
        end = datetime.now(UTC).replace(microsecond=0)
        asked = Asked(TYPES, end - timedelta(minutes=1), end, 5)
        probe.verify(judged(asked, ask(probe, test, workload, asked, expectation=OPEN)))
