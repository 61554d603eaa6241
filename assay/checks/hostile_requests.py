"""Hostile paths, methods, queries and headers, and bodies where none belong, as data.

All are harmless by themselves: reads, or ids that nobody has. Which operations they go to follows from the operations
table: a new row gets what suits its kind and its path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from assay.checks.hostile import INJECTED, Hostile
from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind
from assay.contract.request import Request
from assay.generation.cases import plain_query

_INJECTION: Final = f"%0d%0a{INJECTED}:%20yes"
# Servers refuse request lines of 8 kB (nginx, Apache) to 64 kB (httptools, Go); both sides of each are worth a try.
_LONG: Final = (4_000, 70_000)


_PARAMETER: Final = re.compile(r"\{[^}]*\}")
_PAST: Final = ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")


@dataclass(frozen=True, slots=True)
class HostilePath:
    """Something odd in the place of an id, sent byte for byte; ``odd`` makes it from the id of what lives.

    ``operation`` is the one that the path comes nearest to.
    """

    hostile: Hostile
    operation: Operation
    odd: Callable[[str], str]

    @property
    def resource(self) -> str:
        """What the path names."""
        return next(iter(self.operation.needs.values()))

    def target(self, live: str) -> str:
        """The path, with a plain query where the operation needs one."""
        path = _PARAMETER.sub(lambda _: self.odd(live), self.operation.path)
        query = _joined({name: str(value) for name, value in plain_query(self.operation, *_PAST).items()})
        return f"{path}?{query}" if query else path


Odd = tuple[Hostile, Callable[[str], str]]


_RARE_PATHS: Final = frozenset({"double-encoded", "backslash", "word-undefined", "zero", "quote", "unicode-digits"})
_RARE_QUERIES: Final = frozenset(
    {"underscore", "ampersands", "no-values", "semicolons", "year-1", "year-negative", "other-digits-date"}
)


def _fixed(text: str) -> Callable[[str], str]:
    return lambda _: text


def _odd_ids() -> Iterator[Odd]:
    plain: tuple[tuple[str, str, str], ...] = (
        ("encoded-nul", "an id of an encoded NUL", "%00"),
        ("encoded-line-break", "an id with an encoded line break", f"x{_INJECTION}"),
        ("invalid-utf8-id", "an id that is not UTF-8", "%ff%fe"),
        ("overlong-slash", "an overlong encoded slash", "%c0%af"),
        ("cut-escape", "a cut percent escape", "%"),
        ("bad-escape", "a percent escape that is none", "%zz"),
        ("double-encoded", "a doubly encoded NUL", "%2500"),
        ("dots", "dot segments", "../../../../etc/passwd"),
        ("encoded-dots", "encoded dot segments", "%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
        ("encoded-slash", "an encoded slash", "a%2fb"),
        ("backslash", "backslashes", "..%5c..%5cwindows"),
        ("empty-id", "an empty id", ""),
        ("empty-id-metrics", "an empty id before metrics", "/metrics"),
        ("template", "a path template", "{workloadId}"),
        ("word-null", "the id null", "null"),
        ("word-undefined", "the id undefined", "undefined"),
        ("zero", "the id 0", "0"),
        ("blank", "an id of white space", "%20"),
        ("wildcard", "the id *", "*"),
        ("quote", "an id with a quote", "'%20or%20'1'='1"),
        ("matrix", "matrix parameters", ";jsessionid=1"),
        ("unicode-digits", "an id of other digits", "%d9%a1%d9%a2"),
    )
    for name, what, text in plain:
        yield Hostile(name, what, http=True, rare=name in _RARE_PATHS), _fixed(text)
    for length in _LONG:
        yield (
            Hostile(f"{length}-long", f"an id of {length:,} characters", http=True, large=True),
            _fixed("a" * length),
        )
    spelled: tuple[tuple[str, str, Callable[[str], str]], ...] = (
        ("double-slash", "a double slash", lambda live: f"/{live}"),
        ("trailing-slash", "a trailing slash", lambda live: f"{live}/"),
        ("trailing-dot", "a trailing dot", lambda live: f"{live}."),
        ("capitals", "an id in capitals", lambda live: f"{live.upper()}"),
        ("braces", "an id in braces", lambda live: f"%7b{live}%7d"),
        ("urn", "an id as URN", lambda live: f"urn:uuid:{live}"),
        ("no-hyphens", "an id without hyphens", lambda live: f"{live.replace('-', '')}"),
        ("fully-encoded", "an id whose every letter is encoded", _encoded),
        ("nul-behind-id", "a NUL behind the id", lambda live: f"{live}%00"),
        ("extension", "an extension behind the id", lambda live: f"{live}.json"),
    )
    for name, what, make in spelled:
        yield Hostile(name, what, http=True), make


def _encoded(text: str) -> str:
    return "".join(f"%{letter:02x}" for letter in text.encode())


_ODD_IDS: Final = tuple(_odd_ids())
# Ids that another operation may well read with other code; each stands for one kind of trouble.
_AGAIN: Final = frozenset({"encoded-nul", "invalid-utf8-id", "encoded-slash", "word-null", "4000-long", "capitals"})


def paths(contract: Contract) -> Iterator[HostilePath]:
    """Every odd id for the read of a workload, some again for every other read whose path names one thing."""
    for hostile, odd in _ODD_IDS:
        yield HostilePath(replace(hostile, id=f"path-{hostile.id}"), contract.reading, odd)
    for operation in _simple_reads(contract):
        for hostile, odd in _ODD_IDS:
            if hostile.id in _AGAIN:
                name, what = f"path-{_spelled(operation)}-{hostile.id}", _placed(hostile, operation)
                yield HostilePath(replace(hostile, id=name, what=what), operation, odd)


def _simple_reads(contract: Contract) -> list[Operation]:
    """What reads but the read of a workload itself, and names one thing in its path."""
    return [
        operation
        for operation in contract.operations.values()
        if operation.writes is None and len(operation.needs) == 1 and operation is not contract.reading
    ]


def _spelled(operation: Operation) -> str:
    return operation.name.replace("_", "-")


def _placed(hostile: Hostile, operation: Operation) -> str:
    before, _, last = operation.path.rpartition("/")
    return f"{hostile.what} behind {before.rpartition('/')[2]}" if "{" in last else f"{hostile.what} before {last}"


@dataclass(frozen=True, slots=True)
class HostileMethod:
    """A method that the path of ``operation`` does not have."""

    hostile: Hostile
    method: str
    operation: Operation
    open: bool  # whether any success is lawful too (HEAD, OPTIONS, a list that later versions may have)


# DELETE and PATCH of a collection are left out on purpose: should a target have them, they are not for guessing.
_ON_COLLECTIONS: Final = ("GET", "PUT", "HEAD", "OPTIONS", "ASSAY")
_ON_ITEMS: Final = ("POST", "PUT", "HEAD", "OPTIONS", "TRACE", "ASSAY", "get")
_BELOW_ITEMS: Final = ("POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ASSAY")
# Most routers treat whatever lies below an item in one way, so further down only what could do harm is sent again.
_FURTHER_DOWN: Final = ("POST", "DELETE", "HEAD", "OPTIONS")
_HARMLESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "get"})


def methods(contract: Contract) -> Iterator[HostileMethod]:
    """The methods that a path does not have, for every path of the contract."""
    by_path: dict[str, list[Operation]] = {}
    for operation in contract.operations.values():
        by_path.setdefault(operation.path, []).append(operation)
    for there in by_path.values():
        place = _place(contract, there[0])
        for method in _methods_at(contract, there[0]):
            if method not in {operation.method for operation in there}:
                # Many servers take "get" for GET: what fails then fails there, not in another operation.
                nearest = next((each for each in there if each.method == method.upper()), there[0])
                spelled = "lower-case-get" if method == "get" else method.lower()
                hostile = Hostile(f"method-{place}-{spelled}", f"the method {method} on the {place} path", http=True)
                yield HostileMethod(hostile, method, nearest, method in _HARMLESS)


def _place(contract: Contract, operation: Operation) -> str:
    names = {contract.creation.path: "collection", contract.reading.path: "item"}
    return names.get(operation.path) or _spelled(operation)


def _methods_at(contract: Contract, operation: Operation) -> tuple[str, ...]:
    if not operation.needs:
        return _ON_COLLECTIONS
    if operation.path == contract.reading.path:
        return _ON_ITEMS
    return _BELOW_ITEMS if len(operation.needs) == 1 else _FURTHER_DOWN


@dataclass(frozen=True, slots=True)
class HostileQuery:
    """A hostile query of ``operation``, made from the parts of a valid one, byte for byte."""

    hostile: Hostile
    operation: Operation
    make: Callable[[Mapping[str, str]], str]


def _joined(query: Mapping[str, str]) -> str:
    return "&".join(f"{key}={value}" for key, value in query.items())


def _more(tail: str) -> Callable[[Mapping[str, str]], str]:
    return lambda query: _joined(query) + tail


def _instead(name: str, value: str) -> Callable[[Mapping[str, str]], str]:
    return lambda query: _joined({**query, name: value})


def _hostile_queries() -> Iterator[tuple[Hostile, Callable[[Mapping[str, str]], str]]]:
    samples, kind, start = "numberOfSamples", "metricType", "start"
    cases: tuple[tuple[str, str, Callable[[Mapping[str, str]], str]], ...] = (
        ("bad-escape", "a percent escape that is none", _more("&x=%zz")),
        ("cut-escape", "a cut percent escape", _more("&x=%")),
        ("nul-samples", "a NUL as the number of samples", _instead(samples, "%00")),
        ("nul-type", "a NUL behind the metric type", _instead(kind, "LATENCY%00")),
        ("nul-start", "a NUL behind the start", lambda query: _joined({**query, start: query[start] + "%00"})),
        ("invalid-utf8", "a metric type that is not UTF-8", _instead(kind, "%ff%fe")),
        ("line-break", "an encoded line break", _more(f"&x={_INJECTION}")),
        ("repeated-samples", "the number of samples given twice", _more("&numberOfSamples=2")),
        ("repeated-start", "the start given twice", _more("&start=2020-01-01T00:00:00Z")),
        ("empty-samples", "an empty number of samples", _instead(samples, "")),
        ("int64", "a number of samples beyond 64 bits", _instead(samples, "9223372036854775808")),
        ("digits-400", "a number of samples of 400 digits", _instead(samples, "9" * 400)),
        ("digits-5000", "a number of samples of 5,000 digits", _instead(samples, "9" * 5_000)),
        ("exponent", "1e400 samples", _instead(samples, "1e400")),
        ("nan", "NaN samples", _instead(samples, "NaN")),
        ("other-digits", "a number of samples in Arabic digits", _instead(samples, "%d9%a5")),
        ("underscore", "a number of samples with an underscore", _instead(samples, "1_0")),
        ("brackets", "brackets behind the parameter", _more("&metricType[]=LATENCY&metricType[x]=1")),
        ("commas", "a metric type of commas", _instead(kind, ",,,")),
        ("thousand-types", "a metric type 1,000 times", _instead(kind, ",".join(["LATENCY"] * 1_000))),
        ("ampersands", "nothing but ampersands", lambda _: "&" * 100),
        ("no-values", "parameters without values", lambda query: "&".join(query)),
        ("semicolons", "semicolons for ampersands", lambda query: _joined(query).replace("&", ";")),
        ("thousand-parameters", "1,000 parameters", _more("".join(f"&x{number}=1" for number in range(1_000)))),
        ("year-0", "the year 0", _instead(start, "0000-01-01T00:00:00Z")),
        ("year-1", "the year 1 east of Greenwich", _instead(start, "0001-01-01T00:00:00%2B14:00")),
        ("year-9999", "the end of the year 9999", _instead("end", "9999-12-31T23:59:59-14:00")),
        ("year-99999", "the year 99999", _instead("end", "99999-01-01T00:00:00Z")),
        ("year-negative", "a year before Christ", _instead(start, "-0001-01-01T00:00:00Z")),
        ("leap-second", "a leap second", _instead(start, "2016-12-31T23:59:60Z")),
        ("offset-99", "an offset of 99 hours", _instead(start, "2026-01-01T00:00:00%2B99:99")),
        ("digits-of-second", "400 decimals of a second", _instead(start, f"2026-01-01T00:00:00.{'1' * 400}Z")),
        ("other-digits-date", "a date in Arabic digits", _instead(start, "%d9%a2026-01-01T00:00:00Z")),
    )
    for name, what, make in cases:
        yield Hostile(f"query-{name}", what, http=True, rare=name in _RARE_QUERIES), make
    for length in _LONG:
        hostile = Hostile(f"query-{length}-long", f"a query of {length:,} characters", http=True, large=True)
        yield hostile, _more("&x=" + "a" * length)


_QUERIES: Final = tuple(_hostile_queries())
# These need no parameter of a certain name.
_ANY_QUERY: Final = frozenset(
    f"query-{name}"
    for name in ("bad-escape", "cut-escape", "line-break", "ampersands", "thousand-parameters", "4000-long")
)


def queries(contract: Contract) -> Iterator[HostileQuery]:
    """All for what measures, and those that suit any query for the other reads whose path names one thing."""
    for operation in _simple_reads(contract):
        for hostile, make in _QUERIES:
            if operation.kind is Kind.MEASURE or hostile.id in _ANY_QUERY:
                yield HostileQuery(hostile, operation, make)


@dataclass(frozen=True, slots=True)
class HostileHeaders:
    """Headers (beside the client's own) that go with a plain read."""

    hostile: Hostile
    headers: tuple[tuple[str, str], ...]

    def request(self, contract: Contract, workload_id: str) -> Request:
        return contract.reading.request(headers=self.headers, workload=workload_id)


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
    """A body sent with an operation that has none; what removes goes to an id that nobody has."""

    hostile: Hostile
    operation: Operation
    raw: bytes

    def request(self, ids: Mapping[str, str]) -> Request:
        """The request; ``ids`` are by resource."""
        return replace(self.operation.request(ids), raw=self.raw)


_UNWANTED: Final = (
    ("json", "a JSON body", b'{"spec":{}}'),
    ("garbage", "a body of garbage", b"\x00\xff{["),
    ("request", "a body that looks like a request", b"GET /api/v1/workloads HTTP/1.1\r\nHost: assay\r\n\r\n"),
    ("large", "a body of 200,000 bytes", b"a" * 200_000),
)


def unwanted_bodies(contract: Contract) -> Iterator[UnwantedBody]:
    """Bodies for what reads, lists or removes; what measures is read by the same code as those."""
    for operation in contract.operations.values():
        if operation.body is not None or operation.kind not in {Kind.READ, Kind.LIST, Kind.DELETE}:
            continue
        for name, what, raw in _UNWANTED:
            told = Hostile(
                f"body-on-{_spelled(operation)}-{name}", f"{what} where none belongs", http=True, large=True
            )
            yield UnwantedBody(told, operation, raw)
