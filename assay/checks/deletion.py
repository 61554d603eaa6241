"""Scenarios of a workload's end: deletion takes effect, touches nobody else, and is never undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from assay.checks import claims
from assay.checks.exchange import Deviation, Exchange, gap, violation
from assay.checks.lifecycle import DELETING, read, same_metadata
from assay.checks.resources import known_ids, plain_request
from assay.checks.run_state import LONGEST_WAIT
from assay.checks.sender import POLL_SECONDS
from assay.checks.target import PLAIN_SPEC, LiveWorkload, TargetUnderTest
from assay.contract.documents import Operation
from assay.contract.operations import Kind
from assay.contract.request import Expectation, Json, Outcome
from assay.polling import growing, look_until

_ACCEPT: Final = Expectation(Outcome.ACCEPT)
_OPEN: Final = Expectation(Outcome.OPEN)
_LONGEST_PAUSE: Final = 2.0  # seconds between two looks at a deletion that takes its time


def delete_and_wait(
    target: TargetUnderTest, test: str, workload: LiveWorkload, *, second: bool = False
) -> list[Exchange]:
    """Delete and follow the workload until it is gone or in a documented deleted state; judge every step.

    ``second``: it was asked for before, so that 404 is as good an answer.
    """
    deletion = target.contract.deletion
    deleted = target.send(
        deletion.request(workload=workload.id),
        test=test,
        expectation=_ACCEPT,
        also=frozenset(deletion.row.gone) if second else frozenset(),
        setup=(workload.created,),
    )
    if not deleted.accepted and deleted.status not in deletion.row.gone:
        return [deleted]
    return [deleted, await_deletion(target, test, workload, deleted)]


def await_deletion(target: TargetUnderTest, test: str, workload: LiveWorkload, *done: Exchange) -> Exchange:
    """Follow a workload whose deletion was accepted (``done``) until it is gone or in a documented deleted state.

    The last read is what counts; it deviates when the deletion has not taken effect by the deadline.
    """
    last = look_until(
        lambda: read(target, test, workload, also=_gone(target), setup=(workload.created, *done)),
        lambda exchange: not exchange.accepted or is_deleted(exchange.object()),
        within=target.session.settings.delete_deadline,
        every=growing(POLL_SECONDS, _LONGEST_PAUSE),
        clock=target.clock,
    )
    lives = last.accepted and not is_deleted(last.object())
    return last.with_deviations(_never_gone(target)) if lives else last


def finished(target: TargetUnderTest, test: str, workload: LiveWorkload, *done: Exchange) -> Exchange:
    """Follow a workload that says of itself that it is being deleted until it is gone, or a record of a deleted one.

    The document does not say how long that may take: what is still under way at the deadline is told, as a gap.
    """
    last = look_until(
        lambda: read(target, test, workload, also=_gone(target), setup=(workload.created, *done)),
        lambda exchange: not exchange.accepted or not _is_leaving(exchange.object()),
        within=target.session.settings.delete_deadline,
        every=growing(POLL_SECONDS, _LONGEST_PAUSE),
        clock=target.clock,
    )
    if not last.accepted or not _is_leaving(last.object()):
        return last
    waited = target.session.settings.delete_deadline
    return last.with_deviations(
        gap(
            "delete-finishes",
            "/response/body/actualPhase",
            f"{waited:.0f} s after its deletion was accepted a workload still says that it is being deleted",
            "Until it is gone (404), or a record that says so (deletedAt, and no phase of leaving), it keeps what it "
            "holds of the cluster. If the target is merely slow, allow for more with --delete-deadline.",
            claims=claims.ENDED,
        )
    )


def _is_leaving(body: Mapping[str, Json]) -> bool:
    return body.get("actualPhase") in DELETING or not (
        body.get("deletedAt") is not None or body.get("desiredPhase") == "Deleted"
    )


def _gone(target: TargetUnderTest) -> frozenset[int]:
    """What a read of a deleted workload may answer."""
    return frozenset(target.contract.reading.row.gone)


def _never_gone(target: TargetUnderTest) -> Deviation:
    return violation(
        "delete-takes-effect",
        "/response/body",
        "a workload whose deletion was accepted is still there and does not even say that it is being deleted",
        f"Waited {target.session.settings.delete_deadline:.0f} s for 404, deletedAt, or a desired phase Deleted.",
        claims=(claims.GONE,),
    )


def is_deleted(body: Mapping[str, Json]) -> bool:
    return (
        body.get("desiredPhase") == "Deleted"
        or body.get("deletedAt") is not None
        or body.get("actualPhase") in DELETING
    )


def deletion(target: TargetUnderTest, test: str) -> None:
    """Deletion takes effect, at once or later, and touches nobody else; what is deleted stays deleted."""
    with target.several(2), target.workload(test) as neighbour, target.workload(test) as workload:
        # Whoever does it again needs the other one, too: the wrong one may go.
        steps = [
            replace(step, setup=(neighbour.created, *step.setup)) for step in delete_and_wait(target, test, workload)
        ]
        again = target.send(
            target.contract.deletion.request(workload=workload.id),
            test=test,
            expectation=_OPEN,
            setup=(workload.created, steps[0]),
        )
        before = (neighbour.created, workload.created, steps[0])
        beside = read(target, test, neighbour, setup=before)
        beside = same_metadata(neighbour.told, beside, "neighbour-delete")
        target.verify(*steps, again, _still_lives(beside))
        if steps[0].accepted and is_deleted(steps[-1].object()):
            target.verify(finished(target, test, workload, *steps))


def _still_lives(exchange: Exchange) -> Exchange:
    if exchange.accepted and not is_deleted(exchange.object()):
        return exchange
    return exchange.with_deviations(
        violation(
            "delete-neighbour",
            "/response/body",
            "deleting one workload has deleted another one",
            "A deletion names one workload.",
            claims=(claims.ALIVE,),
        )
    )


def after_deletion(target: TargetUnderTest, test: str, operation: Operation) -> None:
    """Once a deleted workload answers 404, every operation on it does, and it never comes back."""
    with target.workload(test, {**PLAIN_SPEC, "command": "serve"}) as workload:
        ids = known_ids(target, test, operation, workload.id, patience=0.0)
        steps = delete_and_wait(target, test, workload)
        target.verify(*steps)
        gone = _await_404(target, test, workload, steps[0])
        if gone is None:
            return  # kept as a record of a deleted workload: lawful, and nothing more is promised
        request = plain_request(operation, ids, target.now(), {"command": "other"})
        exchange = target.send(request, test=test, expectation=_OPEN, setup=gone)
        target.clock.sleep(POLL_SECONDS)  # what comes back need not come back at once
        back = read(target, test, workload, expectation=_OPEN, setup=(*gone, exchange))
        target.verify(_refused_when_gone(exchange, operation), _refused_when_gone(back, target.contract.reading))


def _await_404(
    target: TargetUnderTest, test: str, workload: LiveWorkload, deleted: Exchange
) -> tuple[Exchange, ...] | None:
    def look() -> Exchange:
        exchange = read(target, test, workload, also=_gone(target), setup=(workload.created, deleted))
        if exchange.accepted and not is_deleted(exchange.object()):
            target.verify(exchange.with_deviations(_alive_again()))
        return exchange

    last = look_until(
        look,
        lambda exchange: exchange.status == 404,
        within=min(LONGEST_WAIT, target.session.settings.delete_deadline),
        every=growing(POLL_SECONDS, LONGEST_WAIT),
        clock=target.clock,
    )
    return (workload.created, deleted, last) if last.status == 404 else None


def _alive_again() -> Deviation:
    return violation(
        "use-after-delete",
        "/response/body",
        "a workload that was being deleted is shown as if nobody had deleted it",
        "What is deleted stays deleted: it was gone, or said so of itself, before.",
        claims=(claims.GONE,),
    )


def _refused_when_gone(exchange: Exchange, operation: Operation) -> Exchange:
    if operation.kind is Kind.UPDATE and exchange.status == 400:
        return exchange.with_deviations(_missing_answered_as_mistake())
    # Metrics of what once ran may outlive it, and a deletion may be answered as often as it is asked for.
    if not exchange.accepted or operation.kind in {Kind.MEASURE, Kind.DELETE}:
        return exchange
    return exchange.with_deviations(
        violation(
            "use-after-delete",
            "/response/status",
            f"{operation.name} works on a workload that was gone (404) already",
            "What is deleted stays deleted: the specified resource was not found.",
            claims=(claims.REFUSED,),
        )
    )


def _missing_answered_as_mistake() -> Deviation:
    """400 is not documented for an update, and 404 is; a gap, as every sensible refusal that is not listed."""
    return gap(
        "missing-answered-400",
        "/response/status",
        "a valid update of a workload that is gone is answered as a mistake of the client (400), not with 404",
        "The operation documents 404 for what was not found, and no 400: nothing is wrong with the request.",
        claims=(claims.status("404|410", "404"),),
    )
