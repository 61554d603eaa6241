"""A created workload that shows only a while after its 202 is waited for, deleted, and never costs a slot."""

from __future__ import annotations

from collections.abc import Callable

from assay.checks.shared_fixture import readable
from assay.client.exchange import Answer
from assay.contract.request import Request
from assay.findings.model import Class
from assay.reference.behaviour import Behaviour
from assay.reference.variants import VARIANTS
from tests.checks.stage import InProcess, Stage, stage

__all__ = ["stage"]

Make = Callable[..., Stage]


def late() -> Behaviour:
    return VARIANTS["creations-show-late"].change(Behaviour())


def test_it_is_deleted_and_its_slot_comes_back(stage: Make) -> None:
    lawful = stage(late())
    with lawful.target.workload("test"):
        assert lawful.target.session.budget.live == 1
    assert lawful.live() == []
    assert lawful.target.session.budget.live == 0
    assert lawful.journaled(Class.VIOLATION) == set()


def test_it_is_handed_out_when_it_can_be_read(stage: Make) -> None:
    lawful = stage(late())
    with readable(lawful.target, "test") as workload:
        answer = lawful.target.session.send(Request("read", path={"workloadId": workload.id}))
        assert isinstance(answer, Answer)
        assert answer.status == 200
    assert lawful.live() == []


def test_one_that_never_shows_costs_patience_but_no_slot(stage: Make) -> None:
    def forgetful(_: InProcess, method: str, __: str, ___: Answer) -> Answer | None:
        body = b'{"code":404,"message":"unknown"}'
        return Answer(404, {"content-type": "application/json"}, body) if method == "DELETE" else None

    broken = stage(tamper=forgetful)
    began = broken.now
    for _ in range(5):
        with broken.target.workload("test"):
            pass
    assert broken.target.session.budget.live == 0
    assert 15 <= broken.now - began < 20  # three were waited for, two were not
