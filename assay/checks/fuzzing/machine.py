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
from schemathesis.generation.stateful import APIStateMachine
from schemathesis.generation.stateful.state_machine import normalize_name

from assay.checks.exchange import Exchange
from assay.checks.fuzzing.fitting import Fitter, Ids
from assay.checks.fuzzing.hunt import SETTINGS, Hunt, Size, despite_answers
from assay.checks.fuzzing.mending import mend
from assay.checks.fuzzing.sender import ALSO, Tally, expect, judged
from assay.checks.fuzzing.sizes import Sizes
from assay.checks.fuzzing.source import CaseSource
from assay.checks.fuzzing.translate import AnyCase, to_request, to_response
from assay.checks.generation import generating, sending
from assay.checks.probe import PLAIN_SPEC, Probe
from assay.client.exchange import Answer
from assay.contract.oracle import Existing
from assay.contract.request import Expectation, Outcome, Reason, Request, Source
from assay.contract.rules.base import Spec

_DELETED: Final = Expectation(
    Outcome.OPEN,
    (Reason(Source.SILENCE, "deleted", "/path/workloadId", "deletion may be at once or asynchronous"),),
)
# No answer at all is a finding by itself; the machine only needs something that feeds no further step.
_NOTHING: Final = Answer(status=599)


class Scenario:
    """One run of the machine: the workload it created, what it sent, what the model says."""

    def __init__(self, probe: Probe, test: str, tally: Tally) -> None:
        self._probe = probe
        self._test = test
        self._tally = tally
        self._fitter = Fitter(
            probe.project, probe.cluster, probe.name, frugal=probe.session.budget.limits.gpu_devices is not None
        )
        self._stack = ExitStack()
        self._live: str | None = None
        self._spec: Spec | None = None  # None once an update made it uncertain
        self._deleted: set[str] = set()
        self._history: list[Exchange] = []

    @property
    def size(self) -> Size:
        """Steps, then characters of their bodies."""
        return len(self._history), sum(len(repr(item.request.body)) for item in self._history)

    def step(self, case: AnyCase, role: str) -> Response:
        """Send one case; returns the answer for the machine. Raises ContractBreachError with its violations."""
        ids = Ids(self._probe.project, self._probe.cluster, self._named(case), None)
        request = self._fitter.fit(to_request(case, role), ids, known=True, recent=True)
        if role == "create" or (role == "update" and self._spec is not None):
            request = mend(self._probe.oracle, request, PLAIN_SPEC, self._spec)
        exchange = self._create(request) if role == "create" else self._send(request)
        exchange = judged(case, exchange, self._probe.oracle.contract.operations[role].id)
        self._tally.add(exchange)
        self._history.append(exchange)
        self._probe.verify(exchange)
        return to_response(exchange.answer if isinstance(exchange.answer, Answer) else _NOTHING, case)

    def close(self) -> None:
        """Delete what the scenario created."""
        self._stack.close()

    def _named(self, case: AnyCase) -> str | None:
        """The id that a link put into the case; None for a random one."""
        named = case.path_parameters.get("workloadId")
        return named if isinstance(named, str) and (named == self._live or named in self._deleted) else None

    def _create(self, request: Request) -> Exchange:
        # One live workload at a time: scenarios run beside other tests and share the budget with them.
        self._stack.close()
        if self._live is not None:
            self._deleted.add(self._live)
            self._live = self._spec = None
        stated = expect(self._probe, request, None, self._existing())
        exchange = self._stack.enter_context(self._probe.creating(request, test=self._test, expectation=stated))
        created = exchange.object().get("workloadId") if exchange.accepted else None
        if isinstance(created, str):
            self._live = created
            self._spec = request.body.get("spec") if isinstance(request.body, Mapping) else None
        return exchange

    def _send(self, request: Request) -> Exchange:
        target = request.path.get("workloadId", "")
        exchange = self._probe.send(
            request,
            test=self._test,
            expectation=self._expect(request, target),
            also=ALSO.get(request.operation, frozenset()),
            setup=tuple(item for item in self._history if target in _named_in(item)),
        )
        if exchange.accepted and target == self._live:
            if request.operation == "delete":
                self._deleted.add(target)
                self._live = self._spec = None
            elif request.operation == "update":
                self._spec = None
        return exchange

    def _expect(self, request: Request, target: str) -> Expectation:
        stated = expect(self._probe, request, self._spec, self._existing())
        if stated.outcome is not Outcome.ACCEPT:
            return stated
        if target in self._deleted:
            return _DELETED
        if request.operation == "update" and self._spec is None:
            why = "how the earlier update was merged is not known"
            return Expectation(Outcome.OPEN, (Reason(Source.SILENCE, "merged-spec", "/body/spec", why),))
        return stated

    def _existing(self) -> Existing:
        live = {self._live} if self._live else set()
        return Existing.of(
            workload=live | self._deleted, project=[self._probe.project], cluster=[self._probe.cluster]
        )


def _named_in(exchange: Exchange) -> tuple[object, ...]:
    """The ids of the workloads that an exchange is about."""
    return exchange.request.path.get("workloadId"), exchange.object().get("workloadId")


def _only_creations_begin(base: type[APIStateMachine], source: CaseSource) -> dict[str, object]:
    """Attributes of a subclass in which every scenario begins with a creation.

    Schemathesis doubts that a creation with a projectId that nothing produces can succeed, so it also begins with
    reads and updates of random ids. Here the project is known, and random ids are the fuzzing phase's.
    """
    label = source.label("create")
    begins = normalize_name(f"RANDOM -> {label}")
    if begins not in base.root_rules:
        return {}
    hidden: dict[str, object] = dict.fromkeys(base.root_rules - {begins})
    return {**hidden, "root_rules": frozenset({begins}), "_root_labels": frozenset({label})}


def run_scenarios(probe: Probe, test: str, source: CaseSource, tally: Tally, size: Sizes, *, seed: int) -> None:
    """Run the state machine; raises one ContractBreachError with the smallest breach of each kind."""
    hunt = Hunt(size.shrinks * size.steps)
    scenarios = 0
    with generating():
        base = source.state_machine()

    class Machine(base):  # type: ignore[valid-type,misc]
        """Schemathesis's machine with the probe as its transport and the oracle as its judge."""

        def setup(self) -> None:
            nonlocal scenarios
            scenarios += 1
            self.scenario = Scenario(probe, test, tally)

        def teardown(self) -> None:
            with sending():
                self.scenario.close()

        def call(self, case: AnyCase, **_: Any) -> Response:
            answered: list[Response] = []
            hunt.attempt(
                lambda: answered.append(self.scenario.step(case, source.operation(case))), lambda: self.scenario.size
            )
            return answered[0]

        def validate_response(self, response: Response, case: AnyCase, **_: Any) -> None:
            """Judged already, when it was sent."""

    machine: type[APIStateMachine] = type("Scenarios", (Machine,), _only_creations_begin(base, source))

    def run(start: int, left: int) -> None:
        settings = hypothesis.settings(SETTINGS, max_examples=left, stateful_step_count=size.steps)
        hypothesis.seed(seed + start)(machine)
        hunt.finish(lambda: run_state_machine_as_test(machine, settings=settings, _min_steps=2))

    missing = despite_answers(run, lambda: scenarios, size.scenarios)
    if missing:
        told = f"{test}: {missing} of {size.scenarios} scenarios"
        probe.not_tested(told, "the target answered the same steps differently")
