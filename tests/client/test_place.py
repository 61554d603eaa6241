"""What a target says to one plain creation, and whose side that is: the user's (exit 2) or the target's (3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assay.client.preflight.diagnose import preflight
from assay.client.preflight.steps import Step, StepState
from assay.client.session import Session
from assay.contract.request import Json
from tests.client.conftest import Open
from tests.client.pages import ENVOY_403
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


def gpus(session: Session) -> list[Step]:
    return [step for step in preflight(session) if step.name == "gpus"]


def refusing(plane: Plane, refuses: Callable[[dict[str, Json]], Reply | None]) -> None:
    """Creations that ask for GPUs are answered as told by what they ask for."""
    create = plane.create

    def instead(seen: Seen, caller: str) -> Reply:
        compute = seen.json.get("spec", {}).get("compute")
        return (compute and refuses(compute)) or create(seen, caller)

    plane.create = instead  # type: ignore[method-assign]


def test_gpus_are_asked_for_where_the_budget_allows(reach: Open, plane: Plane) -> None:
    assert gpus(reach()) == []
    session = reach(max_gpu_devices=1)
    (step,) = gpus(session)
    assert (step.state, step.text) == (StepState.OK, f"project {PROJECT} takes a request for a GPU")
    assert plane.workloads == {}
    assert session.offer.gpus


def test_what_refuses_all_spellings_of_a_gpu_has_none(reach: Open, plane: Plane) -> None:
    refusing(plane, lambda _: error(403, "GPU quota exceeded"))
    session = reach(max_gpu_devices=1)
    (step,) = gpus(session)
    assert step.state is StepState.WARN
    assert "takes no request for a GPU (403: GPU quota exceeded): whatever asks for one will be listed" in step.text
    refusal = session.offer.gpu_refusal
    assert (session.offer.gpus, refusal and refusal.status) == (False, 403)
    assert refusal
    assert "GPU quota exceeded" in refusal.text


@pytest.mark.parametrize(
    ("refuses", "expected"),
    [
        (lambda compute: None if "gpuMemoryRequest" in compute else error(400, "whole ones are gone"), True),
        (lambda _: error(500, "oops"), None),
        (lambda _: Reply(403, raw=ENVOY_403.body, headers=dict(ENVOY_403.headers)), None),
    ],
    ids=["one spelling is taken", "broken", "a gateway"],
)
def test_gpus_are_told_by_the_api_alone(
    reach: Open, plane: Plane, refuses: Callable[[dict[str, Json]], Reply | None], expected: bool | None
) -> None:
    refusing(plane, refuses)
    session = reach(max_gpu_devices=1, retry_cap=0.01)
    list(preflight(session))
    assert session.offer.gpus is expected


def test_lists_that_are_not_there_are_asked_for_once(reach: Open, plane: Plane, server: Server) -> None:
    plane.lists = plane.pods = False
    session = reach()
    list(preflight(session))
    assert (session.offer.workload_list, session.offer.pod_list) == (False, False)
    asked = len(server.seen)
    assert session.find_by_name("x") is None
    assert session.pods("y") is None
    assert len(server.seen) == asked


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
