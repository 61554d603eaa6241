"""Writes down what a run has seen: exchanges, findings with their evidence, and what was not tested."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from assay.checks.exchange import ContractBreachError, Deviation, Exchange, as_findings, violations
from assay.checks.reproduction import reproduction
from assay.checks.run_state import RunState
from assay.client.creation import created_id
from assay.client.delivery import MAIN
from assay.client.exchange import Answer
from assay.client.gateway import TOO_LARGE, gateway_of
from assay.client.patience import BUSY
from assay.client.session import Session
from assay.contract.operations import Kind
from assay.contract.request import Reason, Source
from assay.errors import AssayError, UsageError
from assay.findings.journal import Journal
from assay.findings.model import Class, Evidence, Finding

EVERYTHING: Final = "all operations"
_MAY_REFUSE: Final = frozenset({401, 403})


class RunRecorder:
    """The journal's side of a target. Safe to use from several threads."""

    def __init__(self, session: Session, journal: Journal, state: RunState) -> None:
        self.journal = journal
        self._session = session
        self._state = state

    def run_is_over(self, error: AssayError) -> None:
        """Journal why no further request makes sense; the same cause counts once, however many tests meet it."""
        if isinstance(error, UsageError):
            hint = f" ({error.hint})" if error.hint else ""
            self.journal.write("problem", what=f"{error.message}{hint}", code=error.exit_code, over=True)
        elif error is self._session.ended or error.message == self._session.halted:
            self.journal.write("problem", what=error.message, over=True)
        elif self._state.is_new("run", "lost"):  # tests side by side meet it in different words
            self.journal.write("problem", what=f"target lost: {error.message}")

    def withdraw(self, status: int, operation: str | None, words: str, why: str) -> None:
        """Take back what was found in answers of this status and these words (of all operations: None).

        They turned out to have one cause that says nothing of the contract; tests that failed of it are not tested.
        """
        self.journal.write("withdrawn", status=status, operation=operation, words=words, why=why)

    def note(self, exchange: Exchange, focus: tuple[Reason, ...] = ()) -> None:
        """Journal that an exchange took place, and what it tested."""
        side = exchange.expectation.outcome.value
        tested = {"reject": exchange.expectation.reasons, "accept": focus}.get(side, ())
        answer = exchange.answer
        self.journal.write(
            "exchange",
            operation=self._operation_id(exchange),
            status=exchange.status,
            ms=round(answer.seconds * 1000, 2) if isinstance(answer, Answer) else None,
            expected=side,
            rules=[[reason.id, side] for reason in tested if reason.source is Source.RULE],
            keywords=[
                [f"{reason.location}#{reason.id}", side] for reason in tested if reason.source is Source.SCHEMA
            ],
            test=exchange.test,
        )
        stored = isinstance(answer, Answer) and answer.stored
        if exchange.status in BUSY and not stored and self._state.is_new("busy", exchange.request.operation):
            why = f"some requests were answered {exchange.status} until waiting was given up"
            self.not_tested(self._operation_id(exchange), why)
        if isinstance(answer, Answer) and answer.status < 500 and answer.status not in TOO_LARGE:
            maker = gateway_of(answer)
            if maker is not None:
                self._answered_by(maker, exchange, answer)

    def _answered_by(self, maker: str, exchange: Exchange, answer: Answer) -> None:
        """Tell, once each, what a gateway keeps from the API: a lawful refusal, or what could not be tested."""
        if answer.status in _MAY_REFUSE and exchange.auth != MAIN:
            self.write(self._refuses(maker, exchange, answer))
        elif self._state.is_new("gateway", f"{answer.status} {maker} {exchange.request.operation}"):
            self.not_tested(
                f"{self._operation_id(exchange)} where it is answered {answer.status} by {maker}, not by the API",
                "they did not reach the API: let them pass there, or test behind it",
            )

    def _refuses(self, maker: str, exchange: Exchange, answer: Answer) -> Finding:
        finding = Finding(
            cls=Class.ADVISORY,
            check="answered-by-gateway",
            operation=EVERYTHING,
            rule=maker,
            location="/response/status",
            summary=f"requests without a valid token are answered {answer.status} by {maker}, not by the API",
            why="A refusal before the API is lawful, but its body is not the Error that clients expect, and what the "
            "API itself would answer could not be seen.",
            test=exchange.test,
        )
        shown = Evidence(
            request=self._describe(exchange),
            response=self._session.describe_answer(answer),
            curl=script(self._session, exchange),
            replay=f"assay replay {finding.id}",
        )
        return replace(finding, evidence=shown)

    def findings(self, exchange: Exchange) -> tuple[Finding, ...]:
        """What deviates, as findings with evidence."""
        if not exchange.deviations:
            return ()
        lines = script(self._session, exchange)
        found = as_findings(
            exchange,
            self._operation_id(exchange),
            lines,
            self._describe,
            self._session.describe_answer,
            self._reproduce,
        )
        for finding in found:
            self._state.suspect(finding, exchange)
        return found

    def _reproduce(self, exchange: Exchange, deviation: Deviation) -> dict[str, Any] | None:
        return reproduction(self._session, exchange, deviation, self._state.found)

    def verify(self, *exchanges: Exchange) -> None:
        """Journal gaps and advisories; raise ContractBreachError with the violations, if there are any.

        What is wrong with every answer of an operation fails the first test that meets it; others count it.
        """
        found = tuple(finding for exchange in exchanges for finding in self.findings(exchange))
        broken = tuple(finding for finding in violations(found) if not self._is_told(finding))
        self.write(*(finding for finding in found if finding not in broken))
        if broken:
            raise ContractBreachError(broken)

    def _is_told(self, finding: Finding) -> bool:
        return is_of_every_answer(finding.check, finding.location) and not self._state.is_new("raised", finding.id)

    def raise_new(self, exchange: Exchange) -> None:
        """Raise ContractBreachError with those violations of an exchange that this was not called with before."""
        broken = violations(self.findings(exchange))
        new = tuple(finding for finding in broken if self._state.is_new("raised", finding.id))
        if new:
            raise ContractBreachError(new)

    def record(self, exchange: Exchange) -> None:
        """Journal everything that deviates, violations too, without raising (tear-down must go on)."""
        self.write(*self.findings(exchange))

    def write(self, *findings: Finding) -> None:
        """The first of an id goes to the journal with its evidence, further ones without: they only count."""
        for finding in findings:
            is_new = self._state.is_new("finding", finding.id)
            self.journal.finding(finding if is_new else replace(finding, evidence=None))

    def not_tested(self, what: str, why: str) -> None:
        self.journal.write("not_tested", what=what, why=why)

    def _operation_id(self, exchange: Exchange) -> str:
        return self._session.contract.operations[exchange.request.operation].id

    def _describe(self, exchange: Exchange) -> dict[str, Any]:
        return self._session.describe(exchange.sent, auth=exchange.auth)


