"""Runs planned cases: sends each, judges it, and collects what is wrong before it raises once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from assay.checks.exchange import Exchange
from assay.checks.generation import generating, sending
from assay.checks.lending import Lending
from assay.checks.packs import Packs, focus
from assay.checks.probe import Probe, Workload
from assay.checks.settling import after_update
from assay.contract.operations import Kind
from assay.generation.cases import ACCEPT, PlannedCase, TargetIds, overlay

# Draws for each side of a rule that varies. The fixed cases hold every boundary we know of; draws are for the rest.
_VARIATIONS: Final = {"gate": 2, "certify": 60}
_NO_PACKS: Final = Packs(())


def run_cases(probe: Probe, test: str, cases: Iterable[PlannedCase], packs: Packs) -> None:
    """Send every case; raise ContractBreachError with all violations at the end.

    Reject cases of an update share one workload as long as it is untouched: a refused update changes nothing, and
    what would change it is itself a finding. Raises BudgetExhausted, TargetLostError.
    """
    exchanges: list[Exchange] = []
    for group in _groups(probe, test, [case for case in cases if not packs.settles(probe, case)]):
        if group[0].operation == "create":
            exchanges += [_create(probe, test, case) for case in group]
        else:
            exchanges += _on_workload(probe, test, group)
    probe.verify(*exchanges)


def run_variation(probe: Probe, test: str, cases: SearchStrategy[PlannedCase]) -> None:
    """Draw further cases and send each alone; Hypothesis shrinks the first that the target gets wrong."""

    @settings(
        max_examples=_VARIATIONS[probe.profile],
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(cases)
    def attempt(case: PlannedCase) -> None:
        with sending():
            run_cases(probe, test, [case], _NO_PACKS)

    with generating():
        attempt()


def _groups(probe: Probe, test: str, cases: Iterable[PlannedCase]) -> Iterator[list[PlannedCase]]:
    """Cases that may share a workload: same role, same spec before, all refused. Leaves out what GPUs forbid."""
    group: list[PlannedCase] = []
    for case in cases:
        if not _affords(probe, case):
            probe.not_tested(f"{test}: {case.title}", probe.why_no_gpus())
            continue
        if group and not _may_share(group[-1], case):
            yield group
            group = []
        group.append(case)
    if group:
        yield group


def _affords(probe: Probe, case: PlannedCase) -> bool:
    """What must be refused asks for nothing; but the workload that an update goes to must exist first."""
    if case.side == ACCEPT:
        return probe.allows_gpus(case.gpus)
    return case.before is None or probe.affords(case.before)


def _may_share(one: PlannedCase, two: PlannedCase) -> bool:
    if one.operation != two.operation:
        return False
    if one.operation == "update":
        return one.side != ACCEPT and two.side != ACCEPT and one.before == two.before
    return one.operation != "delete"


def _create(probe: Probe, test: str, case: PlannedCase) -> Exchange:
    operation = probe.oracle.contract.operations[case.operation]
    request = case.build(operation, TargetIds(probe.project, probe.cluster), probe.name())
    with probe.creating(request, test=test, focus=(focus(case),)) as exchange:
        return exchange


def _on_workload(probe: Probe, test: str, group: list[PlannedCase]) -> list[Exchange]:
    if any(_changes(case) or overlay(case.before or {}) != overlay({}) for case in group):
        return _on_its_own(probe, test, group)
    with _PLAIN.borrow(probe, test) as workload:
        exchanges = [_send(probe, test, case, workload) for case in group]
    taken = [exchange.request.operation == "update" and exchange.accepted for exchange in exchanges]
    if not any(taken):
        return exchanges
    # The shared workload is no longer plain, and perhaps was not when this was sent: what counts is what a fresh one
    # does with the same request.
    _PLAIN.retire(probe)
    kept = [exchange for exchange, again in zip(exchanges, taken, strict=True) if not again]
    return kept + _on_its_own(probe, test, [case for case, again in zip(group, taken, strict=True) if again])


def _changes(case: PlannedCase) -> bool:
    return case.operation == "delete" or (case.operation == "update" and case.side == ACCEPT)


def _on_its_own(probe: Probe, test: str, group: list[PlannedCase]) -> list[Exchange]:
    """Send the cases to a workload that no other test sees, and a fresh one after each update that was accepted."""
    exchanges: list[Exchange] = []
    rest = list(group)
    while rest:
        with probe.workload(test, overlay(rest[0].before or {})) as workload:
            while rest:
                exchange = _send(probe, test, rest.pop(0), workload)
                exchanges.append(exchange)
                if exchange.request.operation == "update" and exchange.accepted:
                    break
    return exchanges


def _plain_workload(probe: Probe, test: str) -> AbstractContextManager[Workload]:
    return probe.workload(test)


_PLAIN: Final = Lending(_plain_workload)


def _send(probe: Probe, test: str, case: PlannedCase, workload: Workload) -> Exchange:
    operation = probe.oracle.contract.operations[case.operation]
    ids = TargetIds(probe.project, probe.cluster, {"workload": workload.id})
    request = case.build(operation, ids, workload.name)
    also = frozenset(operation.row.also) if operation.kind is Kind.MEASURE else frozenset()
    exchange = probe.send(
        request, test=test, before=workload.spec, focus=(focus(case),), also=also, setup=(workload.created,)
    )
    if case.operation == "update" and case.side == ACCEPT:
        exchange, _ = after_update(probe, exchange, workload.id)
    return exchange
