"""Defects of the family ``crash``: a class of hostile input that the control plane answers with 500."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind
from assay.reference.behaviour import Behaviour
from assay.reference.defects.base import Defect
from assay.reference.http import IncomingRequest, Refusal, Reply
from assay.reference.plane import Plane

Meets = Callable[[IncomingRequest, Reply], bool]
"""Whether a call (and what would be its reply) is of the class."""


def _holds(pattern: bytes) -> Meets:
    expression = re.compile(pattern, re.DOTALL)
    return lambda call, _: expression.search(call.body) is not None


def _not_utf8(call: IncomingRequest, _: Reply) -> bool:
    try:
        call.body.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _deep(levels: int) -> Meets:
    return lambda call, _: call.body.count(b"[") > levels or call.body.count(b'{"') > levels


def _value(wanted: Callable[[Any], bool]) -> Meets:
    def meets(call: IncomingRequest, _: Reply) -> bool:
        try:
            return wanted(json.loads(call.body))
        except (ValueError, RecursionError):
            return False

    return meets


def _twice(call: IncomingRequest, _: Reply) -> bool:
    repeated = 0

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        repeated += len(pairs) - len(dict(pairs))
        return dict(pairs)

    try:
        json.loads(call.body, object_pairs_hook=read)
    except (ValueError, RecursionError):
        return False
    return repeated > 0


def _not_json(call: IncomingRequest, _: Reply) -> bool:
    try:
        json.loads(call.body)
    except ValueError:
        return bool(call.body.strip())
    except RecursionError:
        return False
    return False


def _kind(wanted: Callable[[str | None], bool]) -> Meets:
    return lambda call, _: wanted(call.header(b"content-type"))


_OF_BODY: Final[Mapping[str, tuple[str, Meets]]] = {
    "not-utf8": ("bytes that are not UTF-8", _not_utf8),
    "nul": ("an escaped NUL", _holds(rb"\\u0000")),
    "surrogate": ("half of a surrogate pair", _holds(rb"\\u[dD][89a-fA-F]")),
    "byte-order-mark": ("a byte order mark", _holds(rb"\A\xef\xbb\xbf")),
    "nan": ("the literal NaN", _holds(rb"\bNaN\b")),
    "infinity": ("the literal Infinity", _holds(rb"\bInfinity\b")),
    "exponent": ("a number beyond a double", _holds(rb"[0-9][eE][+-]?[0-9]{3,}")),
    "long-integer": ("an integer of 400 digits", _holds(rb"[0-9]{400}")),
    "deep-100": ("values nested 100 levels deep", _deep(90)),
    "deep-1000": ("values nested 1,000 levels deep", _deep(900)),
    "repeated-key": ("a key given twice", _twice),
    "empty": ("an empty body", lambda call, _: call.body == b""),
    "white-space": ("a body of white space", lambda call, _: bool(call.body) and not call.body.strip()),
    "not-json": ("a body that is not JSON", _not_json),
    "null": ("the body null", _value(lambda value: value is None)),
    "list": ("a list for a body", _value(lambda value: isinstance(value, list))),
    "text": ("a text for a body", _value(lambda value: isinstance(value, str))),
    "number": (
        "a number for a body",
        _value(lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    ),
    "long-text": ("a text of 10,000 characters", _holds(rb"[^\"]{10000}")),
    "megabyte": ("a body of a megabyte", lambda _, reply: reply.status == 413),
    "no-content-type": ("no content type", _kind(lambda kind: kind is None)),
    "other-content-type": (
        "another content type",
        _kind(lambda kind: kind is not None and "json" not in kind.lower()),
    ),
    "charset": (
        "a charset beside the content type",
        _kind(lambda kind: kind is not None and "charset" in kind.lower()),
    ),
}


def _segment(wanted: Callable[[str], bool]) -> Meets:
    return lambda call, _: any(wanted(part) for part in call.segments)


def _id(wanted: Callable[[str], bool]) -> Meets:
    return lambda call, _: any(wanted(given) for given in call.params.values())


_OF_PATH: Final[Mapping[str, tuple[str, Meets]]] = {
    "nul": ("an encoded NUL in the path", _segment(lambda part: "\0" in part)),
    "not-utf8": ("bytes that are not UTF-8 in the path", _segment(lambda part: "\ufffd" in part)),
    "long": ("a path of 4,000 characters", _segment(lambda part: len(part) > 3000)),
    "empty-id": ("an empty id", _segment(lambda part: part == "")),
    "word": ("a word for an id", _id(str.isalpha)),
    "not-a-uuid": (
        "an id that is no UUID",
        lambda call, reply: bool(call.params) and "malformed" in str(reply.content),
    ),
    "capitals": ("an id in capitals", _id(str.isupper)),
    "slash": ("an encoded slash in an id", _id(lambda given: "/" in given)),
    "unknown": (
        "an id that nobody has",
        lambda _, reply: reply.status == 404 and "there is no " in str(reply.content),
    ),
}


def _query(pattern: bytes) -> Meets:
    expression = re.compile(pattern)
    return lambda call, _: expression.search(unquote_to_bytes(call.query)) is not None


_OF_QUERY: Final[Mapping[str, tuple[str, Meets]]] = {
    "not-utf8": ("bytes that are not UTF-8 in the query", lambda _, reply: "not UTF-8" in str(reply.content)),
    "nul": ("an encoded NUL in the query", _query(rb"\x00")),
    "bad-escape": (
        "a percent sign without digits",
        lambda call, _: re.search(rb"%(?![0-9a-fA-F]{2})", call.query) is not None,
    ),
    "repeated": ("a parameter given twice", _query(rb"numberOfSamples=.*numberOfSamples=|start=.*start=")),
    "empty-value": ("a parameter without a value", _query(rb"(start|end|numberOfSamples)=(&|$)")),
    "int64": ("a number beyond 32 bits", _query(rb"numberOfSamples=-?[0-9]{11,}")),
    "word-for-number": ("a word for a number", _query(rb"numberOfSamples=[a-z]")),
    "year-9999": ("the year 9999", _query(rb"=9999-")),
    "year-0": ("the year 0", _query(rb"=0000-")),
    "no-date": ("a word for a date", _query(rb"(start|end)=[a-z]")),
    "inverted": ("a range that ends before it starts", lambda _, reply: "is after end" in str(reply.content)),
    "far-future": ("a range in the future", _query(rb"start=20[3-9][0-9]-")),
    "no-samples": ("0 samples", _query(rb"numberOfSamples=0(&|$)")),
    "many-types": ("a thousand types", lambda call, _: len(call.query) > 3000),
}


def _header(name: bytes, wanted: Callable[[str], bool] = bool) -> Meets:
    return lambda call, _: wanted(call.header(name) or "")


_OF_HEADERS: Final[Mapping[str, tuple[str, Meets]]] = {
    "accept-garbage": (
        "a malformed Accept header",
        _header(b"accept", lambda value: bool(value) and "/" not in value),
    ),
    "accept-html": ("an Accept header that names HTML only", _header(b"accept", lambda value: value == "text/html")),
    "accept-encoding": (
        "an odd Accept-Encoding",
        _header(b"accept-encoding", lambda value: value not in ("", "identity")),
    ),
    "cookie": ("a cookie", _header(b"cookie")),
    "forwarded": ("a Forwarded header", lambda call, _: any(b"forwarded" in name for name, _value in call.headers)),
    "not-ascii": (
        "a header that is not ASCII",
        lambda call, _: any(max(value, default=0) > 127 for _name, value in call.headers),
    ),
    "authorization-twice": (
        "two Authorization headers",
        lambda call, _: sum(name == b"authorization" for name, _value in call.headers) > 1,
    ),
    "long": ("a header of 7,000 characters", lambda call, _: any(len(value) > 6000 for _name, value in call.headers)),
    "many": ("a hundred headers", lambda call, _: len(call.headers) > 90),
}


def defects(contract: Contract) -> Iterator[Defect]:
    """``crash/<operation>/<part of the request>.<class>``."""
    reading, measuring = contract.reading, contract.of_kind(Kind.MEASURE)[0]
    with_body = [operation for operation in contract.operations.values() if operation.body is not None]
    # Ids of a path are read alike in all operations: those that read show it, and the first that measures.
    with_path = [*contract.of_kind(Kind.READ), *contract.of_kind(Kind.LIST), measuring]
    for operations, part, table in (
        (with_body, "body", _OF_BODY),
        (with_path, "path", _OF_PATH),
        ([measuring], "query", _OF_QUERY),
        ([reading], "header", _OF_HEADERS),
    ):
        for operation in operations:
            for name, (what, meets) in table.items():
                yield _defect(operation, f"{part}.{name}", what, _only(operation.name, meets))
    # A call with another method is one of no operation.
    yield _defect(reading, "method", "a method that the path does not have", lambda _, reply: reply.status == 405)


def _only(operation: str, meets: Meets) -> Meets:
    return lambda call, reply: call.operation == operation and reply.status < 500 and meets(call, reply)


def _defect(operation: Operation, step: str, what: str, meets: Meets) -> Defect:
    def change(behaviour: Behaviour) -> Behaviour:
        return behaviour.then(after)

    def after(_: Plane, call: IncomingRequest, reply: Reply) -> Reply:
        return Refusal(500, "the control plane failed").reply() if meets(call, reply) else reply

    return Defect(
        id=f"crash/{operation.name}/{step}",
        family="crash",
        summary=f"{operation.name} answers 500 to {what}",
        place=f"/paths/{operation.id}",
        change=change,
        operation=operation.name,
    )
