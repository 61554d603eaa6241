"""Sends the cases of one operation and judges each answer with both sets of checks.

Between the two vocabularies: a Schemathesis case becomes a Request, an Answer becomes a Schemathesis response.
"""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote, urlencode

import requests
from schemathesis import Response

from assay.checks.echo import moment
from assay.checks.exchange import Exchange
from assay.checks.fuzzing.fitting import Fitter, carries_a_project, repair
from assay.checks.fuzzing.schemathesis_internals import AnyCase, is_valid
from assay.checks.fuzzing.treatment import deviations
from assay.checks.resources import POD_PATIENCE, find_id, listed_resources
from assay.checks.target import PLAIN_SPEC, LiveWorkload, TargetUnderTest
from assay.client.exchange import NOT_JSON, Answer, to_json
from assay.client.gateway import TOO_LARGE, gateway_of
from assay.contract.documents import Operation
from assay.contract.operations import Kind
from assay.contract.oracle import Existing
from assay.contract.request import ABSENT, Absent, Expectation, Json, Outcome, Reason, Request, Source
from assay.contract.rules.base import Spec
from assay.errors import AnswerLostError

# Only a name for what is never sent from here: the client builds the real URL.
_NOWHERE: Final = "http://target.invalid"
# Retention is not in the contract; every control plane that serves metrics keeps those of the last day.
_RETAINED: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Trial:
    """One case and how it is fitted.

    ``known`` uses ids that exist, ``recent`` asks for metrics of the last minutes, ``repaired`` drops what the oracle
    objects to from a schema-valid body (one that is meant to break the schema stays as it is). ``body`` replaces the
    case's body.
    """

    case: AnyCase
    known: bool = True
    repaired: bool = False
    recent: bool = True
    body: Json = None


class ReachCount:
    """Requests and successes per operation."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.reached: Counter[str] = Counter()

    def add(self, exchange: Exchange) -> None:
        self.requests[exchange.request.operation] += 1
        self.reached[exchange.request.operation] += exchange.accepted


class CaseSender:
    """Sends trials of one operation; keeps one live workload of its own for those that need one.

    A context manager: the workload is deleted at the end. For use in one thread.
    """

    def __init__(self, target: TargetUnderTest, test: str, operation: Operation, tally: ReachCount) -> None:
        self.target = target
        self.test = test
        self.operation = operation
        self._tally = tally
        self.fitter = fitter(target)
        self._stack = ExitStack()
        self._workload: LiveWorkload | None = None
        self._below: dict[str, str] = {}  # ids of what belongs to the workload, by resource
        self._looked_for: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def try_out(self, trial: Trial) -> None:
        """Send one trial; one whose answer is lost is left out. Raises ContractBreachError with its violations."""
        try:
            self._try_out(trial)
        except AnswerLostError as error:
            self.target.not_tested(f"{self.test}: some of its cases", error.message)

    def _try_out(self, trial: Trial) -> None:
        request = self.request(trial)
        if carries_a_project(self.target.contract, request):
            return
        if self.operation.kind is Kind.CREATE:
            stated = self._expect(request, None)
            with self.target.creating(request, test=self.test, expectation=stated) as exchange:
                self._verify(trial.case, exchange)
        else:
            self._verify(trial.case, self._send(request))

    def request(self, trial: Trial) -> Request:
        """The request that a trial becomes; creates the live workload when it needs one."""
        request = to_request(trial.case, self.operation.name)
        if trial.body is not None:
            request = replace(request, body=trial.body, raw=None)
        operation = self.operation
        changes = operation.body is not None and bool(operation.needs)
        live = self.live() if operation.needs and (trial.known or changes) else None
        ids = {} if live is None else {self.target.contract.main_resource: live.id, **self._ids_below(live)}
        request = self.fitter.fit(request, ids, known=trial.known, recent=trial.recent)
        if trial.repaired and is_valid(trial.case):
            request = repair(self.target.oracle, request, PLAIN_SPEC, live.spec if live else None)
        return request

    def live(self) -> LiveWorkload:
        """The live workload, with the spec it was created with."""
        if self._workload is None:
            self._workload = self._stack.enter_context(self.target.workload(self.test))
            self._below.clear()
            self._looked_for.clear()
        return self._workload

    def _send(self, request: Request) -> Exchange:
        live = self._workload
        if live is not None and not {live.id, *self._below.values()} & {*request.path.values()}:
            live = None
        exchange = self.target.send(
            request,
            test=self.test,
            expectation=self._expect(request, live),
            also=frozenset(self.operation.row.also),
            setup=(live.created,) if live else (),
        )
        if live is not None and exchange.accepted and self.operation.writes is not None:
            # Its spec is no longer the known one, or it is going: the next trial gets a fresh workload.
            self._stack.close()
            self._workload = None
        return exchange

    def _expect(self, request: Request, live: LiveWorkload | None) -> Expectation:
        contract = self.target.contract
        listed = listed_resources(contract, self.operation)
        below = {name: [self._below[name]] if live and name in self._below else [] for name in listed}
        main = {contract.main_resource: [live.id] if live else []}
        existing = Existing.of(project=[self.target.project], cluster=[self.target.cluster], **main, **below)
        return expect(self.target, request, live.spec if live else None, existing)

    def _verify(self, case: AnyCase, exchange: Exchange) -> None:
        self._tally.add(exchange)
        self.target.verify(judged(case, exchange, self.operation.id))

    def _ids_below(self, live: LiveWorkload) -> dict[str, str]:
        """Ids of what else the path names; each is looked for once, and reported when there is none."""
        ids = {self.target.contract.main_resource: live.id}
        for resource in self.operation.needs.values():
            if resource not in ids and resource not in self._looked_for:
                self._looked_for.add(resource)
                self._find(resource, {**ids, **self._below})
        return self._below

    def _find(self, resource: str, ids: dict[str, str]) -> None:
        found = find_id(self.target, self.test, resource, ids)
        if found is not None:
            self._below[resource] = found
            return
        what = "metrics of a" if self.operation.kind is Kind.MEASURE else "a"
        self.target.not_tested(
            f"{self.test}: {what} {resource} that exists",
            f"the target has no list of {resource}s, or showed none within {POD_PATIENCE:g} s",
        )


def fitter(target: TargetUnderTest) -> Fitter:
    """Fits requests for this target; it spares GPUs where the budget limits them."""
    frugal = target.session.budget.limits.gpu_devices is not None
    return Fitter(target.contract, target.project, target.cluster, target.name, frugal=frugal, now=target.now)


def expect(target: TargetUnderTest, request: Request, before: Spec | None, existing: Existing) -> Expectation:
    """The oracle's expectation, opened for metrics of times that a target need not have kept."""
    stated = target.oracle.expect(request, before, existing)
    if stated.outcome is Outcome.ACCEPT and target.contract.operations[request.operation].kind is Kind.MEASURE:
        given = dict(request.query)
        now = target.now()
        for name in ("start", "end"):
            when = moment(given.get(name))
            if when is None or abs(now - when) > _RETAINED:
                why = "the contract does not say how far back or ahead metrics can be asked for"
                return Expectation(Outcome.OPEN, (Reason(Source.SILENCE, "distant-range", f"/query/{name}", why),))
    return stated