_OF_EVERY_ANSWER: Final = frozenset({"body-schema", "content-type"})


def is_of_every_answer(check: str, location: str) -> bool:
    """Whether a deviation is in the form of an answer, whatever was asked for; what a spec holds was asked for."""
    return check in _OF_EVERY_ANSWER and "/body/spec" not in location


# No jq: sed is wherever a POSIX shell is.
_ID: Final = r"""sed -n 's/.*"{name}" *: *"\([^"]*\)".*/\1/p'"""


def script(session: Session, exchange: Exchange) -> str:
    """What a person pastes into a shell to see a finding again: the failing request, and before it what it needs.

    A request on a workload gets lines before it that create a new one (that of the run is gone) and keep its id in
    ``$W1``, and a line after it that deletes it again. Only the failing request prints its answer.
    """
    contract = session.contract
    named: dict[str, str] = {}
    before = []
    identify = _ID.format(name=contract.resources[contract.main_resource].id.rpartition("/")[2])
    for step in exchange.setup:
        line = session.curl(step.sent, auth=step.auth, shell=step.shell, named=named)
        creates = contract.operations[step.request.operation].kind is Kind.CREATE
        made = created_id(step.answer) if creates else None
        if made is not None and made not in named:
            named[made] = f"W{len(named) + 1}"
            before.append(f"{named[made]}=$({line} | {identify})")
        else:
            before.append(f"{line} >/dev/null")
    failing = session.curl(exchange.sent, auth=exchange.auth, shell=exchange.shell, named=named)
    after = [
        f"{session.curl(contract.deletion.request(workload=known), named={known: name})} >/dev/null"
        for known, name in named.items()
    ]
    return "\n".join([*before, failing, *after])
