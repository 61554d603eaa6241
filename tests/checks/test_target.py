"""The one way a request takes: stated before it is sent, judged once, cleaned up whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from assay.checks.exchange import ContractBreachError, Deviation
from assay.checks.target import PLAIN_SPEC, CannotCreateError
from assay.client.budget import Limits
from assay.client.creation import created_id
from assay.client.exchange import Answer, NoAnswer
from assay.contract.request import Expectation, Outcome, Reason, Request, Source
from assay.errors import BudgetExhausted, TargetLostError
from assay.findings.model import Class
from assay.reference.behaviour import Behaviour
from assay.reference.http import IncomingRequest, Reply
from assay.reference.plane import Plane
from tests.checks.stage import InProcess, Stage, stage

__all__ = ["stage"]

Make = Callable[..., Stage]
NOBODY = "6d8e0a4c-1f2b-4c3d-8e5f-000000000001"
OPEN, ACCEPT = Expectation(Outcome.OPEN), Expectation(Outcome.ACCEPT)


def events(each: Stage, kind: str) -> list[dict[str, Any]]:
    return each.journal.of(kind)


def answering(status: int, body: object = None, method: str = "GET") -> Callable[..., Answer | None]:
    """A control plane that gives one answer to every request of a method on inferences."""

    def tamper(_: InProcess, used: str, target: str, __: object) -> Answer | None:
        if used != method or "/inferences" not in target:
            return None
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Answer(status, {"content-type": "application/json"}, content)

    return tamper


def test_a_plain_body_is_accepted(stage: Make) -> None:
    target = stage().target
    one, two = target.body(), target.body({"image": "i"}, useGivenNameAsPrefix=True)
    assert one["spec"] == PLAIN_SPEC
    assert two["spec"] == {"image": "i"}
    assert two["useGivenNameAsPrefix"] is True
    assert one["name"] != two["name"]
    assert target.expect(Request("create", body=one)).outcome is Outcome.ACCEPT


def test_a_creation_is_deleted_when_the_block_ends(stage: Make) -> None:
    made = stage()
    with made.target.creating(Request("create", body=made.target.body()), test="t") as exchange:
        assert exchange.accepted
        assert exchange.deviations == ()
        assert len(made.live()) == 1
    assert made.live() == []


def test_and_when_it_ends_in_an_error(stage: Make) -> None:
    made = stage()
    with pytest.raises(RuntimeError, match="x"), made.target.workload("t"):
        raise RuntimeError("x")
    assert made.live() == []


def test_a_workload_tells_what_it_was_made_of(stage: Make) -> None:
    made = stage()
    with made.target.workload("t", {"image": "i", "command": "c"}) as workload:
        assert workload.spec == {"image": "i", "command": "c"}
        assert [workload.name] == made.live()
        assert workload.id == workload.created.object()["workloadId"]


def test_a_refused_creation_leaves_nothing_to_delete(stage: Make) -> None:
    made = stage()
    with made.target.creating(Request("create", body=made.target.body({})), test="t") as exchange:
        assert (exchange.status, exchange.expectation.outcome) == (400, Outcome.REJECT)
        assert exchange.deviations == ()
    assert "DELETE" not in [sent[0] for sent in made.transport.sent]


def test_without_its_workload_a_test_cannot_go_on(stage: Make) -> None:
    made = stage(tamper=answering(429, {"code": 429, "message": "busy"}, "POST"))
    with pytest.raises(CannotCreateError, match="429"), made.target.workload("t"):
        pytest.fail("there is none")
    made = stage(tamper=answering(400, {"code": 400, "message": "no"}, "POST"))
    with pytest.raises(ContractBreachError, match="refuses with 400 a valid request"), made.target.workload("t"):
        pytest.fail("there is none")


def _small_phase(_: Plane, call: IncomingRequest, reply: Reply) -> Reply:
    if call.operation == "create" and isinstance(reply.content, dict):
        reply.content = {**reply.content, "actualPhase": str(reply.content["actualPhase"]).lower()}
    return reply


def test_what_deviates_in_every_creation_fails_one_test_and_hides_nothing(stage: Make) -> None:
    made = stage(Behaviour().then(_small_phase))
    seen = []
    with pytest.raises(ContractBreachError, match="breaks 'enum' at /actualPhase"), made.target.workload("t") as one:
        seen.append(one.told)
    with made.target.workload("t") as two:
        seen.append(two.told)
    assert len(seen) == 2, "both tests came to their end"
    assert all("actualPhase" not in told and told["workloadId"] for told in seen)
    assert made.journaled(Class.VIOLATION) == {"body-schema"}
    with pytest.raises(ZeroDivisionError), made.target.workload("t"):
        _ = 1 / 0
    with made.target.creating(Request("create", body=made.target.body()), test="t") as exchange:
        assert [deviation.check for deviation in exchange.deviations] == ["body-schema"]
        made.target.verify(exchange)


@pytest.mark.parametrize(
    ("tamper", "check"),
    [
        (answering(500, {"code": 500, "message": "boom"}), "server-error"),
        (answering(200, b"{"), "body-json"),
        (answering(200, {}), "body-schema"),
        (answering(404, {"code": 404, "message": "no"}), "accepts-valid"),
    ],
)
def test_what_deviates_is_raised_by_verify(stage: Make, tamper: Any, check: str) -> None:
    made = stage(tamper=tamper)
    exchange = made.target.send(Request("read", {"workloadId": NOBODY}), test="t", expectation=ACCEPT)
    with pytest.raises(ContractBreachError) as caught:
        made.target.verify(exchange)
    assert check in {finding.check for finding in caught.value.findings}
    assert made.journaled(Class.VIOLATION) == set()  # the test's report writes them, once


def test_silence_once_is_of_the_way_twice_the_request_s_fault_and_always_the_target_s(stage: Make) -> None:
    def silent(times: int) -> Callable[..., NoAnswer | None]:
        left = iter(range(times))
        return lambda *_: NoAnswer("timeout", "too slow") if next(left, None) is not None else None

    request = Request("read", {"workloadId": NOBODY})
    once = stage(tamper=silent(1)).target.send(request, test="t", expectation=OPEN)
    assert (once.status, once.deviations) == (404, ())
    exchange = stage(tamper=silent(2)).target.send(request, test="t", expectation=OPEN)
    assert [deviation.check for deviation in exchange.deviations] == ["no-answer"]
    with pytest.raises(TargetLostError, match="does not answer any more"):
        stage(tamper=silent(9)).target.send(request, test="t", expectation=OPEN)


def test_gaps_are_written_and_not_raised(stage: Make) -> None:
    made = stage()
    exchange = made.target.send(Request("read", {"workloadId": NOBODY}), test="t", expectation=OPEN)
    gap = Deviation(Class.GAP, "check", None, "/l", "s", "w")
    made.target.verify(exchange.with_deviations(gap))
    assert made.journaled(Class.GAP) == {"check"}


def test_only_the_first_of_an_id_carries_evidence(stage: Make) -> None:
    made = stage()
    exchange = made.target.send(Request("read", {"workloadId": NOBODY}), test="t", expectation=OPEN)
    broken = exchange.with_deviations(Deviation(Class.VIOLATION, "check", None, "/l", "s", "w"))
    for _ in range(3):
        made.target.record(broken)
    evidence = [event["evidence"] for event in made.findings()]
    assert [each is not None for each in evidence] == [True, False, False]
    assert evidence[0]["request"]["method"] == "GET"
    assert evidence[0]["response"]["status"] == 404
    assert evidence[0]["curl"].startswith("curl ")


def test_each_exchange_is_written_with_what_it_tested(stage: Make) -> None:
    made = stage()
    rule = Reason(Source.RULE, "compute/x", "/body", "t")
    keyword = Reason(Source.SCHEMA, "minimum", "/body/spec/y", "t")
    path = {"workloadId": NOBODY}
    stated = (Expectation(Outcome.REJECT, (rule, keyword)), ACCEPT, OPEN)
    for expectation in stated:
        made.target.send(Request("read", path), test="t", expectation=expectation, focus=(keyword,))
    told = [(event["expected"], event["rules"], event["keywords"]) for event in events(made, "exchange")]
    assert told == [
        ("reject", [["compute/x", "reject"]], [["/body/spec/y#minimum", "reject"]]),
        ("accept", [], [["/body/spec/y#minimum", "accept"]]),
        ("open", [], []),
    ]
    assert {(event["operation"], event["status"], event["test"]) for event in events(made, "exchange")} == {
        ("get_inference", 404, "t")
    }


def test_busy_is_no_deviation_but_told_once(stage: Make) -> None:
    made = stage(tamper=answering(429, {"code": 429, "message": "slow down"}))
    for _ in range(2):
        exchange = made.target.send(Request("read", {"workloadId": NOBODY}), test="t", expectation=ACCEPT)
        assert exchange.deviations == ()
    (told,) = events(made, "not_tested")
    assert told["what"] == "get_inference"
    assert "429" in told["why"]


def test_deleting_what_is_gone_is_no_deviation(stage: Make) -> None:
    made = stage()
    with made.target.workload("t") as workload:
        assert made.target.delete(workload.id, test="t").deviations == ()
        made.clock.sleep(60)
    assert made.journaled(Class.VIOLATION) == set()


def test_a_spent_budget_does_not_keep_from_cleaning_up(stage: Make) -> None:
    made = stage()
    budget = made.target.session.budget
    with made.target.workload("t"):
        budget.limits = Limits(requests=budget.requests)
        with pytest.raises(BudgetExhausted):
            made.target.send(Request("read", {"workloadId": NOBODY}), test="t")
        assert len(made.live()) == 1
    assert made.live() == []


@pytest.mark.parametrize(
    ("answer", "identity"),
    [
        (Answer(202, body=b'{"workloadId": "a"}'), "a"),
        (Answer(200, body=b'{"workloadId": "a"}'), "a"),
        (Answer(400, body=b'{"workloadId": "a"}'), None),
        (Answer(202, body=b'{"workloadId": ""}'), None),
        (Answer(202, body=b'{"workloadId": 7}'), None),
        (Answer(202, body=b'["a"]'), None),
        (Answer(202, body=b"{"), None),
        (NoAnswer("reset", "x"), None),
    ],
)
def test_created_id(answer: Answer | NoAnswer, identity: str | None) -> None:
    assert created_id(answer) == identity
