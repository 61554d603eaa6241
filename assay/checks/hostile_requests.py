"""Hostile paths, methods, queries and headers, and bodies where none belong, as data.

All are harmless by themselves: reads, or ids that nobody has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from assay.checks.hostile import INJECTED, Hostile
from assay.contract.request import Request

_INJECTION: Final = f"%0d%0a{INJECTED}:%20yes"
# Servers refuse request lines of 8 kB (nginx, Apache) to 64 kB (httptools, Go); both sides of each are worth a try.
_LONG: Final = (4_000, 70_000)


@dataclass(frozen=True, slots=True)
class HostilePath:
    """A path below the collection, sent byte for byte; ``tail`` makes it from the id of a live workload.

    ``operation`` is the one that it comes nearest to, ``query`` makes it a whole question of that.
    """

    hostile: Hostile
    tail: Callable[[str], str]
    operation: str = "read"
    query: str = ""


_RARE_PATHS: Final = frozenset({"double-encoded", "backslash", "word-undefined", "zero", "quote", "unicode-digits"})
_RARE_QUERIES: Final = frozenset(
    {"underscore", "ampersands", "no-values", "semicolons", "year-1", "year-negative", "other-digits-date"}
)


def _fixed(tail: str) -> Callable[[str], str]:
    return lambda _: tail


def _paths() -> Iterator[HostilePath]:
    plain: tuple[tuple[str, str, str], ...] = (
        ("encoded-nul", "an id of an encoded NUL", "/%00"),
        ("encoded-line-break", "an id with an encoded line break", f"/x{_INJECTION}"),
        ("invalid-utf8-id", "an id that is not UTF-8", "/%ff%fe"),
        ("overlong-slash", "an overlong encoded slash", "/%c0%af"),
        ("cut-escape", "a cut percent escape", "/%"),
        ("bad-escape", "a percent escape that is none", "/%zz"),
        ("double-encoded", "a doubly encoded NUL", "/%2500"),
        ("dots", "dot segments", "/../../../../etc/passwd"),
        ("encoded-dots", "encoded dot segments", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
        ("encoded-slash", "an encoded slash", "/a%2fb"),
        ("backslash", "backslashes", "/..%5c..%5cwindows"),
        ("empty-id", "an empty id", "/"),
        ("empty-id-metrics", "an empty id before metrics", "//metrics"),
        ("template", "a path template", "/{workloadId}"),
        ("word-null", "the id null", "/null"),
        ("word-undefined", "the id undefined", "/undefined"),
        ("zero", "the id 0", "/0"),
        ("blank", "an id of white space", "/%20"),
        ("wildcard", "the id *", "/*"),
        ("quote", "an id with a quote", "/'%20or%20'1'='1"),
        ("matrix", "matrix parameters", "/;jsessionid=1"),
        ("unicode-digits", "an id of other digits", "/%d9%a1%d9%a2"),
    )
    for name, what, tail in plain:
        yield HostilePath(Hostile(f"path-{name}", what, http=True, rare=name in _RARE_PATHS), _fixed(tail))
    for length in _LONG:
        yield HostilePath(
            Hostile(f"path-{length}-long", f"an id of {length:,} characters", http=True, large=True),
            _fixed("/" + "a" * length),
        )
    spelled: tuple[tuple[str, str, Callable[[str], str]], ...] = (
        ("double-slash", "a double slash", lambda live: f"//{live}"),
        ("trailing-slash", "a trailing slash", lambda live: f"/{live}/"),
        ("trailing-dot", "a trailing dot", lambda live: f"/{live}."),
        ("capitals", "an id in capitals", lambda live: f"/{live.upper()}"),
        ("braces", "an id in braces", lambda live: f"/%7b{live}%7d"),
        ("urn", "an id as URN", lambda live: f"/urn:uuid:{live}"),
        ("no-hyphens", "an id without hyphens", lambda live: f"/{live.replace('-', '')}"),
        ("fully-encoded", "an id whose every letter is encoded", lambda live: "/" + _encoded(live)),
        ("nul-behind-id", "a NUL behind the id", lambda live: f"/{live}%00"),
        ("extension", "an extension behind the id", lambda live: f"/{live}.json"),
    )
    for name, what, make in spelled:
        yield HostilePath(Hostile(f"path-{name}", what, http=True), make)


def _encoded(text: str) -> str:
    return "".join(f"%{letter:02x}" for letter in text.encode())


_QUESTION: Final = "?metricType=LATENCY&start=2026-01-01T00:00:00Z&end=2026-01-01T01:00:00Z"
# Ids that another operation may well read with other code; each stands for one kind of trouble.
_AGAIN: Final = frozenset({"encoded-nul", "invalid-utf8-id", "encoded-slash", "word-null", "4000-long", "capitals"})


def _of_metrics(paths: tuple[HostilePath, ...]) -> Iterator[HostilePath]:
    for path in paths:
        name = path.hostile.id.removeprefix("path-")
        if name in _AGAIN:
            hostile = replace(path.hostile, id=f"path-metrics-{name}", what=f"{path.hostile.what} before metrics")
            yield HostilePath(hostile, _before_metrics(path.tail), "metrics", _QUESTION)


def _before_metrics(tail: Callable[[str], str]) -> Callable[[str], str]:
    return lambda live: f"{tail(live)}/metrics"


_OF_ITEMS: Final = tuple(_paths())
PATHS: Final = (*_OF_ITEMS, *_of_metrics(_OF_ITEMS))


@dataclass(frozen=True, slots=True)
class HostileMethod:
    """A method that a path does not have. ``path`` is a template below the collection, filled with unknown ids."""

    hostile: Hostile
    method: str
    path: str
    operation: str
    open: bool  # whether any success is lawful too (HEAD, OPTIONS, a list that later versions may have)


_ITEM: Final = "/{id}"
_METRICS: Final = "/{id}/metrics"
_POD: Final = "/{id}/pods/{id}/metrics"
# DELETE and PATCH of the collection are left out on purpose: should a target have them, they are not for guessing.
_METHODS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "": ("create", ("GET", "PUT", "HEAD", "OPTIONS", "ASSAY")),
    _ITEM: ("read", ("POST", "PUT", "HEAD", "OPTIONS", "TRACE", "ASSAY", "get")),
    _METRICS: ("metrics", ("POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ASSAY")),
    _POD: ("pod_metrics", ("POST", "DELETE", "HEAD", "OPTIONS")),
}
_HARMLESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "get"})
_NAMES: Final = {"": "collection", _ITEM: "item", _METRICS: "metrics", _POD: "pod-metrics"}


def _methods() -> Iterator[HostileMethod]:
    for path, (operation, methods) in _METHODS.items():
        for method in methods:
            spelled = "lower-case-get" if method == "get" else method.lower()
            name = f"method-{_NAMES[path]}-{spelled}"
            hostile = Hostile(name, f"the method {method} on the {_NAMES[path]} path", http=True)
            yield HostileMethod(hostile, method, path, operation, method in _HARMLESS)


METHODS: Final = tuple(_methods())


@dataclass(frozen=True, slots=True)
class HostileQuery:
    """A hostile query of the metrics operation, made from the parts of a valid one, byte for byte."""

    hostile: Hostile
    make: Callable[[Mapping[str, str]], str]


def _joined(query: Mapping[str, str]) -> str:
    return "&".join(f"{key}={value}" for key, value in query.items())


def _more(tail: str) -> Callable[[Mapping[str, str]], str]:
    return lambda query: _joined(query) + tail


def _instead(name: str, value: str) -> Callable[[Mapping[str, str]], str]:
    return lambda query: _joined({**query, name: value})


def _queries() -> Iterator[HostileQuery]:
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
        yield HostileQuery(Hostile(f"query-{name}", what, http=True, rare=name in _RARE_QUERIES), make)
    for length in _LONG:
        hostile = Hostile(f"query-{length}-long", f"a query of {length:,} characters", http=True, large=True)
        yield HostileQuery(hostile, _more("&x=" + "a" * length))


QUERIES: Final = tuple(_queries())


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
    for operation in ("read", "delete"):
        for name, what, raw in bodies:
            hostile = Hostile(f"body-on-{operation}-{name}", f"{what} where none belongs", http=True, large=True)
            yield UnwantedBody(hostile, operation, raw)


UNWANTED_BODIES: Final = tuple(_unwanted())
