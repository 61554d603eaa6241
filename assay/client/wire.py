"""Turns a Request of the contract's vocabulary into what goes on the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from assay.contract.documents import Contract
from assay.contract.request import Absent, Json, Request

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
    """Build the wire form from the contract's operation for the request's role.

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
