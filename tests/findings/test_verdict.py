"""When a run passes, fails or cannot decide."""

from __future__ import annotations

from datetime import date

import pytest

from assay.findings.model import Class, NotTested
from assay.findings.verdict import Decision
from tests.findings.samples import event, exchange, finding, judge, load, ran, run_info, waiver

VIOLATION = finding()
GAP = finding(cls=Class.GAP, rule="compute/gap")
ADVISORY = finding(cls=Class.ADVISORY, rule="compute/advice")


def test_tests_that_pass_without_a_finding_are_a_pass() -> None:
    verdict = judge(ran(), exchange())
    assert verdict.decision is Decision.PASS
    assert verdict.exit_code == 0


def test_a_violation_fails() -> None:
    verdict = judge(ran(outcome="failed"), event(VIOLATION))
    assert verdict.decision is Decision.FAIL
    assert verdict.exit_code == 1
    assert [each.id for each in verdict.failing] == [VIOLATION.id]


@pytest.mark.parametrize(
    ("fail_on", "failing"),
    [(Class.VIOLATION, {VIOLATION.id}), (Class.GAP, {VIOLATION.id, GAP.id}), (Class.ADVISORY, None)],
)
def test_fail_on_counts_its_class_and_those_above(fail_on: Class, failing: set[str] | None) -> None:
    verdict = judge(ran(), event(VIOLATION), event(GAP), event(ADVISORY), fail_on=fail_on)
    expected = failing if failing is not None else {VIOLATION.id, GAP.id, ADVISORY.id}
    assert {each.id for each in verdict.failing} == expected


def test_gaps_and_advisories_alone_pass() -> None:
    assert judge(ran(), event(GAP), event(ADVISORY)).decision is Decision.PASS


def test_one_deviation_seen_by_several_tests_is_one_finding_with_the_first_evidence() -> None:
    first = finding(occurrences=2, test="tests/a")
    second = finding(occurrences=3, test="tests/b", summary="other words", evidence=None)
    verdict = judge(ran(), event(first), event(second))
    (merged,) = verdict.findings
    assert merged.occurrences == 5
    assert merged.tests == ("tests/a", "tests/b")
    assert merged.summary == first.summary
    assert merged.evidence == first.evidence


def test_later_evidence_is_taken_when_the_first_sighting_has_none() -> None:
    (merged,) = judge(ran(), event(finding(evidence=None)), event(finding())).findings
    assert merged.evidence is not None


def test_what_fails_stands_first() -> None:
    verdict = judge(ran(), event(ADVISORY), event(GAP), event(VIOLATION))
    assert [each.cls for each in verdict.findings] == [Class.VIOLATION, Class.GAP, Class.ADVISORY]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], "no test ran"),
        ([ran(outcome="skipped")], "the only selected test was skipped"),
        ([ran(), {"t": "problem", "what": "the target was lost"}], "the target was lost"),
        ([ran(), {"t": "planned", "total": 3}], "2 of 3 planned tests did not run"),
        ([ran(outcome="error")], "1 test broke before an answer: tests/a"),
        ([ran(outcome="failed")], "1 test failed without a finding: tests/a"),
        ([ran(), {"t": "test", "id": "tests/b"}], "cannot be read"),
    ],
)
def test_what_keeps_a_run_from_deciding(events: list[dict[str, object]], words: str) -> None:
    verdict = judge(*events)
    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.exit_code == 3
    assert any(words in problem for problem in verdict.problems), verdict.problems


def test_a_selection_that_matches_nothing_is_named() -> None:
    assert judge(run=run_info(only="rules/nope")).problems == ("no test ran: nothing matches --only rules/nope",)


@pytest.mark.parametrize(
    ("events", "words"), [([ran()], "the load part gave no result"), ([load()], "the contract part gave no result")]
)
def test_a_part_that_gives_no_result_is_missed(events: list[dict[str, object]], words: str) -> None:
    assert judge(*events, run=run_info(parts=frozenset({"contract", "load"}))).problems == (words,)


