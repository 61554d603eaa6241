"""What left at one moment in a test of several clients, and what of it a finding is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from assay.checks.exchange import Exchange
from assay.contract.documents import Contract
from assay.contract.operations import Kind
from assay.contract.request import Request


@dataclass(frozen=True, slots=True)
class ConcurrentRequests:
    """``requests`` that left at one moment; ``exchange`` is one of them, or came after them."""

    contract: Contract
    exchange: Exchange
    requests: tuple[Request, ...]

    def __bool__(self) -> bool:
        return bool(self.requests)

    @property
    def follows(self) -> bool:
        """Whether it is about what followed each of several creations, at one moment again."""
        return self._creates and self._kind(self.exchange.request) is not Kind.CREATE

    @property
    def judged(self) -> bool:
        """Whether each answer of its kind is to be judged, for any may be the wrong one."""
        return self._creates or self.exchange.request in self.requests

    @property
    def deletion(self) -> Request | None:
        """The deletion among them."""
        return next((each for each in self.requests if self._kind(each) is Kind.DELETE), None)

    def members(self) -> Iterator[tuple[int, Request]]:
        """The requests in order, equal neighbours as one with their number."""
        for request, alike in groupby(self.requests):
            yield sum(1 for _ in alike), request

    @property
    def _creates(self) -> bool:
        return any(self._kind(each) is Kind.CREATE for each in self.requests)

    def _kind(self, request: Request) -> Kind:
        return self.contract.operations[request.operation].kind
