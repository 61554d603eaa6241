"""Waits for what an accepted request has promised: the document answers creations and updates with 202, accepted.

A target may show an update a while after it has accepted it, so an answer that does not hold it yet is not judged;
the reads that follow are. How long it is worth waiting is learned: a target that loses updates would otherwise cost a
wait for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from assay.checks.echo import spec_echo
from assay.checks.exchange import Deviation, Exchange
from assay.checks.sender import POLL_SECONDS
from assay.checks.target import TargetUnderTest
from assay.contract.request import Expectation, Json, Outcome
from assay.polling import look_until

_ACCEPT: Final = Expectation(Outcome.ACCEPT)


def until(
    target: TargetUnderTest,
    test: str,
    workload_id: str,
    done: Callable[[Mapping[str, Json]], bool],
    setup: tuple[Exchange, ...] = (),
) -> Exchange:
    """Read a workload until ``done`` says so of the answer, or patience is over; the last read is what counts."""
    learned, clock = target.state.updates, target.clock
    request = target.contract.reading.request(workload=workload_id)
    began = clock.monotonic()
    last = look_until(
        lambda: target.send(request, test=test, expectation=_ACCEPT, setup=setup),
        lambda exchange: not exchange.accepted or done(exchange.object()),
        within=learned.patience,
        # Where updates show late, one read more is enough as a rule.
        every=(max(learned.longest, POLL_SECONDS), POLL_SECONDS),
        clock=clock,
    )
    if last.accepted:
        learned.note(clock.monotonic() - began, in_vain=not done(last.object()))
    return last


def after_update(
    target: TargetUnderTest, exchange: Exchange, workload_id: str
) -> tuple[Exchange, Mapping[str, Json] | None]:
    """Judge by what an accepted update is shown: by its own answer, or by a read when that does not hold it yet.

    Returns the update with its deviations, and the spec that is stored now (None: not shown).
    """
    sent = exchange.request.body
    spec = sent.get("spec") if isinstance(sent, Mapping) else None
    seen = exchange
    if exchange.accepted and [*_lacks(spec, exchange.object())]:
        before = (*exchange.setup, exchange)
        seen = until(target, exchange.test, workload_id, lambda body: not [*_lacks(spec, body)], before)
    stored = seen.object().get("spec")
    judged = (
        exchange.with_deviations(*seen.deviations, *_lacks(spec, seen.object())) if seen is not exchange else exchange
    )
    return judged, stored if isinstance(stored, Mapping) else None


def _lacks(spec: Json, body: Mapping[str, Json]) -> Iterator[Deviation]:
    return spec_echo(spec, body, "update")
