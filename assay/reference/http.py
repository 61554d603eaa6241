"""What comes in and what goes out: a call, its JSON body, a reply, an Error body, the choice of a media type.

Bodies are read so that no bytes whatever can do more harm than a 400.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

from assay.contract.request import Json
from assay.reference.tenant import Caller

JSON: Final = b"application/json"
CSV: Final = b"text/csv; charset=utf-8"

Headers = list[tuple[bytes, bytes]]

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@dataclass(slots=True)
class IncomingRequest:
    """One request. ``segments`` are the percent-decoded path segments, ``params`` those the route names.

    ``operation`` is the name of a row of the operations table, None beside the contract. ``client`` and ``body`` are
    filled in once the caller is known and the body is read.
    """

    method: str
    segments: tuple[str, ...]
    query: bytes
    headers: Headers
    operation: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    client: Caller | None = None

    def header(self, name: bytes) -> str | None:
        """The value of a header (``name`` in lower case), several joined by a comma; None when absent."""
        values = [value for key, value in self.headers if key == name]
        return b", ".join(values).decode("latin-1") if values else None

    @property
    def caller(self) -> Caller:
        """The authenticated client; only guarded routes may ask."""
        if self.client is None:
            raise LookupError("this route is not guarded, so there is no caller")
        return self.client


@dataclass(slots=True)
class Reply:
    """One response. ``content`` is a JSON value, or bytes that are ready to send (of type ``kind``)."""

    status: int
    content: Json | bytes = None
    kind: bytes = JSON
    headers: Headers = field(default_factory=list)

    def encoded(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else encode(self.content)


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """Ends a call with an Error body. ``details`` lists every breach where ``message`` names the first."""

    def __init__(self, status: int, message: str, details: str | None = None, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.headers = headers or []

    def reply(self, *, details: bool = True) -> Reply:
        """The Error that this becomes, with or without its optional details."""
        body = error_body(self.status, self.message, self.details if details else None)
        return Reply(self.status, body, JSON, list(self.headers))


class Disconnected(Exception):  # noqa: N818 - nobody is left to be answered
    """The client went away before its request was complete."""


def error_body(status: int, message: str, details: str | None = None) -> dict[str, Json]:
    """The contract's Error: {code, message, details?}."""
    body: dict[str, Json] = {"code": status, "message": message}
    if details is not None:
        body["details"] = details
    return body


def encode(value: Json) -> bytes:
    """Compact UTF-8 JSON; NaN and Infinity are refused, they are not JSON."""
    return _ENCODER.encode(value).encode()


# The Accept header, as far as two content types need it.


def prefers_csv(accept: str | None) -> bool:
    """Whether ``Accept`` ranks text/csv above application/json. A malformed part counts as not acceptable."""
    if accept is None:
        return False
    return quality(accept, "text", "csv") > quality(accept, "application", "json")


def quality(accept: str, kind: str, subtype: str) -> float:
    """The weight of a media type: the most specific range that matches it decides (RFC 9110, 12.5.1)."""
    best = (-1, 0.0)
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        specific = {f"{kind}/{subtype}": 2, f"{kind}/*": 1, "*/*": 0}.get(media, -1)
        if specific > best[0]:
            best = (specific, _weight(parameters))
    return best[1]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


# The deepest value of the contract lies 8 levels down; 100 leaves room for any client, and keeps recursion in the
# standard library's encoder and in the schema validator (which stops at 255) out of reach.
DEEPEST: Final = 100
# A double holds 309 digits before the point; longer integers are 10**400-like nonsense to every JSON consumer.
LONGEST_INTEGER: Final = 309
_SUSPECT: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def read_json(call: IncomingRequest) -> Json:
    """The JSON value of the call's body. Refuses (400) what is not JSON, not UTF-8, or not storable."""
    _content_type(call)
    return parse(call.body)


def parse(body: bytes) -> Json:
    """Parse ``body``. Of duplicate keys the last one counts, as in JavaScript and Go."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the body is not UTF-8: byte {error.start} cannot be decoded") from None
    if not text.strip():
        raise Refusal(400, "the body is empty; a JSON object is required")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Refusal(
            400, f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise Refusal(400, f"the body is nested more than {DEEPEST} levels deep") from None
    if body.count(b"[") + body.count(b"{") > DEEPEST:
        _refuse_depth(value)
    if _SUSPECT.search(body):
        _refuse_unstorable(value)
    return value


def _content_type(call: IncomingRequest) -> None:
    kind = call.header(b"content-type")
    if kind is None:
        raise Refusal(400, "the header Content-Type is missing; application/json is required")
    essence, *parameters = (part.strip().lower() for part in kind.split(";"))
    if essence != "application/json":
        raise Refusal(400, f"the Content-Type is '{kind[:100]}'; application/json is required")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in {"utf-8", "utf8"}:
            raise Refusal(400, f"the Content-Type is '{kind[:100]}'; JSON is read as UTF-8 only")


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise Refusal(400, f"a number of {len(digits)} digits is out of range")
    return int(digits)


def _decimal(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise Refusal(400, f"the number {digits[:40]} is out of range")
    return value


def _constant(name: str) -> NoReturn:
    raise Refusal(400, f"the body is not JSON: {name} is not a JSON value")


_DECODER: Final = json.JSONDecoder(parse_int=_integer, parse_float=_decimal, parse_constant=_constant)


def _refuse_depth(value: Json) -> None:
    layer = [value]
    for _ in range(DEEPEST):
        layer = [child for parent in layer for child in _children(parent)]
        if not layer:
            return
    raise Refusal(400, f"the body is nested more than {DEEPEST} levels deep")


def _children(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _strings(value: Json) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
        waiting.extend(_children(item))


def _refuse_unstorable(value: Json) -> None:
    for string in _strings(value):
        if "\0" in string:
            raise Refusal(400, "a string holds the character U+0000, which cannot be stored")
        if any("\ud800" <= character <= "\udfff" for character in string):
            raise Refusal(400, "a string holds half of a surrogate pair, which is no character")
