"""Sees that a target takes the ordinary requests that the cases deviate from, before anything is made of a deviation.

A target that refuses an ordinary request has one thing wrong. What it makes of requests that differ from it says
nothing: their refusal has a reason that is known already. So the ordinary one is the finding, told once, and what
hangs on it is not tested. Each is sent once in a run at most, in a batch with others, and only when a case needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from assay.checks.batches import focus, ordinary_requests, settles
from assay.checks.exchange import Deviation, Exchange
from assay.checks.settling import after_update
from assay.checks.target import TargetUnderTest
from assay.contract.operations import Kind
from assay.errors import AnswerLostError
from assay.findings.model import Class
from assay.generation.cases import REJECT, PlannedCase, TargetIds, overlay
from assay.generation.ordinary_plan import OrdinaryPlan

CHECK: Final = "ordinary-accepted"
_REFUSED: Final = "accepts-valid"
_STRICTER: Final = "stricter-than-contract"


def testable(
    target: TargetUnderTest, test: str, cases: Sequence[PlannedCase]
) -> tuple[list[PlannedCase], list[Exchange]]:
    """Those of ``cases`` whose ordinary request the target takes, and the refusals that nobody has told yet.

    The others are journaled as not tested. Raises BudgetExhausted, TargetLostError.
    """
    plan = ordinary_requests(target)
    kept: list[PlannedCase] = []
    fresh: list[Exchange] = []
    for case in cases:
        asked = ((each, _refusal(target, test, plan, each)) for each in _ordinaries(plan, case))
        refused, exchange = next(((each, found) for each, found in asked if found is not None), (case, None))
        if exchange is None:
            kept.append(case)
        elif any(each.check == CHECK for each in exchange.deviations):
            fresh += [exchange] if target.state.is_new("ordinary", refused.id) else []
            target.not_tested(f"{test}: {case.title}", f"{_refuses(refused)}, from which it deviates")
        else:
            kept.append(case)
            _say_what_proves_nothing(target, case, refused)
    return kept, fresh


def _ordinaries(plan: OrdinaryPlan, case: PlannedCase) -> list[PlannedCase]:
    """What a case deviates from; of one that is drawn, what the cases deviate from that break the same rule."""
    if case.id in plan.of:
        return list(plan.of[case.id])
    rule = case.id.rpartition("/")[0].removesuffix(case.side) + REJECT
    return list(plan.of_rules.get(rule, ()))


def _refuses(ordinary: PlannedCase) -> str:
    return f"{ordinary.operation} refuses {ordinary.title}"


def _say_what_proves_nothing(target: TargetUnderTest, case: PlannedCase, ordinary: PlannedCase) -> None:
    """Say once of each part that its refusals prove nothing, where a lawful refusal is in the way."""
    place = ordinary.reason.location.removeprefix("/body/").replace("/", ".")
    if case.side == REJECT and target.state.is_new("proves nothing", f"{case.operation} {place}"):
        target.not_tested(
            f"whether {case.operation} refuses for the right reason what is wrong in {place}",
            "it refuses ordinary requests with it as well, as it may: what they name must exist there",
        )


def _refusal(target: TargetUnderTest, test: str, plan: OrdinaryPlan, ordinary: PlannedCase) -> Exchange | None:
    """The exchange in which an ordinary request was refused; None when it was not, or when nobody can tell."""
    return target.state.keep(("ordinary", ordinary.id), partial(_ask, target, test, plan, ordinary))


def _ask(target: TargetUnderTest, test: str, plan: OrdinaryPlan, ordinary: PlannedCase) -> Exchange | None:
    if not target.allows_gpus(ordinary.gpus) or settles(target, plan.twins.get(ordinary.id, ordinary)):
        return None
    try:
        exchange = _send(target, test, ordinary)
    except AnswerLostError:
        return None
    if not any(each.check in (_REFUSED, _STRICTER) for each in exchange.deviations):
        return None
    return replace(exchange, deviations=tuple(_named(ordinary, each) for each in exchange.deviations))


def _send(target: TargetUnderTest, test: str, ordinary: PlannedCase) -> Exchange:
    operation = target.contract.operations[ordinary.operation]
    if operation.kind is Kind.CREATE:
        request = ordinary.build(operation, TargetIds(target.project, target.cluster), target.name())
        with target.creating(request, test=test, focus=(focus(ordinary),)) as exchange:
            return exchange
    with target.workload(test, overlay(ordinary.before or {})) as workload:
        found = {target.contract.main_resource: workload.id}
        request = ordinary.build(operation, TargetIds(target.project, target.cluster, found), workload.name)
        exchange = target.send(
            request, test=test, before=workload.spec, focus=(focus(ordinary),), setup=(workload.created,)
        )
        return after_update(target, exchange, workload.id)[0]


def _named(ordinary: PlannedCase, deviation: Deviation) -> Deviation:
    """The refusal as what it is: that of an ordinary request, not of one keyword or rule."""
    if deviation.check != _REFUSED or deviation.cls is not Class.VIOLATION:
        return deviation
    return replace(
        deviation,
        check=CHECK,
        summary=f"{deviation.summary.partition(' a valid request')[0]} {ordinary.title}",
        why="It says what a person would write and keeps the schema and every rule, so it must be accepted. What "
        "differs from it in one thing is not tested: a refusal of that would say nothing.",
    )
