"""Hostile headers, and bodies where none belong, as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from assay.checks.hostile import Hostile
from assay.contract.request import Request


@dataclass(frozen=True, slots=True)
class HostileHeaders:
    """Headers (beside the client's own) that go with a plain read."""

    hostile: Hostile
    headers: tuple[tuple[str, str], ...]

    def request(self, workload_id: str) -> Request:
        return Request("read", path={"workloadId": workload_id}, headers=self.headers)


def _headers() -> Iterator[HostileHeaders]:
    accepts = (
        ("garbage", ";;;,,q=q"),
        ("half", "application/;q=0.5"),
        ("html", "text/html"),
        ("nothing", "*/*;q=0"),
        ("bad-weight", "application/json;q=1e400, text/csv;q=-1"),
        ("many", ", ".join(f"text/x{number}" for number in range(500))),
        ("empty", ""),
    )
    for name, value in accepts:
        yield _one(f"accept-{name}", f"the Accept header '{value[:40]}'", ("Accept", value))
    yield _one("accept-twice", "two Accept headers", ("Accept", "text/csv"), ("Accept", "application/json"))
    yield _one("accept-encoding", "an unknown Accept-Encoding", ("Accept-Encoding", "klingon;q=x, *;q=0"))
    yield _one("accept-language", "a garbled Accept-Language", ("Accept-Language", ";q=,,-" * 50))
    yield _one("authorization-twice", "a second Authorization header", ("Authorization", "Bearer no-token"))
    yield _one("not-ascii", "a header that is not ASCII", ("X-Assay", "\u00e4\u2603\U0001f600"))
    yield _one("not-utf8", "a header that is not UTF-8", ("X-Assay", "\udcff\udcfe"))
    yield _one(
        "traceparent", "a garbled traceparent", ("Traceparent", "00-" + "z" * 32 + "-0-99"), ("Tracestate", "=,=;")
    )
    yield _one("forwarded", "garbled forwarding headers", ("X-Forwarded-For", "::::, ,%00"), ("Forwarded", 'for="[;'))
    yield _one("cookie", "a garbled cookie", ("Cookie", "=;;=\u00e4;" * 20))
    yield _one("request-id", "a request id that looks like markup", ("X-Request-Id", "${7*7}<script>%0d%0a{{7*7}}"))
    yield _one("expect", "an expectation that nobody can meet", ("Expect", "assay"))
    yield _one("date", "a garbled date", ("If-Modified-Since", "yesterday"), ("Date", "never"))
    yield _one("content-type-on-get", "a content type without a body", ("Content-Type", "application/;=x"))
    # 7,000 bytes pass the usual limit of 8 kB, 70,000 pass none.
    for length in (7_000, 70_000):
        yield _one(f"{length}-long", f"a header of {length:,} characters", ("X-Assay", "a" * length), large=True)
    yield _one("many", "300 headers", *((f"X-Assay-{number}", "x") for number in range(300)), large=True)


def _one(name: str, what: str, *headers: tuple[str, str], large: bool = False) -> HostileHeaders:
    return HostileHeaders(Hostile(f"header-{name}", what, http=True, large=large), headers)


HEADERS: Final = tuple(_headers())


@dataclass(frozen=True, slots=True)
class UnwantedBody:
    """A body sent with an operation that has none; a DELETE goes to an id that nobody has."""

    hostile: Hostile
    operation: str
    raw: bytes

    def request(self, workload_id: str) -> Request:
        return Request(self.operation, path={"workloadId": workload_id}, raw=self.raw)


def _unwanted() -> Iterator[UnwantedBody]:
    bodies = (
        ("json", "a JSON body", b'{"spec":{}}'),
        ("garbage", "a body of garbage", b"\x00\xff{["),
        ("request", "a body that looks like a request", b"GET /api/v1/workloads HTTP/1.1\r\nHost: assay\r\n\r\n"),
        ("large", "a body of 200,000 bytes", b"a" * 200_000),
    )
    for role in ("read", "delete"):
        for name, what, raw in bodies:
            hostile = Hostile(f"body-on-{role}-{name}", f"{what} where none belongs", http=True, large=True)
            yield UnwantedBody(hostile, role, raw)


UNWANTED_BODIES: Final = tuple(_unwanted())
