"""The one way a request takes: expectation, budget, ledger, client, checks, findings. No step looks back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from assay.checks import expected, pasteable
from assay.checks.answer import BUSY, AnswerChecks
from assay.checks.created import CreatedChecks
from assay.checks.deviation import Deviation
from assay.checks.exchange import ContractBreachError, Exchange, as_findings, violations
from assay.checks.granted import ASSUMED, Grants, asks
from assay.checks.packs import Packs
from assay.checks.settling import Visibility
from assay.client.budget import gpus_asked
from assay.client.exchange import Answer, NoAnswer, Wire
from assay.client.session import Session
from assay.contract.oracle import Oracle
from assay.contract.request import Expectation, Json, Outcome, Reason, Request, Source
from assay.contract.rules.base import Spec
from assay.errors import AssayError, BudgetExhausted, TargetLostError
from assay.findings.journal import Journal
from assay.findings.model import Class, Finding
from assay.generation.plans import plans

PLAIN_SPEC: Final[Mapping[str, Json]] = {"image": "registry.example/echo:1.0"}
"""The smallest valid spec: the one mandatory field, no GPU."""

# Seconds until a created workload must show, and how many that never do are waited for.
_SHOWS_WITHIN: Final = 5.0
_POLL: Final = 0.2
_IN_VAIN: Final = 3

_NOBODY: Final = "00000000-0000-4000-8000-000000000000"

# What a second deletion may meet.
_GONE_OR_GOING: Final = frozenset({404, 409, 410})


@dataclass(frozen=True, slots=True)
class Workload:
    """A live workload that this run created."""

    id: str
    name: str
    spec: Mapping[str, Json]
    created: Exchange


class Probe:
    """Sends requests to one target and judges them. Safe to use from several threads."""

    def __init__(self, session: Session, oracle: Oracle, journal: Journal, profile: str = "gate") -> None:
        self.profile = profile
        self.packs = Packs(plans(oracle.contract).packs)
        self.session = session
        self.oracle = oracle
        self.journal = journal
        self.project = session.project
        self.cluster = session.cluster
        self._checks = AnswerChecks(oracle.contract, session.mask)
        self._created = CreatedChecks()
        self._grants = Grants()
        self._several = threading.Lock()
        self._visibility = Visibility()
        self._seen: set[str] = set()
        self._busy: set[str] = set()
        self._never_shown = 0  # workloads that answered 404 to the end
        self._lock = threading.Lock()

    # --- what a test asks for -------------------------------------------------------------------------------

    def name(self) -> str:
        """A workload name that no one else has, a DNS label that begins with the run's mark."""
        return self.session.name()

    def body(self, spec: Mapping[str, Json] | None = None, **meta: Json) -> dict[str, Json]:
        """A creation body with a fresh name and the run's project and cluster."""
        plain = {"name": self.name(), "projectId": self.project, "clusterId": self.cluster}
        return {**plain, **meta, "spec": dict(PLAIN_SPEC if spec is None else spec)}

    def affords(self, spec: Mapping[str, Json]) -> bool:
        """Whether the budget lets a workload of this spec ask for the GPU devices it names."""
        return self.allows_gpus(gpus_asked({"spec": dict(spec)}))

    def allows_gpus(self, devices: int) -> bool:
        """Whether the budget, and the target, let a workload ask for that many GPU devices."""
        return self.session.budget.allows_gpus(devices) and (devices == 0 or self._grants.gpus(self))

    def why_no_gpus(self) -> str:
        """Why ``allows_gpus`` says no, and what to do about it."""
        limit = self.session.budget.limits.gpu_devices
        if limit is not None and (limit == 0 or self._grants.gpus(self)):
            return (
                f"to be accepted it must ask for more GPU devices than the {limit} that this run may: "
                "allow more with --max-gpu-devices or max_gpu_devices"
            )
        return "it asks for GPU devices, and the target refuses the plainest requests for one"

    @contextmanager
    def several(self, workloads: int) -> Iterator[None]:
        """For the block, be the one test that holds a slot while it waits for another; so nobody waits in a circle.

        Raises LimitReached when so many workloads may not live at once.
        """
        self.session.budget.check_live(workloads)
        with self._several:
            yield

    def learn(self) -> None:
        """Find out what many tests would otherwise ask at once, when slots for live workloads may be scarce."""
        with suppress(AssayError):
            self.allows_gpus(1)

    def expect(self, request: Request, before: Spec | None = None) -> Expectation:
        return self.oracle.expect(request, before)

    def send(
        self,
        request: Request,
        *,
        test: str,
        expectation: Expectation | None = None,
        before: Spec | None = None,
        focus: tuple[Reason, ...] = (),
        also: frozenset[int] = frozenset(),
        auth: str | None = "main",
        setup: tuple[Exchange, ...] = (),
    ) -> Exchange:
        """Send anything but a creation (see ``creating``) and judge the answer.

        Without ``expectation`` the oracle states it. Gaps and advisories go to the journal here; violations stay in
        the exchange until ``verify``. Raises TargetLostError, BudgetExhausted.
        """
        stated = self._granted(request, self.expect(request, before) if expectation is None else expectation)
        answer = self.session.send(request, auth=auth)
        return self._judged(request, stated, answer, test, focus, also, setup, auth)

    def send_raw(
        self,
        request: Request,
        wire: Wire,
        *,
        test: str,
        expectation: Expectation,
        auth: str | None = "main",
        setup: tuple[Exchange, ...] = (),
    ) -> Exchange:
        """Send ``wire`` byte for byte; judge the answer as one to ``request``, which cannot say it (no creation)."""
        answer = self.session.raw(wire.method, wire.target, headers=wire.headers, content=wire.content, auth=auth)
        exchange = self._judged(request, expectation, answer, test, (), frozenset(), setup, auth)
        return replace(exchange, wire=wire)

    @contextmanager
    def creating(
        self,
        request: Request,
        *,
        test: str,
        expectation: Expectation | None = None,
        focus: tuple[Reason, ...] = (),
        also: frozenset[int] = frozenset(),
        auth: str | None = "main",
    ) -> Iterator[Exchange]:
        """Send a creation; whatever it created is deleted when the block ends.

        Raises BudgetExhausted before anything is sent.
        """
        stated = self._granted(request, self.expect(request) if expectation is None else expectation)
        answer = self.session.send(request, auth=auth, refused=stated.outcome is Outcome.REJECT)
        exchange: Exchange | None = None
        try:
            exchange = self._judged(request, stated, answer, test, focus, also, (), auth)
            if exchange.accepted and stated.outcome is Outcome.ACCEPT and isinstance(request.body, Mapping):
                exchange = self._judged_creation(exchange, request.body)
            self._visibility.wait(self, exchange, created_id(answer))
            yield exchange
        finally:
            created = created_id(answer)
            if created is not None:
                self._delete_at_last(created, test, (exchange,) if exchange is not None else ())

    def _delete_at_last(self, workload_id: str, test: str, setup: tuple[Exchange, ...]) -> None:
        """Delete a workload after its test; what the test has found must not be lost with the target."""
        try:
            self.delete(workload_id, test=test, setup=setup)
        except TargetLostError as error:
            self.journal.write("problem", what=f"target lost: {error.message}")

    def _granted(self, request: Request, stated: Expectation) -> Expectation:
        """An acceptance takes for granted that GPUs may be used, where the target has refused them all."""
        if stated.outcome is not Outcome.ACCEPT or not asks(request) or self._grants.gpus(self):
            return stated
        return replace(stated, assumes=(*stated.assumes, ASSUMED))

    def _judged_creation(self, exchange: Exchange, sent: Mapping[str, Json]) -> Exchange:
        assert isinstance(exchange.answer, Answer)
        return exchange.with_deviations(*self._created.judge(sent, exchange.object(), exchange.answer))

    @contextmanager
    def workload(self, test: str, spec: Mapping[str, Json] | None = None, **meta: Json) -> Iterator[Workload]:
        """A live workload for the block. Fails the test when it cannot be created: nothing else could be judged."""
        body = self.body(spec, **meta)
        request = Request("create", body=body)
        with self.creating(request, test=test) as exchange:
            self.verify(exchange)
            answer = exchange.object()
            if not exchange.accepted or not isinstance(answer.get("workloadId"), str):
                raise CannotCreateError(f"the workload of this test was not created: {_outline(exchange)}")
            yield Workload(answer["workloadId"], str(answer.get("name", body["name"])), body["spec"], exchange)

    def delete(self, workload_id: str, *, test: str, setup: tuple[Exchange, ...] = ()) -> Exchange:
        """Delete a workload of this run. Already gone (404) is as good: a test may have deleted it itself."""
        request = Request("delete", path={"workloadId": workload_id})
        answer = self._send_deletion(request, workload_id)
        exchange = self._judged(request, Expectation(Outcome.ACCEPT), answer, test, (), _GONE_OR_GOING, setup, "main")
        self.record(exchange)
        return exchange

    def _send_deletion(self, request: Request, workload_id: str) -> Answer | NoAnswer:
        """Send a deletion until it is not 404 or patience is over: 202 says accepted, so a workload may show late."""
        deadline = time.monotonic() + (_SHOWS_WITHIN if self._never_shown < _IN_VAIN else 0.0)
        while True:
            try:
                answer = self.session.send(request)
            except BudgetExhausted:
                # A spent budget must not keep us from cleaning up; the final sweep would do it, later.
                return self.session.send(request, cleaning=True)
            unknown = isinstance(answer, Answer) and answer.status == 404 and self.session.holds(workload_id)
            if unknown and time.monotonic() < deadline:
                time.sleep(_POLL)
                continue
            if unknown:
                self._never_shown += 1
                self.session.let_go(workload_id)
            return answer

    # --- judging ---------------------------------------------------------------------------------------------

    def _judged(
        self,
        request: Request,
        stated: Expectation,
        answer: Answer | NoAnswer,
        test: str,
        focus: tuple[Reason, ...],
        also: frozenset[int],
        setup: tuple[Exchange, ...],
        auth: str | None,
    ) -> Exchange:
        operation = self.oracle.contract.operations[request.operation]
        deviations: list[Deviation] = []
        if isinstance(answer, NoAnswer):
            self._see_that_it_lives(answer)
            deviations.append(_no_answer(operation.id, answer))
        else:
            deviations += self._checks.judge(request.operation, answer)
            deviations += expected.judge(operation, answer, stated, focus[0] if focus else None, also)
        exchange = Exchange(request, stated, answer, tuple(deviations), test, setup, auth)
        self._note(exchange, focus)
        return exchange

    def _see_that_it_lives(self, silence: NoAnswer) -> None:
        """Raise TargetLostError unless a plain read is answered: that a dead target is silent is no finding."""
        answer = self.session.send(Request("read", path={"workloadId": _NOBODY}))
        if isinstance(answer, NoAnswer):
            raise TargetLostError(
                f"{self.session.base_url} does not answer any more: {silence.detail}, then {answer.detail}",
                hint="`assay doctor` tells whether the target can be reached again",
            )

    def _note(self, exchange: Exchange, focus: tuple[Reason, ...]) -> None:
        side = exchange.expectation.outcome.value
        tested = {"reject": exchange.expectation.reasons, "accept": focus}.get(side, ())
        answer = exchange.answer
        self.journal.write(
            "exchange",
            operation=self.oracle.contract.operations[exchange.request.operation].id,
            status=exchange.status,
            ms=round(answer.seconds * 1000, 2) if isinstance(answer, Answer) else None,
            expected=side,
            rules=[[reason.id, side] for reason in tested if reason.source is Source.RULE],
            keywords=[
                [f"{reason.location}#{reason.id}", side] for reason in tested if reason.source is Source.SCHEMA
            ],
            test=exchange.test,
        )
        if exchange.status in BUSY:
            self._note_busy(exchange)

    def _note_busy(self, exchange: Exchange) -> None:
        operation = self.oracle.contract.operations[exchange.request.operation].id
        with self._lock:
            known = operation in self._busy
            self._busy.add(operation)
        if not known:
            self.not_tested(operation, f"some requests were answered {exchange.status} until waiting was given up")

    def findings(self, exchange: Exchange) -> tuple[Finding, ...]:
        if not exchange.deviations:
            return ()
        operation = self.oracle.contract.operations[exchange.request.operation]
        curl = pasteable.script(self.session, exchange)
        return as_findings(exchange, operation.id, curl, self._describe, self.session.describe_answer)

    def verify(self, *exchanges: Exchange) -> None:
        """Journal gaps and advisories; raise ContractBreachError with the violations, if there are any."""
        found = tuple(finding for exchange in exchanges for finding in self.findings(exchange))
        for finding in found:
            if finding.cls is not Class.VIOLATION:
                self._write(finding)
        if broken := violations(found):
            raise ContractBreachError(broken)

    def record(self, exchange: Exchange) -> None:
        """Journal everything that deviates, violations too, without raising (tear-down must go on)."""
        for finding in self.findings(exchange):
            self._write(finding)

    def write_findings(self, findings: tuple[Finding, ...]) -> None:
        for finding in findings:
            self._write(finding)

    def _write(self, finding: Finding) -> None:
        """The first of an id goes to the journal with its evidence, further ones without: they only count."""
        with self._lock:
            known = finding.id in self._seen
            self._seen.add(finding.id)
        self.journal.finding(replace(finding, evidence=None) if known else finding)

    def not_tested(self, what: str, why: str) -> None:
        self.journal.write("not_tested", what=what, why=why)

    def _describe(self, exchange: Exchange) -> dict[str, Any]:
        return self.session.describe(exchange.sent, auth=exchange.auth)


def created_id(answer: Answer | NoAnswer) -> str | None:
    """The id of the workload that an answer to a creation says was made."""
    if isinstance(answer, NoAnswer) or not 200 <= answer.status < 300:
        return None
    body = answer.json()
    identity = body.get("workloadId") if isinstance(body, Mapping) else None
    return identity if isinstance(identity, str) and identity else None


class CannotCreateError(AssertionError):
    """A test needed a workload and the target did not create one."""


def _outline(exchange: Exchange) -> str:
    answer = exchange.answer
    if isinstance(answer, NoAnswer):
        return f"no answer ({answer.kind})"
    return f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}"


def _no_answer(operation: str, answer: NoAnswer) -> Deviation:
    return Deviation(
        Class.VIOLATION,
        "no-answer",
        answer.kind,
        "/response",
        f"{operation} gives no answer ({answer.kind})",
        f"Every request must be answered, if only with an error: {answer.detail[:200]}",
    )
