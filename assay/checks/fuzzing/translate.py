"""Between the two vocabularies: a Schemathesis case becomes a Request, an Answer becomes a Schemathesis response."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

import requests
from schemathesis import Response

from assay.checks.fuzzing.schemathesis_internals import AnyCase
from assay.client.exchange import Answer
from assay.contract.request import ABSENT, Absent, Json, Request

# Only a name for what is never sent from here: the client builds the real URL.
_NOWHERE: Final = "http://target.invalid"


def to_request(case: AnyCase, operation: str) -> Request:
    """The Request that puts on the wire what Schemathesis would have sent for ``case``.

    Schemathesis's own headers (User-Agent, test case id) and tokens are left out: those are the client's.
    """
    wire = case.as_transport_kwargs(base_url=_NOWHERE)
    headers = {name.lower(): str(value) for name, value in (case.headers or {}).items()}
    content_type = headers.pop("content-type", None)
    body, raw = _payload(wire)
    extra = [(name, value) for name, value in headers.items() if name != "authorization"]
    if body is ABSENT and raw is None and content_type is not None:
        extra.append(("content-type", content_type))  # a content type without content is a case of its own
    return Request(
        operation,
        # In a case they are percent-encoded already, in a Request not yet.
        path={name: unquote(str(value)) for name, value in case.path_parameters.items()},
        query=_pairs(wire.get("params")),
        headers=tuple(extra),
        body=body,
        raw=raw,
        content_type=content_type or case.media_type or "application/json",
    )


def _payload(wire: Mapping[str, Any]) -> tuple[Json | Absent, bytes | None]:
    if "json" in wire:
        return wire["json"], None
    data = wire.get("data")
    if data is None:
        return ABSENT, None
    return ABSENT, data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogatepass")


def _pairs(params: object) -> tuple[tuple[str, str], ...]:
    """Query pairs in order, decoded; the delimited form of a list stays one value."""
    if not params:
        return ()
    text = params if isinstance(params, str) else urlencode(params, doseq=True)  # type: ignore[arg-type]
    return tuple(parse_qsl(text, keep_blank_values=True))


def to_response(answer: Answer, case: AnyCase) -> Response:
    """The answer as Schemathesis's checks want it."""
    return Response(
        status_code=answer.status,
        headers={name: [value] for name, value in answer.headers.items()},
        content=answer.body,
        request=requests.Request(case.method, _NOWHERE).prepare(),
        elapsed=answer.seconds,
        verify=True,
        message=http.client.responses.get(answer.status, ""),
    )
