"""The campaign on an embedded control plane: what it finds, what it leaves alone, what it never does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from assay.checks.exchange import ContractBreachError
from assay.checks.fuzzing.campaign import Campaign, NotReachedError, Phase, campaign
from assay.checks.fuzzing.source import Sizes, sizes
from assay.checks.target import TargetUnderTest
from assay.client.budget import gpus_asked
from assay.client.exchange import Answer
from assay.contract import documents
from assay.contract.request import Request
from tests.checks.schemathesis_support import events, probing

pytestmark = pytest.mark.slow

OPERATIONS = documents.load().operations
SMALL = Sizes(coverage=6, fuzzing=18, scenarios=8, steps=5, shrinks=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[TargetUnderTest]:
    """A target on a conforming control plane that deletes slowly and asks for no GPU."""
    with probing(folder, limits={"max_gpu_devices": 0}, variants=("async-delete-slow",)) as target:
        yield target


def small(target: TargetUnderTest) -> Campaign:
    fresh = Campaign(target)
    fresh.sizes = SMALL
    return fresh


def recorded(
    target: TargetUnderTest, monkeypatch: pytest.MonkeyPatch, answer: Callable[[Request], Any] | None = None
) -> list[Request]:
    """Every request that leaves; ``answer`` may answer in the target's place."""
    sent: list[Request] = []
    forward = target.session.send

    def send(request: Request, **options: Any) -> Any:
        sent.append(request)
        ours = answer(request) if answer else None
        return forward(request, **options) if ours is None else ours

    monkeypatch.setattr(target.session, "send", send)
    return sent


def test_nothing_leaves_that_could_touch_a_stranger(shared: TargetUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = recorded(shared, monkeypatch)
    run = small(shared)
    for phase, role in ((Phase.FUZZING, "create"), (Phase.FUZZING, "update"), (Phase.COVERAGE, "delete")):
        run.run(phase, OPERATIONS[role], "test")
    run.run_stateful("test")
    created = [request.body for request in sent if request.operation == "create" and isinstance(request.body, dict)]
    assert len(created) >= 20
    assert {str(body["projectId"]) for body in created if body.get("projectId") not in (None, True, False)} == {
        shared.project
    }
    names = [body["name"] for body in created if isinstance(body.get("name"), str) and body["name"]]
    assert all(name.startswith(shared.session.mark) for name in names)
    assert len(names) == len(set(names))
    assert sum(gpus_asked(request.body) for request in sent if request.operation in {"create", "update"}) == 0
    ours = {entry.id for entry in shared.session.ledger.entries()}
    for request in sent:
        if request.operation in {"update", "delete"}:
            workload_id = request.path["workloadId"]
            assert workload_id in ours or UUID(workload_id).version == 4
    assert shared.session.find_by_name(shared.session.mark, prefix=True) == []


def test_the_same_seed_sends_the_same_requests(shared: TargetUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[list[Any]] = []
    for _ in range(2):
        with monkeypatch.context() as patch:
            sent = recorded(shared, patch)
            small(shared).run(Phase.FUZZING, OPERATIONS["update"], "test")
        runs.append([request.body for request in sent if request.operation == "update"])
    assert runs[0] == runs[1]
    assert len(runs[0]) >= SMALL.fuzzing // 2


def test_a_disabled_rule_is_found_with_a_small_request(tmp_path: Path) -> None:
    with probing(tmp_path, defects=("rule-off/container/image-required",)) as target:
        with pytest.raises(ContractBreachError) as caught:
            small(target).run(Phase.FUZZING, OPERATIONS["create"], "schemathesis/fuzzing/create_inference1")
        assert [finding.rule for finding in caught.value.findings] == ["container/image-required"]
        evidence = caught.value.findings[0].evidence
        assert evidence is not None
        assert len(str(evidence.request["body"])) < 250
        assert target.session.find_by_name(target.session.mark, prefix=True) == []


def test_a_live_workload_that_is_not_found_is_a_finding_of_the_stateful_phase(
    shared: TargetUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"code": 404, "message": "no such workload"}'
    gone = Answer(404, {"content-type": "application/json"}, body)
    recorded(shared, monkeypatch, lambda request: gone if request.operation == "read" else None)
    with pytest.raises(ContractBreachError) as caught:
        small(shared).run_stateful("test")
    finding = next(item for item in caught.value.findings if item.check == "accepts-valid")
    assert finding.operation == "get_inference"
    assert finding.evidence is not None
    # An update may have come between: on a busy machine the search is cut before it is left out.
    assert finding.evidence.setup[0]["request"]["method"] == "POST"


def test_a_target_without_a_list_of_pods_is_reported_as_not_tested(
    shared: TargetUnderTest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.session, "get", lambda _: Answer(404))
    small(shared).run(Phase.EXAMPLES, OPERATIONS["pod_metrics"], "schemathesis/examples/pods")
    assert "schemathesis/examples/pods: metrics of a pod that exists" in {
        event["what"] for event in events(folder, "not_tested")
    }


def test_the_share_that_got_past_the_door_is_noted(shared: TargetUnderTest, folder: Path) -> None:
    run = small(shared)
    run.run(Phase.EXAMPLES, OPERATIONS["read"], "test")
    run.reached(OPERATIONS["read"])
    texts = [event["text"] for event in events(folder, "note")]
    assert "Schemathesis: 1 of 1 requests to get_inference reached a 2xx" in texts
    with pytest.raises(NotReachedError, match="none of 0 generated requests to delete_inference"):
        run.reached(OPERATIONS["delete"])


def test_a_cut_coverage_phase_says_how_much_was_left_out(shared: TargetUnderTest, folder: Path) -> None:
    small(shared).run(Phase.COVERAGE, OPERATIONS["metrics"], "schemathesis/coverage/metrics")
    (text,) = {
        event["text"] for event in events(folder, "note") if event["text"].startswith("schemathesis/coverage/m")
    }
    assert text.startswith("schemathesis/coverage/metrics: 6 of ")


def test_one_campaign_for_a_target_and_the_gate_for_an_unknown_profile(shared: TargetUnderTest) -> None:
    assert campaign(shared) is campaign(shared)
    assert sizes("benchmark") == sizes("gate") != sizes("certify")
