"""Judges answers to hostile input: refused or taken, but never a failure, a hang, or a broken connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from assay.checks import claims
from assay.checks.claims import Claim
from assay.checks.exchange import Deviation, Exchange
from assay.checks.target import TargetUnderTest
from assay.client.exchange import Answer, NoAnswer, Wire
from assay.client.gateway import gateway_of
from assay.client.patience import BUSY
from assay.contract.documents import Contract, Operation
from assay.contract.request import Expectation, Outcome, Reason, Request, Source
from assay.findings.model import Class
from assay.generation.cases import NOWHERE

OPEN: Final = Expectation(Outcome.OPEN)
INJECTED: Final = "x-assay-injected"
"""A response header of this name can only come out of an injected line break."""

_WHY: Final = (
    "No request, however malformed, may make the server fail: what it cannot serve it must refuse with a 4xx."
)
_UNMET: Final = 417
"""RFC 9110, 10.1.1 gives this answer to an Expect that a server does not know; Node's does so by itself."""
_SHAPE: Final = frozenset({"body-json", "body-schema", "content-type", "error-code"})


@dataclass(frozen=True, slots=True)
class Hostile:
    """What is hostile about a request; ``what`` goes on with "answers 500 to ...".

    ``http``: a proxy or the HTTP layer may refuse it before the API sees it, so the body of a refusal is not judged.
    ``large``: a server may cut the connection while it is still being sent. ``lenient``: RFC 8259 (section 9) lets a
    JSON reader take it, so an acceptance is a gap. ``settled``: the oracle knows what to expect; else it is open.
    ``rare``: near relative of another case, which a short run leaves out.
    """

    id: str
    what: str
    http: bool = False
    large: bool = False
    lenient: bool = False
    settled: bool = False
    rare: bool = False

    @property
    def focus(self) -> tuple[Reason, ...]:
        """What an acceptance would show, for a case whose expectation is stated by the oracle."""
        return (Reason(Source.SILENCE, f"hostile-{self.id}", "/body", ""),)


def blame(exchange: Exchange, case: Hostile, operation: str) -> Exchange:
    """Name the cause: failures of the server become findings of ``case``; what HTTP itself allows is dropped."""
    kept = tuple(
        named for item in exchange.deviations if (named := _named(exchange, item, case, operation)) is not None
    )
    return replace(exchange, deviations=(*kept, *_beyond(exchange, case, operation)))


def _named(exchange: Exchange, item: Deviation, case: Hostile, operation: str) -> Deviation | None:
    check = f"hostile-{case.id}"
    if item.check == "server-error":
        return _violation(check, f"{operation} answers {exchange.status} to {case.what}", _WHY, claims.SERVED)
    if item.check == "no-answer" and isinstance(exchange.answer, NoAnswer):
        return _unanswered(exchange.answer, case, operation)
    if item.check == "schema-enforced" and item.rule == "syntax":
        return _violation(check, f"{operation} accepts {case.what}", item.why, claims.REFUSED)
    if case.http and item.check in _SHAPE and (exchange.status or 0) >= 400:
        return replace(item, cls=Class.GAP)
    if case.http and item.check in (*_SHAPE, "status-documented") and exchange.status == _UNMET:
        return None
    if case.http and item.check == "status-documented":
        return replace(item, cls=Class.GAP)
    return item


def _unanswered(answer: NoAnswer, case: Hostile, operation: str) -> Deviation:
    if case.large and answer.kind == "reset":
        return _gap(
            f"hostile-{case.id}-cut-off",
            f"{operation} cuts the connection while it is sent {case.what}",
            "A server may close on what is too large (RFC 9110, 15.5.14), but 413 would tell the caller why.",
            claims.ANSWERED,
        )
    how = "hangs on" if answer.kind == "timeout" else f"gives no answer ({answer.kind}) to"
    return _violation(
        f"hostile-{case.id}",
        f"{operation} {how} {case.what}",
        f"Every request must be answered: {answer.detail[:200]}",
        claims.ANSWERED,
    )


