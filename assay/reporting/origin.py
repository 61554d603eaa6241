"""Test ids for formats that are organised by test: findings by test, ids as a class and a name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from assay.findings.model import Finding


def group(findings: Iterable[Finding]) -> Mapping[str, list[Finding]]:
    """The findings of every test that observed them."""
    grouped: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        for test in finding.tests or (finding.test,):
            grouped[test].append(finding)
    return dict(grouped)


def split(test: str) -> tuple[str, str]:
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
