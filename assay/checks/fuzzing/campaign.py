"""One Schemathesis campaign per run: what the contract tests call, phase by phase."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Final
from weakref import WeakKeyDictionary

from hypothesis import strategies as st

from assay.checks.fuzzing.hunt import Hunt, Size, sample
from assay.checks.fuzzing.machine import run_scenarios
from assay.checks.fuzzing.sender import Sender, Tally, Trial
from assay.checks.fuzzing.sizes import sizes
from assay.checks.fuzzing.source import CaseSource
from assay.checks.generation import generating
from assay.checks.probe import Probe
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
_MENDED: Final = st.booleans()
_RECENT: Final = st.sampled_from((True, True, True, False))


class Campaign:
    """Schemathesis on one target: cases, sizes, and the count of what was reached. Safe to use in several threads."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.sizes = sizes(probe.profile)
        self.seed = probe.session.settings.seed
        self.tally = Tally()
        self._source: CaseSource | None = None
        self._lock = threading.Lock()

    @property
    def source(self) -> CaseSource:
        """Loaded on first use: it costs 0.5 s, which a run of other tests need not pay."""
        with self._lock:
            if self._source is None:
                with generating():
                    self._source = CaseSource(self.probe.oracle.contract)
            return self._source

    def run(self, phase: Phase, role: str, test: str) -> None:
        """Send the cases of a phase to an operation. Raises ContractBreachError with all that was found."""
        runs: dict[Phase, Callable[[str, str, Sender], None]] = {
            Phase.EXAMPLES: self._examples,
            Phase.COVERAGE: self._coverage,
            Phase.FUZZING: self._fuzzing,
        }
        with Sender(self.probe, test, role, self.tally) as sender:
            runs[phase](role, test, sender)

    def run_stateful(self, test: str) -> None:
        """Run the stateful phase over all linked operations. Raises ContractBreachError."""
        run_scenarios(self.probe, test, self.source, self.tally, self.sizes, seed=self.seed)

    def reached(self, role: str) -> None:
        """Note the share of requests that succeeded. Raises NotReachedError when none did."""
        name = self.probe.oracle.contract.operations[role].id
        sent, reached = self.tally.requests[role], self.tally.reached[role]
        self.probe.journal.write("note", text=f"Schemathesis: {reached} of {sent} requests to {name} reached a 2xx")
        if reached == 0:
            raise NotReachedError(f"none of {sent} generated requests to {name} was answered with success")

    def _examples(self, role: str, _test: str, sender: Sender) -> None:
        source = self.source
        with generating():
            cases = source.examples(role)
        trials = [Trial(case, mended=mended) for case in cases for mended in _both(role)]
        Hunt(0).each(sender.try_out, trials, _size)

    def _coverage(self, role: str, test: str, sender: Sender) -> None:
        source = self.source
        with generating():
            cases, total = source.coverage(role, self.sizes.coverage, self.seed)
        if len(cases) < total:
            self.probe.journal.write(
                "note", text=f"{test}: {len(cases)} of {total} coverage cases, chosen by the seed; certify sends all"
            )
        Hunt(0).each(sender.try_out, [Trial(case) for case in cases], _size)

    def _fuzzing(self, role: str, _test: str, sender: Sender) -> None:
        source = self.source
        with generating():
            trials = self._trials(source, role)
        # A deletion is drawn from nothing but an id, and each one costs a creation.
        count = self.sizes.fuzzing // 3 if role == "delete" else self.sizes.fuzzing
        sample(Hunt(self.sizes.shrinks), sender.try_out, trials, _size, seed=self.seed, count=count)

    def _trials(self, source: CaseSource, role: str) -> st.SearchStrategy[Trial]:
        bodies = role in _BODIES
        trials = st.builds(
            Trial,
            case=source.fuzzing(role),
            known=_KNOWN,
            mended=_MENDED if bodies else st.just(False),
            recent=_RECENT,
        )
        if not bodies:
            return trials
        return st.one_of(trials, trials, trials, st.builds(Trial, case=source.valid(role), body=self._dense(role)))

    def _dense(self, role: str) -> st.SearchStrategy[Json]:
        gpu = self.probe.session.budget.limits.gpu_devices is None and self.probe.allows_gpus(1)
        if role == "create":
            return create_bodies(self.probe.oracle, self.probe.project, self.probe.cluster, gpu=gpu)
        return update_bodies(self.probe.oracle, gpu=gpu)


_BODIES: Final = frozenset({"create", "update"})


def _both(role: str) -> tuple[bool, ...]:
    return (False, True) if role in _BODIES else (False,)


def _size(trial: Trial) -> Size:
    return (len(repr(trial.case)) + len(repr(trial.body)),)


_CAMPAIGNS: WeakKeyDictionary[Probe, Campaign] = WeakKeyDictionary()
_LOCK = threading.Lock()


def campaign(probe: Probe) -> Campaign:
    """The campaign of a probe, the same one for every test of a run."""
    with _LOCK:
        if probe not in _CAMPAIGNS:
            _CAMPAIGNS[probe] = Campaign(probe)
        return _CAMPAIGNS[probe]
