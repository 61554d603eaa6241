"""junit.xml for CI systems.

One testcase per test id. A finding that fails the run is a ``<failure>``, a test that broke an ``<error>``, a skipped
one ``<skipped>``; gaps and waived findings go to ``<system-out>``, so they are seen without turning a build red. A
last suite holds what belongs to no test: the problems of the run and what was not tested.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as Xml

from assay.files import write_text
from assay.findings.model import Finding
from assay.findings.record import Record, TestOutcome, TestRun
from assay.findings.verdict import Verdict, fails
from assay.legible import one_line, visible
from assay.reporting.evidence import as_text, by_test, class_and_name

MOST_EVIDENCE: Final = 500
"""Findings with request and response: 5,000 of them made a file of 34 MB, and GitLab refuses more than 30 MB."""

_COUNTED: Final = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def write(verdict: Verdict, record: Record, file: Path) -> None:
    """Write junit.xml; ReportError when the disk refuses."""
    write_text(file, render(verdict, record))


def render(verdict: Verdict, record: Record) -> str:
    """The document as text."""
    root = Xml.Element("testsuites", name=f"assay {verdict.run.command}")
    observed = by_test(verdict.findings)
    texts = _texts(verdict.findings)
    suites: defaultdict[str, list[Xml.Element]] = defaultdict(list)
    for test in _tests(record, observed):
        case = _case(test, observed.get(test.id, ()), verdict, texts)
        suites[case.get("classname", "")].append(case)
    for name, cases in suites.items():
        root.append(_suite(name, cases, verdict))
    root.append(_suite("assay.run", list(_run_cases(verdict, set(record.tests))), verdict))
    _count(root, root.iter("testcase"))
    Xml.indent(root)
    out = io.BytesIO()
    Xml.ElementTree(root).write(out, encoding="utf-8", xml_declaration=True)
    return out.getvalue().decode("utf-8") + "\n"


def _tests(record: Record, observed: Mapping[str, Sequence[Finding]]) -> list[TestRun]:
    """The tests that ran, and one for every other origin of findings (load, waivers)."""
    others = (name for name in observed if name not in record.tests)
    return [*record.tests.values(), *(TestRun(name, TestOutcome.PASSED, 0.0) for name in others)]


def _texts(findings: Sequence[Finding]) -> Mapping[str, str]:
    """Each finding as text."""
    return {
        finding.id: visible(as_text(finding, complete=number < MOST_EVIDENCE))
        for number, finding in enumerate(findings)
    }


def _case(test: TestRun, findings: Sequence[Finding], verdict: Verdict, texts: Mapping[str, str]) -> Xml.Element:
    classname, name = class_and_name(test.id)
    case = _testcase(classname, name, test.seconds)
    failing = [finding for finding in findings if fails(finding, verdict.fail_on)]
    if test.outcome is TestOutcome.ERROR:
        _child(case, "error", test.message or "the test broke", test.message)
    elif failing:
        body = "\n\n".join(texts[finding.id] for finding in failing)
        _child(case, "failure", _message(failing), body, kind=failing[0].check)
    elif test.outcome is TestOutcome.FAILED and not findings:
        _child(case, "error", test.message or "failed without a finding", test.message)
    elif test.outcome is TestOutcome.SKIPPED:
        _child(case, "skipped", test.message or "skipped")
    shown = failing if test.outcome is not TestOutcome.ERROR else []
    rest = [finding for finding in findings if finding not in shown]
    if rest:
        Xml.SubElement(case, "system-out").text = "\n\n".join(texts[finding.id] for finding in rest)
    return case


def _message(failing: Sequence[Finding]) -> str:
    first = f"{failing[0].id} {failing[0].summary}"
    return first if len(failing) == 1 else f"{len(failing)} findings, the first: {first}"


def _run_cases(verdict: Verdict, tests: set[str]) -> Iterable[Xml.Element]:
    decided = _testcase("assay.run", "the run could decide", verdict.run.seconds)
    if verdict.problems:
        _child(decided, "error", verdict.problems[0], "\n".join(verdict.problems))
    yield decided
    for entry in verdict.not_tested:
        if entry.what not in tests:  # a skipped test has its own testcase
            case = _testcase("assay.not_tested", entry.what, 0.0)
            _child(case, "skipped", entry.why)
            yield case


def _testcase(classname: str, name: str, seconds: float) -> Xml.Element:
    return Xml.Element("testcase", classname=visible(classname), name=one_line(name), time=f"{seconds:.3f}")


def _child(case: Xml.Element, tag: str, message: str, text: str = "", kind: str = "") -> None:
    child = Xml.SubElement(case, tag, message=one_line(message))
    if kind:
        child.set("type", visible(kind))
    child.text = visible(text) or None


def _suite(name: str, cases: Sequence[Xml.Element], verdict: Verdict) -> Xml.Element:
    suite = Xml.Element("testsuite", name=visible(name))
    suite.set("timestamp", verdict.run.started.isoformat(timespec="seconds"))
    suite.set("hostname", visible(verdict.run.target["base_url"]))
    suite.extend(cases)
    _count(suite, cases)
    return suite


def _count(element: Xml.Element, cases: Iterable[Xml.Element]) -> None:
    listed = list(cases)
    element.set("tests", str(len(listed)))
    for tag, attribute in _COUNTED.items():
        element.set(attribute, str(sum(case.find(tag) is not None for case in listed)))
    element.set("time", f"{sum(float(case.get('time', 0)) for case in listed):.3f}")
