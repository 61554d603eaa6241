"""GPUs that are used up in mid-run are no defect; a server that refuses a lawful request for them is told apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from assay.checks.exchange import ContractBreachError
from assay.client.exchange import Answer
from assay.contract.request import Json
from assay.errors import AnswerLostError
from tests.checks.stage import InProcess, Stage, stage

__all__ = ["stage"]

Make = Callable[..., Stage]
Tamper = Callable[[InProcess, str, str, Answer], Answer | None]
WHOLE = {"gpuDevicesRequest": 1}
HALF = {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5}


class Quota:
    """Refuses what asks for GPUs once it is ``used_up``: ``only`` by this field, or ``everything``."""

    def __init__(self, *, status: int = 403, only: str = "gpu", everything: bool = False) -> None:
        self.used_up = False
        self.asked: list[Mapping[str, Json]] = []
        self._status = status
        self._only = only
        self._everything = everything

    def __call__(self, transport: InProcess, method: str, target: str, _: Answer) -> Answer | None:
        body = json.loads(transport.sent[-1][3] or b"{}") if method in {"POST", "PUT", "PATCH"} else {}
        compute = body.get("spec", {}).get("compute", {})
        self.asked += [compute] if compute else []
        if not self.used_up or method not in {"POST", "PUT", "PATCH"} or "/token" in target:
            return None
        if not self._everything and not (compute and self._only in str(compute)):
            return None
        error = {"code": self._status, "message": f"GPU quota exceeded: {len(self.asked)} of 8"}
        return Answer(self._status, {"content-type": "application/json"}, json.dumps(error).encode())


def creates(made: Stage, compute: Mapping[str, Json]) -> None:
    """A creation that must be accepted. Raises ContractBreachError and AnswerLostError."""
    body = made.target.body({"image": "registry.example/echo:1.0", "compute": compute})
    request = made.target.contract.creation.request(body=body)
    with made.target.creating(request, test="a") as exchange:
        made.target.verify(exchange)


def test_gpus_that_are_used_up_are_not_tested_for_one_reason(stage: Make) -> None:
    quota = Quota()
    made = stage(tamper=quota)
    creates(made, HALF)
    assert made.target.allows_gpus(1)
    quota.used_up = True
    reasons = set()
    for compute in (HALF, WHOLE):
        with pytest.raises(AnswerLostError, match="every request for a GPU is refused") as lost:
            creates(made, compute)
        reasons.add(lost.value.message)
    assert len(reasons) == 1
    assert not made.target.allows_gpus(1)
    assert made.target.why_no_gpus() in reasons
    assert made.findings() == []
    assert {event["why"] for event in made.journal.of("not_tested")} == reasons
    creates(made, {"cpuCoreRequest": 0.1})


@pytest.mark.parametrize(
    ("status", "only", "everything"),
    [(403, "gpuPortionRequest", False), (500, "gpu", False), (403, "gpu", True)],
    ids=["one field is refused", "an error of the server", "all creations"],
)
def test_what_else_refuses_gpus_is_judged(stage: Make, status: int, only: str, everything: bool) -> None:
    quota = Quota(status=status, only=only, everything=everything)
    made = stage(tamper=quota)
    assert made.target.allows_gpus(1)
    quota.used_up = True
    with pytest.raises(ContractBreachError):
        creates(made, HALF)
    assert not made.target.state.gpus_gone


def test_a_target_that_never_took_one_is_not_asked_again(stage: Make) -> None:
    quota = Quota()
    quota.used_up = True
    made = stage(tamper=quota)
    assert not made.target.allows_gpus(1)
    asked = len(quota.asked)
    creates_refused = made.target.contract.creation.request(
        body=made.target.body({"image": "registry.example/echo:1.0", "compute": WHOLE})
    )
    with made.target.creating(creates_refused, test="a"):
        pass
    assert len(quota.asked) == asked + 1
    assert not made.target.state.gpus_gone


def test_an_update_is_told_apart_without_waiting_for_a_slot(stage: Make) -> None:
    quota = Quota()
    made = stage(tamper=quota)
    assert made.target.allows_gpus(1)
    with made.target.workload("a") as workload:
        quota.used_up = True
        request = made.target.contract.operations["update"].request(
            workload=workload.id, body={"spec": {"compute": HALF}}
        )
        with pytest.raises(AnswerLostError, match="has none left"):
            made.target.send(request, test="a", before=workload.spec)
