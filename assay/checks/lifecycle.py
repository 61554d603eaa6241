"""Scenarios of a workload's life: each drives one workload (or two) through a few steps and judges every answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from assay.checks import echo, settling
from assay.checks.created import moment, spec_echo
from assay.checks.deviation import Deviation
from assay.checks.exchange import Exchange
from assay.checks.probe import Probe, Workload
from assay.contract.request import Expectation, Json, Outcome, Request
from assay.findings.model import Class

META: Final = ("name", "requestedName", "workloadId", "projectId", "clusterId", "createdBy", "createdAt")
"""Metadata that nothing but the creation decides."""

_DELETING: Final = frozenset({"Deleting", "Terminating"})
_ACCEPT: Final = Expectation(Outcome.ACCEPT)
_GONE: Final = frozenset({404, 409, 410})

_POLL_SECONDS: Final = 0.2


def read(probe: Probe, test: str, workload: Workload, **options: Any) -> Exchange:
    """Read a workload that exists."""
    request = Request("read", {"workloadId": workload.id})
    options.setdefault("expectation", _ACCEPT)
    options.setdefault("setup", (workload.created,))
    return probe.send(request, test=test, **options)


def patch(probe: Probe, test: str, workload: Workload, spec: Mapping[str, Json]) -> Exchange:
    """Update a workload; the oracle states the expectation against the spec it was created with."""
    request = Request("update", {"workloadId": workload.id}, body={"spec": dict(spec)})
    return probe.send(request, test=test, before=workload.spec, setup=(workload.created,))


def violation(check: str, location: str, summary: str, why: str) -> Deviation:
    return Deviation(Class.VIOLATION, check, None, location, summary, why)


def same_metadata(before: Mapping[str, Json], exchange: Exchange, step: str) -> Exchange:
    """Judge that an answer tells the same metadata as ``before``; an error tells none."""
    if not exchange.accepted:
        return exchange
    now = exchange.object()
    changed = [key for key in META if key in before and not _same(key, before[key], now.get(key))]
    return exchange.with_deviations(
        *(
            violation(
                f"{step}-metadata",
                f"/response/body/{key}",
                f"{key} after {step} is not what the creation answered",
                "Only the creation decides a workload's names, ids, creator and creation time.",
            )
            for key in changed
        )
    )


def _same(key: str, one: Json, two: Json) -> bool:
    if key == "createdAt":
        first, second = moment(one), moment(two)
        # Some stores keep whole seconds or microseconds: what is told later may be rounded.
        return first is not None and second is not None and abs((first - second).total_seconds()) <= 1.0
    return bool(one == two)


def read_your_writes(probe: Probe, test: str, spec: Mapping[str, Json]) -> None:
    """What a creation answered is what a read tells, at once and again."""
    with probe.workload(test, spec) as workload:
        for _ in range(2):
            exchange = read(probe, test, workload)
            exchange = same_metadata(workload.created.object(), exchange, "read")
            probe.verify(_told(exchange, workload.spec, "read"))


def _told(exchange: Exchange, spec: Mapping[str, Json], step: str) -> Exchange:
    """Judge that an answer holds ``spec``; a read that leaves the spec out hides what is stored."""
    body = exchange.object()
    if exchange.accepted and not isinstance(body.get("spec"), Mapping):
        return exchange.with_deviations(
            violation(
                f"{step}-echo", "/response/body/spec", f"{step} does not tell the spec", "Retrieve inference details."
            )
        )
    return exchange.with_deviations(*spec_echo(spec, body, step)) if exchange.accepted else exchange


def update_is_stored(
    probe: Probe, test: str, before: Mapping[str, Json], change: Mapping[str, Json], *, twice: bool = True
) -> None:
    """An update changes what it names and nothing else, is really stored, and may be repeated."""
    with probe.workload(test, before) as workload:
        sent: tuple[Exchange, ...] = ()
        for step in ("update", "repeated-update")[: 2 if twice else 1]:
            answered = patch(probe, test, workload, change)
            probe.verify(same_metadata(workload.created.object(), answered, step) if answered.accepted else answered)
            if not answered.accepted:
                return
            sent = (*sent, answered)
            final = settled(
                probe, test, workload, lambda body: not list(echo.differences(change, body.get("spec"))), after=sent
            )
            if not final.accepted:
                probe.verify(final)
                return
            final = same_metadata(workload.created.object(), final, step)
            final = final.with_deviations(
                *(_not_stored(pointer, step) for pointer in echo.differences(change, final.object().get("spec"))),
                *_bystanders(before, final, change, step),
            )
            probe.verify(final)


def _not_stored(pointer: str, step: str) -> Deviation:
    return violation(
        f"{step}-stored",
        f"/response/body{pointer}",
        f"{pointer} is not stored by an accepted {step}",
        "Update the specification of an existing inference workload: what was accepted must be readable.",
    )


def _bystanders(
    before: Mapping[str, Json], final: Exchange, change: Mapping[str, Json], step: str
) -> Iterator[Deviation]:
    """Top-level fields that the update does not name must stay; inside a named section the document is silent."""
    after = final.object().get("spec")
    if not isinstance(after, Mapping):
        return
    untouched = {name: value for name, value in before.items() if name not in change}
    for pointer in echo.differences(untouched, after):
        yield violation(
            f"{step}-bystander",
            f"/response/body{pointer}",
            f"{pointer} is lost or changed by an update that does not name it",
            "An update changes what it names and nothing else.",
        )


def settled(
    probe: Probe,
    test: str,
    workload: Workload,
    done: Callable[[Mapping[str, Json]], bool],
    *,
    after: tuple[Exchange, ...],
) -> Exchange:
    """Read until ``done`` or until it is not worth waiting any longer; the last read is what counts.

    ``after``: what was done to the workload since its creation, for whoever wants to see it again.
    """
    return settling.until(probe, test, workload.id, done, (workload.created, *after))


def refused_update_changes_nothing(
    probe: Probe, test: str, before: Mapping[str, Json], bad: Mapping[str, Json]
) -> None:
    """A refused update leaves the workload as it was, the lawful parts of the request included."""
    with probe.workload(test, before) as workload:
        original = read(probe, test, workload)
        refused = patch(probe, test, workload, bad)
        probe.verify(refused)
        now = read(probe, test, workload, setup=(workload.created, refused))
        now = same_metadata(original.object(), now, "refused-update")
        spec = original.object().get("spec")
        changed = list(echo.differences(spec, now.object().get("spec"))) if isinstance(spec, Mapping) else []
        added = list(echo.differences(now.object().get("spec"), spec)) if isinstance(spec, Mapping) else []
        probe.verify(
            now.with_deviations(
                *(
                    violation(
                        "refused-update-changed",
                        f"/response/body{pointer}",
                        f"an update that was refused has changed {pointer}",
                        "A refused request has no effect.",
                    )
                    for pointer in dict.fromkeys([*changed, *added])
                )
            )
        )


def refused_create_leaves_nothing(probe: Probe, test: str, body: Mapping[str, Json]) -> None:
    """A refused creation leaves no workload behind (needs the target's list of workloads)."""
    with probe.creating(Request("create", body=dict(body)), test=test) as refused:
        probe.verify(refused)
        found = probe.session.find_by_name(str(body["name"]))
    if found is None:
        probe.not_tested(test, "the target has no list of workloads to look in")
        return
    if found:
        probe.verify(
            refused.with_deviations(
                violation(
                    "refused-create-stored",
                    "/response/status",
                    "a creation that was refused has left a workload behind",
                    "A refused request has no effect; nobody would ever delete this workload.",
                )
            )
        )


def delete_and_wait(probe: Probe, test: str, workload: Workload, *, second: bool = False) -> list[Exchange]:
    """Delete and follow the workload until it is gone or in a documented deleted state; judge every step.

    ``second``: it was asked for before, so that 404 is as good an answer.
    """
    deleted = probe.send(
        Request("delete", {"workloadId": workload.id}),
        test=test,
        expectation=_ACCEPT,
        also=_GONE if second else frozenset(),
        setup=(workload.created,),
    )
    if not deleted.accepted and deleted.status not in _GONE:
        return [deleted]
    return [deleted, await_deletion(probe, test, workload, deleted)]


def await_deletion(probe: Probe, test: str, workload: Workload, *done: Exchange) -> Exchange:
    """Follow a workload whose deletion was accepted (``done``) until it is gone or in a documented deleted state.

    The last read is what counts; it deviates when the deletion has not taken effect by the deadline.
    """
    deadline = time.monotonic() + probe.session.settings.delete_deadline
    pause = _POLL_SECONDS
    while True:
        exchange = read(probe, test, workload, also=frozenset({404, 410}), setup=(workload.created, *done))
        gone = exchange.status in {404, 410}
        if gone or _is_deleted(exchange.object()) or not exchange.accepted:
            return exchange
        if time.monotonic() > deadline:
            return exchange.with_deviations(_never_gone(probe))
        time.sleep(pause)
        pause = min(pause * 1.5, 2.0)


def _never_gone(probe: Probe) -> Deviation:
    return violation(
        "delete-takes-effect",
        "/response/body",
        "a workload whose deletion was accepted is still there and does not even say that it is being deleted",
        f"Waited {probe.session.settings.delete_deadline:.0f} s for 404, deletedAt, or a desired phase Deleted.",
    )


def _is_deleted(body: Mapping[str, Json]) -> bool:
    return (
        body.get("desiredPhase") == "Deleted"
        or body.get("deletedAt") is not None
        or body.get("actualPhase") in _DELETING
    )


def deletion(probe: Probe, test: str) -> None:
    """Deletion takes effect, at once or later, and touches nobody else; what is deleted stays deleted."""
    with probe.several(2), probe.workload(test) as neighbour, probe.workload(test) as workload:
        steps = delete_and_wait(probe, test, workload)
        again = probe.send(
            Request("delete", {"workloadId": workload.id}),
            test=test,
            expectation=Expectation(Outcome.OPEN),
            setup=(workload.created, steps[0]),
        )
        before = (neighbour.created, workload.created, steps[0])
        beside = read(probe, test, neighbour, setup=before)
        beside = same_metadata(neighbour.created.object(), beside, "neighbour-delete")
        probe.verify(*steps, again, _still_lives(beside))


def _still_lives(exchange: Exchange) -> Exchange:
    if exchange.accepted and not _is_deleted(exchange.object()):
        return exchange
    return exchange.with_deviations(
        violation(
            "delete-neighbour",
            "/response/body",
            "deleting one workload has deleted another one",
            "A deletion names one workload.",
        )
    )


def after_deletion(probe: Probe, test: str, role: str) -> None:
    """Once a deleted workload answers 404, every operation on it does, and it never comes back."""
    with probe.workload(test, {"image": "registry.example/echo:1.0", "command": "serve"}) as workload:
        steps = delete_and_wait(probe, test, workload)
        probe.verify(*steps)
        gone = _await_404(probe, test, workload, steps[0])
        if gone is None:
            return  # kept as a record of a deleted workload: lawful, and nothing more is promised
        exchange = probe.send(_on_deleted(role, workload), test=test, expectation=_refusal(), setup=gone)
        time.sleep(_POLL_SECONDS)  # what comes back need not come back at once
        back = read(probe, test, workload, expectation=_refusal(), setup=(*gone, exchange))
        probe.verify(_refused_when_gone(exchange, role), _refused_when_gone(back, "read"))


def _await_404(probe: Probe, test: str, workload: Workload, deleted: Exchange) -> tuple[Exchange, ...] | None:
    deadline = time.monotonic() + min(settling.SETTLE_SECONDS, probe.session.settings.delete_deadline)
    pause = _POLL_SECONDS
    while time.monotonic() < deadline:
        exchange = read(probe, test, workload, also=frozenset({404, 410}), setup=(workload.created, deleted))
        if exchange.status == 404:
            return (workload.created, deleted, exchange)
        if exchange.accepted and not _is_deleted(exchange.object()):
            probe.verify(exchange.with_deviations(_alive_again()))
        time.sleep(pause)
        pause *= 1.5
    return None


def _alive_again() -> Deviation:
    return violation(
        "use-after-delete",
        "/response/body",
        "a workload that was being deleted is told as if nobody had deleted it",
        "What is deleted stays deleted: it was gone, or said so of itself, before.",
    )


def _refusal() -> Expectation:
    return Expectation(Outcome.OPEN)


def _on_deleted(role: str, workload: Workload) -> Request:
    path = {"workloadId": workload.id}
    if role == "update":
        return Request(role, path, body={"spec": {"command": "other"}})
    if role in {"metrics", "pod_metrics"}:
        query = (("metricType", "LATENCY"), ("start", "2026-01-01T00:00:00Z"), ("end", "2026-01-01T01:00:00Z"))
        return Request(role, {**path, **({"podId": workload.id} if role == "pod_metrics" else {})}, query)
    return Request(role, path)


def _refused_when_gone(exchange: Exchange, role: str) -> Exchange:
    if role == "update" and exchange.status == 400:
        return exchange.with_deviations(_missing_told_as_mistake())
    # Metrics of what once ran may outlive it, and a deletion may be answered as often as it is asked for.
    if not exchange.accepted or role in {"metrics", "pod_metrics", "delete"}:
        return exchange
    return exchange.with_deviations(
        violation(
            "use-after-delete",
            "/response/status",
            f"{role} works on a workload that was gone (404) already",
            "What is deleted stays deleted: the specified resource was not found.",
        )
    )


def _missing_told_as_mistake() -> Deviation:
    """400 is not documented for an update, and 404 is; a gap, as every sensible refusal that is not listed."""
    return Deviation(
        Class.GAP,
        "missing-answered-400",
        None,
        "/response/status",
        "a valid update of a workload that is gone is answered as a mistake of the client (400), not with 404",
        "The operation documents 404 for what was not found, and no 400: nothing is wrong with the request.",
    )