def test_a_part_that_said_why_it_gave_no_result_is_not_told_twice() -> None:
    run = run_info(parts=frozenset({"contract", "load"}))
    assert judge(ran(), {"t": "problem", "what": "saturated"}, run=run).problems == ("saturated",)


def test_a_run_that_said_why_nothing_ran_does_not_blame_the_selection() -> None:
    said = judge({"t": "problem", "what": "the control plane ended"}, run=run_info(only="load")).problems
    assert said == ("the control plane ended",)


@pytest.mark.parametrize("outcome", ["error", "failed"])
def test_a_test_that_broke_after_the_run_said_why_is_not_a_second_problem(outcome: str) -> None:
    verdict = judge(ran(outcome=outcome), {"t": "problem", "what": "every creation is refused"})
    assert verdict.problems == ("every creation is refused",)
    assert [entry.what for entry in verdict.not_tested if entry.what == "tests/a"] == ["tests/a"]


def test_load_alone_is_a_run() -> None:
    assert judge(load()).decision is Decision.PASS


def test_a_failed_test_whose_finding_is_waived_is_explained() -> None:
    verdict = judge(ran(outcome="failed"), event(VIOLATION), waivers=[waiver(VIOLATION)])
    assert verdict.decision is Decision.PASS
    assert verdict.problems == ()


def test_a_violation_outweighs_a_problem_and_the_problem_is_still_listed() -> None:
    verdict = judge(ran(), event(VIOLATION), {"t": "problem", "what": "lost"})
    assert verdict.decision is Decision.FAIL
    assert verdict.problems == ("lost",)


def test_a_report_that_cannot_be_written_turns_a_pass_into_inconclusive() -> None:
    verdict = judge(ran()).with_problems(["no space", "no space"])
    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.problems == ("no space",)


def test_a_missed_slo_fails_even_when_nobody_reported_a_finding() -> None:
    verdict = judge(load(ok=False))
    assert verdict.decision is Decision.FAIL
    (missed,) = verdict.findings
    assert (missed.check, missed.rule, missed.operation) == ("slo", "p99", "create_inference1")
    assert "51.5" in missed.summary
    assert "45" in missed.summary


def test_a_generator_that_was_the_bottleneck_accuses_nobody() -> None:
    verdict = judge(load(ok=False, judged=False), {"t": "problem", "what": "the load generator was saturated"})
    assert (verdict.decision, verdict.findings) == (Decision.INCONCLUSIVE, ())


def test_a_missed_slo_that_was_reported_is_not_reported_twice() -> None:
    told = finding(check="slo", rule="p99", location="/elsewhere", test="load/create")
    assert [each.location for each in judge(load(ok=False), event(told)).findings] == ["/elsewhere"]


def test_an_slo_without_a_measurement_is_neither_kept_nor_missed() -> None:
    verdict = judge(load(slo=[{"name": "p99_ms", "limit": 45, "value": None, "ok": False}]))
    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.findings == ()
    assert verdict.problems == ("the SLO p99_ms of create_inference1 could not be judged: nothing was measured",)


def test_planned_tests_that_never_began_are_named() -> None:
    verdict = judge(ran("a"), {"t": "planned", "total": 2, "tests": ["a", "b"]})
    assert verdict.not_tested == (NotTested("b", "planned, but the run ended before it"),)
    assert verdict.decision is Decision.INCONCLUSIVE


def test_a_waived_finding_is_listed_and_does_not_fail() -> None:
    verdict = judge(ran(), event(VIOLATION), waivers=[waiver(VIOLATION)])
    assert verdict.decision is Decision.PASS
    (listed,) = verdict.findings
    assert listed.waived
    assert listed.waiver == {"reason": "accepted until 2.23", "owner": "Ada", "until": "2027-03-31"}


def test_a_waiver_holds_through_its_last_day() -> None:
    assert judge(ran(), event(VIOLATION), waivers=[waiver(VIOLATION, date(2026, 11, 23))]).exit_code == 0


