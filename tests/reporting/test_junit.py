"""junit.xml, read back with the parser of the standard library, as CI systems read it."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

import pytest

from assay.findings.model import Class
from assay.findings.record import Event, Record
from assay.reporting import junit
from tests.findings.samples import event, finding, judge, ran
from tests.reporting.conftest import Run


def _cases(run: Run) -> dict[tuple[str, str], Xml.Element]:
    root = Xml.fromstring(junit.render(run[0], run[2]))  # noqa: S314 - our own document
    return {(case.get("classname", ""), case.get("name", "")): case for case in root.iter("testcase")}


def _run(*events: Event) -> Run:
    return judge(*events), events, Record.of(events)


def test_a_violation_is_a_failure_of_the_test_that_saw_it(full: Run) -> None:
    case = _cases(full)["contract_tests.test_rules", "test_rule[compute/x::y[create-reject]]"]
    (failure,) = case.findall("failure")
    assert "accepts a limit below the request" in (failure.get("message") or "")
    assert failure.get("type") == "acceptance"
    assert "curl -X POST http://h/x" in (failure.text or "")
    assert case.get("time") == "0.500"


def test_gaps_and_waived_findings_are_told_without_failing(full: Run) -> None:
    cases = _cases(full)
    for name, words in (("b", "a gap | of the contract"), ("waived", "waived until 2027-03-31 by Ada")):
        case = cases["tests", name]
        assert case.find("failure") is None
        assert case.find("error") is None
        assert words in (case.findtext("system-out") or "")


def test_skipped_tests_and_what_was_not_tested_are_skipped(full: Run) -> None:
    cases = _cases(full)
    for key, why in ((("tests", "skipped"), "no GPU"), (("assay.not_tested", "access"), "no second identity")):
        skipped = cases[key].find("skipped")
        assert skipped is not None
        assert skipped.get("message") == why


def test_findings_of_no_test_have_a_testcase(full: Run) -> None:
    assert _cases(full)["load", "create_inference1"].find("failure") is not None


def test_a_run_that_could_not_decide_is_an_error(full: Run) -> None:
    error = _cases(full)["assay.run", "the run could decide"].find("error")
    assert error is not None
    assert error.get("message") == "the target was lost"


def test_a_run_that_decided_has_no_error() -> None:
    assert _cases(_run(ran()))["assay.run", "the run could decide"].find("error") is None


@pytest.mark.parametrize("outcome", ["error", "failed"])
def test_a_test_without_an_answer_is_an_error(outcome: str) -> None:
    case = _cases(_run(ran("tests/a", outcome, message="boom")))["tests", "a"]
    (error,) = case.findall("error")
    assert error.get("message") == "boom"


def test_counts_agree_with_the_cases(full: Run) -> None:
    root = Xml.fromstring(junit.render(full[0], full[2]))  # noqa: S314 - our own document
    for element in (root, *root.iter("testsuite")):
        cases = list(element.iter("testcase"))
        assert element.get("tests") == str(len(cases))
        for tag, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert element.get(attribute) == str(sum(case.find(tag) is not None for case in cases)), attribute
    assert root.get("failures") == "2"  # the violation and the missed SLO
    assert root.get("errors") == "1"


def test_one_failure_per_test_however_many_findings() -> None:
    events = [event(finding(rule=f"r/{number}")) for number in range(3)]
    (failure,) = _cases(_run(ran("tests/a", "failed"), *events))["tests", "a"].findall("failure")
    assert (failure.get("message") or "").startswith("3 findings, the first: ")
    assert (failure.text or "").count("violation: ") == 3


def test_every_test_that_saw_a_finding_fails() -> None:
    events = [event(finding(test="tests/a")), event(finding(test="tests/b"))]
    cases = _cases(_run(ran("tests/a", "failed"), ran("tests/b", "failed"), *events))
    assert all(cases["tests", name].find("failure") is not None for name in "ab")


def test_hostile_text_stays_readable_xml(hostile: Run) -> None:
    text = "".join(Xml.fromstring(junit.render(hostile[0], hostile[2])).itertext())  # noqa: S314 - our own document
    assert "<script>alert(1)</script>" in text
    assert r"\x00\x1b[31m" in text
    assert r"\ud800" in text
    assert "\U0001f600" in text


def test_thousands_of_findings_stay_below_what_ci_systems_take() -> None:
    big = "x" * 4000
    evidence: dict[str, object] = {
        "request": {"headers": {}, "body": big},
        "response": None,
        "curl": big,
        "replay": "r",
        "setup": [],
    }
    findings = [{**event(finding(rule=f"r/{n}", cls=Class.GAP)), "evidence": evidence} for n in range(2000)]
    size = len(junit.render(*_run(ran("tests/a"), *findings)[::2]))
    assert 1_000_000 < size < 8_000_000
