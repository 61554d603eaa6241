"""Begins a run: the questions of `assay doctor`, whose first no ends it."""

from __future__ import annotations

from assay.client.preflight.diagnose import preflight
from assay.client.preflight.steps import Step, StepState
from assay.client.session import Session
from assay.run.context import RunContext
from assay.wording import plural


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
    with_limits = f", with {plural(len(lacking), 'limitation')} ({', '.join(lacking)})" if lacking else ""
    asked = plural(session.budget.requests, "request")
    run.console.print(f"preflight: the target can be tested{with_limits}, {asked}", highlight=False, soft_wrap=True)
    return None
