"""What a target says to one plain creation, and whose side that is: the user's (exit 2) or the target's (3)."""

from __future__ import annotations

import pytest

from assay.client.preflight.diagnose import preflight
from assay.client.preflight.steps import Step, StepState
from tests.client.conftest import Open
from tests.client.plane import CLUSTER, PROJECT, Plane
from tests.client.servers import Reply, Seen, Server, error

STRANGER = "00000000-1111-4222-8333-444444444444"


def answered(plane: Plane, *replies: Reply) -> None:
    """Creations by us are answered so, one after the other, the last reply again and again."""
    waiting, create = list(replies), plane.create

    def instead(seen: Seen, caller: str) -> Reply:
        if caller != "researcher":
            return create(seen, caller)
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    plane.create = instead  # type: ignore[method-assign]


def place(reach: Open) -> Step:
    return next(step for step in preflight(reach(retry_cap=0.01)) if step.name == "project")


def says(message: str, status: int) -> Reply:
    return error(status, message)


CASES: dict[str, tuple[Reply, StepState, int, str]] = {
    "no rights": (says("You may not.", 403), StepState.FAIL, 2, f"project {PROJECT} may not be used"),
    "no project": (says("Resource id not found.", 404), StepState.FAIL, 2, f"project {PROJECT} may not be used"),
    "cluster hidden": (says("cluster not found", 404), StepState.FAIL, 2, f"cluster {CLUSTER} is not known there"),
    "project named": (
        says(f"project {PROJECT} is gone", 400),
        StepState.FAIL,
        2,
        f"project {PROJECT} is not",
    ),
    "any cluster": (says("unknown cluster", 400), StepState.FAIL, 2, f"cluster {CLUSTER} is not known there"),
    "full": (says("GPU quota of the project exceeded", 403), StepState.FAIL, 3, f"project {PROJECT} is full"),
    "full, politely": (says("limit exceeded: 10 workloads", 422), StepState.FAIL, 3, f"project {PROJECT} is full"),
    "too quick": (says("rate limit exceeded", 429), StepState.WARN, 0, "refuses a plain workload (429"),
    "policy": (says("image is not allowed", 400), StepState.WARN, 0, "refuses a plain workload (400: image is not"),
    "broken": (says("oops", 500), StepState.WARN, 0, "the creation of a plain workload was answered 500: oops"),
    "silent": (Reply(hang_up=True), StepState.WARN, 0, "the creation of a plain workload got no answer"),
    "without an id": (Reply(202, {"name": "x"}), StepState.WARN, 0, "was answered 202 without the workload's id"),
}


@pytest.mark.parametrize(("reply", "state", "code", "words"), CASES.values(), ids=CASES)
def test_a_plain_creation_is_refused(
    reach: Open, plane: Plane, reply: Reply, state: StepState, code: int, words: str
) -> None:
    answered(plane, reply)
    step = place(reach)
    assert (step.state, step.code) == (state, code), step.text
    assert words in step.text
    assert step.todo or state is StepState.WARN


def gpus(reach: Open, **flags: object) -> list[Step]:
    return [step for step in preflight(reach(**flags)) if step.name == "gpus"]


def test_gpus_are_asked_for_where_the_budget_allows(reach: Open, plane: Plane) -> None:
    assert gpus(reach) == []
    (step,) = gpus(reach, max_gpu_devices=1)
    assert (step.state, step.text) == (StepState.OK, f"project {PROJECT} takes a request for a GPU")
    assert plane.workloads == {}
    create = plane.create

    def without(seen: Seen, caller: str) -> Reply:
        asks = "compute" in seen.json.get("spec", {})
        return error(403, "GPU quota exceeded") if asks else create(seen, caller)

    plane.create = without  # type: ignore[method-assign]
    (step,) = gpus(reach, max_gpu_devices=1)
    assert step.state is StepState.WARN
    assert "takes no request for a GPU (403: GPU quota exceeded): whatever asks for one will be listed" in step.text


def test_a_creation_that_is_lost_once_is_sent_again(reach: Open, plane: Plane, server: Server) -> None:
    stored = {"workloadId": STRANGER, "name": "x"}
    answered(plane, Reply(hang_up=True), Reply(202, stored))
    assert place(reach).state is StepState.OK


def test_a_refusal_that_names_a_cluster_and_is_not_about_ours_is_for_the_run(reach: Open, plane: Plane) -> None:
    """Another cluster is refused in other words: then ours is known, and the refusal is about something else."""

    def choosy(seen: Seen, caller: str) -> Reply:
        known = seen.json["clusterId"] == CLUSTER
        return error(400, "the image cannot be pulled by the cluster" if known else "there is no such cluster")

    plane.create = choosy  # type: ignore[method-assign]
    step = place(reach)
    assert (step.state, step.code) == (StepState.WARN, 0)
    assert "the target refuses a plain workload" in step.text
