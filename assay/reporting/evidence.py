"""Evidence as plain text: what was sent and what came back, for reports without a layout of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from assay.findings.model import Finding
from assay.reporting.text import plural


def as_text(finding: Finding, *, complete: bool = True) -> str:
    """A finding with all that a person needs to judge it, as paragraphs; not ``complete``: without its evidence."""
    parts = [
        f"{finding.id} {finding.cls.value}{' (waived)' if finding.waived else ''}: {finding.summary}",
        f"operation {finding.operation}, check {finding.check}, rule {finding.rule or '–'}, at {finding.location}, "
        f"seen {plural(finding.occurrences, 'time')}",
        f"why: {finding.why}",
    ]
    if finding.waiver:
        parts.append(
            f"waived until {finding.waiver['until']} by {finding.waiver['owner']}: {finding.waiver['reason']}"
        )
    if finding.evidence and not complete:
        parts.append("The request and the response stand in verdict.json.")
    elif finding.evidence:
        parts += [
            f"request:\n{request_text(finding.evidence.request)}",
            f"response:\n{response_text(finding.evidence.response)}",
            f"curl:\n{finding.evidence.curl}",
            f"replay: {finding.evidence.replay}",
        ]
    return "\n".join(parts)


def request_text(request: Mapping[str, Any]) -> str:
    """The request as it would look on the wire: first line, headers, blank line, body."""
    return _message(f"{request.get('method', '')} {request.get('url', '')}".strip(), request)


def response_text(response: Mapping[str, Any] | None) -> str:
    """The response as it would look on the wire, or the words for no answer."""
    if response is None:
        return "(no answer)"
    return _message(f"HTTP {response.get('status', '')}".strip(), response)


def _message(first: str, message: Mapping[str, Any]) -> str:
    headers = [f"{name}: {value}" for name, value in (message.get("headers") or {}).items()]
    body = message.get("body")
    return "\n".join([first, *headers, *(["", pretty(body)] if body else [])])


def pretty(body: str) -> str:
    """A JSON body indented for reading; any other body as it is.

    Only when nothing is lost: a body with a key twice, or a number that Python would write in another way, is
    evidence that must be shown as it came.
    """
    try:
        parsed = json.loads(
            body, object_pairs_hook=_unique, parse_float=_exact, parse_int=_integer, parse_constant=_refuse
        )
        return json.dumps(parsed, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _exact(literal: str) -> float:
    if repr(float(literal)) != literal:
        raise ValueError("not the shortest spelling")
    return float(literal)


def _integer(literal: str) -> int:
    if str(int(literal)) != literal:
        raise ValueError("not the plain spelling")
    return int(literal)


def _refuse(literal: str) -> float:
    raise ValueError(f"{literal} is no JSON")
