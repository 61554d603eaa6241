"""One exchange: the request, the expectation stated before it, what came back, and each way in which it deviates."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from assay.checks.claims import Claim
from assay.client.exchange import Answer, NoAnswer, Wire
from assay.contract.request import Expectation, Json, Request
from assay.findings.model import Class, Evidence, Finding


@dataclass(frozen=True, slots=True)
class Deviation:
    """One way in which an answer differs from the contract, before it becomes a finding with evidence.

    ``rule`` is a rule id or schema keyword, ``location`` a templated pointer (``/response/body/createdAt``,
    ``/body/spec/compute/gpuPortionLimit``); neither may hold a value drawn at random. ``claims`` are what a sound
    answer says: by them a script tells whether it still shows.
    """

    cls: Class
    check: str
    rule: str | None
    location: str
    summary: str
    why: str
    claims: tuple[Claim, ...] = ()


def violation(
    check: str, location: str, summary: str, why: str, rule: str | None = None, *, claims: tuple[Claim, ...] = ()
) -> Deviation:
    """A deviation that the contract forbids."""
    return Deviation(Class.VIOLATION, check, rule, location, summary, why, claims)


def gap(
    check: str, location: str, summary: str, why: str, rule: str | None = None, *, claims: tuple[Claim, ...] = ()
) -> Deviation:
    """A deviation about which the contract is silent, or contradicts itself."""
    return Deviation(Class.GAP, check, rule, location, summary, why, claims)


@dataclass(frozen=True)
class Exchange:
    """What was sent, what was expected, what came back, what deviates.

    ``after`` are the exchanges that show what it has done, ``serving`` the moment since when the workload that it
    asks about had to serve.
    """

    request: Request
    expectation: Expectation
    answer: Answer | NoAnswer
    deviations: tuple[Deviation, ...] = ()
    test: str = ""
    setup: tuple[Exchange, ...] = field(default=())
    auth: str | None = "main"
    wire: Wire | None = None  # what really left, where no Request of the contract can say it (odd paths and methods)
    shell: str | None = None  # a forged Authorization as a shell word with the token in $ASSAY_TOKEN, for curl
    after: tuple[Exchange, ...] = field(default=())
    serving: datetime | None = None

    @property
    def sent(self) -> Request | Wire:
        """What evidence shows as the request."""
        return self.request if self.wire is None else self.wire

    @property
    def status(self) -> int | None:
        return self.answer.status if isinstance(self.answer, Answer) else None

    @property
    def accepted(self) -> bool:
        """Whether the target agreed; to a deletion perhaps in an earlier answer, which was lost."""
        if isinstance(self.answer, Answer) and self.answer.gone:
            return True
        return self.status is not None and 200 <= self.status < 300

    def body(self) -> Json:
        """The answer's JSON body; None when there is none."""
        if not isinstance(self.answer, Answer):
            return None
        try:
            return json.loads(self.answer.body)
        except (ValueError, RecursionError):
            return None

    def object(self) -> Mapping[str, Json]:
        """The answer's JSON object; the empty one when the body is something else."""
        body = self.body()
        return body if isinstance(body, Mapping) else {}

    def with_deviations(self, *deviations: Deviation) -> Exchange:
        return replace(self, deviations=(*self.deviations, *deviations))


@dataclass(frozen=True, slots=True)
class Suspect:
    """A finding, and the exchange in which it was first seen."""

    finding: Finding
    exchange: Exchange


class ContractBreachError(AssertionError):
    """Raised in a test for what violates the contract; carries the findings."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        super().__init__("\n".join(f"{finding.id} {finding.summary}\n    {finding.why}" for finding in findings))


def as_findings(
    exchange: Exchange,
    operation: str,
    curl: str,
    describe: Callable[[Exchange], dict[str, Any]],
    describe_answer: Callable[[Answer | NoAnswer], dict[str, Any] | None],
    reproduce: Callable[[Exchange, Deviation], dict[str, Any] | None],
) -> tuple[Finding, ...]:
    """Turn the deviations of ``exchange`` into findings; the functions give masked evidence."""

    def described(items: tuple[Exchange, ...]) -> tuple[Mapping[str, Any], ...]:
        return tuple({"request": describe(item), "response": describe_answer(item.answer)} for item in items)

    findings = []
    for deviation in exchange.deviations:
        finding = Finding(
            cls=deviation.cls,
            check=deviation.check,
            operation=operation,
            rule=deviation.rule,
            location=deviation.location,
            summary=deviation.summary,
            why=deviation.why,
            test=exchange.test,
        )
        evidence = Evidence(
            request=describe(exchange),
            response=describe_answer(exchange.answer),
            curl=curl,
            replay=f"assay replay {finding.id}",
            setup=described(exchange.setup),
            after=described(exchange.after),
            reproduction=reproduce(exchange, deviation),
        )
        findings.append(replace(finding, evidence=evidence))
    return tuple(findings)


def violations(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.cls is Class.VIOLATION)
