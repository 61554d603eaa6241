"""Runs planned cases: sends each, judges it, and collects what is wrong before it raises once.

Accept cases go out in batches; one by one goes only what a batch could not settle. Nothing is judged that deviates
from an ordinary request which the target refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from assay.checks.acceptance import testable
from assay.checks.batches import focus, settles
from assay.checks.exchange import Exchange
from assay.checks.generation_lock import generating, sending
from assay.checks.resources import find_id, listed_resources
from assay.checks.settling import after_update
from assay.checks.shared_fixture import SharedFixture
from assay.checks.target import LiveWorkload, TargetUnderTest
from assay.contract.documents import Operation
from assay.contract.operations import Kind
from assay.errors import AnswerLostError
from assay.generation.cases import ACCEPT, PlannedCase, TargetIds, overlay

# Draws for each side of a rule that varies. The fixed cases hold every boundary we know of; draws are for the rest.
_VARIATIONS: Final = {"gate": 2, "certify": 60}


HANGS: Final = "each of its cases deviates from an ordinary request that the target refuses"


def run_cases(target: TargetUnderTest, test: str, cases: Iterable[PlannedCase], *, batched: bool = True) -> bool:
    """Send every case that no batch settles; raise ContractBreachError with all violations at the end.

    False when none of them could be tested because of ordinary requests that are refused (``HANGS``).

    Reject cases of an update share one workload as long as it is untouched: a refused update changes nothing, and
    what would change it is itself a finding. What an answer was lost of is left out, and the loss raised at the end
    if nothing is found. Raises AnswerLostError, BudgetExhausted, TargetLostError.
    """
    left = [case for case in cases if not (batched and settles(target, case))]
    # Before any workload is held: an ordinary request may have to wait for a slot.
    afforded = [*_afforded(target, test, left)]
    left, exchanges = testable(target, test, afforded)
    tested = bool(left or not afforded)
    lost: AnswerLostError | None = None
    for group in _groups(target, left):
        try:
            if _kind(target, group[0]) is Kind.CREATE:
                exchanges += [_create(target, test, case) for case in group]
            else:
                exchanges += _on_workload(target, test, group)
        except AnswerLostError as error:
            lost = error
    target.verify(*exchanges)
    if lost is not None:
        raise lost
    return tested


def run_variation(target: TargetUnderTest, test: str, cases: SearchStrategy[PlannedCase]) -> None:
    """Draw further cases and send each alone; Hypothesis shrinks the first that the target gets wrong."""

    def search() -> None:
        @settings(
            max_examples=_VARIATIONS[target.profile],
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )
        @given(cases)
        def attempt(case: PlannedCase) -> None:
            with sending():
                try:
                    run_cases(target, test, [case], batched=False)
                except AnswerLostError as error:
                    target.not_tested(f"{test}: some of its cases", error.message)

        attempt()

    with generating():
        search()


def _afforded(target: TargetUnderTest, test: str, cases: Iterable[PlannedCase]) -> Iterator[PlannedCase]:
    """The cases but for those that GPUs forbid, which are journaled as not tested."""
    for case in cases:
        if _affords(target, case):
            yield case
        else:
            target.not_tested(f"{test}: {case.title}", target.why_no_gpus())


def _groups(target: TargetUnderTest, cases: Iterable[PlannedCase]) -> Iterator[list[PlannedCase]]:
    """Cases that may share a workload: same operation, same spec before, all refused."""
    group: list[PlannedCase] = []
    for case in cases:
        if group and not _may_share(target, group[-1], case):
            yield group
            group = []
        group.append(case)
    if group:
        yield group


def _affords(target: TargetUnderTest, case: PlannedCase) -> bool:
    """What must be refused asks for nothing; but the workload that an update goes to must exist first."""
    if case.side == ACCEPT:
        return target.allows_gpus(case.gpus)
    return case.before is None or target.affords(case.before)


def _kind(target: TargetUnderTest, case: PlannedCase) -> Kind:
    return target.contract.operations[case.operation].kind


def _may_share(target: TargetUnderTest, one: PlannedCase, two: PlannedCase) -> bool:
    if one.operation != two.operation:
        return False
    kind = _kind(target, one)
    if kind is Kind.UPDATE:
        return one.side != ACCEPT and two.side != ACCEPT and one.before == two.before
    return kind is not Kind.DELETE


def _create(target: TargetUnderTest, test: str, case: PlannedCase) -> Exchange:
    request = case.build(
        target.contract.operations[case.operation], TargetIds(target.project, target.cluster), target.name()
    )
    with target.creating(request, test=test, focus=(focus(case),)) as exchange:
        return exchange


def _on_workload(target: TargetUnderTest, test: str, group: list[PlannedCase]) -> list[Exchange]:
    if any(_changes(target, case) or overlay(case.before or {}) != overlay({}) for case in group):
        return _on_its_own(target, test, group)
    with _PLAIN.acquire(target, test) as workload:
        exchanges = [_send(target, test, case, workload) for case in group]
    taken = [_updated(target, exchange) for exchange in exchanges]
    if not any(taken):
        return exchanges
    # The shared workload is no longer plain, and perhaps was not when this was sent: what counts is what a fresh one
    # does with the same request.
    _PLAIN.retire(target)
    kept = [exchange for exchange, again in zip(exchanges, taken, strict=True) if not again]
    return kept + _on_its_own(target, test, [case for case, again in zip(group, taken, strict=True) if again])


def _changes(target: TargetUnderTest, case: PlannedCase) -> bool:
    kind = _kind(target, case)
    return kind is Kind.DELETE or (kind is Kind.UPDATE and case.side == ACCEPT)


def _updated(target: TargetUnderTest, exchange: Exchange) -> bool:
    return target.contract.operations[exchange.request.operation].kind is Kind.UPDATE and exchange.accepted


def _on_its_own(target: TargetUnderTest, test: str, group: list[PlannedCase]) -> list[Exchange]:
    """Send the cases to a workload that no other test sees, and a fresh one after each update that was accepted."""
    exchanges: list[Exchange] = []
    rest = list(group)
    while rest:
        with target.workload(test, overlay(rest[0].before or {})) as workload:
            while rest:
                exchange = _send(target, test, rest.pop(0), workload)
                exchanges.append(exchange)
                if _updated(target, exchange):
                    break
    return exchanges


def _plain_workload(target: TargetUnderTest, test: str) -> AbstractContextManager[LiveWorkload]:
    return target.workload(test)


# What a request for something that the target did not list may be answered.
_UNKNOWN: Final = frozenset({404, 410})
_PLAIN: Final = SharedFixture(_plain_workload)


def _ids(target: TargetUnderTest, test: str, operation: Operation, workload: LiveWorkload) -> dict[str, str]:
    """Ids by resource: the workload's, and those that an operation lists for it; looked for once."""
    ids = {target.contract.main_resource: workload.id}
    for resource in listed_resources(target.contract, operation):
        key = ("id", resource, workload.id)
        found = target.state.keep(key, partial(find_id, target, test, resource, dict(ids)))
        if found is not None:
            ids[resource] = found
    return ids


def _send(target: TargetUnderTest, test: str, case: PlannedCase, workload: LiveWorkload) -> Exchange:
    operation = target.contract.operations[case.operation]
    found = _ids(target, test, operation, workload)
    request = case.build(operation, TargetIds(target.project, target.cluster, found), workload.name)
    also = frozenset(operation.row.also) if operation.kind is Kind.MEASURE else frozenset()
    if any(resource not in found for resource in listed_resources(target.contract, operation)):
        also |= _UNKNOWN
    exchange = target.send(
        request, test=test, before=workload.spec, focus=(focus(case),), also=also, setup=(workload.created,)
    )
    if operation.kind is Kind.UPDATE and case.side == ACCEPT:
        exchange, _ = after_update(target, exchange, workload.id)
    return exchange
