"""Rules hold for what comes of an update, not for what it names: judged by how this target was seen to merge.

The document does not say whether an update replaces a section or is merged into it, so the oracle leaves open what
depends on it. But a target shows what it does, and whatever that is, the specification that it then stores must keep
every rule, and an update that leads to one that does must not be refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from assay.checks import claims, lifecycle, settling
from assay.checks.exchange import Deviation, Exchange, violation
from assay.checks.target import PLAIN_SPEC, LiveWorkload, TargetUnderTest
from assay.client.patience import BUSY
from assay.contract.request import Expectation, Json, Outcome, Reason, Source

_OPEN: Final = Expectation(Outcome.OPEN)
_SECTION: Final = "autoscaling"
_SCALED: Final[Mapping[str, Json]] = {
    "minReplicas": 1,
    "maxReplicas": 3,
    "metric": "latency",
    "metricThreshold": 5,
}
BEFORE: Final[Mapping[str, Json]] = {**PLAIN_SPEC, _SECTION: _SCALED}
_NEUTRAL: Final[Mapping[str, Json]] = {"scaleDownDelaySeconds": 30}
"""Breaks no rule however it is merged, and shows how."""
_BAD_TOGETHER: Final[Mapping[str, Json]] = {"minReplicas": 0}
"""By itself it goes from none to one replica without a metric; merged it has one that does not support that."""
_GOOD_TOGETHER: Final[Mapping[str, Json]] = {"maxReplicas": 4}
"""By itself it scales and names no metric; merged it has one."""


def merged(target: TargetUnderTest, test: str) -> None:
    """See how an update is merged, then update by something that is valid merged, and by something that is not.

    Raises ContractBreachError.
    """
    with target.workload(test, BEFORE) as workload:
        first = lifecycle.patch(target, test, workload, {_SECTION: _NEUTRAL})
        target.verify(first)
        if not first.accepted:
            return
        seen = _stored(target, test, workload, _NEUTRAL, (first,))
        done: tuple[Exchange, ...] = (first,)
        if all(_section(seen).get(name) == value for name, value in _SCALED.items()):
            good = _update(target, test, workload, _GOOD_TOGETHER, (first, seen))
            target.verify(_judged_alone(good))
            done = (first, good) if good.accepted else done
        bad = _update(target, test, workload, _BAD_TOGETHER, (*done, seen))
        target.verify(bad)
        if bad.accepted:
            after = _stored(target, test, workload, _BAD_TOGETHER, (*done, bad))
            target.verify(after.with_deviations(*_broken(target, after)))


def _update(
    target: TargetUnderTest,
    test: str,
    workload: LiveWorkload,
    change: Mapping[str, Json],
    setup: tuple[Exchange, ...],
) -> Exchange:
    request = target.contract.updating.request(workload=workload.id, body={"spec": {_SECTION: dict(change)}})
    return target.send(request, test=test, expectation=_OPEN, setup=(workload.created, *setup))


def _stored(
    target: TargetUnderTest,
    test: str,
    workload: LiveWorkload,
    change: Mapping[str, Json],
    setup: tuple[Exchange, ...],
) -> Exchange:
    def shows(body: Mapping[str, Json]) -> bool:
        section = _of(body)
        return all(section.get(name) == value for name, value in change.items())

    return settling.until(target, test, workload.id, shows, (workload.created, *setup))


def _of(body: Mapping[str, Json]) -> Mapping[str, Json]:
    spec = body.get("spec")
    section = spec.get(_SECTION) if isinstance(spec, Mapping) else None
    return section if isinstance(section, Mapping) else {}


def _section(exchange: Exchange) -> Mapping[str, Json]:
    return _of(exchange.object()) if exchange.accepted else {}


def _judged_alone(good: Exchange) -> Exchange:
    status = good.status
    if status is None or not 400 <= status < 500 or status in {*BUSY, 409}:
        return good
    return good.with_deviations(
        violation(
            "update-judged-alone",
            "/body/spec/autoscaling",
            f"an update is refused ({status}) although the specification that comes of it keeps every rule",
            "An earlier update of this section left its other fields as they were, so this one would, too: “Update "
            "the specification of an existing inference workload.” The rules are about the specification.",
            claims=(claims.ACCEPTED,),
        )
    )


def _broken(target: TargetUnderTest, after: Exchange) -> list[Deviation]:
    spec = after.object().get("spec") if after.accepted else None
    if not isinstance(spec, Mapping):
        return []
    judged = target.oracle.expect(target.contract.creation.request(body=target.body(spec)))
    return [_leaves(reason, spec.get(_SECTION)) for reason in judged.reasons if _is_of_section(reason)]


def _is_of_section(reason: Reason) -> bool:
    return reason.source is Source.RULE and reason.location.startswith(f"/body/spec/{_SECTION}") and not reason.weak


def _leaves(reason: Reason, section: Json) -> Deviation:
    return violation(
        "update-leaves-broken",
        reason.location,
        f"an accepted update leaves a specification that breaks '{reason.id}'",
        f"What is stored, and was read, breaks it, whatever the update named. The document says: “{reason.text}”",
        reason.id,
        claims=(claims.untold(section, f"spec/{_SECTION}"),),
    )
