"""Judges an answer: on its own, and against the expectation that was stated before the request left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from assay.checks.answer import AnswerChecks, server_error
from assay.checks.claims import ACCEPTED, ANSWERED, REFUSED, Claim, status
from assay.checks.echo import CreatedChecks
from assay.checks.exchange import Deviation, Exchange, gap, violation
from assay.checks.run_state import RunState
from assay.client.confirmation import is_forgivable
from assay.client.evidence import Mask
from assay.client.exchange import Answer, NoAnswer
from assay.client.gateway import gateway_of, is_passing
from assay.client.patience import BUSY
from assay.clock import SYSTEM, Clock
from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind
from assay.contract.request import Expectation, Outcome, Reason, Request, Source
from assay.findings.model import Class

_NO_FOCUS: Final = Reason(Source.SCHEMA, "valid", "/body", "")
_UNKNOWN: Final = frozenset({404, 410})
_CONFLICT: Final = 409
STATE_CONFLICT: Final = "state-conflict"
"""The check that tells of a valid update which is refused because of the state that the resource is in."""
_ASSUMED_ONCE: Final[Mapping[str, tuple[str, str, str]]] = {
    "assumes-excluded": (
        "/body/spec",
        "an entry with exclude: true",
        "Such an entry only leaves out what a policy of the target defines. Whether it must be complete, and whether "
        "the policy must define it, is not said, so a server may refuse it; others take it.",
    ),
    "assumes-empty": (
        "/body/spec",
        "an object that holds nothing but nulls",
        "The schema asks for no property of it, and no sentence says what one without any means, so a server may "
        "refuse it; others take it for none.",
    ),
    "assumes-none-given": (
        "/body/spec/environmentVariables/*",
        "an environment variable that has neither a value nor a reference",
        "They exclude each other, and each may be null. That one of them is needed is not said, nor that none is "
        "enough, so a server may refuse such an entry; others take it.",
    ),
}
"""What an acceptance takes for granted (contract/unstated.py) of which a refusal is one finding for all lists and
fields (where, what is refused, why that is lawful): a server that refuses such an entry does so everywhere, and 60
gaps of one cause were seen on one."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What belongs to a request beside itself: for whom it is sent, and how its answer is to be judged.

    ``focus`` is what the case was made to test (an accept case has no reasons of its own); ``also`` lists statuses
    that are lawful for this request beside the documented success, such as 404 for metrics of a workload that is not
    ready yet; ``setup`` is what has to be sent before to see the same again. ``tells_momentary``: failures that did
    not repeat are journaled at once.
    """

    test: str
    expectation: Expectation
    focus: tuple[Reason, ...] = ()
    also: frozenset[int] = frozenset()
    auth: str | None = "main"
    setup: tuple[Exchange, ...] = ()
    tells_momentary: bool = True


class ResponseJudge:
    """Judges what comes back. Safe to use from several threads."""

    def __init__(self, contract: Contract, mask: Mask, state: RunState, clock: Clock = SYSTEM) -> None:
        self._contract = contract
        self._answers = AnswerChecks(contract, mask)
        self._created = CreatedChecks(state, clock)

    def judge(self, request: Request, answer: Answer | NoAnswer, sending: Sending) -> Exchange:
        """The exchange with all that can be told from one answer."""
        operation = self._contract.operations[request.operation]
        deviations: list[Deviation] = []
        if isinstance(answer, NoAnswer):
            deviations.append(_no_answer(operation, answer))
        elif not answer.gone:
            focus = sending.focus[0] if sending.focus else None
            deviations += self._answers.judge(request.operation, answer)
            deviations += against(operation, answer, sending.expectation, focus, sending.also)
        return Exchange(
            request, sending.expectation, answer, tuple(deviations), sending.test, sending.setup, sending.auth
        )

    def creation(self, exchange: Exchange) -> Exchange:
        """What an accepted creation answers beside: it must tell what was asked for, under a new id, now."""
        sent, stated = exchange.request.body, exchange.expectation
        if not exchange.accepted or stated.outcome is not Outcome.ACCEPT or not isinstance(sent, Mapping):
            return exchange
        assert isinstance(exchange.answer, Answer)
        return exchange.with_deviations(*self._created.judge(sent, exchange.object(), exchange.answer))

    def momentary(self, exchange: Exchange) -> Iterator[Exchange]:
        """An exchange for each failure of the API itself that did not repeat when it was asked about again."""
        if is_passing(exchange.answer):
            return
        operation = self._contract.operations[exchange.request.operation]
        for earlier in exchange.answer.earlier:
            if isinstance(earlier, Answer) and not is_forgivable(earlier):
                failure = server_error(operation, earlier, None)
                yield replace(exchange, answer=earlier, deviations=(failure,))


def _no_answer(operation: Operation, answer: NoAnswer) -> Deviation:
    return violation(
        "no-answer",
        "/response",
        f"{operation.id} gives no answer ({answer.kind})",
        f"Every request must be answered, if only with an error: {answer.detail[:200]}"
        f"{f', {answer.attempts} times in a row' if answer.attempts > 1 else ''}",
        answer.kind,
        claims=(ANSWERED,),
    )


def against(
    operation: Operation,
    answer: Answer,
    expectation: Expectation,
    focus: Reason | None = None,
    also: frozenset[int] = frozenset(),
) -> Iterator[Deviation]:
    """Yield the deviation between ``answer`` and ``expectation``, if there is one.

    What a gateway answers says nothing of the API.
    """
    if answer.status in BUSY or answer.status >= 500 or answer.status in also or gateway_of(answer) is not None:
        return
    accepted = 200 <= answer.status < 300
    if expectation.outcome is Outcome.ACCEPT and not accepted:
        refused = _refused(operation, answer, expectation, focus or _NO_FOCUS)
        yield replace(refused, claims=(_accepting(also),))
    elif expectation.outcome is Outcome.REJECT and not 400 <= answer.status < 500:
        yield _accepted(operation, answer, expectation)


def _accepting(also: frozenset[int]) -> Claim:
    """A success, or one of the other answers that are lawful to this request."""
    return status("|".join(["2", *map(str, sorted(also))]), ACCEPTED.says) if also else ACCEPTED


def _refused(operation: Operation, answer: Answer, expectation: Expectation, focus: Reason) -> Deviation:
    what = f"'{focus.id}' at {focus.location}" if focus is not _NO_FOCUS else "a request that the contract allows"
    once = next((reason.id for reason in expectation.assumes if reason.id in _ASSUMED_ONCE), None)
    if once is not None:
        return _refused_once(operation, answer, once, what)
    if answer.status == _CONFLICT and operation.kind is Kind.UPDATE:
        return _refused_in_this_state(operation)
    if expectation.assumes:
        taken = "; ".join(dict.fromkeys(f"{reason.location}: {reason.text}" for reason in expectation.assumes[:3]))
        return Deviation(
            Class.GAP,
            "stricter-than-contract",
            focus.id,
            focus.location,
            f"{operation.id} refuses with {answer.status} what the contract allows ({what})",
            f"The contract sets no such limit, but the request takes for granted that {taken}.",
        )
    if answer.status in _UNKNOWN and operation.kind is not Kind.CREATE and focus is _NO_FOCUS:
        return Deviation(
            Class.VIOLATION,
            "accepts-valid",
            focus.id,
            focus.location,
            f"{operation.id} does not know ({answer.status}) a {operation.subject} that was created "
            "and that nobody has deleted",
            "Its creation was accepted, and nothing in this run has asked for its deletion: either it was lost, or "
            "something else has removed it while the run went on.",
        )
    quote = f" The document says: “{focus.text}”" if focus.text else ""
    return Deviation(
        Class.VIOLATION,
        "accepts-valid",
        focus.id,
        focus.location,
        f"{operation.id} refuses with {answer.status} a valid request ({what})",
        f"The request keeps the schema and every rule, so it must be accepted.{quote}",
    )


def _refused_once(operation: Operation, answer: Answer, assumed: str, what: str) -> Deviation:
    location, entry, why = _ASSUMED_ONCE[assumed]
    return Deviation(
        Class.GAP,
        "stricter-than-contract",
        assumed,
        location,
        f"{operation.id} refuses with {answer.status} {entry} ({what})",
        why,
    )


def _refused_in_this_state(operation: Operation) -> Deviation:
    return gap(
        STATE_CONFLICT,
        "/response/status",
        f"{operation.id} refuses with 409 a valid update of a {operation.subject} that nobody else is changing",
        "409 says that the state of the resource is in the way, not the request. In which states an update may be "
        "refused is not said; while it is, what updates do is not tested.",
        str(_CONFLICT),
    )


def _accepted(operation: Operation, answer: Answer, expectation: Expectation) -> Deviation:
    reason = expectation.reasons[0]
    others = f" (and {len(expectation.reasons) - 1} more reasons)" if len(expectation.reasons) > 1 else ""
    if reason.source is Source.RULE:
        check, why = "rule-enforced", f"The document says: “{reason.text}”{others}"
    elif reason.source is Source.STATE:
        check, why = "unknown-resource", f"{reason.text}{others}"
    else:
        check, why = "schema-enforced", f"The schema's '{reason.id}' forbids it: {reason.text}{others}"
    weak = all(item.weak for item in expectation.reasons)
    return Deviation(
        Class.GAP if weak else Class.VIOLATION,
        check,
        reason.id,
        reason.location,
        f"{operation.id} answers {answer.status} to a request that breaks '{reason.id}' at {reason.location}",
        why,
        (REFUSED,),
    )
