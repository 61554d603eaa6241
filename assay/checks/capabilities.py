"""What the target lets this run do: whether it may ask for GPUs, as the preflight has found or is found out here."""

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
from assay.client.exchange import Answer
from assay.client.offer import GpuRefusal
from assay.client.preflight.gpus import PLAINEST_GPUS
from assay.client.session import Session
from assay.contract.documents import Contract
from assay.contract.request import Expectation, Json, Outcome, Reason, Request, Source

_TEST: Final = "gpus"
_OPEN: Final = Expectation(Outcome.OPEN)
_ASSUMED: Final = Reason(Source.SILENCE, "assumes-gpus", "/body/spec/compute", "the project may use GPUs")

MakeBody = Callable[[Mapping[str, Json]], dict[str, Json]]
"""Makes a creation body of a spec."""


class Capabilities:
    """What a target has been seen to let a run do; asked once, when first needed."""

    def __init__(
        self, session: Session, sender: Sender, recorder: RunRecorder, state: RunState, make_body: MakeBody
    ) -> None:
        self._session = session
        self._contract = session.contract
        self._sender = sender
        self._recorder = recorder
        self._state = state
        self._make_body = make_body

    def gpus(self) -> bool:
        """Whether the target takes one of the plainest requests for a GPU, and has GPUs left."""
        return not self._state.gpus_gone and self._state.keep("gpus", self._ask_for_gpus)

    def assume(self, request: Request, stated: Expectation) -> Expectation:
        """An acceptance takes for granted that GPUs may be used, where the target has refused them all."""
        writes = self._contract.operations[request.operation].body is not None
        if stated.outcome is not Outcome.ACCEPT or not writes or not gpus_asked(request.body) or self.gpus():
            return stated
        return replace(stated, assumes=(*stated.assumes, _ASSUMED))

    def _ask_for_gpus(self) -> bool:
        offer = self._session.offer
        if offer.gpus:
            return True
        if offer.gpu_refusal is not None:
            return self._tell_refusal(_as_exchange(self._contract, offer.gpu_refusal))
        last: Exchange | None = None
        for compute in PLAINEST_GPUS:
            body = self._make_body({"image": "registry.example/echo:1.0", "compute": compute})
            request = self._contract.creation.request(body=body)
            with self._sender.creating(request, Sending(_TEST, _OPEN)) as exchange:
                if exchange.accepted:
                    self._session.learn(gpus=True, granted_gpus=compute)
                    return True
                last = exchange
        return self._tell_refusal(last)

    def _tell_refusal(self, last: Exchange | None) -> bool:
        """Journal that there are no GPUs for this run, shown by the last refusal; False."""
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


def _as_exchange(contract: Contract, refusal: GpuRefusal) -> Exchange:
    answer = Answer(refusal.status, refusal.headers, refusal.text.encode())
    return Exchange(contract.creation.request(body=refusal.body), _OPEN, answer, test=_TEST)
