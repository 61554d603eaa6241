"""Whether the target lets this run ask for GPUs at all.

A project without GPU quota refuses every request for one, and is right to. So the plainest requests are sent first: a
target that takes one of them is held to all that the contract says about GPUs, one that refuses them all to nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from assay.checks.deviation import Deviation
from assay.client.budget import gpus_asked
from assay.contract.request import Expectation, Json, Outcome, Reason, Request, Source
from assay.findings.model import Class

if TYPE_CHECKING:
    from assay.checks.exchange import Exchange
    from assay.checks.probe import Probe

_TEST: Final = "gpus"
_OPEN: Final = Expectation(Outcome.OPEN)
_PLAINEST: Final[tuple[dict[str, Json], ...]] = (
    {"gpuDevicesRequest": 1},
    {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5},
    {"gpuDevicesRequest": 1, "gpuRequestType": "memory", "gpuMemoryRequest": "1G"},
)
ASSUMED: Final = Reason(Source.SILENCE, "assumes-gpus", "/body/spec/compute", "the project may use GPUs")


class Grants:
    """What a target has been seen to grant. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gpus: bool | None = None

    def gpus(self, probe: Probe) -> bool:
        """Whether the target takes one of the plainest requests for a GPU; asked once, when first needed."""
        with self._lock:
            if self._gpus is None:
                self._gpus = _asks(probe)
            return self._gpus


def asks(request: Request) -> bool:
    """Whether a creation or an update asks for a GPU."""
    return request.operation in {"create", "update"} and gpus_asked(request.body) > 0


def _asks(probe: Probe) -> bool:
    last: Exchange | None = None
    for compute in _PLAINEST:
        request = Request("create", body=probe.body({"image": "registry.example/echo:1.0", "compute": compute}))
        with probe.creating(request, test=_TEST, expectation=_OPEN) as exchange:
            if exchange.accepted:
                return True
            last = exchange
    if last is not None:
        probe.record(last.with_deviations(_refused()))
        probe.not_tested("whatever asks for GPUs", f"the target refuses the plainest requests ({last.status})")
    return False


def _refused() -> Deviation:
    return Deviation(
        Class.GAP,
        "gpus-refused",
        None,
        "/body/spec/compute",
        "the target refuses even the plainest requests for a GPU",
        "A project without GPU quota may do so; max_gpu_devices says that this run may use some.",
    )
