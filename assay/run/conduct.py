"""Conducts one run from settings to exit code: target, parts, clean-up, verdict, reports.

Every path out of here, a pass, a finding, Ctrl-C, SIGTERM, a crash of a part, first removes what the run created
and then writes what it knows.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType

from rich.console import Console

from assay.client.preflight.recognise import find_problem
from assay.client.session import Session, open_session
from assay.client.settings import Settings
from assay.contract import documents
from assay.contract.documents import Contract
from assay.errors import EXIT_INTERRUPTED, AssayError, InconclusiveError
from assay.findings import journal as journals
from assay.findings.journal import Journal
from assay.findings.model import Class
from assay.findings.verdict import Verdict, build
from assay.findings.waivers import Waiver, read_waivers
from assay.reference import embedded
from assay.reporting import certificate, terminal
from assay.reporting.write_all import write_all
from assay.run import parts
from assay.run.info import run_info
from assay.run.plan import Plan
from assay.run.progress import Progress
from assay.run.space import Space, open_space


@dataclass
class Run:
    """What the steps of a run share."""

    plan: Plan
    settings: Settings
    contract: Contract
    space: Space
    journal: Journal
    console: Console
    progress: Progress
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.monotonic)
    interrupted: bool = False
    mark: str = ""

    @property
    def deadline(self) -> float | None:
        """The moment (monotonic) at which the wall-clock budget ends, if there is one."""
        limit = self.settings.max_seconds
        return self.began + limit if limit is not None else None


def conduct(plan: Plan, settings: Settings, console: Console) -> int:
    """Run ``plan`` and return the exit code. Raises UsageError only before anything was created."""
    settings = settings.with_command_defaults(**plan.defaults)
    contract = documents.load(settings.contract, settings.corrections)
    waivers = read_waivers(settings.waivers)
    space = open_space(plan.command, settings.out)
    try:
        journal = Journal(space.journal)
        run = Run(plan, settings, contract, space, journal, console, Progress(console, space.journal))
        with _signals(run):
            try:
                with ExitStack() as stack:
                    _execute(run, stack)
            except InconclusiveError as error:
                journal.write("problem", what=_sentence(error))
            finally:
                run.progress.stop()
            return _report(run, waivers)
    finally:
        space.close()


def _execute(run: Run, stack: ExitStack) -> None:
    """Reach the target, run the parts, sweep."""
    if run.settings.base_url is None:
        run.settings = _with_embedded(run, stack)
    session = stack.enter_context(_opened(run))
    run.mark = session.mark
    try:
        problem = find_problem(session, any_json=tuple(run.plan.parts) == ("load",))
        if problem is not None:
            run.journal.write("problem", what=problem)
        for part in run.plan.parts:
            if problem is not None:
                run.journal.write("not_tested", what=part, why="the target could not be reached")
            elif run.interrupted:
                run.journal.write("not_tested", what=part, why="the run was interrupted")
            else:
                parts.PARTS[part](run)
    finally:
        _clean_up(run, session)


def _with_embedded(run: Run, stack: ExitStack) -> Settings:
    plane = stack.enter_context(embedded.start())
    return run.settings.with_embedded(plane.base_url, plane.projects[0], plane.cluster, **embedded.credentials(plane))


@contextmanager
def _opened(run: Run) -> Iterator[Session]:
    session = open_session(run.settings, run.contract, run_id=run.space.run_id)
    try:
        yield session
    finally:
        session.close()


def _clean_up(run: Run, session: Session) -> None:
    """Remove what is left; tell the journal about everything the ledger lists."""
    swept = session.sweep()
    stayed = {item.id for item in swept.left_behind}
    for identity, entry in session.ledger.state().workloads.items():
        run.journal.write("resource", event="created", id=identity, name=entry.name)
        if identity not in stayed:
            run.journal.write("resource", event="deleted", id=identity, name=entry.name)
    for item in swept.left_behind:
        run.journal.write("resource", event="left_behind", id=item.id or item.name, name=item.name)


def _report(run: Run, waivers: tuple[Waiver, ...]) -> int:
    """Build the verdict, write the reports, print the end of the run."""
    run.journal.close()
    events = list(journals.read(run.space.journal))
    info = run_info(run.plan, run.settings, run.contract, run.space.run_id, run.started)
    verdict: Verdict = build(events, run=info, waivers=waivers, fail_on=Class(run.settings.fail_on))
    problems = write_all(verdict, events, run.space.out)
    if problems:
        verdict = verdict.with_problems(problems)
    run.space.point_latest_here()
    terminal.show(verdict, run.space.out, run.console)
    digest = certificate.certificate_digest(run.space.out) if run.plan.command == certificate.COMMAND else None
    if digest is not None:
        run.console.print(
            f"certificate: keep its digest elsewhere: {digest}\n"
            f"             assay verify {run.space.out} --sha256 ... says whether anything was altered since",
            highlight=False,
            soft_wrap=True,
        )
    return EXIT_INTERRUPTED if run.interrupted else verdict.exit_code


def _sentence(error: AssayError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


@contextmanager
def _signals(run: Run) -> Iterator[None]:
    """SIGINT and SIGTERM end the run in good order; a second one does not interrupt the clean-up."""

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature that signal.signal wants
        if not run.interrupted:
            run.interrupted = True
            with suppress(AssayError):
                run.journal.write("problem", what=f"interrupted by {signal.Signals(number).name}")
            run.console.print("interrupted: removing what this run created, then reporting", highlight=False)

    before = {each: signal.signal(each, note) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