def _beyond(exchange: Exchange, case: Hostile, operation: str) -> Iterator[Deviation]:
    if case.lenient and exchange.accepted:
        yield _gap(
            f"hostile-{case.id}-accepted",
            f"{operation} accepts {case.what}",
            "By RFC 8259 it is not JSON, or not the same to every reader. A careful server refuses it.",
            claims.REFUSED,
        )
    if isinstance(exchange.answer, Answer) and INJECTED in exchange.answer.headers:
        yield _violation(
            "hostile-header-injection",
            f"{operation} lets {case.what} add a header to its answer",
            "Whoever can put line breaks into an answer can forge it.",
            claims.Claim("never", (f"^header {INJECTED} ",), f"no header {INJECTED}"),
        )


def mistaken(contract: Contract, exchange: Exchange, live: str) -> Iterator[Deviation]:
    """Yield a deviation when an odd path to the workload ``live`` is answered with another workload."""
    answered = contract.main_id_of(exchange.body())
    if exchange.accepted and answered is not None and answered.lower() != live.lower():
        yield _violation(
            "hostile-path-other-workload",
            "an odd path is answered with another workload",
            "Whatever a server makes of the path, it names this workload or none.",
            claims.every("body/workloadId", f"string {live}$", "this workload or none"),
        )


def unknown_method(exchange: Exchange, method: str) -> Iterator[Deviation]:
    """Yield a gap when a method that the document does not list for a path succeeds."""
    if exchange.accepted:
        yield _gap(
            "hostile-method-accepted",
            f"{method} is answered {exchange.status} on a path for which the document does not list it",
            "The document does not forbid further methods, but 405 would tell that there is nothing.",
            claims.REFUSED,
        )


@dataclass
class SharedRead:
    """One read and how many share it."""

    read: Future[Exchange] = field(default_factory=Future)
    members: int = 1


class PlainReads:
    """Shares the plain read that must be served after something hostile: one read clears all who waited for it.

    A read that begins after a hostile exchange has ended, and is served, clears that exchange; and it clears every
    other one that had ended by then. So those who come while a read is under way share the next one. Only when a
    shared read fails must each send its hostile request again, alone, to tell which one did the harm. Each kind of
    read (``key``) is shared on its own. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, SharedRead] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._alone = threading.Lock()

    def share(self, key: str, send: Callable[[], Exchange]) -> tuple[SharedRead, bool]:
        """A round whose read began after this call, done; and whether the caller was the one to send it."""
        with self._lock:
            joined = self._open.get(key)
            if joined is not None:
                joined.members += 1
            else:
                own = self._open[key] = SharedRead()
            turn = self._turns.setdefault(key, threading.Lock())
        if joined is not None:
            joined.read.exception()  # waits; whoever sent it raises it
            return joined, False
        with turn:  # those who come while another read is under way join this one
            with self._lock:
                del self._open[key]
            try:
                own.read.set_result(send())
            except BaseException as error:
                own.read.set_exception(error)
                raise
        return own, True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One at a time: for those who look for the culprit."""
        with self._alone:
            yield


