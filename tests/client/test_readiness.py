"""Whether a new workload has metrics in time: asked before a run, and never the end of one."""

from __future__ import annotations

import time

import pytest

from assay.client.preflight.diagnose import preflight
from assay.client.preflight.readiness import BRIEFLY
from assay.client.preflight.steps import Step, StepState
from assay.clock import VirtualClock
from tests.client.conftest import Open
from tests.client.plane import Plane
from tests.client.servers import Reply, Seen, Server, error


def metrics(reach: Open, clock: VirtualClock, *, judged: bool = True) -> Step:
    return next(step for step in preflight(reach(clock=clock), judged=judged) if step.name == "metrics")


@pytest.fixture
def clock(plane: Plane) -> VirtualClock:
    """Virtual, at the time of the plane, whose tokens and dates are real."""
    return VirtualClock(time.time())


def phases(plane: Plane, *phases: str) -> None:
    """Reads of a workload show these phases, the last again and again."""
    waiting, one = list(phases), plane.one

    def shown(seen: Seen, workload_id: str) -> Reply:
        if seen.method == "GET" and seen.path.endswith(workload_id) and workload_id in plane.workloads:
            plane.workloads[workload_id]["actualPhase"] = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return one(seen, workload_id)

    plane.one = shown  # type: ignore[method-assign]


def test_they_are_waited_for_and_the_wait_is_told(reach: Open, plane: Plane, clock: VirtualClock) -> None:
    phases(plane, "Creating", "Pending", "Initializing", "Running")  # the first is for the step about rights
    step = metrics(reach, clock)
    assert (step.state, step.text) == (StepState.OK, "ready after 1.6 s (now: 200)")


def test_a_run_with_nothing_wrong_begins_with_few_requests(reach: Open, server: Server) -> None:
    assert all(step.state is StepState.OK for step in preflight(reach()))
    asked = [seen for seen in server.seen if not seen.path.endswith("/token")]
    assert len(asked) <= 17


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("Pending", f"not ready within {BRIEFLY:g} s (the plain workload is Pending)"),
        ("Failed", f"not ready within {BRIEFLY:g} s (the plain workload is Failed)"),
    ],
)
def test_a_workload_that_does_not_come_to_run_limits_a_run_and_does_not_end_it(
    reach: Open, plane: Plane, clock: VirtualClock, phase: str, words: str
) -> None:
    plane.phase = phase
    began = clock.now
    step = metrics(reach, clock)
    assert (step.state, step.code) == (StepState.WARN, 0)
    assert step.text.startswith(words)
    assert "a gate waits 15 s for them, then what needs them is listed as not tested" in step.text
    assert clock.now - began == (BRIEFLY if phase == "Pending" else 0)


def test_metrics_that_lag_behind_the_phase_are_waited_for(reach: Open, plane: Plane, clock: VirtualClock) -> None:
    one = plane.one

    def without(seen: Seen, workload_id: str) -> Reply:
        return error(404, "no series") if "/metrics" in seen.path else one(seen, workload_id)

    plane.one = without  # type: ignore[method-assign]
    step = metrics(reach, clock)
    assert step.state is StepState.WARN
    assert "is Running, and its metrics are not found" in step.text


def test_without_a_phase_samples_show_that_a_workload_serves(reach: Open, plane: Plane, clock: VirtualClock) -> None:
    plane.phase = None
    assert "shows neither a phase nor samples" in metrics(reach, clock).text
    plane.workloads.clear()
    one = plane.one

    def measured(seen: Seen, workload_id: str) -> Reply:
        known = workload_id in plane.workloads and "/metrics" in seen.path
        return Reply(200, {"measurements": [{"values": [{"value": "1"}]}]}) if known else one(seen, workload_id)

    plane.one = measured  # type: ignore[method-assign]
    assert metrics(reach, clock).text.startswith("ready after 0.0 s")


def test_nobody_waits_before_load_alone(reach: Open, plane: Plane, clock: VirtualClock) -> None:
    plane.phase = "Pending"
    assert metrics(reach, clock, judged=False).text == "metrics are served (now: 200)"
    assert clock.slept == []
