"""The stateful phase: Schemathesis's state machine, its requests judged by a small model of what was created.

The machine follows links (a created workload's id into read, update, delete and metrics; a deleted one's into the
same again). The model knows of every id whether it lives, is being deleted or was never there, so an asynchronous
deletion raises no alarm and a read that loses a live workload does.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final

import hypothesis
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import Response

from assay.checks.exchange import Exchange
from assay.checks.fuzzing.case_sender import ReachCount, expect, fitter, judged, to_request, to_response
from assay.checks.fuzzing.example_search import SETTINGS, ExampleSearch, Size, despite_answers
from assay.checks.fuzzing.fitting import repair
from assay.checks.fuzzing.schemathesis_internals import AnyCase, APIStateMachine, only_beginning_with
from assay.checks.fuzzing.source import CaseSource, Sizes
from assay.checks.generation_lock import generating, sending
from assay.checks.target import PLAIN_SPEC, TargetUnderTest
from assay.client.creation import created_id
from assay.client.exchange import Answer
from assay.contract.documents import Operation
from assay.contract.operations import Kind
from assay.contract.oracle import Existing
from assay.contract.request import Expectation, Outcome, Reason, Request, Source
from assay.contract.rules.base import Spec

_DELETED: Final = Expectation(
    Outcome.OPEN,
    (Reason(Source.SILENCE, "deleted", "/path/workloadId", "deletion may be at once or asynchronous"),),
)
_BELOW: Final = Expectation(
    Outcome.OPEN, (Reason(Source.SILENCE, "below", "/path", "whose it is, and whether it still is, is not known"),)
)
# No answer at all is a finding by itself; the machine only needs something that feeds no further step.
_NOTHING: Final = Answer(status=599)


class StatefulScenario:
    """One run of the machine: the workload it created, what it sent, what the model says."""

    def __init__(self, target: TargetUnderTest, test: str, tally: ReachCount) -> None:
        self._target = target
        self._test = test
        self._tally = tally
        self._fitter = fitter(target)
        self._stack = ExitStack()
        self._live: str | None = None
        self._spec: Spec | None = None  # None once an update made it uncertain
        self._deleted: set[str] = set()
        self._history: list[Exchange] = []

    @property
    def size(self) -> Size:
        """Steps, then characters of their bodies."""
        return len(self._history), sum(len(repr(item.request.body)) for item in self._history)

    def step(self, case: AnyCase, name: str) -> Response:
        """Send one case; returns the answer for the machine. Raises ContractBreachError with its violations."""
        operation = self._target.contract.operations[name]
        request = self._fitter.fit(to_request(case, name), self._named(case), known=True, recent=True)
        creates = operation.kind is Kind.CREATE
        if creates or (operation.kind is Kind.UPDATE and self._spec is not None):
            request = repair(self._target.oracle, request, PLAIN_SPEC, self._spec)
        exchange = self._create(request) if creates else self._send(request, operation)
        exchange = judged(case, exchange, operation.id)
        self._tally.add(exchange)
        self._history.append(exchange)
        self._target.verify(exchange)
        return to_response(exchange.answer if isinstance(exchange.answer, Answer) else _NOTHING, case)

    def close(self) -> None:
        """Delete what the scenario created."""
        self._stack.close()

    def _named(self, case: AnyCase) -> dict[str, str]:
        """The id that a link put into the case, by its resource; nothing for a random one."""
        ours = {*self._deleted, *([self._live] if self._live else ())}
        named = next((value for value in case.path_parameters.values() if value in ours), None)
        return {self._target.contract.main_resource: named} if isinstance(named, str) else {}

    def _create(self, request: Request) -> Exchange:
        # One live workload at a time: scenarios run beside other tests and share the budget with them.
        self._stack.close()
        if self._live is not None:
            self._deleted.add(self._live)
            self._live = self._spec = None
        stated = expect(self._target, request, None, self._existing())
        exchange = self._stack.enter_context(self._target.creating(request, test=self._test, expectation=stated))
        created = created_id(exchange.answer)
        if created is not None:
            self._live = created
            self._spec = request.body.get("spec") if isinstance(request.body, Mapping) else None
        return exchange

    def _send(self, request: Request, operation: Operation) -> Exchange:
        workload_id = self._target.contract.main_id_in(request) or ""
        exchange = self._target.send(
            request,
            test=self._test,
            expectation=self._expect(request, workload_id),
            also=frozenset(operation.row.also),
            setup=tuple(item for item in self._history if workload_id in self._about(item)),
        )
        if exchange.accepted and workload_id == self._live:
            if operation.kind is Kind.DELETE:
                self._deleted.add(workload_id)
                self._live = self._spec = None
            elif operation.kind is Kind.UPDATE:
                self._spec = None
        return exchange

    def _expect(self, request: Request, workload_id: str) -> Expectation:
        stated = expect(self._target, request, self._spec, self._existing())
        if stated.outcome is not Outcome.ACCEPT:
            return stated
        if workload_id in self._deleted:
            return _DELETED
        if not workload_id and request.path:
            return _BELOW
        if self._target.contract.operations[request.operation].kind is Kind.UPDATE and self._spec is None:
            why = "how the earlier update was merged is not known"
            return Expectation(Outcome.OPEN, (Reason(Source.SILENCE, "merged-spec", "/body/spec", why),))
        return stated

    def _about(self, exchange: Exchange) -> tuple[object, ...]:
        """The ids of the workloads that an exchange is about."""
        contract = self._target.contract
        return contract.main_id_in(exchange.request), contract.main_id_of(exchange.body())

    def _existing(self) -> Existing:
        live = {self._live} if self._live else set()
        return Existing.of(
            workload=live | self._deleted, project=[self._target.project], cluster=[self._target.cluster]
        )


def run_scenarios(
    target: TargetUnderTest, test: str, source: CaseSource, tally: ReachCount, size: Sizes, *, seed: int
) -> None:
    """Run the state machine; raises one ContractBreachError with the smallest breach of each kind."""
    search = ExampleSearch(size.shrinks * size.steps)
    scenarios = 0
    with generating():
        base = source.state_machine()

    class Machine(base):  # type: ignore[valid-type,misc]
        """Schemathesis's machine with the target as its transport and the oracle as its judge."""

        def setup(self) -> None:
            nonlocal scenarios
            scenarios += 1
            self.scenario = StatefulScenario(target, test, tally)

        def teardown(self) -> None:
            with sending():
                self.scenario.close()

        def call(self, case: AnyCase, **_: Any) -> Response:
            answered: list[Response] = []
            search.attempt(
                lambda: answered.append(self.scenario.step(case, source.operation(case))), lambda: self.scenario.size
            )
            return answered[0]

        def validate_response(self, response: Response, case: AnyCase, **_: Any) -> None:
            """Judged already, when it was sent."""

    beginnings = only_beginning_with(base, source.label(target.contract.creation.name))
    machine: type[APIStateMachine] = type("Scenarios", (Machine,), beginnings)

    def run(start: int, left: int) -> None:
        settings = hypothesis.settings(SETTINGS, max_examples=left, stateful_step_count=size.steps)
        hypothesis.seed(seed + start)(machine)
        search.finish(lambda: run_state_machine_as_test(machine, settings=settings, _min_steps=2))

    missing = despite_answers(run, lambda: scenarios, size.scenarios)
    if missing:
        told = f"{test}: {missing} of {size.scenarios} scenarios"
        target.not_tested(told, "the target answered the same steps differently")
