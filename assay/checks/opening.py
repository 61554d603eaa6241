"""Opens what a contract session works with: the settings handed over by a command, or those of a plain pytest."""

from __future__ import annotations

import os
import secrets
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assay.checks.batches import end_chains
from assay.checks.run_state import RunState
from assay.checks.shared_fixture import end_idle
from assay.checks.target import TargetUnderTest
from assay.client.handover import JOURNAL, PROFILE, RUN_ID, from_env, handed_over
from assay.client.layers import load_settings
from assay.client.opening import check_embedded, open_session
from assay.client.preflight.diagnose import preflight, tells
from assay.client.preflight.steps import StepState
from assay.client.session import Session
from assay.client.settings import Settings
from assay.contract import documents
from assay.contract.documents import Contract
from assay.contract.oracle import Oracle
from assay.files import temporary_folder
from assay.findings.journal import FileJournal
from assay.processes import Parent, heed_interrupts, interrupt
from assay.reference import embedded

# An idle fixture keeps a slot, or two; chains of updates keep two more. Of fewer slots than this none can be spared.
_LEAST_FOR_IDLE: Final = 6


@dataclass
class ContractSession:
    """The target and what must be closed after the last test."""

    target: TargetUnderTest
    concurrency: int
    _session: Session
    _stack: ExitStack
    _conductor: Parent | None  # the command that sweeps after us, if there is one
    _nothing_left: bool = False

    def ask(self) -> str | None:
        """Ask what a command asks before its parts (None: one has done so); the line that tells what came of it.

        The first no is raised: UsageError or InconclusiveError.
        """
        if self._conductor is not None:
            return None
        lacking = []
        for step in preflight(self._session):
            if step.state is StepState.FAIL:
                self._nothing_left = (
                    self._session.conclude()
                )  # who is refused has created nothing, as a rule, and does not come again
            step.insist()
            if step.state is StepState.WARN:
                lacking.append(step.name)
        return tells(self._session, lacking)

    def interrupt(self) -> None:
        """Let no further request leave but deletions; tests that run in threads end at their next request."""
        self._session.halt("the run was interrupted")

    def close(self) -> None:
        """Remove what is left (under a command, the command does, if it lives) and close the connections."""
        try:
            end_idle(self.target)
            end_chains(self.target)
            if not self._nothing_left and (self._conductor is None or self._conductor.is_gone):
                swept = self._session.sweep()
                for entry in (*swept.left_behind, *swept.unconfirmed):
                    how = "deletion not confirmed" if entry.agreed else "left behind"
                    print(f"{how} on the target: {entry.name} {entry.id or ''}")
        finally:
            self._stack.close()


def contract_in_force() -> Contract:
    """The contract that the command in charge chose; the shipped one under plain pytest."""
    if not handed_over():
        return documents.load()
    settings = from_env()
    return documents.load(settings.contract, settings.corrections)


def open_contract_session(option: Namespace) -> ContractSession:
    """Open the session of a pytest run. Raises UsageError and InconclusiveError with what to do."""
    stack = ExitStack()
    if handed_over():
        settings = from_env()
        conductor = Parent()
        heed_interrupts()
        conductor.when_gone(interrupt)
    else:
        conductor = None
        settings = load_settings(
            {"base_url": option.base_url, "project": option.project, "cluster": option.cluster}
            | ({"concurrency": option.concurrency} if option.concurrency else {})
        )
    if settings.base_url is None:
        check_embedded(settings)
        settings = _start_embedded(settings, stack)
    journal_file = os.environ.get(JOURNAL)
    if journal_file is None:
        folder = stack.enter_context(temporary_folder("assay-"))
        journal_file = str(folder / "journal.jsonl")
    contract = contract_in_force()
    run_id = os.environ.get(RUN_ID) or f"pytest-{secrets.token_hex(4)}"
    journal = FileJournal(Path(journal_file))
    stack.callback(journal.close)
    session = open_session(settings, contract, run_id=run_id, events=journal)
    stack.callback(session.close)
    state = RunState(keeps_idle=settings.max_live >= _LEAST_FOR_IDLE)
    target = TargetUnderTest(session, Oracle(contract), journal, os.environ.get(PROFILE, "gate"), state)
    return ContractSession(target, settings.concurrency, session, stack, conductor)


def _start_embedded(settings: Settings, stack: ExitStack) -> Settings:
    plane = stack.enter_context(embedded.start())
    return settings.with_embedded(plane.base_url, plane.projects[0], plane.cluster, **embedded.credentials(plane))
