"""Batches: many accept cases in one request, and the workloads on which accepted updates are chained.

Accepted updates are chained on a few workloads: each starts from what the one before has stored. Without it every
update that must be accepted would cost a creation and a deletion of its own. A chain ends where the oracle no longer
promises the next update, or where anything deviates; then a fresh workload begins a new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

from assay.checks.exchange import Exchange
from assay.checks.judge import STATE_CONFLICT
from assay.checks.recorder import is_of_every_answer
from assay.checks.settling import after_update
from assay.checks.shared_fixture import WorkloadPool
from assay.checks.target import LiveWorkload, TargetUnderTest
from assay.contract.operations import Kind
from assay.contract.request import Json, Outcome, Reason
from assay.errors import AnswerLostError
from assay.generation.cases import PLAIN_NAME, PlannedCase, TargetIds, overlay
from assay.generation.ordinary_plan import OrdinaryPlan, ordinary_plan
from assay.generation.ordinary_requests import ORDINARY
from assay.generation.plans import Batch, plans


def settles(target: TargetUnderTest, case: PlannedCase) -> bool:
    """Whether the batch of ``case`` was accepted without any deviation, so that the case needs no request.

    Whichever test first needs a batch sends it, the others wait for its outcome.
    """
    if not plans(target.contract).holds(case):
        return False
    if case.id.startswith(ORDINARY):
        found = ordinary_requests(target).by_case
    else:
        found = target.state.keep("batches", lambda: _by_case(target))
    batch = found.get(case.id)
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


def ordinary_requests(target: TargetUnderTest) -> OrdinaryPlan:
    """What the cases of the run deviate from."""
    return target.state.keep("ordinary requests", lambda: ordinary_plan(target.contract, target.state.planned))


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
