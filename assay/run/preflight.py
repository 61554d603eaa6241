"""Begins a run: the questions of `assay doctor`, whose first no ends it."""

from __future__ import annotations

from assay.client.preflight.diagnose import preflight, tells
from assay.client.preflight.steps import Step, StepState
from assay.client.session import Session
from assay.run.context import RunContext


def ask(run: RunContext, session: Session) -> Step | None:
    """Ask the target; the step that ends the run, which the journal has as its problem, or None.

    What only limits a run becomes a note of the report.
    """
    lacking = []
    for step in preflight(session, judged="contract" in run.plan.parts):
        if step.state is StepState.FAIL:
            run.journal.write("problem", what=f"{step.text} ({step.todo})")
            return step
        if step.state is StepState.WARN:
            lacking.append(step.name)
            run.journal.write("note", text=f"{step.name}: {step.text}")
    run.console.print(tells(session, lacking), highlight=False, soft_wrap=True)
    return None
