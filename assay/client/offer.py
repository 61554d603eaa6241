"""What a target was found to offer, handed to the parts of a run so that nothing is asked twice."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class GpuRefusal(BaseModel):
    """The request for a GPU that was refused last, and the answer, its secrets masked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body: dict[str, Any]
    status: int
    headers: dict[str, str]
    text: str


class Offer(BaseModel):
    """None: nobody has asked, or the answer did not tell.

    ``gpus``: one of the plainest requests for a GPU is accepted, with this ``compute`` (``granted_gpus``).
    ``workload_list`` and ``pod_list``: the two lists beside the operations exist. ``skew``: seconds that the target's
    clock is ahead of this machine's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpus: bool | None = None
    granted_gpus: dict[str, Any] | None = None
    gpu_refusal: GpuRefusal | None = None
    workload_list: bool | None = None
    pod_list: bool | None = None
    skew: float | None = None
