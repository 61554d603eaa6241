"""The sentence that everybody reads."""

from __future__ import annotations

from datetime import date

import pytest

from assay.findings.model import Class
from assay.legible import one_line, visible
from assay.reporting import words
from assay.reporting.words import duration, milliseconds, number, share
from tests.findings.samples import event, exchange, finding, judge, load, ran, waiver

GAP = finding(cls=Class.GAP, rule="gap")


def test_a_pass_says_what_was_done() -> None:
    verdict = judge(ran(), ran("tests/b"), exchange(), event(GAP))
    assert words.sentence(verdict) == (
        "2 tests with 1 request found nothing that breaks the contract. Worth a look: 1 gap."
    )


def test_a_pass_of_load_alone() -> None:
    assert words.sentence(judge(load())) == "2,000 requests under load kept every limit."
    assert words.sentence(judge(load(slo=[]))) == "2,000 requests under load were measured against no limit."


def test_a_pass_of_both_parts() -> None:
    assert words.sentence(judge(ran(), load())) == (
        "1 test found nothing that breaks the contract, and 2,000 requests under load kept every limit."
    )


def test_a_fail_says_what_and_where() -> None:
    other = finding(operation="get_inference")
    verdict = judge(ran(outcome="failed"), event(finding()), event(other), load(ok=False))
    assert words.sentence(verdict) == (
        "The target breaks its contract in 2 ways, across 2 operations, and it misses 1 limit under load."
    )


def test_a_fail_for_a_gap_is_no_breach() -> None:
    sentence = words.sentence(judge(ran(), event(GAP), fail_on=Class.GAP))
    assert sentence == "The target deviates from its contract in 1 way, across 1 operation."


def test_a_fail_for_a_waiver_says_so() -> None:
    verdict = judge(ran(), event(GAP), waivers=[waiver(GAP, date(2026, 1, 1))])
    assert words.sentence(verdict) == "1 waiver is no longer valid."


def test_an_inconclusive_run_says_why() -> None:
    verdict = judge(ran(), {"t": "problem", "what": "lost"}, {"t": "problem", "what": "saturated"})
    assert words.sentence(verdict) == "The run could not decide: lost. 1 further problem is listed."


def test_an_incomplete_fail_says_both() -> None:
    verdict = judge(ran(), event(finding()), {"t": "problem", "what": "lost"})
    assert words.sentence(verdict).endswith("The run is also incomplete: lost.")


def test_waived_findings_are_counted_apart() -> None:
    verdict = judge(ran(), event(finding()), event(GAP), waivers=[waiver(finding())])
    assert words.counts(verdict) == {"violation": 0, "gap": 1, "advisory": 0, "waived": 1}


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (2000, "2,000"), (7.4, "7.40"), (51.53, "51.5"), (1234.5, "1,234"), (None, "–")]
)
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(51.0, "51.0 ms"), (1234.0, "1,234 ms"), (12_345.0, "12.3 s"), (None, "–")]
)
def test_latencies_have_units(value: float | None, text: str) -> None:
    assert milliseconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(4.24, "4.2 s"), (125, "2 min 5 s"), (3780, "1 h 3 min")])
def test_durations(value: float, text: str) -> None:
    assert duration(value) == text


@pytest.mark.parametrize(("value", "text"), [(1, "100 %"), (0.99999, "99.9 %"), (0.00001, "0.1 %"), (0, "0 %")])
def test_only_all_is_all(value: float, text: str) -> None:
    assert share(value) == text


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert visible("a\x00b\u202ec\ud800d\te\U0001f600") == r"a\x00b\u202ec\ud800d" + "\te\U0001f600"
    assert one_line("a\r\n b\t\nc") == "a b c"
