"""Findings by test and as plain text, for reports that are organised by test or have no layout of their own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from assay.findings.model import Finding
from assay.wording import plural


def by_test(findings: Iterable[Finding]) -> Mapping[str, list[Finding]]:
    """The findings of every test that observed them."""
    grouped: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        for test in finding.tests or (finding.test,):
            grouped[test].append(finding)
    return dict(grouped)


def class_and_name(test: str) -> tuple[str, str]:
    """(dotted path, name) of a test id.

    ``contract_tests/test_rules.py::test_rule[compute/x]`` gives ``contract_tests.test_rules`` and
    ``test_rule[compute/x]``; ``rules/compute/x[create-reject]`` gives ``rules.compute`` and ``x[create-reject]``.
    A part in brackets is never split, because parameters hold slashes and colons of their own.
    """
    head, bracket, parameters = test.partition("[")
    if "::" in head:
        path, *classes, name = head.split("::")
        parts = [*path.removesuffix(".py").split("/"), *classes]
    else:
        *parts, name = head.split("/")
    return ".".join(part for part in parts if part) or "assay", f"{name}{bracket}{parameters}"


def as_text(finding: Finding, *, complete: bool = True) -> str:
    """A finding with all that a person needs to judge it, as paragraphs; not ``complete``: without its evidence."""
    parts = [
        f"{finding.id} {finding.cls.value}{' (waived)' if finding.waived else ''}: {finding.summary}",
        f"operation {finding.operation}, check {finding.check}, rule {finding.rule or '–'}, at {finding.location}, "
        f"seen {plural(finding.occurrences, 'time')}",
        f"why: {finding.why}",
    ]
    parts += [f"explains {symptom.id}: {symptom.summary} ({symptom.operation})" for symptom in finding.symptoms]
    if finding.waiver:
        parts.append(
            f"waived until {finding.waiver['until']} by {finding.waiver['owner']}: {finding.waiver['reason']}"
        )
    if finding.evidence and not complete:
        parts.append("The request and the response are in verdict.json.")
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
        raise ValueError("a key occurs twice")
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
    raise ValueError(f"{literal} is not JSON")