def test_an_expired_waiver_fails_and_no_longer_covers_its_finding() -> None:
    verdict = judge(ran(), event(GAP), waivers=[waiver(GAP, date(2026, 11, 22))])
    assert verdict.decision is Decision.FAIL
    (stale,) = verdict.failing
    assert (stale.check, stale.rule, stale.location) == ("waiver", "expired", GAP.id)
    assert "2026-11-22" in stale.summary
    assert not next(each for each in verdict.findings if each.id == GAP.id).waived


def test_a_waiver_that_matches_nothing_fails() -> None:
    verdict = judge(ran(), waivers=[waiver(VIOLATION)])
    assert verdict.decision is Decision.FAIL
    assert [each.rule for each in verdict.failing] == ["unmatched"]


@pytest.mark.parametrize("incomplete", ["only", "problem"])
def test_an_incomplete_run_does_not_judge_a_waiver_that_matches_nothing(incomplete: str) -> None:
    lost = [{"t": "problem", "what": "lost"}] if incomplete == "problem" else []
    run = run_info(only="rules/metrics" if incomplete == "only" else None)
    verdict = judge(ran(), *lost, run=run, waivers=[waiver(VIOLATION)])
    assert verdict.decision is not Decision.FAIL
    assert f"waiver of {VIOLATION.id}" in [entry.what for entry in verdict.not_tested]


def test_a_waiver_for_another_command_is_left_alone() -> None:
    assert judge(ran(), waivers=[waiver(VIOLATION, commands=("certify",))]).findings == ()


def test_what_was_not_tested_is_listed_from_every_source() -> None:
    verdict = judge(
        ran(),
        ran("tests/skipped", "skipped", message="no GPU in the budget"),
        {"t": "not_tested", "what": "access", "why": "no second identity"},
        exchange(status=404),
        exchange(rules=[["compute/one", "accept"]], operation="get_inference", status=200),
        run=run_info(
            operations=("create_inference1", "get_inference", "delete_inference"), rules={"compute/one": True}
        ),
    )
    assert set(verdict.not_tested) == {
        NotTested("access", "no second identity"),
        NotTested("tests/skipped", "no GPU in the budget"),
        NotTested("delete_inference", "no request was sent to it"),
        NotTested(
            "create_inference1: what it does with a request that it accepts",
            "none of its 1 requests was answered with a 2xx",
        ),
        NotTested("rule compute/one, reject side", "no answered request exercised it"),
    }


def test_a_contract_part_that_did_not_begin_is_one_line() -> None:
    verdict = judge(
        {"t": "problem", "what": "nobody listens"},
        {"t": "not_tested", "what": "contract", "why": "nobody listens"},
        run=run_info(operations=("get_inference", "delete_inference"), rules={"compute/one": True}),
    )
    assert verdict.not_tested == (NotTested("contract", "nobody listens"),)


def test_a_selective_run_says_that_it_is_one() -> None:
    verdict = judge(ran(), run=run_info(only="rules/compute", rules={"metrics/x": True}))
    assert verdict.not_tested == (NotTested("everything outside rules/compute", "only rules/compute was selected"),)


def test_counts_of_tests() -> None:
    verdict = judge(ran("a"), ran("b", "skipped"), ran("c", "error"), {"t": "planned", "total": 5})
    assert verdict.tests == {"planned": 5, "passed": 1, "failed": 0, "error": 1, "skipped": 1}


def test_a_password_in_the_address_never_reaches_the_verdict() -> None:
    document = judge(ran(), run=run_info(base_url="https://user:secret@h.example/api")).to_json()
    assert document["target"]["base_url"] == "https://h.example/api"
    assert "secret" not in str(document)


def test_a_problem_that_the_user_must_mend_is_inconclusive_with_another_exit_code() -> None:
    ended = {"t": "problem", "what": "the token ended", "code": 2}
    verdict = judge(ran(), ended, {"t": "problem", "what": "lost"})
    assert (verdict.decision, verdict.exit_code) == (Decision.INCONCLUSIVE, 2)
    assert judge(ran(), {"t": "problem", "what": "lost", "code": 3}).exit_code == 3
    assert judge(ran(), event(VIOLATION), ended).exit_code == 1