def judged(case: AnyCase, exchange: Exchange, operation: str) -> Exchange:
    """The exchange with what Schemathesis's own checks find in its answer beyond ours."""
    answer = exchange.answer
    if not isinstance(answer, Answer) or answer.status in TOO_LARGE or gateway_of(answer) is not None:
        return exchange
    known = frozenset(deviation.check for deviation in exchange.deviations)
    found = deviations(case, to_response(answer, case), known, operation)
    return exchange.with_deviations(*found)


def to_request(case: AnyCase, operation: str) -> Request:
    """The Request that puts on the wire what Schemathesis would have sent for ``case``.

    Schemathesis's own headers (User-Agent, test case id) and tokens are left out: those are the client's.
    """
    wire = case.as_transport_kwargs(base_url=_NOWHERE)
    headers = {name.lower(): str(value) for name, value in (case.headers or {}).items()}
    content_type = headers.pop("content-type", None)
    body, raw = _payload(wire)
    extra = [(name, value) for name, value in headers.items() if name != "authorization"]
    if body is ABSENT and raw is None and content_type is not None:
        extra.append(("content-type", content_type))  # a content type without content is a case of its own
    return Request(
        operation,
        # In a case they are percent-encoded already, in a Request not yet.
        path={name: unquote(str(value)) for name, value in case.path_parameters.items()},
        query=_pairs(wire.get("params")),
        headers=tuple(extra),
        body=body,
        raw=raw,
        content_type=content_type or case.media_type or "application/json",
    )


def _payload(wire: Mapping[str, Any]) -> tuple[Json | Absent, bytes | None]:
    if "json" in wire:
        return wire["json"], None
    data = wire.get("data")
    if data is None:
        return ABSENT, None
    return ABSENT, data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogatepass")


def _pairs(params: object) -> tuple[tuple[str, str], ...]:
    """Query pairs in order, decoded; the delimited form of a list stays one value."""
    if not params:
        return ()
    text = params if isinstance(params, str) else urlencode(params, doseq=True)  # type: ignore[arg-type]
    return tuple(parse_qsl(text, keep_blank_values=True))


def to_response(answer: Answer, case: AnyCase) -> Response:
    """The answer as Schemathesis's checks want it, numbers without a fraction spelled as integers."""
    return Response(
        status_code=answer.status,
        headers={name: [value] for name, value in answer.headers.items()},
        content=_with_whole_numbers(answer),
        request=requests.Request(case.method, _NOWHERE).prepare(),
        elapsed=answer.seconds,
        verify=True,
        message=http.client.responses.get(answer.status, ""),
    )


def _with_whole_numbers(answer: Answer) -> bytes:
    """The body of an answer with 1.0 written as 1.

    JSON has one type of number, and a target that was sent 1.0 for an integer may return it so. Schemathesis
    validates by the draft of JSON Schema in which 1.0 is no integer; later drafts, and the oracle, take it for one.
    """
    found = answer.json() if b"." in answer.body or b"e" in answer.body.lower() else NOT_JSON
    whole = _whole(found)
    return answer.body if found is NOT_JSON or repr(whole) == repr(found) else to_json(whole)


def _whole(value: Json) -> Json:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
