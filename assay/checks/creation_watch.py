"""Notices when every creation has begun to be refused alike: a role that was taken away, a quota that is used up.

Then nothing can be tested any more, and what was refused for that cause says nothing about the contract: the run ends
with this one cause. A defect that refuses some creations is told from it by a plain creation, which was accepted when
the run began.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from assay.checks.recorder import RunRecorder
from assay.client.creation import created_id
from assay.client.exchange import Answer, NoAnswer
from assay.client.preflight.recognise import is_full
from assay.client.session import Session
from assay.clock import clock_time
from assay.contract.request import Json
from assay.errors import TargetLostError
from assay.generation.cases import NOWHERE
from assay.wording import gist

_IN_A_ROW: Final = 3
"""Refusals of valid creations before a plain one is asked for; twice as many each time that it is accepted. So a gate
asks a few times on a target that refuses a field; a lost role costs three findings, which are withdrawn."""

_BUSY: Final = frozenset({429, 503})


class CreationWatch:
    """Takes in the answers to creations that had to be accepted. Safe to use from several threads."""

    def __init__(self, session: Session, recorder: RunRecorder, plain: Callable[[], dict[str, Json]]) -> None:
        self._session = session
        self._recorder = recorder
        self._plain = plain
        self._lock = threading.Lock()
        self._refused = 0  # in a row
        self._since = 0.0
        self._enough = _IN_A_ROW
        self._asking = False

    def note(self, answer: Answer | NoAnswer) -> None:
        """Raises TargetLostError when creations are refused altogether: the run is over."""
        if isinstance(answer, NoAnswer) or answer.status in _BUSY:
            return
        with self._lock:
            if created_id(answer) is not None:
                self._refused = 0
                return
            if self._refused == 0:
                self._since = self._session.clock.time()
            self._refused += 1
            if self._refused < self._enough or self._asking:
                return
            self._asking = True
        try:
            self._conclude(answer)
        finally:
            self._asking = False

    def _conclude(self, refusal: Answer) -> None:
        """Ask for a plain workload, as the preflight did; what refuses it, too, is the cause of everything."""
        contract = self._session.contract
        answer = self._session.send(contract.creation.request(body=self._plain()))
        workload_id = created_id(answer)
        if workload_id is not None:
            self._session.send(contract.deletion.request({contract.main_resource: workload_id}))
        if not isinstance(answer, Answer) or answer.status != refusal.status:
            with self._lock:
                self._refused, self._enough = 0, self._enough * 2
            return
        everything = self._is_everything(answer)
        if 400 <= answer.status < 500 or everything:  # anything else may be a defect of creations
            self._end(answer, everything)

    def _is_everything(self, refusal: Answer) -> bool:
        """Whether a plain read is answered with the same status as the creation."""
        read = self._session.contract.reading.request({self._session.contract.main_resource: NOWHERE})
        answer = self._session.send(read)
        return isinstance(answer, Answer) and answer.status == refusal.status and refusal.status != 404

    def _end(self, refusal: Answer, everything: bool) -> None:
        since = clock_time(self._since, self._session.clock.time())
        words = gist(self._session.mask.text(refusal.text))
        told = f"{refusal.status}: {words}" if words else str(refusal.status)
        what = "every request is answered" if everything else "every creation is refused, a plain one too,"
        todo = " (lower --max-live, or have the project's quota raised)" if is_full(refusal) else ""
        why = f"since {since} {what} with {told}{todo}"
        operation = None if everything else self._session.contract.creation.id
        self._recorder.withdraw(refusal.status, operation, words, why)
        self._session.halt(why)
        raise TargetLostError(why, hint="`assay doctor` tells what has changed")
