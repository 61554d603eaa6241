"""What comes in and what goes out: a call, a reply, the refusal that becomes an Error body, the choice of a type."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

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
