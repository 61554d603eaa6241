"""Follows the phases of a workload that nobody touches: some edges no control plane has a reason to take.

The document lists the phases and says nothing of their order, so only what the words themselves exclude is judged: a
workload that has run is not created again, and one that nobody deletes is not being deleted. Others may come in any
order: a workload may wait (Pending) before it is created in a cluster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

from assay.checks import lifecycle
from assay.checks.deviation import Deviation
from assay.checks.exchange import Exchange
from assay.checks.probe import Probe

# The embedded control plane has a workload Running after 0.8 s; real ones take minutes and show two or three phases
# in this time. Longer would cost a gate more than it finds.
_WATCH_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.3
_DELETION: Final = frozenset({"Deleting", "Terminating"})


def watch(probe: Probe, test: str) -> None:
    """Read a fresh workload for a while and judge each step from one phase to the next."""
    with probe.workload(test) as workload:
        told = [workload.created]
        until = time.monotonic() + _WATCH_SECONDS
        while time.monotonic() < until:
            told.append(lifecycle.read(probe, test, workload))
            time.sleep(_PAUSE_SECONDS)
        probe.verify(*judged(told))


def judged(told: Sequence[Exchange]) -> Iterator[Exchange]:
    """The exchanges with the deviations of the edges that lead to them; ``told`` in the order they were answered."""
    has_run = False
    for exchange in told:
        phase = exchange.object().get("actualPhase") if exchange.accepted else None
        deviations = []
        if phase == "Creating" and has_run:
            deviations.append(_unlawful(phase, "a workload that was Running is told to be in Creating again"))
        if phase in _DELETION:
            deviations.append(_unlawful(str(phase), f"a workload that nobody deletes is told to be {phase}"))
        has_run = has_run or phase == "Running"
        yield exchange.with_deviations(*deviations)


def _unlawful(phase: str, summary: str) -> Deviation:
    return lifecycle.violation(
        f"phase-{phase.lower()}",
        "/response/body/actualPhase",
        summary,
        "Phases tell what happens to a workload; nothing has happened here that this phase could tell.",
    )
