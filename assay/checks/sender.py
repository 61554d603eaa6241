"""Sends requests to a target and has each answer judged; deletes what it created."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from assay.checks.exchange import Exchange
from assay.checks.judge import ResponseJudge, Sending
from assay.checks.recorder import RunRecorder
from assay.checks.run_state import LONGEST_WAIT, RunState
from assay.client.creation import created_id
from assay.client.exchange import Answer, NoAnswer, Wire
from assay.client.session import Session
from assay.contract.request import Expectation, Outcome, Request
from assay.errors import BudgetExhausted, TargetLostError
from assay.polling import look_until

POLL_SECONDS: Final = 0.2
"""Between two looks at something that changes within seconds."""

# Seconds until a created workload must show to its deletion, and how many that never do are waited for.
_SHOWS_WITHIN: Final = 5.0
_IN_VAIN: Final = 3

_NOBODY: Final = "00000000-0000-4000-8000-000000000000"
_OPEN: Final = Expectation(Outcome.OPEN)


class Sender:
    """The one way a request takes: budget and ledger, then judge and journal. Safe to use from several threads."""

    def __init__(self, session: Session, judge: ResponseJudge, recorder: RunRecorder, state: RunState) -> None:
        self._session = session
        self._judge = judge
        self._recorder = recorder
        self._state = state

    def send(self, request: Request, sending: Sending) -> Exchange:
        """Send anything but a creation. Raises TargetLostError, BudgetExhausted."""
        return self._judged(request, self._session.send(request, auth=sending.auth), sending)

    def send_raw(self, request: Request, wire: Wire, sending: Sending) -> Exchange:
        """Send ``wire`` byte for byte; judge the answer as one to ``request``, which cannot say it (no creation)."""
        answer = self._session.raw(
            wire.method, wire.target, headers=wire.headers, content=wire.content, auth=sending.auth
        )
        return replace(self._judged(request, answer, sending), wire=wire)

    @contextmanager
    def creating(self, request: Request, sending: Sending) -> Iterator[Exchange]:
        """Send a creation; whatever it created is deleted when the block ends.

        Raises BudgetExhausted before anything is sent.
        """
        refused = sending.expectation.outcome is Outcome.REJECT
        answer = self._session.send(request, auth=sending.auth, refused=refused)
        exchange: Exchange | None = None
        created = created_id(answer)
        try:
            exchange = self._judge.creation(self._judged(request, answer, sending))
            if created is not None:
                self._wait_until_seen(exchange, created)
            yield exchange
        finally:
            if created is not None:
                self._delete_at_last(created, sending.test, (exchange,) if exchange is not None else ())

    def delete(self, workload_id: str, *, test: str, setup: tuple[Exchange, ...] = ()) -> Exchange:
        """Delete a workload of this run. Already gone (404) is as good: a test may have deleted it itself."""
        deletion = self._session.contract.deletion
        request = deletion.request(workload=workload_id)
        sending = Sending(test, Expectation(Outcome.ACCEPT), also=frozenset(deletion.row.gone), setup=setup)
        exchange = self._judged(request, self._send_deletion(request, workload_id), sending)
        self._recorder.record(exchange)
        return exchange

    def _judged(self, request: Request, answer: Answer | NoAnswer, sending: Sending) -> Exchange:
        if isinstance(answer, NoAnswer):
            self._see_that_it_lives(answer)
        exchange = self._judge.judge(request, answer, sending)
        self._recorder.note(exchange, sending.focus)
        return exchange

    def _see_that_it_lives(self, silence: NoAnswer) -> None:
        """Raise TargetLostError unless a plain read is answered: that a dead target is silent is no finding."""
        answer = self._session.send(self._read(_NOBODY))
        if isinstance(answer, NoAnswer):
            raise TargetLostError(
                f"{self._session.base_url} does not answer any more: {silence.detail}, then {answer.detail}",
                hint="`assay doctor` tells whether the target can be reached again",
            )

    def _read(self, workload_id: str) -> Request:
        return self._session.contract.reading.request(workload=workload_id)

    def _delete_at_last(self, workload_id: str, test: str, setup: tuple[Exchange, ...]) -> None:
        """Delete a workload after its test; what the test has found must not be lost with the target."""
        try:
            self.delete(workload_id, test=test, setup=setup)
        except TargetLostError as error:
            self._recorder.journal.write("problem", what=f"target lost: {error.message}")

    def _send_deletion(self, request: Request, workload_id: str) -> Answer | NoAnswer:
        """Send a deletion until it is not 404 or patience is over: 202 says accepted, so a workload may show late."""

        def is_unknown(answer: Answer | NoAnswer) -> bool:
            return isinstance(answer, Answer) and answer.status == 404 and self._session.holds(workload_id)

        patience = _SHOWS_WITHIN if self._state.never_shown < _IN_VAIN else 0.0
        try:
            answer = look_until(
                lambda: self._session.send(request),
                lambda answer: not is_unknown(answer),
                within=patience,
                every=POLL_SECONDS,
                clock=self._session.clock,
            )
        except BudgetExhausted:
            # A spent budget must not keep us from cleaning up; the final sweep would do it, later.
            return self._session.send(request, cleaning=True)
        if is_unknown(answer):
            self._state.never_shown += 1
            self._session.let_go(workload_id)
        return answer

    def _wait_until_seen(self, creation: Exchange, workload_id: str) -> None:
        """Wait until a created workload can be read, where a target shows it a while after its 202.

        The first creation of a run teaches whether there is anything to wait for, and about how long. At most
        LONGEST_WAIT, after which the workload's tests will tell.
        """
        is_first = False

        def learn() -> float:
            nonlocal is_first
            is_first = True
            return self._first_sight(creation, workload_id)

        lag = self._state.keep("creations show after", learn)
        if lag and not is_first:
            self._session.clock.sleep(lag)  # one read is enough then, as a rule
            self._first_sight(creation, workload_id)

    def _first_sight(self, creation: Exchange, workload_id: str) -> float:
        """Seconds until the workload was seen; 0 when it was seen at once, or not at all."""
        clock, read = self._session.clock, self._read(workload_id)
        began = clock.monotonic()
        looks: list[Exchange] = []

        def look() -> Exchange:
            looks.append(self.send(read, Sending(creation.test, _OPEN, setup=(creation,))))
            return looks[-1]

        last = look_until(
            look, lambda exchange: exchange.status != 404, within=LONGEST_WAIT, every=POLL_SECONDS, clock=clock
        )
        return clock.monotonic() - began if last.accepted and len(looks) > 1 else 0.0
