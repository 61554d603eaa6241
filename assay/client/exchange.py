"""What goes over the wire and what comes back: a request in its wire form, an answer, or none and why."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote

import httpx

from assay.contract.documents import Contract
from assay.contract.request import Absent, Json, Request
from assay.errors import UsageError
from assay.legible import quoted

Kind = Literal["refused", "reset", "timeout", "protocol", "dns", "tls", "proxy"]
"""Why no answer came: ``refused`` also covers hosts without a route, ``protocol`` is an answer that is not HTTP.
``proxy`` is the proxy's refusal: the target has not been asked, and nothing may be judged."""


class NotJson:
    """The type of NOT_JSON."""

    def __repr__(self) -> str:
        return "NOT_JSON"


NOT_JSON: Final = NotJson()


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end.

    ``headers`` is case-insensitive and joins repeated fields with ", ". ``seconds`` is the time from sending the
    (last) attempt to the last byte of its body. ``attempts`` counts how often the request was sent, ``earlier`` are
    the failures after which it was sent again. ``stored``: the creation happened although it was answered so (None:
    nobody can tell); ``gone``: an earlier, lost answer to this deletion was the one that agreed to it.
    ``undone``: what was taken off the body though nobody had asked for it, such as gzip; ``sealed``: the
    Content-Encoding that nothing here can undo.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=httpx.Headers)
    body: bytes = b""
    seconds: float = 0.0
    attempts: int = 1
    earlier: tuple[Answer | NoAnswer, ...] = ()
    stored: bool | None = False
    gone: bool = False
    undone: tuple[str, ...] = ()
    sealed: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.headers, httpx.Headers):
            object.__setattr__(self, "headers", httpx.Headers(dict(self.headers)))

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; empty when the answer names none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as UTF-8, with U+FFFD for bytes that are not."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Json | NotJson:
        """The body as JSON in the sense of RFC 8259 (UTF-8, no NaN or Infinity), else NOT_JSON."""
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_refuse)
        except (ValueError, RecursionError):
            return NOT_JSON


def _refuse(literal: str) -> None:
    raise ValueError(f"{literal} is not JSON")


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer came, and why: ``detail`` is part of a sentence, free of secrets; ``seconds`` is the time waited.

    ``idle``: the connection had lain idle before, so most likely the server closed it then. Else as of ``Answer``.
    ``fault``: the user's side is at fault, and who would judge the target raises this instead.
    """

    kind: Kind
    detail: str
    seconds: float = 0.0
    attempts: int = 1
    earlier: tuple[Answer | NoAnswer, ...] = ()
    stored: bool | None = False
    idle: bool = False
    fault: UsageError | None = None


# Lawful unescaped in a query, and a comma must stay one: it separates the values of a non-exploded array.
_QUERY_SAFE: Final = ",:@/?-._~"


@dataclass(frozen=True, slots=True)
class Wire:
    """Method, target (percent-encoded path with query, below the base URL), headers and body."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    content: bytes | None


def to_wire(contract: Contract, request: Request, headers: Mapping[str, str] | None = None) -> Wire:
    """Build the wire form from the contract's operation that the request names.

    Path values are percent-encoded whole (``/`` too, so a value never becomes two segments). ``headers`` replace
    fields of the same name. Raises KeyError when a path parameter has no value.
    """
    operation = contract.operations[request.operation]
    target = re.sub(r"\{([^}]+)\}", lambda match: _encode(request.path[match[1]], ""), operation.path)
    if request.query:
        pairs = (f"{_encode(name, _QUERY_SAFE)}={_encode(value, _QUERY_SAFE)}" for name, value in request.query)
        target += "?" + "&".join(pairs)
    content = _content(request)
    fields = list(request.headers)
    named = {name.lower() for name, _ in fields}
    if content is not None and request.content_type is not None and "content-type" not in named:
        fields.append(("Content-Type", request.content_type))
    if headers:
        replaced = {name.lower() for name in headers}
        fields = [(name, value) for name, value in fields if name.lower() not in replaced] + list(headers.items())
    return Wire(operation.method, target, tuple(fields), content)


def to_json(value: Json) -> bytes:
    """JSON as UTF-8; lone surrogates become escapes, so every Python string can be sent."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _content(request: Request) -> bytes | None:
    if request.raw is not None:
        return request.raw
    return None if isinstance(request.body, Absent) else to_json(request.body)


def _encode(value: str, safe: str) -> str:
    return quote(value.encode("utf-8", errors="surrogatepass"), safe=safe)


def error_message(answer: Answer) -> str:
    """What the target says, on one line of at most 200 characters."""
    body = answer.json()
    words = body.get("message") if isinstance(body, dict) else None
    text = words if isinstance(words, str) else answer.text
    return quoted(text) or "(no words)"
