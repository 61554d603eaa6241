"""Makes observed values fit for any report: text that encodes as UTF-8, finite numbers, bodies of bounded size.

What a target sends is hostile by assumption: lone surrogates cannot be written as UTF-8, NaN and Infinity are no
JSON, and a body may be megabytes long.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from assay.findings.model import Evidence, Finding

BODY_LIMIT: Final = 4_000
"""Characters of a body that a report keeps; the promise of ``Evidence``."""

CURL_LIMIT: Final = 32_000
"""Characters of a command to paste: room for two of the longest bodies shown in full. A cut command is useless."""

LINE_LIMIT: Final = 2_000
"""Characters of a summary, a reason or a header value: longer than any sentence, shorter than any flood."""

MAX_DEPTH: Final = 40
"""Nesting that is kept; evidence is five levels deep, and deeper values would exhaust the stack of a reader."""


def utf8(text: str) -> str:
    """The text with lone surrogates spelled out (``\\ud800``), so that it can be encoded."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def cut(text: str, limit: int) -> str:
    """The first ``limit`` characters, followed by the true length when something was cut off."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… (cut: {len(text):,} characters in all)"


def line(value: object, limit: int = LINE_LIMIT) -> str:
    """Any value as encodable text of bounded length; None becomes the empty string."""
    return cut(utf8("" if value is None else str(value)), limit)


def value(raw: Any, depth: int = 0) -> Any:
    """A JSON value with encodable text and finite numbers (NaN and Infinity become null)."""
    if isinstance(raw, str):
        return utf8(raw)
    if isinstance(raw, float):
        return raw if math.isfinite(raw) else None
    if raw is None or isinstance(raw, bool | int):
        return raw
    if depth >= MAX_DEPTH:
        return "… (nested deeper)"
    if isinstance(raw, Mapping):
        return {utf8(str(key)): value(item, depth + 1) for key, item in raw.items()}
    if isinstance(raw, list | tuple):
        return [value(item, depth + 1) for item in raw]
    return utf8(str(raw))


def finding(observed: Finding) -> dict[str, Any]:
    """The changes that make a finding reportable, as keyword arguments for ``dataclasses.replace``."""
    return {
        "summary": line(observed.summary),
        "why": line(observed.why),
        # These four make the id: whole, however long, and spelled as finding_id spells them.
        "operation": utf8(observed.operation),
        "check": utf8(observed.check),
        "rule": utf8(observed.rule) if observed.rule is not None else None,
        "location": utf8(observed.location),
        "test": line(observed.test),
        "tests": tuple(dict.fromkeys(line(test) for test in (observed.tests or (observed.test,)))),
        "evidence": _evidence(observed.evidence) if observed.evidence else None,
    }


def _evidence(raw: Evidence) -> Evidence:
    return Evidence(
        request=_message(raw.request),
        response=_message(raw.response) if raw.response is not None else None,
        curl=cut(utf8(raw.curl), CURL_LIMIT),
        replay=line(raw.replay),
        setup=tuple(_exchange(item) for item in raw.setup),
        after=tuple(_exchange(item) for item in raw.after),
        reproduction=value(raw.reproduction) if raw.reproduction is not None else None,
    )


def _exchange(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    response = raw.get("response")
    return {"request": _message(raw.get("request") or {}), "response": _message(response) if response else None}


def _message(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """A request or response with its body as bounded text and its headers as bounded strings."""
    message = {str(key): value(item) for key, item in raw.items() if key not in ("body", "headers")}
    headers = raw.get("headers") or {}
    pairs = headers.items() if isinstance(headers, Mapping) else [(pair[0], pair[1]) for pair in headers]
    message["headers"] = {line(name): line(content) for name, content in pairs}
    message["body"] = _body(raw.get("body"))
    return message


def _body(raw: Any) -> str | None:
    if raw is None:
        return None
    text = raw if isinstance(raw, str) else json.dumps(value(raw), ensure_ascii=False)
    return cut(utf8(text), BODY_LIMIT)
