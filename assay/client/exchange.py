"""What comes back from one exchange: an answer, or none and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import httpx

from assay.contract.request import Json

Kind = Literal["refused", "reset", "timeout", "protocol", "dns", "tls"]
"""Why no answer came: ``refused`` also covers hosts without a route, ``protocol`` is an answer that is not HTTP."""


class NotJson:
    """The type of NOT_JSON."""

    def __repr__(self) -> str:
        return "NOT_JSON"


NOT_JSON: Final = NotJson()


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end.

    ``headers`` is case-insensitive and joins repeated fields with ", ". ``seconds`` is the time from sending the
    (last) attempt to the last byte of its body. ``attempts`` counts how often the request was sent.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=httpx.Headers)
    body: bytes = b""
    seconds: float = 0.0
    attempts: int = 1

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
    """No answer came, and why: ``detail`` is part of a sentence, free of secrets; ``seconds`` is the time waited."""

    kind: Kind
    detail: str
    seconds: float = 0.0
    attempts: int = 1