def next_request(
    target: TargetUnderTest,
    test: str,
    case: Hostile,
    after: Exchange,
    workload_id: str | None,
    again: Callable[[], object],
) -> Exchange:
    """A plain read after the hostile exchange ``after``, which must be answered as if nothing had happened.

    ``workload_id`` is a live workload (200 is due); without one a read of nobody's id is sent (404 is due, and any
    answer that is an Error body of the operation is taken). Others may share the read; when it fails, ``again`` sends
    the hostile request once more, to tell who did the harm.
    """
    shared = target.state.keep("plain reads", PlainReads)
    alive = workload_id is not None
    round_, mine = shared.share(workload_id or NOWHERE, lambda: _plain_read(target, test, after, workload_id))
    exchange = round_.read.result()
    broken = _breakage(exchange, alive=alive)
    if broken is None:
        return exchange if mine else replace(exchange, deviations=())
    # A read that failed once and was served then may have met something on the way: only what comes again is harm.
    passing = broken is not exchange
    for _ in range(_CONFIRMED if passing else int(round_.members > 1)):
        with shared.alone():
            again()
            once_more = _plain_read(target, test, after, workload_id)
        repeated = _breakage(once_more, alive=alive)
        if repeated is None and passing and mine:
            target.record_momentary(exchange)
        if repeated is None and (passing or not mine):
            return once_more  # not this case; whoever sent the read tells of it, should nobody be caught
        broken = repeated or broken
    return _harmed(broken, case)


_CONFIRMED: Final = 2
"""How often the harm that a passing failure suggests must show again. With 3 % of connections cut at random, a run of
250 cases would blame one of them in one run of five after a single repetition."""


def _plain_read(target: TargetUnderTest, test: str, after: Exchange, workload_id: str | None) -> Exchange:
    read = target.contract.reading.request(workload=workload_id or NOWHERE)
    return target.send(read, test=test, expectation=OPEN, setup=(*after.setup, after), tells_momentary=False)


def _harmed(exchange: Exchange, case: Hostile) -> Exchange:
    how = f"is answered {exchange.status}" if exchange.status is not None else "gets no answer"
    return replace(
        exchange,
        deviations=(
            _violation(
                f"hostile-{case.id}-next-request",
                f"after {case.what} the next plain read {how}",
                "What one caller sends must not harm the next request, on the same connection or another.",
                claims.status("[1-4]", "an answer to a plain read"),
            ),
        ),
    )


def _breakage(exchange: Exchange, *, alive: bool) -> Exchange | None:
    """The exchange if it is broken, else the first of its sendings that was; None: it was served at once."""
    if _is_broken(exchange, alive=alive):
        return exchange
    earlier = [answer for answer in exchange.answer.earlier if not isinstance(answer, NoAnswer) or not answer.idle]
    return replace(exchange, answer=earlier[0]) if earlier and exchange.status not in BUSY else None


def _is_broken(exchange: Exchange, *, alive: bool) -> bool:
    status = exchange.status
    if status in BUSY:
        return False
    if status is None or status >= 500:
        return True
    return status != 200 if alive else status == 400 and "code" not in exchange.object()


def send_beside(
    target: TargetUnderTest,
    test: str,
    case: Hostile,
    wire: Wire,
    operation: Operation,
    setup: tuple[Exchange, ...] = (),
) -> Exchange:
    """Send what belongs to no operation (odd paths and methods); only failures, silence and injections are judged.

    ``operation`` is the nearest one, under which a finding is filed. 501 is lawful for a method (RFC 9110, 15.6.2).
    """
    answer = target.raw(wire)
    called = operation.id
    found: list[Deviation] = []
    if isinstance(answer, NoAnswer):
        found.append(_unanswered(answer, case, called))
    elif answer.status >= 500 and answer.status not in BUSY and answer.status != 501:
        by = f" (by {maker}, not by the API)" if (maker := gateway_of(answer)) else ""
        found.append(
            _violation(
                f"hostile-{case.id}", f"{called} answers {answer.status}{by} to {case.what}", _WHY, claims.SERVED
            )
        )
    exchange = Exchange(Request(operation.name), OPEN, answer, tuple(found), test, setup, wire=wire)
    target.record_momentary(exchange)
    return exchange.with_deviations(*_beyond(exchange, case, called))


def _violation(check: str, summary: str, why: str, claim: Claim) -> Deviation:
    return Deviation(Class.VIOLATION, check, None, "/response", summary, why, (claim,))


def _gap(check: str, summary: str, why: str, claim: Claim) -> Deviation:
    return Deviation(Class.GAP, check, None, "/response", summary, why, (claim,))
