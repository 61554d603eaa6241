"""Scenarios of a workload's life: each drives one workload (or two) through a few steps and judges every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from assay.checks import claims, echo, settling
from assay.checks.echo import moment, spec_echo
from assay.checks.exchange import Deviation, Exchange, gap, violation
from assay.checks.target import LiveWorkload, TargetUnderTest
from assay.contract.request import Expectation, Json, Outcome
from assay.polling import wait_until

META: Final = ("name", "requestedName", "workloadId", "projectId", "clusterId", "createdBy", "createdAt")
"""Metadata that nothing but the creation decides."""

_ACCEPT: Final = Expectation(Outcome.ACCEPT)

# The embedded control plane has a workload Running after 0.8 s; real ones take minutes and show two or three phases
# in this time. Longer would cost a gate more than it finds.
_WATCH_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.3
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
DELETING: Final = frozenset({"Deleting", "Terminating"})
"""Phases of a workload that is being deleted."""


def read(target: TargetUnderTest, test: str, workload: LiveWorkload, **options: Any) -> Exchange:
    """Read a workload that exists."""
    request = target.contract.reading.request(workload=workload.id)
    options.setdefault("expectation", _ACCEPT)
    options.setdefault("setup", (workload.created,))
    return target.send(request, test=test, **options)


def patch(target: TargetUnderTest, test: str, workload: LiveWorkload, spec: Mapping[str, Json]) -> Exchange:
    """Update a workload; the oracle states the expectation against the spec it was created with."""
    request = target.contract.updating.request(workload=workload.id, body={"spec": dict(spec)})
    return target.send(request, test=test, before=workload.spec, setup=(workload.created,))


def same_metadata(before: Mapping[str, Json], exchange: Exchange, step: str) -> Exchange:
    """Judge that an answer tells the same metadata as ``before``; an error tells none."""
    if not exchange.accepted:
        return exchange
    now = exchange.object()
    step_of = next((place for place, each in enumerate(exchange.setup, 1) if each.object() == before), 1)
    changed = [key for key in META if key in before and not _same(key, before[key], now.get(key))]
    return exchange.with_deviations(
        *(
            violation(
                f"{step}-metadata",
                f"/response/body/{key}",
                f"{key} after {step} is not what the creation answered",
                "Only the creation decides a workload's names, ids, creator and creation time.",
                claims=(claims.same(step_of, key),),
            )
            for key in changed
        )
    )


def _same(key: str, one: Json, two: Json) -> bool:
    if key == "createdAt":
        first, second = moment(one), moment(two)
        # Some stores keep whole seconds or microseconds: what comes later may be rounded.
        return first is not None and second is not None and abs((first - second).total_seconds()) <= 1.0
    return bool(one == two)


def read_your_writes(target: TargetUnderTest, test: str, spec: Mapping[str, Json]) -> None:
    """What a creation answered is what a read tells, at once and again."""
    with target.workload(test, spec) as workload:
        for _ in range(2):
            exchange = read(target, test, workload)
            exchange = same_metadata(workload.told, exchange, "read")
            target.verify(_holds(exchange, workload.spec, "read"))


def _holds(exchange: Exchange, spec: Mapping[str, Json], step: str) -> Exchange:
    """Judge that an answer holds ``spec``; a read that leaves the spec out hides what is stored."""
    body = exchange.object()
    if exchange.accepted and not isinstance(body.get("spec"), Mapping):
        return exchange.with_deviations(
            violation(
                f"{step}-echo",
                "/response/body/spec",
                f"{step} does not tell the spec",
                "Retrieve inference details.",
                claims=(claims.Claim("some", ("^body/spec object ",), "a spec"),),
            )
        )
    return exchange.with_deviations(*spec_echo(spec, body, step)) if exchange.accepted else exchange


def update_is_stored(
    target: TargetUnderTest, test: str, before: Mapping[str, Json], change: Mapping[str, Json], *, twice: bool = True
) -> None:
    """An update changes what it names and nothing else, is really stored, and may be repeated."""
    with target.workload(test, before) as workload:
        sent: tuple[Exchange, ...] = ()
        for step in ("update", "repeated-update")[: 2 if twice else 1]:
            answered = patch(target, test, workload, change)
            target.verify(same_metadata(workload.told, answered, step) if answered.accepted else answered)
            if not answered.accepted:
                return
            sent = (*sent, answered)
            final = settled(
                target, test, workload, lambda body: not list(echo.differences(change, body.get("spec"))), after=sent
            )
            if not final.accepted:
                target.verify(final)
                return
            final = same_metadata(workload.told, final, step)
            final = final.with_deviations(
                *(
                    _not_stored(pointer, step, change)
                    for pointer in echo.differences(change, final.object().get("spec"))
                ),
                *_bystanders(before, final, change, step),
            )
            target.verify(final)


def _not_stored(pointer: str, step: str, change: Mapping[str, Json]) -> Deviation:
    return violation(
        f"{step}-stored",
        f"/response/body{pointer}",
        f"{pointer} is not stored by an accepted {step}",
        "Update the specification of an existing inference workload: what was accepted must be readable.",
        claims=claims.comes_back(change, pointer),
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
            claims=claims.comes_back(untouched, pointer),
        )


def settled(
    target: TargetUnderTest,
    test: str,
    workload: LiveWorkload,
    done: Callable[[Mapping[str, Json]], bool],
    *,
    after: tuple[Exchange, ...],
) -> Exchange:
    """Read until ``done`` or until it is not worth waiting any longer; the last read is what counts.

    ``after``: what was done to the workload since its creation, for whoever wants to see it again.
    """
    return settling.until(target, test, workload.id, done, (workload.created, *after))


def refused_update_changes_nothing(
    target: TargetUnderTest, test: str, before: Mapping[str, Json], bad: Mapping[str, Json]
) -> None:
    """A refused update leaves the workload as it was, the lawful parts of the request included."""
    with target.workload(test, before) as workload:
        original = read(target, test, workload)
        refused = patch(target, test, workload, bad)
        target.verify(refused)
        if refused.accepted:
            return  # that is a finding of its own, and what was accepted may have an effect
        now = read(target, test, workload, setup=(workload.created, original, refused))
        now = same_metadata(original.object(), now, "refused-update")
        spec = original.object().get("spec")
        changed = list(echo.differences(spec, now.object().get("spec"))) if isinstance(spec, Mapping) else []
        added = list(echo.differences(now.object().get("spec"), spec)) if isinstance(spec, Mapping) else []
        target.verify(
            now.with_deviations(
                *(
                    violation(
                        "refused-update-changed",
                        f"/response/body{pointer}",
                        f"an update that was refused has changed {pointer}",
                        "A refused request has no effect.",
                        claims=(claims.same(2, "spec"),),
                    )
                    for pointer in dict.fromkeys([*changed, *added])
                )
            )
        )


def refused_create_leaves_nothing(target: TargetUnderTest, test: str, body: Mapping[str, Json]) -> None:
    """A refused creation leaves no workload behind (needs the target's list of workloads)."""
    with target.creating(target.contract.creation.request(body=dict(body)), test=test) as refused:
        target.verify(refused)
        if refused.accepted:
            return
        found = target.session.find_by_name(str(body["name"]))
    if found is None:
        target.not_tested(test, "the target has no list of workloads to look in")
        return
    if found:
        target.verify(
            refused.with_deviations(
                violation(
                    "refused-create-stored",
                    "/response/status",
                    "a creation that was refused has left a workload behind",
                    "A refused request has no effect; nobody would ever delete this workload.",
                    claims=(claims.unlisted(str(body["name"])),),
                )
            )
        )


def phases(target: TargetUnderTest, test: str) -> None:
    """Read a fresh workload for a while: some edges no control plane has a reason to take.

    The document lists the phases and says nothing of their order, so only what the words themselves exclude is
    judged: a workload that has run is not created again, and one that nobody deletes is not being deleted. Others may
    come in any order: a workload may wait (Pending) before it is created in a cluster.
    """
    with target.several(2), target.workload(test) as other, target.workload(test) as workload:
        seen = [workload.created]
        # Never done: every read until the time is over counts.
        wait_until(
            lambda: seen.append(read(target, test, workload)),
            within=_WATCH_SECONDS,
            every=_PAUSE_SECONDS,
            clock=target.clock,
        )
        last = (*in_order(seen),)
        target.verify(*last[:-1], ends_well(last[-1], read(target, test, other)))


_SENSELESS: Final = frozenset({"Stopped", "Stopping", "Resuming", "Completed", "Degraded", "Failed", "Unknown"})
"""Phases to which a plain workload that nobody touches has no reason to come."""


def ends_well(last: Exchange, other: Exchange) -> Exchange:
    """Judge what two plain workloads have come to: one may have met with bad luck, both have not."""
    phases = [exchange.object().get("actualPhase") for exchange in (last, other) if exchange.accepted]
    if len(phases) < 2 or not _SENSELESS.issuperset(phases):
        return last
    named = " and ".join(sorted({str(phase) for phase in phases}))
    return last.with_deviations(
        gap(
            "phase-of-plain-workloads",
            "/response/body/actualPhase",
            f"2 of 2 plain workloads that nobody has touched end in the phase {named}",
            "What brings a workload there the document does not say. Either nothing can run on this target (can the "
            "image be pulled?), and then much of it is not tested, or the phase is not true.",
            claims=(claims.none("body/actualPhase", f"string ({'|'.join(sorted(_SENSELESS))})$", "another phase"),),
        )
    )


def in_order(seen: Sequence[Exchange]) -> Iterator[Exchange]:
    """The exchanges with the deviations of the edges that lead to them; ``seen`` in the order they were answered."""
    has_run = False
    for exchange in seen:
        phase = exchange.object().get("actualPhase") if exchange.accepted else None
        if phase == "Creating" and has_run:
            exchange = replace(exchange, serving=_EVER)
        deviations = []
        if phase == "Creating" and has_run:
            deviations.append(_unlawful(phase, "a workload that was Running is said to be in Creating again"))
        if phase in DELETING:
            deviations.append(_unlawful(str(phase), f"a workload that nobody deletes is said to be {phase}"))
        has_run = has_run or phase == "Running"
        yield exchange.with_deviations(*deviations)


def _unlawful(phase: str, summary: str) -> Deviation:
    return violation(
        f"phase-{phase.lower()}",
        "/response/body/actualPhase",
        summary,
        "Phases tell what happens to a workload; nothing has happened here that this phase could tell.",
        claims=(claims.none("body/actualPhase", f"string {phase}$", f"another phase than {phase}"),),
    )
