"""Notices when the project's GPUs have been used up in mid-run, by this run or by somebody else's workloads.

Then a request for GPUs that is refused says nothing about the contract. The reading needs evidence, because a defect
may refuse a lawful request for GPUs, too: one of the plainest had been accepted in this run, the same is refused now,
and a plain workload without a GPU is still accepted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from assay.checks.exchange import Exchange
from assay.checks.recorder import RunRecorder
from assay.checks.run_state import RunState
from assay.client.budget import LimitReached, gpus_asked
from assay.client.creation import created_id
from assay.client.exchange import Answer, NoAnswer
from assay.client.preflight.gpus import is_refusal
from assay.client.preflight.recognise import is_full
from assay.client.session import Session
from assay.clock import clock_time
from assay.contract.operations import Kind
from assay.contract.request import Json
from assay.errors import AnswerLostError
from assay.wording import gist

_DO: Final = "have its quota raised, or lower --max-gpu-devices"


class GpuWatch:
    """Takes in the answers to requests that had to be accepted. Safe to use from several threads.

    ``make_body`` makes a creation body of a spec, ``plain`` is the smallest spec.
    """

    def __init__(
        self,
        session: Session,
        recorder: RunRecorder,
        state: RunState,
        make_body: Callable[[Mapping[str, Json]], dict[str, Json]],
        plain: Mapping[str, Json],
    ) -> None:
        self._session = session
        self._recorder = recorder
        self._state = state
        self._make_body = make_body
        self._plain = plain
        self._lock = threading.Lock()

    def note(self, exchange: Exchange, answer: Answer) -> None:
        """Raises AnswerLostError when a request for GPUs was refused because there are none left."""
        operation = self._session.contract.operations[exchange.request.operation]
        if not is_refusal(answer) or operation.body is None or not gpus_asked(exchange.request.body):
            return
        creates = operation.kind is Kind.CREATE
        with self._lock:
            if not self._state.gpus_gone and self._are_gone(answer, waits=creates):
                self._conclude(answer)
        if self._state.gpus_gone:
            raise AnswerLostError(self._state.gpus_gone, hint=_DO)

    def _are_gone(self, refusal: Answer, *, waits: bool) -> bool:
        granted = self._session.offer.granted_gpus
        if granted is None:
            return False
        again = self._try(
            {**self._plain, "compute": granted}, gpus_asked({"spec": {"compute": granted}}), waits=waits
        )
        if not isinstance(again, Answer) or not is_refusal(again) or again.status != refusal.status:
            return False
        without = self._try(self._plain, 0, waits=waits)
        return without is not None and created_id(without) is not None

    def _try(self, spec: Mapping[str, Json], gpus: int, *, waits: bool) -> Answer | NoAnswer | None:
        """Ask for a workload and delete it; None: there is no slot for it now, and who asks holds one (``waits``)."""
        contract, body = self._session.contract, self._make_body(spec)
        request = contract.creation.request(body=body)
        if waits:
            answer = self._session.send(request)
        else:
            try:
                pending = self._session.begin(str(body["name"]), gpus=gpus)
            except LimitReached:
                return None
            answer = self._session.send(request, begun=True)
            self._session.finish(pending, answer)
        workload_id = created_id(answer)
        if workload_id is not None:
            self._session.send(contract.deletion.request({contract.main_resource: workload_id}))
        return answer

    def _conclude(self, refusal: Answer) -> None:
        now = self._session.clock.time()
        words = gist(self._session.mask.text(refusal.text))
        told = f"{refusal.status}: {words}" if words else str(refusal.status)
        why = (
            f"since {clock_time(now, now)} every request for a GPU is refused ({told}), though the plainest one was "
            f"accepted before and a workload without a GPU still is: project {self._session.project} has none left"
        )
        if is_full(refusal):  # other words may be those of a defect, too
            self._recorder.withdraw(refusal.status, None, words, why)
        self._recorder.not_tested("whatever asks for GPUs", why)
        self._state.gpus_gone = why
