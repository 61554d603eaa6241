"""Sends variants of a request that has deviated, and tells of each whether the same deviation shows again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Final

from assay.checks.exchange import Exchange, Suspect
from assay.checks.metrics_host import SHARED
from assay.checks.target import LiveWorkload, TargetUnderTest
from assay.client.exchange import Answer
from assay.contract.documents import Operation
from assay.contract.operations import Kind
from assay.contract.request import ABSENT, Absent, Expectation, Json, Outcome, Request
from assay.generation.cases import NOWHERE, plain_query
from assay.generation.ordinary import ordinary
from assay.wording import gist

TEST: Final = "diagnosis"
"""Stands for the test in the journal."""

_EACH: Final = 40
"""Experiments on one finding. On 41 findings of 45 seeded defects they were 4 (median) and at most 7; a generated
request with dozens of fields may take more, and is then left as it is."""

_RANGE: Final = ("start", "end")
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


class Experiments:
    """Experiments on one suspect; its request as a tree is where they start.

    The tree of a creation or an update is its body; that of a query is {"query": {name: [value, ...]}}.
    """

    def __init__(self, target: TargetUnderTest, suspect: Suspect, most: int) -> None:
        self.sent = 0
        self.exhausted = False
        """Whether one was not sent for want of requests: what was found out then is not the whole."""
        self._target = target
        self._finding = suspect.finding
        self._first = suspect.exchange
        self._most = min(most, _EACH)
        self.operation: Operation = target.contract.operations[suspect.exchange.request.operation]

    def hold(self, stack: ExitStack) -> None:
        """Keep what several experiments need until ``stack`` ends: a workload that serves takes seconds to make."""
        if self.operation.kind is Kind.MEASURE:
            stack.enter_context(SHARED.acquire(self._target, TEST))

    @property
    def top(self) -> str:
        """Where in the tree the places stand that may be changed."""
        return "query" if self.operation.kind is Kind.MEASURE else "spec"

    @property
    def tree(self) -> dict[str, Json] | None:
        """The request as a tree; None when it is of no kind that can be varied."""
        request = self._first.request
        if self.operation.kind is Kind.MEASURE:
            return {"query": {name: _values(request, name) for name, _ in request.query}}
        body = request.body
        is_plain = self.operation.kind in {Kind.CREATE, Kind.UPDATE} and request.raw is None
        return dict(body) if is_plain and isinstance(body, dict) and isinstance(body.get("spec"), dict) else None

    def shows(self, tree: Json) -> bool | None:
        """Whether the deviation shows; None when the contract expects something else of it, or enough was sent.

        Raises what sending raises: AnswerLostError, BudgetExhausted, TargetLostError.
        """
        request = self._request(tree)
        if not self._expects_the_same(request):
            return None
        if self.sent >= self._most:
            self.exhausted = True
            return None
        self.sent += 1
        with self._answered(request) as exchange:
            return self._is_the_same(exchange)

    def ordinary(self, pointer: str) -> Json | Absent:
        """An ordinary value for a place of the tree."""
        if self.operation.kind is Kind.MEASURE:
            return self._plain_parameter(pointer.split("/")[2])
        try:
            return ordinary(self._target.oracle.bodies[self.operation.name].find(pointer))
        except (KeyError, ValueError):
            return ABSENT

    def with_plain_range(self, tree: Mapping[str, Json]) -> dict[str, Json] | None:
        """The tree of a query with another range of time; None when it has none."""
        query = tree.get("query", {})
        if not all(name in query for name in _RANGE):
            return None
        return {"query": {**query, **{name: [self._plain_parameter(name)] for name in _RANGE}}}

    def _plain_parameter(self, name: str) -> Json | Absent:
        """A value that the request does not give."""
        start, end = (self._target.now().replace(second=second).strftime(_TIME) for second in (0, 1))
        schema = next((each.schema for each in self.operation.parameters if each.name == name), {})
        members = schema.get("items", schema).get("enum", ())
        given = _values(self._first.request, name)
        if members:
            return next((str(member) for member in reversed(members) if str(member) not in given), ABSENT)
        return plain_query(self.operation, start, end).get(name, ABSENT)

    def _request(self, tree: Json) -> Request:
        first = self._first.request
        if self.operation.kind is Kind.MEASURE:
            pairs = tuple((name, value) for name, values in tree["query"].items() for value in values)
            return replace(first, query=pairs)
        own_name = self.operation.kind is Kind.CREATE and self._finding.location != "/body/name"
        return replace(first, body={**tree, "name": self._target.name()} if own_name else tree)

    def _before(self) -> Mapping[str, Json] | None:
        """The spec of the workload that an update goes to."""
        created = self._first.setup[0].request.body if self._first.setup else None
        return created.get("spec") if isinstance(created, dict) else None

    def _expects_the_same(self, request: Request) -> bool:
        before = self._before() if self.operation.kind is Kind.UPDATE else None
        return _expected(self._target.expect(request, before)) == _expected(self._first.expectation)

    @contextmanager
    def _answered(self, request: Request) -> Iterator[Exchange]:
        if self.operation.kind is Kind.CREATE:
            with self._target.creating(request, test=TEST) as exchange:
                yield exchange
        elif self.operation.kind is Kind.UPDATE:
            with self._target.workload(TEST, self._before()) as workload:
                yield self._sent_to(workload, request)
        else:
            with SHARED.acquire(self._target, TEST) as measured:
                yield self._sent_to(measured.workload, request)

    def _sent_to(self, workload: LiveWorkload, request: Request) -> Exchange:
        ids = self._target.state.found.owners
        path = {
            name: workload.id if resource == self._target.contract.main_resource else request.path[name]
            for name, resource in self.operation.needs.items()
        }
        foreign = [value for value in path.values() if ids.get(value, workload.id) != workload.id]
        if foreign:  # a pod of another workload, which is gone
            own = next((name for name, owner in ids.items() if owner == workload.id), NOWHERE)
            path = {name: own if value in foreign else value for name, value in path.items()}
        return self._target.send(replace(request, path=path), test=TEST, before=workload.spec)

    def _is_the_same(self, exchange: Exchange) -> bool:
        if self._first.expectation.outcome is Outcome.REJECT:
            return exchange.accepted
        return _said(exchange) == _said(self._first)


def _values(request: Request, name: str) -> list[str]:
    return [value for key, value in request.query if key == name]


def _expected(expectation: Expectation) -> tuple[Any, ...]:
    """What must stay as it was: else the answer to a variant says nothing of the deviation."""
    reasons = frozenset((reason.source, reason.id, reason.location) for reason in expectation.reasons)
    return expectation.outcome, reasons, bool(expectation.assumes)


def _said(exchange: Exchange) -> tuple[int | None, str]:
    """The status and the words of a refusal, names and numbers aside."""
    body = exchange.answer.body if isinstance(exchange.answer, Answer) else b""
    return exchange.status, gist(body.decode("utf-8", "replace"))
