"""What the target lets this run do: whether it may ask for GPUs at all.

A project without GPU quota refuses every request for one, and is right to. So the plainest requests are sent first: a
target that takes one of them is held to all that the contract says about GPUs, one that refuses them all to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from assay.checks.exchange import Exchange, gap
from assay.checks.judge import Sending
from assay.checks.recorder import RunRecorder
from assay.checks.run_state import RunState
from assay.checks.sender import Sender
from assay.client.budget import gpus_asked
from assay.contract.documents import Contract
from assay.contract.request import Expectation, Json, Outcome, Reason, Request, Source

_TEST: Final = "gpus"
_PLAINEST: Final[tuple[dict[str, Json], ...]] = (
    {"gpuDevicesRequest": 1},
    {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5},
    {"gpuDevicesRequest": 1, "gpuRequestType": "memory", "gpuMemoryRequest": "1G"},
)
_ASSUMED: Final = Reason(Source.SILENCE, "assumes-gpus", "/body/spec/compute", "the project may use GPUs")

MakeBody = Callable[[Mapping[str, Json]], dict[str, Json]]
"""Makes a creation body of a spec."""


class Capabilities:
    """What a target has been seen to let a run do; asked once, when first needed."""

    def __init__(
        self, contract: Contract, sender: Sender, recorder: RunRecorder, state: RunState, make_body: MakeBody
    ) -> None:
        self._contract = contract
        self._sender = sender
        self._recorder = recorder
        self._state = state
        self._make_body = make_body

    def gpus(self) -> bool:
        """Whether the target takes one of the plainest requests for a GPU."""
        return self._state.keep("gpus", self._ask_for_gpus)

    def assume(self, request: Request, stated: Expectation) -> Expectation:
        """An acceptance takes for granted that GPUs may be used, where the target has refused them all."""
        writes = self._contract.operations[request.operation].body is not None
        if stated.outcome is not Outcome.ACCEPT or not writes or not gpus_asked(request.body) or self.gpus():
            return stated
        return replace(stated, assumes=(*stated.assumes, _ASSUMED))

    def _ask_for_gpus(self) -> bool:
        last: Exchange | None = None
        for compute in _PLAINEST:
            body = self._make_body({"image": "registry.example/echo:1.0", "compute": compute})
            request = self._contract.creation.request(body=body)
            with self._sender.creating(request, Sending(_TEST, Expectation(Outcome.OPEN))) as exchange:
                if exchange.accepted:
                    return True
                last = exchange
        if last is not None:
            refused = gap(
                "gpus-refused",
                "/body/spec/compute",
                "the target refuses even the plainest requests for a GPU",
                "A project without GPU quota may do so; max_gpu_devices says that this run may use some.",
            )
            self._recorder.record(last.with_deviations(refused))
            why = f"the target refuses the plainest requests ({last.status})"
            self._recorder.not_tested("whatever asks for GPUs", why)
        return False
