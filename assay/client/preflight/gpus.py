"""May workloads of the project ask for GPUs at all?

A project without GPU quota refuses every request for one, and is right to. So the plainest requests are sent first: a
target that takes one of them is held to all that the contract says about GPUs, one that refuses them all to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeGuard

from assay.client.creation import created_id
from assay.client.exchange import Answer, NoAnswer, error_message
from assay.client.gateway import gateway_of
from assay.client.offer import GpuRefusal
from assay.client.preflight.steps import Step, ok, warn
from assay.client.session import Session
from assay.contract.request import Json

PLAINEST_GPUS: Final[tuple[dict[str, Json], ...]] = (
    {"gpuDevicesRequest": 1},
    {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5},
    {"gpuDevicesRequest": 1, "gpuRequestType": "memory", "gpuMemoryRequest": "1G"},
)


def check_gpus(session: Session, image: str) -> Iterator[Step]:
    """The step ``gpus``, where the budget lets a run ask for one; what is found stands in the session's offer."""
    if not session.budget.allows_gpus(1):
        return
    creation = session.contract.creation
    refusal: GpuRefusal | None = None
    for compute in PLAINEST_GPUS:
        body = {
            "name": session.name("preflight"),
            "projectId": session.project,
            "clusterId": session.cluster,
            "spec": {"image": image, "compute": compute},
        }
        outcome = session.send(creation.request(body=body))
        workload = created_id(outcome)
        if workload is not None:
            session.send(session.contract.deletion.request({session.contract.main_resource: workload}))
            session.learn(gpus=True, granted_gpus=compute)
            yield ok("gpus", f"project {session.project} takes a request for a GPU")
            return
        if not is_refusal(outcome):
            return  # that tells nothing of GPUs: whoever needs one will ask again
        refusal = _kept(session, body, outcome)
        told = f"{outcome.status}: {session.mask.text(error_message(outcome))}"
    session.learn(gpus=False, gpu_refusal=refusal)
    text = f"project {session.project} takes no request for a GPU ({told})"
    yield warn("gpus", f"{text}: whatever asks for one will be listed as not tested")


def is_refusal(outcome: Answer | NoAnswer) -> TypeGuard[Answer]:
    """Whether it is the API that refuses."""
    if not isinstance(outcome, Answer) or outcome.status == 429 or gateway_of(outcome) is not None:
        return False
    return 400 <= outcome.status < 500


def _kept(session: Session, body: dict[str, Json], answer: Answer) -> GpuRefusal:
    headers = session.mask.headers(answer.headers)
    return GpuRefusal(body=body, status=answer.status, headers=headers, text=session.mask.text(answer.text))
