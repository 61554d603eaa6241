"""Conducts one load run from its run file to the last event of its journal."""

from __future__ import annotations

import signal
from dataclasses import replace

import gevent

from assay.client.settings import Settings
from assay.contract.documents import Contract, load
from assay.errors import EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_PASS, AssayError
from assay.findings.journal import FileJournal, Journal
from assay.load import observations, outcome
from assay.load.check import Checked, check
from assay.load.comparison import Comparison, compare, comparison_findings, comparison_notes
from assay.load.master import Interrupted, Master, StageRun
from assay.load.measurement import measurement_of
from assay.load.options import RunFile
from assay.load.processes import Processes
from assay.load.profiles import Bisection, stages_at
from assay.load.runners import settings_at_hand
from assay.load.scenario import load_scenario


def conduct(file: RunFile) -> int:
    """Do the run; what is observed goes to the journal. Returns the exit code; raises AssayError before it starts."""
    settings = settings_at_hand()
    contract = load(settings.contract, settings.corrections)
    checked = check(file.options, settings, contract)
    journal = FileJournal(file.journal)
    conductor = _Conductor(file, settings, checked, contract, journal)
    try:
        return conductor.whole()
    finally:
        journal.close()


class _Conductor:
    def __init__(
        self,
        file: RunFile,
        settings: Settings,
        checked: Checked,
        contract: Contract,
        journal: Journal,
    ) -> None:
        self._file = file
        self._options = file.options
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
            with Processes(self._file, self._settings, self._journal) as processes:
                for number in (signal.SIGTERM, signal.SIGINT):
                    gevent.signal_handler(number, self._interrupt, processes.master)
                return self._conducted(processes)
        except AssayError as error:
            self._problem(error)
            return EXIT_INCONCLUSIVE

    def _interrupt(self, master: Master) -> None:
        self._signalled = True
        master.interrupt()

    def _conducted(self, processes: Processes) -> int:
        code = EXIT_INCONCLUSIVE
        try:
            processes.gather()
            for note in processes.prepare(self._profile):
                self._journal.write("note", text=note)
            processes.start()
            code = self._search(processes.master) if self._profile.search else self._once(processes.master)
        except Interrupted:
            self._journal.write("problem", what=processes.master.interrupted)
        except AssayError as error:
            self._problem(error)
        finally:
            # A target that is gone deletes nothing: what is left is in the ledger, for `assay cleanup`.
            left = processes.finish(processes.waits.lost_cleanup if self._target_lost else self._file.cleanup_seconds)
            if left and not self._target_lost:  # who conducts the run tells what stands
                self._journal.write(
                    "note", text=f"{left} workloads of the load part were still being deleted at its end"
                )
        return EXIT_INTERRUPTED if self._signalled else code

    def _once(self, master: Master) -> int:
        return self._report(master.run_stages(self._profile))

    def _search(self, master: Master) -> int:
        """Look for the highest rate that keeps the objectives; the result is that of the best try."""
        assert self._profile.search is not None
        bisection = Bisection(self._profile.search)
        rate = sum(load_.rate for load_ in self._profile.loads)
        best: StageRun | None = None
        worst: StageRun | None = None
        while (factor := bisection.next()) is not None:
            attempt = replace(self._profile, stages=stages_at(self._profile.search, factor))
            run = master.run_stages(attempt, recover=worst is not None)
            found = outcome.results(run, self._contract, self._objectives)
            reasons = outcome.problems(run, found, ())
            missed = outcome.findings(found, self._objectives)
            words = reasons or [finding.summary for finding in missed] or ["all objectives kept"]
            self._journal.write("note", text=f"at {factor * rate:.4g} requests/s: {'; '.join(words)}")
            if reasons and (best is None or run.problems or run.interrupted):
                return self._report(run)
            if reasons:
                limited = any(result.limited for result in found)
                why = "a gateway limits the rate" if limited else "a higher rate needs more load processes"
                self._journal.write("note", text=f"the search ended there: {why}")
                break
            bisection.tell(factor, kept=not missed)
            if missed:
                worst = run
            elif best is None or factor >= best.stages[-1].end:
                best = run
        self._journal.write("note", text=bisection.sentence(rate))
        last = best if bisection.low is not None else worst
        assert last is not None
        return self._report(last)

    def _report(self, run: StageRun) -> int:
        found = outcome.results(run, self._contract, self._objectives)
        expected = {
            self._contract.operations[load_scenario(load_.scenario).operation].id for load_ in self._profile.loads
        }
        self._target_lost = run.target_lost
        reasons = outcome.problems(run, found, sorted(expected))
        if self._options.rate is not None:
            reasons += outcome.held_back(found)
        outcome.write(self._journal, run, found, judged=not reasons)
        for reason in run.problems:
            self._journal.write("not_tested", what="the rest of the load part", why=reason)
        for reason in reasons:
            self._journal.write(
                "problem", what=reason, code=run.code if reason in run.problems else EXIT_INCONCLUSIVE
            )
        if not reasons:
            self._keep_and_compare(run, found)
        beyond = observations.findings(run.collector, self._objectives, run.measured_seconds)
        for law in observations.scaling_laws(run.collector):
            self._journal.write("note", text=f"law of {law.operation}: {law.sentence()}")
        for finding in (*outcome.findings(found, self._objectives), *beyond):
            if outcome.accuses(finding, reasons, found):
                self._journal.finding(finding)
            else:
                self._journal.write(
                    "note", text=f"not judged, since the load part is inconclusive: {finding.summary}"
                )
        return EXIT_INCONCLUSIVE if reasons else EXIT_PASS

    def _keep_and_compare(self, run: StageRun, found: list[outcome.Result]) -> None:
        """Store the measurement where asked, and set it beside the baseline. Only of runs that can be judged."""
        base_url = self._settings.base_url or ""
        measurement = measurement_of(
            self._file.run, base_url, self._profile, run.measured_seconds, run.collector, found
        )
        if self._options.save is not None:
            measurement.write(self._options.save)
        if self._before is not None:
            comparison = compare(self._before, measurement, tolerance=self._options.tolerance, seed=self._file.seed)
            for note in comparison_notes(comparison, str(self._options.baseline)):
                self._journal.write("note", text=note)
            for finding in comparison_findings(comparison, str(self._options.baseline)):
                self._journal.finding(finding)
            if not self._options.update_baseline:
                self._tell_obstacles(comparison)
        if self._options.update_baseline and self._options.baseline is not None:
            measurement.write(self._options.baseline)
            self._journal.write("note", text=f"this run is the baseline now: {self._options.baseline}")

    def _tell_obstacles(self, comparison: Comparison) -> None:
        """A comparison that was asked for and cannot be made leaves its question open."""
        if comparison.obstacles:
            self._journal.write(
                "problem",
                what=f"this run cannot be compared with {self._options.baseline}: {'; '.join(comparison.obstacles)} "
                "(measure as the baseline was measured, or replace it with --update-baseline)",
            )

    def _problem(self, error: AssayError) -> None:
        hint = f" ({error.hint})" if error.hint else ""
        self._journal.write("problem", what=f"{error.message}{hint}", code=error.exit_code)
