"""Waits for what an accepted request has promised: the document answers creations and updates with 202, accepted.

A target may show an update a while after it has accepted it, so an answer that does not hold it yet is not judged;
the reads that follow are. How long it is worth waiting is learned: a target that loses updates would otherwise cost a
wait for each of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from assay.checks.created import spec_echo
from assay.checks.deviation import Deviation
from assay.checks.exchange import Exchange
from assay.contract.request import Expectation, Json, Outcome, Request

if TYPE_CHECKING:
    from assay.checks.probe import Probe

# An update is documented as 202: it may take a while to show. Controllers reconcile in seconds.
SETTLE_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.2
# After so many waits in vain a wait is cut to a few times the longest that was worth it.
_IN_VAIN: Final = 3
_MARGIN: Final = 3.0
_LEAST_SECONDS: Final = 0.5

_ACCEPT: Final = Expectation(Outcome.ACCEPT)
_OPEN: Final = Expectation(Outcome.OPEN)
_LOCK: Final = threading.Lock()


class _Learned:
    """What one target has taught about waiting."""

    def __init__(self) -> None:
        self.in_vain = 0
        self.longest = 0.0

    @property
    def patience(self) -> float:
        if self.in_vain < _IN_VAIN:
            return SETTLE_SECONDS
        return min(SETTLE_SECONDS, max(_LEAST_SECONDS, _MARGIN * self.longest))


_LEARNED: Final[WeakKeyDictionary[Probe, _Learned]] = WeakKeyDictionary()


def until(
    probe: Probe,
    test: str,
    workload_id: str,
    done: Callable[[Mapping[str, Json]], bool],
    setup: tuple[Exchange, ...] = (),
) -> Exchange:
    """Read a workload until ``done`` says so of the answer, or patience is over; the last read is what counts."""
    with _LOCK:
        learned = _LEARNED.setdefault(probe, _Learned())
    began = time.monotonic()
    pause = max(learned.longest, _POLL_SECONDS)  # where updates show late, one read more is enough as a rule
    while True:
        request = Request("read", {"workloadId": workload_id})
        exchange = probe.send(request, test=test, expectation=_ACCEPT, setup=setup)
        waited = time.monotonic() - began
        if not exchange.accepted:
            return exchange
        if done(exchange.object()):
            with _LOCK:
                learned.longest = max(learned.longest, waited)
            return exchange
        if waited > learned.patience:
            with _LOCK:
                learned.in_vain += 1
            return exchange
        time.sleep(pause)
        pause = _POLL_SECONDS


def after_update(probe: Probe, exchange: Exchange, workload_id: str) -> tuple[Exchange, Mapping[str, Json] | None]:
    """Judge by what an accepted update is shown: by its own answer, or by a read when that does not hold it yet.

    Returns the update with its deviations, and the spec that is stored now (None: not told).
    """
    sent = exchange.request.body
    spec = sent.get("spec") if isinstance(sent, Mapping) else None
    told = exchange
    if exchange.accepted and [*_lacks(spec, exchange.object())]:
        before = (*exchange.setup, exchange)
        told = until(probe, exchange.test, workload_id, lambda body: not [*_lacks(spec, body)], before)
    stored = told.object().get("spec")
    judged = (
        exchange.with_deviations(*told.deviations, *_lacks(spec, told.object())) if told is not exchange else exchange
    )
    return judged, stored if isinstance(stored, Mapping) else None


def _lacks(spec: Json, body: Mapping[str, Json]) -> Iterator[Deviation]:
    return spec_echo(spec, body, "update")


class Visibility:
    """Waits for created workloads, where a target shows them a while after its 202. Safe to use from several threads.

    The first creation of a run teaches whether there is anything to wait for, and about how long.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lag: float | None = None  # seconds; 0: nothing to wait for

    def wait(self, probe: Probe, creation: Exchange, workload_id: str | None) -> None:
        """Wait until the workload can be read; at most SETTLE_SECONDS, after which its tests will tell."""
        if workload_id is None or self._lag == 0:
            return
        if self._lag is None:
            with self._lock:
                if self._lag is None:
                    self._lag = _first_sight(probe, creation, workload_id) or 0.0
                    return
        if self._lag:
            time.sleep(self._lag)  # one read is enough then, as a rule
            _first_sight(probe, creation, workload_id)


def _first_sight(probe: Probe, creation: Exchange, workload_id: str) -> float | None:
    """Seconds until the workload was seen; None when it was not seen at all."""
    began = time.monotonic()
    request = Request("read", {"workloadId": workload_id})
    met_404 = False
    while True:
        exchange = probe.send(request, test=creation.test, expectation=_OPEN, setup=(creation,))
        waited = time.monotonic() - began
        if exchange.accepted:
            return waited if met_404 else 0.0
        if exchange.status != 404 or waited > SETTLE_SECONDS:
            return None
        met_404 = True
        time.sleep(_POLL_SECONDS)
