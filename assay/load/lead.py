"""Leads one load run from its run file to the last event of its journal."""

from __future__ import annotations

import signal
from typing import Final

import gevent

from assay.client.settings import Settings
from assay.contract.documents import Contract, load
from assay.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS, AssayError
from assay.findings.journal import Journal
from assay.load import observations, outcome
from assay.load.baseline import comparison_findings, comparison_notes, to_stored
from assay.load.check import Checked, check
from assay.load.comparison import compare
from assay.load.coordinator import Coordinator, Interrupted, Leg
from assay.load.crew import Crew
from assay.load.engine import settings_at_hand
from assay.load.plan import RunFile
from assay.load.scenario import load_scenario
from assay.load.search import Bisection, steps_at

_LOST_CLEANUP: Final = 3.0


def lead(file: RunFile) -> int:
    """Do the run; what is observed goes to the journal. Returns the exit code; raises AssayError before it starts."""
    settings = settings_at_hand()
    checked = check(file, settings)
    contract = load(settings.contract, settings.corrections)
    journal = Journal(file.journal)
    run = _Run(file, settings, checked, contract, journal)
    try:
        return run.whole()
    finally:
        journal.close()


class _Run:
    def __init__(
        self,
        file: RunFile,
        settings: Settings,
        checked: Checked,
        contract: Contract,
        journal: Journal,
    ) -> None:
        self._file = file
        self._settings = settings
        self._profile = checked.profile
        self._objectives = checked.objectives
        self._before = checked.before
        self._contract = contract
        self._journal = journal
        self._signalled = False
        self._target_lost = False

    def whole(self) -> int:
        try:
            with Crew(self._file, self._settings, self._journal) as crew:
                for number in (signal.SIGTERM, signal.SIGINT):
                    gevent.signal_handler(number, self._interrupt, crew.coordinator)
                return self._led(crew)
        except AssayError as error:
            self._problem(error)
            return EXIT_INCONCLUSIVE

    def _interrupt(self, coordinator: Coordinator) -> None:
        self._signalled = True
        coordinator.interrupt()

    def _led(self, crew: Crew) -> int:
        code = EXIT_INCONCLUSIVE
        try:
            crew.gather()
            for note in crew.prepare(self._profile):
                self._journal.write("note", text=note)
            crew.start()
            code = self._search(crew.coordinator) if self._profile.search else self._once(crew.coordinator)
        except Interrupted:
            self._journal.write("problem", what=crew.coordinator.interrupted)
        except AssayError as error:
            self._problem(error)
        finally:
            # A target that is gone deletes nothing: what is left is in the ledger, for `assay cleanup`.
            left = crew.finish(_LOST_CLEANUP if self._target_lost else self._file.cleanup_seconds)
            if left:
                self._journal.write(
                    "note", text=f"{left} workloads of the load part were still being deleted at its end"
                )
        return EXIT_INTERRUPTED if self._signalled else code

    def _once(self, coordinator: Coordinator) -> int:
        return self._report(coordinator.leg(self._profile, self._profile.steps))

    def _search(self, coordinator: Coordinator) -> int:
        """Look for the highest rate that keeps the objectives; the result is that of the best try."""
        assert self._profile.search is not None
        bisection = Bisection(self._profile.search)
        rate = sum(load_.rate for load_ in self._profile.loads)
        best: Leg | None = None
        worst: Leg | None = None
        while (factor := bisection.next()) is not None:
            leg = coordinator.leg(self._profile, steps_at(self._profile.search, factor), recover=worst is not None)
            found = outcome.results(leg, self._contract, self._objectives)
            reasons = outcome.problems(leg, found, ())
            missed = outcome.findings(found, self._objectives)
            told = reasons or [finding.summary for finding in missed] or ["all objectives kept"]
            self._journal.write("note", text=f"at {factor * rate:.4g} requests/s: {'; '.join(told)}")
            if reasons and (best is None or leg.problems or leg.interrupted):
                return self._report(leg)
            if reasons:
                self._journal.write("note", text="the search ended there: a higher rate needs more load processes")
                break
            bisection.tell(factor, kept=not missed)
            if missed:
                worst = leg
            elif best is None or factor >= best.steps[-1].end:
                best = leg
        self._journal.write("note", text=bisection.sentence(rate))
        last = best if bisection.low is not None else worst
        assert last is not None
        return self._report(last)

    def _report(self, leg: Leg) -> int:
        found = outcome.results(leg, self._contract, self._objectives)
        expected = {
            self._contract.operations[load_scenario(load_.scenario).operation].id for load_ in self._profile.loads
        }
        self._target_lost = any(reason.startswith("target lost") for reason in leg.problems)
        reasons = outcome.problems(leg, found, sorted(expected))
        if self._file.rate is not None:
            reasons += outcome.held_back(found)
        outcome.write(self._journal, leg, found, judged=not reasons)
        for reason in reasons:
            self._journal.write("problem", what=reason)
        if not reasons:
            self._keep_and_compare(leg, found)
        beyond = observations.findings(leg.collector, self._objectives, leg.measured_seconds)
        for law in observations.laws(leg.collector):
            self._journal.write("note", text=f"law of {law.operation}: {law.sentence()}")
        for finding in (*outcome.findings(found, self._objectives), *beyond):
            # A run that cannot be judged accuses nobody: a lost target has missed every objective.
            if reasons:
                self._journal.write(
                    "note", text=f"not judged, since the load part is inconclusive: {finding.summary}"
                )
            else:
                self._journal.finding(finding)
        return EXIT_INCONCLUSIVE if reasons else EXIT_PASS

    def _keep_and_compare(self, leg: Leg, found: list[outcome.Result]) -> None:
        """Store the measurement where asked, and set it beside the baseline. Only of runs that can be judged."""
        stored = to_stored(self._file.run, self._settings.base_url or "", self._profile, leg, found)
        if self._file.save is not None:
            stored.write(self._file.save)
        if self._before is not None:
            comparison = compare(self._before, stored, tolerance=self._file.tolerance, seed=self._file.seed)
            for note in comparison_notes(comparison, str(self._file.baseline)):
                self._journal.write("note", text=note)
            for finding in comparison_findings(comparison, str(self._file.baseline)):
                self._journal.finding(finding)
        if self._file.update_baseline and self._file.baseline is not None:
            stored.write(self._file.baseline)
            self._journal.write("note", text=f"this run is the baseline now: {self._file.baseline}")

    def _problem(self, error: AssayError) -> None:
        hint = f" ({error.hint})" if error.hint else ""
        self._journal.write("problem", what=f"{error.message}{hint}")
