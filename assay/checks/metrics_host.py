"""A workload that has served for a while: only its metrics can be judged by what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from assay.checks.echo import moment, server_time
from assay.checks.exchange import Exchange
from assay.checks.metrics import TYPES, Asked, count_of, series_of
from assay.checks.shared_fixture import SharedFixture
from assay.checks.target import PLAIN_SPEC, LiveWorkload, TargetUnderTest
from assay.client.exchange import Answer
from assay.client.preflight.readiness import ENDED, READY_WITHIN, is_running
from assay.clock import Clock
from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind
from assay.contract.request import Expectation, Json, Outcome
from assay.polling import look_until

_POLL: Final = 0.4
# Seconds of the past that are asked for; with whole seconds the shortest range that has a middle.
SPAN: Final = 2
# What is not ready yet may be refused in any sensible way; nothing of it is judged here.
OPEN: Final = Expectation(Outcome.OPEN)


@dataclass(frozen=True, slots=True)
class Measured:
    """A workload and a stretch of its past. ``problem`` says why there is no such past (None: there is).

    ``start`` and ``end`` are whole seconds of the server's clock in which it served. ``pods`` are the ids of its
    pods, None when the target has no list of them.
    """

    workload: LiveWorkload
    start: datetime
    end: datetime
    pods: tuple[str, ...] | None
    problem: str | None

    @property
    def created(self) -> datetime:
        """``createdAt``; ``start`` where the answer to the creation does not tell it."""
        return moment(self.workload.told.get("createdAt")) or self.start

    def asked(self, *types: str, samples: int | None = None) -> Asked:
        """A question about this past."""
        return Asked(types or TYPES, self.start, self.end, samples)


@contextmanager
def measured(target: TargetUnderTest, test: str) -> Iterator[Measured]:
    """A workload that serves, or one that did not come to it in time (``problem``)."""
    image = target.session.settings.image
    with target.workload(test, {**PLAIN_SPEC, "image": image} if image else None) as workload:
        clock = _ServerClock(workload, target.session.there)
        problem = target.state.unready or _wait(target, test, workload, clock)
        target.state.waited_for_metrics(problem)
        serving = clock.now()
        start = (serving + timedelta(seconds=1)).replace(microsecond=0)
        if problem is None:
            target.clock.sleep(SPAN + 1)  # until ``end`` is past, wherever in its second the last read fell
        pods = _pods(target, workload)
        target.state.found.served(workload.id, start, pods or ())
        yield Measured(workload, start, start + timedelta(seconds=SPAN), pods, problem)


SHARED: Final = SharedFixture(measured)
"""One such workload for all tests."""

SECOND: Final = SharedFixture(measured)
"""Another one, whose pods are not the first one's."""


class _ServerClock:
    """The server's clock between two answers. Its Date header is whole seconds, and of some servers a second old;
    ``createdAt`` is often finer, and is used where the two agree."""

    _AGREE: Final = 3.0  # seconds

    def __init__(self, workload: LiveWorkload, clock: Clock) -> None:
        self._clock = clock
        self._offset = -clock.monotonic() + _date(workload.created, clock).timestamp()
        created = moment(workload.told.get("createdAt"))
        if created is not None:
            finer = created.timestamp() - clock.monotonic()
            if abs(finer - self._offset) < self._AGREE:
                self._offset = max(self._offset, finer)

    def read(self, exchange: Exchange) -> None:
        """Take in one more answer; a clock that was read late is never ahead, so the later reading holds."""
        self._offset = max(self._offset, _date(exchange, self._clock).timestamp() - self._clock.monotonic())

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._offset + self._clock.monotonic(), UTC)


def _date(exchange: Exchange, clock: Clock) -> datetime:
    return server_time(exchange.answer if isinstance(exchange.answer, Answer) else Answer(0), clock)


def _wait(target: TargetUnderTest, test: str, workload: LiveWorkload, clock: _ServerClock) -> str | None:
    """Wait until the workload serves; why it does not, or None."""
    patience = READY_WITHIN.get(target.profile, READY_WITHIN["gate"])
    read = target.contract.reading.request(workload=workload.id)
    phase: Json = None

    def serves() -> bool:
        nonlocal phase
        exchange = target.send(read, test=test, expectation=OPEN, setup=(workload.created,))
        phase = exchange.object().get("actualPhase")
        clock.read(exchange)
        has_phase = phase is not None
        may_serve = phase is None or is_running(phase)
        return may_serve and _has_metrics(target, test, workload, clock.now(), has_phase=has_phase)

    looked = look_until(
        serves, lambda served: served or phase in ENDED, within=patience, every=_POLL, clock=target.clock
    )
    return None if looked else _problem(phase, patience)


def _problem(phase: Json, patience: float) -> str:
    if is_running(phase):
        return f"the workload is Running, but after {patience:g} s its metrics are still not found (404)"
    word = phase if isinstance(phase, str) else "without a phase"
    return f"the workload was not Running within {patience:g} s (last seen {word}); set an image that runs"


def _has_metrics(
    target: TargetUnderTest, test: str, workload: LiveWorkload, now: datetime, *, has_phase: bool
) -> bool:
    """Whether metrics can be asked for. What collects them may lag behind the phase; without a phase only
    samples show that the workload serves."""
    exchange = ask(target, test, workload, Asked(TYPES, now - timedelta(minutes=1), now), expectation=OPEN)
    return exchange.status != 404 if has_phase else count_of(series_of(exchange.body())) > 0


def _pods(target: TargetUnderTest, workload: LiveWorkload) -> tuple[str, ...] | None:
    """Ids of the workload's pods, running ones first."""
    listed = target.session.pods(workload.id)
    if listed is None:
        return None
    running_first = sorted(listed, key=lambda pod: pod.get("k8sPhase") != "Running")
    return tuple(pod["id"] for pod in running_first if isinstance(pod.get("id"), str))


def measuring(contract: Contract, *, of_pod: bool) -> Operation:
    """The operation that measures a workload, or one of its pods."""
    return next(each for each in contract.of_kind(Kind.MEASURE) if ("pod" in each.needs.values()) is of_pod)


def ask(
    target: TargetUnderTest,
    test: str,
    workload: LiveWorkload,
    asked: Asked,
    *,
    pod: str | None = None,
    expectation: Expectation | None = None,
    also: frozenset[int] = frozenset(),
    accept: str | None = None,
) -> Exchange:
    """Send one metrics question for a workload, or for one of its pods; judge all but what the answer holds."""
    request = measuring(target.contract, of_pod=pod is not None).request(
        query=asked.query,
        headers=(("Accept", accept),) if accept else (),
        workload=workload.id,
        pod=pod or "",
    )
    return target.send(request, test=test, expectation=expectation, also=also, setup=(workload.created,))
