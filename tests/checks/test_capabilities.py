"""What the preflight has found about GPUs is not asked again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assay.client.offer import GpuRefusal, Offer
from tests.checks.stage import Stage, stage

__all__ = ["stage"]

Make = Callable[..., Stage]
REFUSAL = GpuRefusal(
    body={"name": "run-1", "spec": {"compute": {"gpuDevicesRequest": 1}}},
    status=403,
    headers={"Content-Type": "application/json"},
    text='{"code": 403, "message": "no GPU quota"}',
)


def creations(stage: Stage) -> list[str]:
    return [body.decode() for method, _, _, body in stage.transport.sent if method == "POST"]


@pytest.mark.parametrize("asks", [True, False])
def test_gpus_that_were_granted_are_taken_for_granted(stage: Make, asks: bool) -> None:
    made = stage()
    if not asks:
        made.target.session.offer = Offer(gpus=True)
    assert made.target.allows_gpus(1)
    assert bool(creations(made)) is asks


def test_gpus_that_were_refused_are_a_gap_with_the_answer_of_the_preflight(stage: Make) -> None:
    made = stage()
    made.target.session.offer = Offer(gpus=False, gpu_refusal=REFUSAL)
    assert not made.target.allows_gpus(1)
    assert creations(made) == []
    (finding,) = made.findings()
    assert (finding["kind"], finding["class"]) == ("gpus-refused", "gap")
    assert "no GPU quota" in str(finding["evidence"]["response"])
    assert "gpuDevicesRequest" in str(finding["evidence"]["request"])
