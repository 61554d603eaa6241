"""Requests and answers as evidence for a report: plain data and curl lines, secrets masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from assay.client.curl import BEARER, NOTHING_NAMED, Named, curl_line, in_double_quotes
from assay.client.exchange import Answer
from assay.client.wire import Wire

if TYPE_CHECKING:
    from assay.client.client import Client

_LONGEST: Final = 4_000  # characters of a body that evidence keeps


def curl(client: Client, wire: Wire, auth: str | None, shell: str | None = None, named: Named = NOTHING_NAMED) -> str:
    """The curl line; ``shell`` is the Authorization header as a word for inside double quotes."""
    word = shell
    if word is None and auth is not None:
        word = BEARER.get(auth) or in_double_quotes(client.mask.text(auth))
    return client.mask.text(curl_line(client.base_url, wire, word, insecure=client.insecure, named=named))


def request(client: Client, wire: Wire, auth: str | None) -> dict[str, Any]:
    """{"method", "url", "headers", "body"}."""
    headers = dict(wire.headers)
    if auth is not None:
        headers["Authorization"] = auth
    masked = client.mask.headers(headers)
    if auth in BEARER:
        masked["Authorization"] = f"Bearer <{auth}>"
    return {
        "method": wire.method,
        "url": client.mask.text(client.base_url + wire.target),
        "headers": masked,
        "body": None if wire.content is None else _body(client, wire.content),
    }


def answer(client: Client, answer: Answer) -> dict[str, Any]:
    """{"status", "headers", "body"}."""
    headers = client.mask.headers(answer.headers)
    return {"status": answer.status, "headers": headers, "body": _body(client, answer.body)}


def _body(client: Client, body: bytes) -> str:
    return client.mask.text(body.decode("utf-8", errors="replace"))[:_LONGEST]
