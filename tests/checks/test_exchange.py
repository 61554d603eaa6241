"""An exchange and the findings it becomes: stable ids, evidence, the set-up that came before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from assay.checks.exchange import ContractBreachError, Deviation, Exchange, as_findings, violations
from assay.client.exchange import Answer, NoAnswer, Wire
from assay.contract.request import Expectation, Outcome, Request
from assay.findings.model import Class

REQUEST = Request("read", {"workloadId": "w"})
OPEN = Expectation(Outcome.OPEN)


def exchange(answer: Answer | NoAnswer, *deviations: Deviation, **more: Any) -> Exchange:
    return Exchange(REQUEST, OPEN, answer, deviations, "area/test", **more)


def deviation(cls: Class = Class.VIOLATION, **changes: Any) -> Deviation:
    return replace(Deviation(cls, "check", "rule", "/response/status", "summary", "why"), **changes)


def findings(each: Exchange) -> tuple[Any, ...]:
    return as_findings(
        each,
        "op",
        "curl x",
        lambda one: {"of": one.request.operation},
        lambda one: {"kind": type(one).__name__},
        lambda one, deviation: {"part": f"{one.request.operation} {deviation.check}"},
    )


@pytest.mark.parametrize(
    ("status", "accepted"), [(199, False), (200, True), (202, True), (299, True), (300, False), (404, False)]
)
def test_accepted(status: int, accepted: bool) -> None:
    assert exchange(Answer(status)).accepted is accepted
    assert exchange(Answer(status)).status == status


def test_no_answer() -> None:
    none = exchange(NoAnswer("timeout", "too slow"))
    assert (none.status, none.accepted, none.body(), none.object()) == (None, False, None, {})


@pytest.mark.parametrize(
    ("body", "value", "held"),
    [(b'{"a": 1}', {"a": 1}, {"a": 1}), (b"[1]", [1], {}), (b"null", None, {}), (b"", None, {}), (b"{", None, {})],
)
def test_body(body: bytes, value: Any, held: Any) -> None:
    assert exchange(Answer(200, body=body)).body() == value
    assert exchange(Answer(200, body=body)).object() == held


@pytest.mark.parametrize("body", [b"\xff\xfe\xfa", b"[" * 100_000])
def test_a_body_that_no_reader_takes_is_none(body: bytes) -> None:
    assert exchange(Answer(200, body=body)).body() is None


def test_deviations_add_up_in_order() -> None:
    one, two = deviation(), deviation(check="other")
    assert exchange(Answer(200), one).with_deviations(two).deviations == (one, two)


def test_what_really_left_is_what_is_shown() -> None:
    wire = Wire("GET", "/odd", (), None)
    assert exchange(Answer(200)).sent is REQUEST
    assert exchange(Answer(200), wire=wire).sent is wire


def test_findings_carry_evidence_and_set_up() -> None:
    setup = exchange(Answer(202))
    (found,) = findings(exchange(NoAnswer("reset", "x"), deviation(), setup=(setup,)))
    assert (found.cls, found.check, found.operation, found.rule) == (Class.VIOLATION, "check", "op", "rule")
    assert (found.location, found.summary, found.why, found.test) == (
        "/response/status",
        "summary",
        "why",
        "area/test",
    )
    evidence = found.evidence
    assert evidence.request == {"of": "read"}
    assert evidence.response == {"kind": "NoAnswer"}
    assert evidence.setup == ({"request": {"of": "read"}, "response": {"kind": "Answer"}},)
    assert (evidence.curl, evidence.replay) == ("curl x", f"assay replay {found.id}")


def test_the_id_depends_on_what_deviates_alone() -> None:
    """Not on the texts, which may hold drawn values, nor on the test that happened to see it."""
    base = findings(exchange(Answer(200), deviation()))[0].id
    same = replace(exchange(Answer(500), deviation(summary="s", why="w", cls=Class.GAP)), test="other")
    assert findings(same)[0].id == base
    for change in ({"check": "c"}, {"rule": None}, {"location": "/l"}):
        assert findings(exchange(Answer(200), deviation(**change)))[0].id != base


def test_only_violations_break() -> None:
    found = findings(exchange(Answer(200), *(deviation(cls) for cls in Class)))
    assert [one.cls for one in found] == list(Class)
    assert [one.cls for one in violations(found)] == [Class.VIOLATION]
    error = ContractBreachError(violations(found))
    assert error.findings == violations(found)
    assert str(error) == f"{found[0].id} summary\n    why"
