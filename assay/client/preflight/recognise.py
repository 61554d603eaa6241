"""Tells a Run:ai API from everything else that may answer at a URL."""

from __future__ import annotations

import re
import uuid
from typing import Final, TypeGuard

from assay.client.exchange import NOT_JSON, Answer, NoAnswer, error_message
from assay.contract.documents import Contract
from assay.contract.request import Request
from assay.legible import is_page, quoted, without_markup

_RANGE: Final = (
    ("metricType", "THROUGHPUT"),
    ("start", "2024-01-01T00:00:00Z"),
    ("end", "2024-01-01T01:00:00Z"),
    ("numberOfSamples", "1"),
)


_FULL: Final = re.compile(r"quota|exceed|capacity|insufficient resource|too many workloads", re.IGNORECASE)


def unknown_workload(contract: Contract, operation: str = "read", workload: str | None = None) -> Request:
    """A request for a workload that cannot exist, or for ``workload``; it changes nothing."""
    query = _RANGE if operation == "metrics" else ()
    ids = {contract.main_resource: workload or str(uuid.uuid4())}
    return contract.operations[operation].request(ids, query=query)


def is_error_body(answer: Answer) -> bool:
    """True for the contract's Error: a JSON object with an integer ``code`` and a ``message``."""
    body = answer.json()
    return isinstance(body, dict) and type(body.get("code")) is int and isinstance(body.get("message"), str)


def speaks(outcome: Answer | NoAnswer) -> TypeGuard[Answer]:
    """Whether this is certainly an answer of the API: one with the contract's Error."""
    return isinstance(outcome, Answer) and is_error_body(outcome)


def is_object(outcome: Answer | NoAnswer) -> bool:
    """True for a JSON object that is no server error: what any API answers."""
    return isinstance(outcome, Answer) and outcome.status < 500 and isinstance(outcome.json(), dict)


def is_html(answer: Answer) -> bool:
    """Whether an answer is a page for people, by its media type or by how it begins."""
    return answer.content_type == "text/html" or is_page(answer.text)


def is_full(refusal: Answer) -> bool:
    """Whether a creation was refused because a quota is used up; a lawful target may do so at any time."""
    return 400 <= refusal.status < 500 and refusal.status != 429 and bool(_FULL.search(error_message(refusal)))


def what_answers(outcome: Answer | NoAnswer) -> str:
    """What answered instead of a Run:ai API, as the end of a sentence."""
    if isinstance(outcome, NoAnswer):
        return f"no answer came ({outcome.detail})"
    if 300 <= outcome.status < 400:
        return f"it redirects ({outcome.status}) to {quoted(outcome.headers.get('location', 'nowhere'))}"
    if outcome.sealed:
        return f"it answers {outcome.status} with Content-Encoding {quoted(outcome.sealed)} though identity was asked"
    if is_html(outcome):
        title = quoted(without_markup(outcome.text), 60)
        named = f' titled "{title}"' if title else ""
        return f"it answers {outcome.status} with an HTML page{named}: a web site, or a gateway in front of the API"
    if outcome.status >= 500:
        return f"it answers {outcome.status} to everything: {error_message(outcome)}"
    if outcome.json() is NOT_JSON:
        kind = quoted(outcome.content_type, 60) or "no content type"
        return f"it answers {outcome.status} with {kind} and no JSON, so it is not a Run:ai API"
    return f"it answers {outcome.status} with JSON, but not as a Run:ai API does ({{code, message}})"
