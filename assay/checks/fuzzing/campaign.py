"""One Schemathesis campaign per run: what the contract tests call, phase by phase."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from hypothesis import strategies as st

from assay.checks.fuzzing.case_sender import CaseSender, ReachCount, Trial
from assay.checks.fuzzing.example_search import ExampleSearch, Size, sample
from assay.checks.fuzzing.machine import run_scenarios
from assay.checks.fuzzing.source import CaseSource, sizes
from assay.checks.generation_lock import generating
from assay.checks.target import TargetUnderTest
from assay.contract.documents import Operation
from assay.contract.operations import Kind
from assay.contract.request import Json
from assay.generation.dense import create_bodies, update_bodies


class NotReachedError(AssertionError):
    """No generated request to an operation succeeded, so little was tested behind its door."""


class Phase(StrEnum):
    """Schemathesis's phases that look at one operation at a time."""

    EXAMPLES = "examples"
    COVERAGE = "coverage"
    FUZZING = "fuzzing"


# Four of five ids exist: an unknown one gives the same 404 each time, but must give it.
_KNOWN: Final = st.sampled_from((True, True, True, True, False))
# Half of the schema-valid bodies stay as Schemathesis drew them: most break a rule of the prose.
_REPAIRED: Final = st.booleans()
_RECENT: Final = st.sampled_from((True, True, True, False))


class Campaign:
    """Schemathesis on one target: cases, sizes, and the count of what was reached. Safe to use in several threads."""

    def __init__(self, target: TargetUnderTest) -> None:
        self.target = target
        self.sizes = sizes(target.profile)
        self.seed = target.session.settings.seed
        self.tally = ReachCount()
        self._source: CaseSource | None = None
        self._lock = threading.Lock()

    @property
    def source(self) -> CaseSource:
        """Loaded on first use: it costs 0.5 s, which a run of other tests need not pay."""
        with self._lock:
            if self._source is None:
                with generating():
                    self._source = CaseSource(self.target.oracle.contract)
            return self._source

    def run(self, phase: Phase, operation: Operation, test: str) -> None:
        """Send the cases of a phase to an operation. Raises ContractBreachError with all that was found."""
        runs: dict[Phase, Callable[[Operation, str, CaseSender], None]] = {
            Phase.EXAMPLES: self._examples,
            Phase.COVERAGE: self._coverage,
            Phase.FUZZING: self._fuzzing,
        }
        with CaseSender(self.target, test, operation, self.tally) as sender:
            runs[phase](operation, test, sender)

    def run_stateful(self, test: str) -> None:
        """Run the stateful phase over all linked operations. Raises ContractBreachError."""
        run_scenarios(self.target, test, self.source, self.tally, self.sizes, seed=self.seed)

    def reached(self, operation: Operation) -> None:
        """Note the share of requests that succeeded.

        Raises NotReachedError when none did, and TargetLostError when the run was ended before any could.
        """
        name = operation.id
        sent, reached = self.tally.requests[operation.name], self.tally.reached[operation.name]
        self.target.journal.write("note", text=f"Schemathesis: {reached} of {sent} requests to {name} reached a 2xx")
        if reached == 0:
            self.target.session.check()
            raise NotReachedError(f"none of {sent} generated requests to {name} was answered with success")

    def _examples(self, operation: Operation, _test: str, sender: CaseSender) -> None:
        source = self.source
        with generating():
            cases = source.examples(operation.name)
        trials = [Trial(case, repaired=repaired) for case in cases for repaired in _both(operation)]
        ExampleSearch(0).each(sender.try_out, trials, _size)

    def _coverage(self, operation: Operation, test: str, sender: CaseSender) -> None:
        source = self.source
        with generating():
            cases, total = source.coverage(operation.name, self.sizes.coverage, self.seed)
        if len(cases) < total:
            self.target.journal.write(
                "note", text=f"{test}: {len(cases)} of {total} coverage cases, chosen by the seed; certify sends all"
            )
        ExampleSearch(0).each(sender.try_out, [Trial(case) for case in cases], _size)

    def _fuzzing(self, operation: Operation, _test: str, sender: CaseSender) -> None:
        source = self.source
        with generating():
            trials = self._trials(source, operation)
        # A deletion is drawn from nothing but an id, and each one costs a creation.
        count = self.sizes.fuzzing // 3 if operation.kind is Kind.DELETE else self.sizes.fuzzing
        sample(ExampleSearch(self.sizes.shrinks), sender.try_out, trials, _size, seed=self.seed, count=count)

    def _trials(self, source: CaseSource, operation: Operation) -> st.SearchStrategy[Trial]:
        bodies = operation.body is not None
        trials = st.builds(
            Trial,
            case=source.fuzzing(operation.name),
            known=_KNOWN,
            repaired=_REPAIRED if bodies else st.just(False),
            recent=_RECENT,
        )
        if not bodies:
            return trials
        return st.one_of(
            trials, trials, trials, st.builds(Trial, case=source.valid(operation.name), body=self._dense(operation))
        )

    def _dense(self, operation: Operation) -> st.SearchStrategy[Json]:
        gpu = self.target.session.budget.limits.gpu_devices is None and self.target.allows_gpus(1)
        if operation.kind is Kind.CREATE:
            return create_bodies(self.target.oracle, self.target.project, self.target.cluster, gpu=gpu)
        return update_bodies(self.target.oracle, gpu=gpu)


def _both(operation: Operation) -> tuple[bool, ...]:
    return (False, True) if operation.body is not None else (False,)


def _size(trial: Trial) -> Size:
    return (len(repr(trial.case)) + len(repr(trial.body)),)


def campaign(target: TargetUnderTest) -> Campaign:
    """The campaign of a target, the same one for every test of a run."""
    return target.state.keep("campaign", lambda: Campaign(target))
