"""Conducts one run from settings to exit code: target, parts, clean-up, verdict, reports.

Every path out of here, a pass, a finding, Ctrl-C, SIGTERM, a crash of a part, first removes what the run created
and then writes what it knows.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields

from rich.console import Console

from assay.client.opening import check_embedded, limits_of, name_target, open_session
from assay.client.preflight.steps import Step
from assay.client.session import Session
from assay.client.settings import Settings
from assay.contract import documents
from assay.errors import EXIT_USAGE, AssayError, InconclusiveError, UsageError
from assay.findings.journal import FileJournal, LenientJournal, read
from assay.findings.waivers import read_waivers
from assay.processes import on_signals
from assay.reference import embedded
from assay.run import parts
from assay.run.context import RunContext, open_space
from assay.run.plan import RunPlan
from assay.run.preflight import ask
from assay.run.progress import Progress
from assay.run.report import report


def conduct(plan: RunPlan, settings: Settings, console: Console) -> int:
    """Run ``plan`` and return the exit code. Raises UsageError only before anything was created."""
    contract = documents.load(settings.contract, settings.corrections)
    settings = settings.with_command_defaults(**plan.defaults_for(contract))
    if settings.base_url is None:
        check_embedded(settings)
    waivers = read_waivers(settings.waivers)
    space = open_space(plan.command, settings.out)
    run: RunContext | None = None
    try:
        journal = LenientJournal(FileJournal(space.journal))
        run = RunContext(plan, settings, contract, space, journal, console, Progress(console, space.journal))
        with on_signals(lambda number: _interrupt(run, number)):
            try:
                with ExitStack() as stack:
                    _execute(run, stack)
            except InconclusiveError as error:
                journal.write("problem", what=_sentence(error))
            except _Refused as refused:
                report(run, waivers, shown=False)
                raise refused.error from None
            except UsageError:
                raise
            except Exception as error:
                # The net below all commands says what it was; here it is seen to that what was measured is not lost.
                journal.write("problem", what=f"assay itself broke: {type(error).__name__}: {error}")
                report(run, waivers, shown=False)
                raise
            finally:
                run.progress.stop()
            return report(run, waivers)
    finally:
        space.close(keep=run is not None and run.keeps_work)


class _Refused(Exception):  # noqa: N818 - it carries an error, which is for the user
    """The preflight found that what the user gave is wrong."""

    def __init__(self, error: UsageError) -> None:
        super().__init__(error.message)
        self.error = error


def _execute(run: RunContext, stack: ExitStack) -> None:
    """Reach the target, run the parts, sweep."""
    if run.settings.base_url is None:
        run.settings = _with_embedded(run, stack)
    session = stack.enter_context(_opened(run))
    run.mark = session.mark
    run.console.print(name_target(run.settings, run.contract), highlight=False, soft_wrap=True)
    no: Step | None = None
    try:
        no = ask(run, session)
        run.used = session.budget.usage
        run.settings.offered(session.offer)
        for part in run.plan.parts:
            why = no.text if no is not None else _over(run)
            if why is not None:
                run.journal.write("not_tested", what=part, why=why)
            else:
                _catch_up(session)
                parts.PARTS[part](run)
    finally:
        _clean_up(run, session, refused=no is not None)
    if no is not None and no.code == EXIT_USAGE and not run.interrupted:
        raise _Refused(UsageError(no.text, hint=no.todo))


def _over(run: RunContext) -> str | None:
    """Why no further part makes sense: an interrupt, or a cause for which an earlier part ended early."""
    if run.interrupted:
        return "the run was interrupted"
    ends = (event["what"] for event in read(run.space.journal) if event["t"] == "problem" and event.get("over"))
    return next(ends, None)


def _with_embedded(run: RunContext, stack: ExitStack) -> Settings:
    # It is a reference for the document that it is judged by.
    options = embedded.Options(contract=run.settings.contract, corrections=run.settings.corrections)
    plane = stack.enter_context(embedded.start(options))
    return run.settings.with_embedded(plane.base_url, plane.projects[0], plane.cluster, **embedded.credentials(plane))


@contextmanager
def _opened(run: RunContext) -> Iterator[Session]:
    session = open_session(run.settings, run.contract, run_id=run.space.run_id, clock=run.clock, events=run.journal)
    try:
        yield session
    finally:
        session.close()


def _catch_up(session: Session) -> None:
    """Remove what a part that broke off left alive: the next one may need all of the live workloads."""
    if any(not entry.delete_taken for entry in session.ledger.live().values()):
        session.sweep(last=False)


def _note_limits(run: RunContext) -> None:
    """Tell the journal what each limit of the run was and how much of it was used."""
    limits, used = limits_of(run.settings), run.used_so_far()
    for each in fields(limits):
        allowed, value = getattr(limits, each.name), round(getattr(used, each.name), 1)
        run.journal.write("limit", name=f"max_{each.name}", allowed=allowed, used=value)


def _clean_up(run: RunContext, session: Session, *, refused: bool) -> None:
    """Remove what is left; the session tells the journal what became of it."""
    _note_limits(run)
    # A run that ended at the preflight has created nothing, as a rule, and who is refused does not come again.
    if not (refused and session.conclude()):
        session.sweep()


def _sentence(error: AssayError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _interrupt(run: RunContext, number: signal.Signals) -> None:
    """End the run in good order; a second signal does not interrupt the clean-up."""
    if run.interrupted:
        return
    run.interrupted = True
    with suppress(AssayError):
        run.journal.write("problem", what=f"interrupted by {number.name}")
    run.console.print("interrupted: removing what this run created, then reporting", highlight=False)
