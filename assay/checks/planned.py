"""Runs planned cases: sends each, judges it, and collects what is wrong before it raises once.

Accept cases go out in batches; one by one goes only what a batch could not settle. Accepted updates are chained on a
few workloads: each starts from what the one before has stored. Without it every update that must be accepted would
cost a creation and a deletion of its own. A chain ends where the oracle no longer promises the next update, or where
anything deviates; then a fresh workload begins a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from assay.checks.exchange import Exchange
from assay.checks.generation_lock import generating, sending
from assay.checks.judge import STATE_CONFLICT
from assay.checks.recorder import is_of_every_answer
from assay.checks.resources import find_id, listed_resources
from assay.checks.settling import after_update
from assay.checks.shared_fixture import SharedFixture, WorkloadPool
from assay.checks.target import LiveWorkload, TargetUnderTest
from assay.contract.documents import Operation
from assay.contract.operations import Kind
from assay.contract.request import Json, Outcome, Reason
from assay.errors import AnswerLostError
from assay.generation.cases import ACCEPT, PLAIN_NAME, PlannedCase, TargetIds, overlay
from assay.generation.plans import Batch, plans


def settles(target: TargetUnderTest, case: PlannedCase) -> bool:
    """Whether the batch of ``case`` was accepted without any deviation, so that the case needs no request.

    Whichever test first needs a batch sends it, the others wait for its outcome.
    """
    if not plans(target.contract).holds(case):
        return False
    batch = target.state.keep("batches", lambda: _by_case(target)).get(case.id)
    if batch is None or not target.allows_gpus(batch.gpus):
        return False
    if len(batch.cases) == 1 and _creates(target, batch):
        return False  # it would be sent just the same
    try:
        return target.state.keep(("batch", batch.cases[0].id), lambda: _is_settled(target, batch))
    except AnswerLostError:
        return False


def end_chains(target: TargetUnderTest) -> None:
    """Delete the workloads that updates were chained on."""
    _chains(target).end()


def _by_case(target: TargetUnderTest) -> Mapping[str, Batch]:
    whole, chosen = plans(target.contract), target.state.planned
    batches = whole.batches if chosen is None else whole.batches_of(chosen)
    return {case.id: batch for batch in batches for case in batch.cases}


def _creates(target: TargetUnderTest, batch: Batch) -> bool:
    return target.contract.operations[batch.operation].kind is Kind.CREATE


def _is_settled(target: TargetUnderTest, batch: Batch) -> bool:
    exchange = _send_batch(target, batch)
    if any(deviation.check == STATE_CONFLICT for deviation in exchange.deviations):
        # One by one its cases would be refused alike, for a reason that is not theirs.
        target.record(exchange)
        target.not_tested(
            f"{batch.cases[0].id} and {len(batch.cases) - 1} more", "the target refuses updates in this state (409)"
        )
        return True
    own = [item for item in exchange.deviations if not is_of_every_answer(item.check, item.location)]
    if exchange.accepted and not own and exchange.deviations:
        target.record(exchange)  # what is wrong with every answer is not of one of the cases
    return exchange.accepted and not own


def _send_batch(target: TargetUnderTest, batch: Batch) -> Exchange:
    """Send a batch. Nothing is verified here: a deviation only means that its cases are sent one by one."""
    test = f"pack/{batch.cases[0].id}"
    operation = target.contract.operations[batch.operation]
    focuses = tuple(focus(case) for case in batch.cases)
    if operation.kind is Kind.CREATE:
        body = {**batch.body, **_meta(batch, TargetIds(target.project, target.cluster), target.name())}
        with target.creating(operation.request(body=body), test=test, focus=focuses) as exchange:
            return exchange
    with _chained(target, test, batch) as chain:
        exchange = target.send(
            operation.request(workload=chain.workload.id, body=dict(batch.body)),
            test=test,
            before=chain.spec,
            focus=focuses,
            setup=(chain.workload.created,),
        )
        exchange, stored = after_update(target, exchange, chain.workload.id)
        chain.follow(exchange, stored)
        return exchange


def _meta(batch: Batch, ids: TargetIds, name: str) -> dict[str, str]:
    given = batch.body.get("name")
    return {
        "name": name if given in (None, PLAIN_NAME) else str(given),
        "projectId": ids.project,
        "clusterId": ids.cluster,
    }


def focus(case: PlannedCase) -> Reason:
    """The reason an accept case stands for, with the sentence of its rule."""
    subject = case.reason
    return Reason(subject.source, subject.id, subject.location, subject.quote)


class _Chain:
    """A live workload and the spec it is known to hold."""

    def __init__(self, stack: ExitStack, workload: LiveWorkload) -> None:
        self._stack = stack
        self.workload = workload
        self.spec: Mapping[str, Json] = workload.spec
        self.sound = True

    def follow(self, exchange: Exchange, stored: Mapping[str, Json] | None) -> None:
        """Take over what is ``stored`` after an accepted update; a deviation or a silent answer ends the chain."""
        if exchange.accepted and not exchange.deviations and stored is not None:
            self.spec = stored
        else:
            self.sound = False

    def end(self) -> None:
        self._stack.close()


_CHAINS: Final = "update chains"


def _chains(target: TargetUnderTest) -> WorkloadPool[_Chain]:
    return target.state.keep(_CHAINS, lambda: WorkloadPool(_Chain.end))


@contextmanager
def _chained(target: TargetUnderTest, test: str, batch: Batch) -> Iterator[_Chain]:
    """A workload on which the oracle promises that ``batch`` is accepted."""
    chain = _going_on(target, batch) or _begun(target, test, batch)
    try:
        yield chain
    except BaseException:
        chain.sound = False
        raise
    finally:
        if chain.sound:
            _chains(target).put_back(chain, max_live=target.session.settings.max_live)
        else:
            chain.end()


def _going_on(target: TargetUnderTest, batch: Batch) -> _Chain | None:
    if batch.before != overlay({}):
        return None
    chain = _chains(target).take()
    if chain is None:
        return None
    operation = target.contract.operations[batch.operation]
    request = operation.request(workload=chain.workload.id, body=dict(batch.body))
    promise = target.expect(request, chain.spec)
    if promise.outcome is Outcome.ACCEPT and bool(promise.assumes) == bool(batch.cases[0].assumed):
        return chain
    chain.end()
    return None


def _begun(target: TargetUnderTest, test: str, batch: Batch) -> _Chain:
    with ExitStack() as stack:
        workload = stack.enter_context(target.workload(test, batch.before))
        return _Chain(stack.pop_all(), workload)


# Draws for each side of a rule that varies. The fixed cases hold every boundary we know of; draws are for the rest.
_VARIATIONS: Final = {"gate": 2, "certify": 60}


def run_cases(target: TargetUnderTest, test: str, cases: Iterable[PlannedCase], *, batched: bool = True) -> None:
    """Send every case that no batch settles; raise ContractBreachError with all violations at the end.

    Reject cases of an update share one workload as long as it is untouched: a refused update changes nothing, and
    what would change it is itself a finding. What an answer was lost of is left out, and the loss raised at the end
    if nothing is found. Raises AnswerLostError, BudgetExhausted, TargetLostError.
    """
    exchanges: list[Exchange] = []
    lost: AnswerLostError | None = None
    for group in _groups(target, test, [case for case in cases if not (batched and settles(target, case))]):
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


def _groups(target: TargetUnderTest, test: str, cases: Iterable[PlannedCase]) -> Iterator[list[PlannedCase]]:
    """Cases that may share a workload: same operation, same spec before, all refused. Leaves out what GPUs forbid."""
    group: list[PlannedCase] = []
    for case in cases:
        if not _affords(target, case):
            target.not_tested(f"{test}: {case.title}", target.why_no_gpus())
            continue
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
