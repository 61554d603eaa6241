"""Sends requests to a target and has each answer judged; deletes what it created."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from assay.checks.creation_watch import CreationWatch
from assay.checks.exchange import Exchange
from assay.checks.gpu_watch import GpuWatch
from assay.checks.judge import ResponseJudge, Sending
from assay.checks.recorder import RunRecorder
from assay.checks.run_state import LONGEST_WAIT, RunState
from assay.client.confirmation import PAUSES, is_lost
from assay.client.creation import created_id
from assay.client.delivery import MAIN
from assay.client.exchange import Answer, NoAnswer, Wire
from assay.client.gateway import TOO_LARGE, gateway_of, is_of_the_way, made_by
from assay.client.patience import LOST_AFTER
from assay.client.session import Session
from assay.clock import clock_time
from assay.contract.request import Expectation, Outcome, Request
from assay.errors import ENDS_THE_RUN, AnswerLostError, BudgetExhausted, TargetLostError
from assay.generation.cases import NOWHERE
from assay.polling import look_until

POLL_SECONDS: Final = 0.2
"""Between two looks at something that changes within seconds."""

# Seconds until a created workload must show to its deletion, and how many that never do are waited for.
_SHOWS_WITHIN: Final = 5.0
_IN_VAIN: Final = 3

_LOST_AGAIN: Final = (*PAUSES, PAUSES[-1])
"""Seconds to wait before each further creation after one whose answer was lost; what repeats then is judged."""

_OPEN: Final = Expectation(Outcome.OPEN)


def _is_slow(answer: Answer | NoAnswer) -> bool:
    return isinstance(answer, NoAnswer) and answer.kind == "timeout"


_LIST: Final = "with a list of workloads (GET /api/v1/workloads) it could be looked for by its name"


class Sender:
    """The one way a request takes: budget and ledger, then judge and journal. Safe to use from several threads."""

    def __init__(
        self,
        session: Session,
        judge: ResponseJudge,
        recorder: RunRecorder,
        state: RunState,
        watch: CreationWatch,
        gpu_watch: GpuWatch,
    ) -> None:
        self._session = session
        self._watch = watch
        self._gpu_watch = gpu_watch
        self._judge = judge
        self._recorder = recorder
        self._state = state
        self._pasts: dict[str, tuple[Exchange, ...]] = {}
        self._unknowns = 0  # creations in a row of which nobody can tell what became of them

    def send(self, request: Request, sending: Sending) -> Exchange:
        """Send anything but a creation. Raises TargetLostError, BudgetExhausted."""
        answer = self._confirmed(lambda: self._session.send(request, auth=sending.auth), sending.auth)
        return self._judged(request, answer, sending)

    def send_raw(self, request: Request, wire: Wire, sending: Sending) -> Exchange:
        """Send ``wire`` byte for byte; judge the answer as one to ``request``, which cannot say it (no creation)."""
        return replace(self._judged(request, self.raw(wire, sending.auth), sending), wire=wire)

    def raw(self, wire: Wire, auth: str | None = MAIN) -> Answer | NoAnswer:
        """Send ``wire`` byte for byte, and judge nothing."""

        def send() -> Answer | NoAnswer:
            return self._session.raw(wire.method, wire.target, headers=wire.headers, content=wire.content, auth=auth)

        return self._confirmed(send, auth)

    @contextmanager
    def creating(self, request: Request, sending: Sending) -> Iterator[Exchange]:
        """Send a creation; whatever it created is deleted when the block ends.

        Raises BudgetExhausted before anything is sent.
        """
        request, answer = self._created(request, sending)
        exchange: Exchange | None = None
        created = created_id(answer)
        try:
            exchange = self._judge.creation(self._judged(request, answer, sending))
            if sending.expectation.outcome is Outcome.ACCEPT and sending.auth == MAIN:
                self._watch.note(answer)
            if created is not None:
                self._wait_until_seen(exchange, created)
            yield exchange
        finally:
            if created is not None:
                self._delete_at_last(created, sending.test, (exchange,) if exchange is not None else ())

    def _created(self, request: Request, sending: Sending) -> tuple[Request, Answer | NoAnswer]:
        """Send a creation; under a fresh name once more when it happened although no answer said so.

        Raises AnswerLostError when nobody can tell what became of it.
        """
        refused = sending.expectation.outcome is Outcome.REJECT
        before: list[tuple[Request, Answer | NoAnswer]] = []
        while True:
            send = partial(self._session.send, request, auth=sending.auth, refused=refused)
            answer = self._confirmed(send, sending.auth)
            lost = is_lost(answer)
            pauses = _LOST_AGAIN if lost and not _is_slow(answer) else _LOST_AGAIN[:1]
            if not (answer.stored or lost) or len(before) >= len(pauses):
                break
            fresh = self._session.renamed(request) if answer.stored else None
            if fresh is None and lost:
                raise self._unknown(answer, sending.auth)
            if fresh is None:
                break
            self._session.clock.sleep(pauses[len(before)])
            before.append((request, answer))
            request = fresh
        self._unknowns = 0
        if not answer.stored:
            self._tell(before, sending)
        return request, answer

    def _unknown(self, answer: Answer | NoAnswer, auth: str | None) -> AnswerLostError:
        """What is raised when nobody can tell what became of a creation.

        Raises TargetLostError when that has happened to so many in a row that no creation can be tested.
        """
        self._see_that_it_answers(answer, auth)
        self._unknowns += 1
        lost = f"answered {made_by(answer)}" if isinstance(answer, Answer) else f"not answered ({answer.detail})"
        if self._unknowns >= LOST_AFTER:
            why = f"{self._unknowns} creations in a row were {lost}, and nobody can tell what became of them"
            self._session.halt(why)
            raise TargetLostError(why, hint=_LIST)
        return AnswerLostError(f"a creation was {lost}, and nobody can tell what became of it", hint=_LIST)

    def _confirmed(self, send: Callable[[], Answer | NoAnswer], auth: str | None) -> Answer | NoAnswer:
        """What ``send`` gives; once more when it was lost on the way until the API was seen to answer again.

        An outage that is a little longer than the pauses of the client would be the fault of whatever met it last.
        """
        answer = send()
        if _is_slow(answer) or answer.stored is not False or not is_of_the_way(answer):
            return answer
        self._see_that_it_answers(answer, auth)
        second = send()
        if not is_of_the_way(second):
            self._session.disturbances.passed(answer)
        return second

    def _tell(self, before: list[tuple[Request, Answer | NoAnswer]], sending: Sending) -> None:
        """Journal the failures of the API that did not repeat; what was lost on the way is only counted."""
        for request, answer in before:
            if is_lost(answer):
                self._session.disturbances.passed(answer)
            else:
                self._recorder.record(self._judge.judge(request, answer, sending))

    def delete(self, workload_id: str, *, test: str, setup: tuple[Exchange, ...] = ()) -> Exchange:
        """Delete a workload of this run. Already gone (404) is as good: a test may have deleted it itself."""
        deletion = self._session.contract.deletion
        request = deletion.request(workload=workload_id)
        sending = Sending(test, Expectation(Outcome.ACCEPT), also=frozenset(deletion.row.gone), setup=setup)
        exchange = self._judged(request, self._send_deletion(request, workload_id), sending)
        self._recorder.record(exchange)
        return exchange

    def _judged(self, request: Request, answer: Answer | NoAnswer, sending: Sending) -> Exchange:
        self._see_that_it_answers(answer, sending.auth)
        exchange = self._judge.judge(request, answer, sending)
        self._note_deletion(exchange)
        if sending.tells_momentary:
            self.record_momentary(exchange)
        try:
            if isinstance(answer, Answer) and sending.auth == MAIN and sending.expectation.outcome is Outcome.ACCEPT:
                self._see_that_it_is_the_apis(answer, exchange)
                self._gpu_watch.note(exchange, answer)
        except AnswerLostError:
            self._recorder.note(exchange)
            raise
        self._recorder.note(exchange, sending.focus)
        return exchange

    def _note_deletion(self, exchange: Exchange) -> None:
        """Keep, until tear-down, that a test has deleted a workload and has seen it gone: what is answered to a
        deletion after that can be had again by nobody who leaves it out."""
        contract, called = self._session.contract, exchange.request.operation
        if called not in {contract.deletion.name, contract.reading.name} or exchange.auth != MAIN:
            return
        workload = next(iter(exchange.request.path.values()), "").lower()
        past = self._pasts.get(workload, ())
        if called == contract.deletion.name and not past and exchange.accepted:
            self._pasts[workload] = (exchange,)
        elif called == contract.reading.name and len(past) == 1 and exchange.status == 404:
            self._pasts[workload] = (*past, exchange)

    def _see_that_it_is_the_apis(self, answer: Answer, exchange: Exchange) -> None:
        """Raise AnswerLostError when a gateway keeps a request from the API that was to be accepted."""
        maker = gateway_of(answer) if answer.status < 500 else None
        if maker is not None:
            operation = self._session.contract.operations[exchange.request.operation]
            raise AnswerLostError(f"{operation.id} was answered {answer.status} by {maker}, not by the API")

    def record_momentary(self, exchange: Exchange) -> None:
        """Journal each failure of the API itself that did not repeat when it was asked about again."""
        for failure in self._judge.momentary(exchange):
            self._recorder.record(failure)

    def _see_that_it_answers(self, answer: Answer | NoAnswer, auth: str | None) -> None:
        """Raise TargetLostError when a plain read is not answered by the API either.

        That a dead target is silent is no finding, and neither is what a gateway answers to everything.
        """
        if isinstance(answer, Answer):
            maker = gateway_of(answer)
            if maker is None or answer.status in TOO_LARGE or auth != MAIN:
                return
        probe = self._session.send(self._read(NOWHERE))
        if isinstance(answer, NoAnswer):
            if isinstance(probe, NoAnswer):
                raise TargetLostError(
                    f"{self._session.base_url} does not answer any more: {answer.detail}, then {probe.detail}",
                    hint="`assay doctor` tells whether the target can be reached again",
                )
        elif isinstance(probe, Answer) and (probe.status, gateway_of(probe)) == (answer.status, maker):
            now = self._session.clock.time()
            why = f"since {clock_time(now, now)} every request is answered {probe.status} by {maker}, not by the API"
            self._session.halt(why)
            raise TargetLostError(why, hint="`assay doctor` tells whether the target can be reached again")

    def _read(self, workload_id: str) -> Request:
        return self._session.contract.reading.request(workload=workload_id)

    def _delete_at_last(self, workload_id: str, test: str, setup: tuple[Exchange, ...]) -> None:
        """Delete a workload after its test; what the test has found must not be lost with the target."""
        past = self._pasts.get(workload_id.lower(), ())
        try:
            self.delete(workload_id, test=test, setup=(*setup, *past))
        except ENDS_THE_RUN as error:
            self._recorder.run_is_over(error)
        finally:
            self._pasts.pop(workload_id.lower(), None)

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
