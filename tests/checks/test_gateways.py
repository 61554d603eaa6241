"""Gateways and broken connections around a contract test: what is judged, what is only told, and what ends a run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assay.checks import access
from assay.checks.exchange import ContractBreachError
from assay.client.creation import created_id
from assay.client.exchange import Answer, NoAnswer
from assay.contract.request import Expectation, Outcome, Request
from assay.errors import AnswerLostError, TargetLostError
from assay.findings.model import Class
from contract_tests import test_robustness
from tests.checks.stage import InProcess, Stage, Tamper, stage
from tests.checks.test_hostile import creation
from tests.client import pages

__all__ = ["stage"]

Make = Callable[..., Stage]
NOBODY = "6d8e0a4c-1f2b-4c3d-8e5f-000000000001"
READ = Request("read", {"workloadId": NOBODY})
OPEN = Expectation(Outcome.OPEN)
CUT = NoAnswer("reset", "the connection was closed without an answer")
ERROR = {"content-type": "application/json"}
BUSY = Answer(503, ERROR, b'{"code":503,"message":"busy"}')
FAILED = Answer(500, ERROR, b'{"code":500,"message":"oh"}')

Chosen = Callable[[str, str], bool]


def creates(method: str, target: str) -> bool:
    return method == "POST" and target.endswith("/inferences")


def reads(method: str, target: str) -> bool:
    return method == "GET" and "/inferences/" in target


def deletes(method: str, _: str) -> bool:
    return method == "DELETE"


def spoiling(answer: Answer | NoAnswer, chosen: Chosen, *numbers: int) -> Tamper:
    """What is done is done, but the numbered ones (none: all) of the chosen requests are answered so."""
    seen = 0

    def tamper(_: InProcess, method: str, target: str, __: Answer) -> Answer | NoAnswer | None:
        nonlocal seen
        if not chosen(method, target):
            return None
        seen += 1
        return answer if not numbers or seen in numbers else None

    return tamper


@pytest.mark.parametrize("answer", [pages.NGINX_502, CUT, pages.TRAEFIK_504, pages.LOGIN])
@pytest.mark.parametrize("chosen", [creates, reads, deletes])
def test_what_happens_once_on_the_way_is_no_finding(stage: Make, chosen: Chosen, answer: Answer | NoAnswer) -> None:
    on = stage(tamper=spoiling(answer, chosen, 1))
    with on.target.workload("t") as workload:
        read = on.target.contract.reading.request(workload=workload.id)
        on.target.verify(on.target.send(read, test="t", expectation=Expectation(Outcome.ACCEPT)))
        assert workload.created.object()["workloadId"] == workload.id
    assert on.findings() == []
    assert on.target.session.disturbances.kinds.total() == 1
    assert on.live() == []


def test_a_target_that_is_lost_is_one_problem_in_whatever_words_tests_meet_it(stage: Make) -> None:
    on = stage()
    for words in ("it does not answer any more", "5 requests in a row without a usable answer"):
        on.target.recorder.run_is_over(TargetLostError(words))
    assert [event["what"] for event in on.journal.of("problem")] == ["target lost: it does not answer any more"]


@pytest.mark.parametrize("answer", [pages.NGINX_502, CUT])
@pytest.mark.parametrize("chosen", [creates, reads])
def test_an_outage_a_little_longer_than_the_pauses_is_nobodys_fault(
    stage: Make, chosen: Chosen, answer: Answer | NoAnswer
) -> None:
    on = stage(tamper=spoiling(answer, chosen, 1, 2, 3, 4))
    with on.target.workload("t") as workload:
        read = on.target.contract.reading.request(workload=workload.id)
        on.target.verify(on.target.send(read, test="t", expectation=Expectation(Outcome.ACCEPT)))
    assert (on.findings(), on.live()) == ([], [])


@pytest.mark.parametrize("answer", [pages.NGINX_502, CUT])
def test_a_creation_whose_answer_is_lost_goes_out_under_a_fresh_name(stage: Make, answer: Answer | NoAnswer) -> None:
    on = stage(tamper=spoiling(answer, creates, 1))
    body = on.target.body()
    with on.target.creating(Request("create", body=body), test="t") as exchange:
        assert exchange.accepted
        assert exchange.request.body != body
        assert len(on.live()) == 1  # the lost one is gone
    assert on.live() == []


@pytest.mark.parametrize(("answer", "check"), [(pages.NGINX_502, "server-error"), (CUT, "no-answer")])
def test_what_repeats_is_a_violation_that_names_who_answered(
    stage: Make, answer: Answer | NoAnswer, check: str
) -> None:
    on = stage(tamper=spoiling(answer, deletes))
    request = Request("delete", {"workloadId": NOBODY})
    exchange = on.target.send(request, test="t", expectation=OPEN)
    (found,) = exchange.deviations
    assert found.check == check
    assert "4 times in a row" in found.summary + found.why
    assert ("answered by nginx, not by the API" in found.summary) is (check == "server-error")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_creation_that_was_answered_with_a_failure_although_it_happened(stage: Make, status: int) -> None:
    answer = Answer(status, ERROR, b'{"code":%d,"message":"busy"}' % status)
    on = stage(tamper=spoiling(answer, creates, 1))
    with on.target.creating(Request("create", body=on.target.body()), test="t") as exchange:
        on.target.verify(exchange)
        assert exchange.accepted
    (found,) = on.findings()
    assert (found["kind"], found["rule"], found["class"]) == ("server-error", str(status), "violation")
    assert f"answers {status} although created" in found["summary"]
    assert on.live() == []
    assert on.target.session.disturbances.kinds == {}


def test_a_creation_that_is_always_answered_so_is_one_finding_of_its_test(stage: Make) -> None:
    on = stage(tamper=spoiling(BUSY, creates))
    with on.target.creating(Request("create", body=on.target.body()), test="t") as exchange:
        with pytest.raises(ContractBreachError, match="answers 503 although created") as breach:
            on.target.verify(exchange)
        assert [(each.check, each.rule) for each in breach.value.findings] == [("server-error", "503")]
        assert created_id(exchange.answer) is None
    assert (on.findings(), on.live()) == ([], [])


def test_a_failure_of_the_api_that_does_not_repeat_is_one_finding(stage: Make) -> None:
    on = stage(tamper=spoiling(FAILED, reads, 1))
    exchange = on.target.send(READ, test="t", expectation=OPEN)
    assert (exchange.status, exchange.deviations) == (404, ())
    (found,) = on.findings()
    assert (found["kind"], found["rule"], found["class"]) == ("server-error", "500", "violation")
    assert found["evidence"]["response"]["status"] == 500


def test_a_failure_upon_a_hostile_request_is_not_named_after_it_unless_it_repeats(stage: Make) -> None:
    for numbers, kinds in (((1,), {"server-error"}), ((), {"hostile-nan"})):  # created, or said to be
        on = stage(tamper=spoiling(FAILED, creates, *numbers))
        assert on.run(test_robustness.test_create, creation("nan")) == kinds


def test_without_a_list_nobody_can_tell_what_became_of_a_creation(stage: Make) -> None:
    lost = spoiling(CUT, creates, 1)

    def tamper(on: InProcess, method: str, target: str, answer: Answer) -> Answer | NoAnswer | None:
        unknown = Answer(404, ERROR, b'{"code":404,"message":"no"}')
        return unknown if target.startswith("/api/v1/workloads?") else lost(on, method, target, answer)

    on = stage(tamper=tamper)
    with pytest.raises(AnswerLostError, match="nobody can tell what became of it"), on.target.workload("t"):
        pytest.fail("there is none")
    assert on.findings() == []


def test_creations_of_which_nobody_can_tell_end_the_run(stage: Make) -> None:
    def tamper(_: InProcess, method: str, target: str, __: Answer) -> Answer | NoAnswer | None:
        return pages.NGINX_502 if creates(method, target) or target.startswith("/api/v1/workloads?") else None

    on = stage(tamper=tamper)
    for _ in range(4):
        with pytest.raises(AnswerLostError):
            on.target.workload("t").__enter__()
    with pytest.raises(TargetLostError, match="5 creations in a row were answered a 502 by nginx"):
        on.target.workload("t").__enter__()
    assert on.findings() == []


class TestPages:
    """Answers of gateways that are no failures."""

    @pytest.mark.parametrize("page", [pages.BLOCKED, pages.LOGIN, pages.TO_LOGIN], ids=["blocked", "login", "to"])
    def test_a_blocked_request_is_not_tested_and_that_is_one_line(self, stage: Make, page: Answer) -> None:
        on = stage(tamper=spoiling(page, lambda _, target: "%00" in target))
        odd = Request("read", {"workloadId": "\0"})
        for _ in range(2):
            assert on.target.send(odd, test="t", expectation=OPEN).deviations == ()
        (line,) = on.journal.of("not_tested")
        assert f"answered {page.status} by a" in line["what"]
        assert on.findings() == []

    def test_what_was_to_be_accepted_and_is_blocked_is_not_tested(self, stage: Make) -> None:
        on = stage(tamper=spoiling(pages.BLOCKED, creates))
        with pytest.raises(AnswerLostError, match="answered 403 by a web application firewall, not by the API"):
            on.target.workload("t").__enter__()
        assert on.findings() == []

    @pytest.mark.parametrize("page", [pages.ENVOY_401, pages.ENVOY_403])
    def test_a_mesh_that_refuses_requests_without_a_token_is_one_advisory(self, stage: Make, page: Answer) -> None:
        def tamper(on: InProcess, _: str, __: str, ___: Answer) -> Answer | None:
            return None if "authorization" in on.sent[-1][2] else page

        on = stage(tamper=tamper)
        for operation in ("read", "update", "delete"):
            request = Request(operation, {"workloadId": NOBODY})
            exchange = on.target.send(request, test="t", expectation=access.UNAUTHENTICATED, auth=None)
            assert exchange.deviations == ()
        found = on.findings()
        assert {(each["kind"], each["class"], each["rule"]) for each in found} == {
            ("answered-by-gateway", "advisory", "envoy")
        }
        assert len({each["id"] for each in found}) == 1
        assert on.journal.of("not_tested") == []

    @pytest.mark.parametrize("page", [pages.ENVOY_403, pages.LOGIN, pages.NGINX_502])
    def test_a_gateway_that_answers_everything_ends_the_run_with_that_one_cause(
        self, stage: Make, page: Answer
    ) -> None:
        on = stage(tamper=spoiling(page, lambda _, __: True))
        cause = rf"since \d\d:\d\d:\d\d UTC every request is answered {page.status} by .+, not by the API"
        with pytest.raises(TargetLostError, match=cause):
            on.target.send(READ, test="t", expectation=OPEN)
        with pytest.raises(TargetLostError, match=cause):
            on.target.send(READ, test="t", expectation=OPEN)
        assert on.journaled(Class.VIOLATION) == set()
