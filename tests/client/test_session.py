"""The door: budget, ledger and names kept around every request; and what a sweep makes of it."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

from assay.client.budget import LimitReached
from assay.client.creation import Pending
from assay.client.delivery import Delivery
from assay.client.exchange import Answer, NoAnswer
from assay.client.identity import Identity
from assay.client.ledger import Ledger
from assay.client.opening import open_session
from assay.client.session import Session
from assay.client.unfinished import unfinished_runs
from assay.contract.documents import Contract
from assay.contract.request import Request
from assay.errors import CredentialsError, ReportError, SettingsError, TargetLostError
from tests.client.conftest import Configure, Open
from tests.client.plane import CLUSTER, PROJECT, Plane
from tests.client.servers import Server, always, error, serving


def creation(target: Session, name: str | None = None, **more: Any) -> Request:
    body = {"name": name or target.name(), "projectId": PROJECT, "clusterId": CLUSTER, "spec": {"image": "x"}, **more}
    return Request("create", body=body)


def create(target: Session, name: str | None = None, **more: Any) -> str:
    outcome = target.send(creation(target, name, **more))
    assert isinstance(outcome, Answer), outcome
    assert outcome.status == 202
    body: Any = outcome.json()
    return str(body["workloadId"])


def delete(target: Session, workload_id: str, auth: str = "main") -> int:
    outcome = target.send(Request("delete", path={"workloadId": workload_id}), auth=auth)
    assert isinstance(outcome, Answer)
    return outcome.status


def test_a_creation_takes_a_slot_and_its_deletion_gives_it_back(reach: Open) -> None:
    target = reach()
    workload = create(target)
    assert target.budget.live == 1
    assert set(target.ledger.live()) == {workload}
    assert delete(target, workload) == 202
    assert target.budget.live == 0
    assert target.ledger.live()[workload].delete_taken
    assert target.send(Request("read", path={"workloadId": workload}))
    assert target.ledger.live() == {}


def test_a_refused_creation_gives_its_slot_back(reach: Open) -> None:
    target = reach()
    outcome = target.send(creation(target, spec={}))
    assert isinstance(outcome, Answer)
    assert outcome.status == 400
    assert (target.budget.live, target.ledger.entries()) == (0, [])


def test_the_intent_is_on_disk_when_the_request_arrives(reach: Open, plane: Plane, server: Server) -> None:
    target = reach()
    names: list[set[str]] = []
    store = plane.store

    def look(body: dict[str, Any]) -> dict[str, Any]:
        names.append(set(target.ledger.unresolved()))
        return store(body)

    plane.store = look  # type: ignore[method-assign]
    create(target, "n-1")
    assert names == [{"n-1"}]


def test_nothing_is_sent_when_the_ledger_cannot_be_written(
    reach: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = reach()

    def full(*names: str, **more: Any) -> None:
        raise ReportError("disk full")

    monkeypatch.setattr(target.ledger, "intend", full)
    with pytest.raises(ReportError, match="disk full"):
        target.send(creation(target))
    assert server.count("POST", "/api/v1/workloads") == 0
    assert target.budget.live == 0


def test_an_unwritable_ledger_stops_the_target_from_opening(
    configure: Configure, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_STATE_DIR", "/dev/null/x")
    with pytest.raises(ReportError, match="cannot be written"):
        open_session(configure(), contract)


def test_live_workloads_never_exceed_the_limit(reach: Open, plane: Plane) -> None:
    target = reach(max_live=3)
    first = [create(target) for _ in range(3)]  # so that the limit is reached however the threads take turns

    def work() -> None:
        for _ in range(4):
            delete(target, create(target))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for workload in first:
        delete(target, workload)
    for thread in threads:
        thread.join()
    assert plane.most_live == 3
    assert plane.workloads == {}
    assert target.budget.creates == 35


def test_a_creation_that_waits_for_a_slot_ends_when_the_run_is_halted(reach: Open) -> None:
    target = reach(max_live=1)
    create(target)
    timer = threading.Timer(0.2, target.halt, ["interrupted"])
    timer.start()
    with pytest.raises(TargetLostError, match="interrupted"):
        create(target)
    timer.join()
    assert target.sweep().clean


def test_a_creation_beyond_the_gpu_budget_never_leaves(reach: Open, server: Server) -> None:
    target = reach()
    with pytest.raises(LimitReached, match="asks for 1 GPU devices; the run may ask for 0"):
        target.send(creation(target, spec={"image": "x", "compute": {"gpuDevicesRequest": 1}}))
    assert server.count("POST", "/api/v1/workloads") == 0


def test_a_stopped_creation_leaves_no_intent(reach: Open) -> None:
    target = reach(max_requests=1)
    create(target)
    with pytest.raises(LimitReached, match="all of its 1 requests"):
        target.send(creation(target))
    assert target.ledger.unresolved() == {}
    assert target.budget.live == 1


def test_a_creation_whose_token_ends_before_it_leaves_is_withdrawn(
    reach: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = reach()
    ended = CredentialsError("it ended")

    def no_token(_: Identity) -> str:
        raise ended

    def admitted(*_: object, **__: object) -> None:
        monkeypatch.setattr(Identity, "token", no_token)

    monkeypatch.setattr(Delivery, "admit", admitted)
    with pytest.raises(CredentialsError, match="it ended"):
        target.send(creation(target))
    assert server.count("POST", "/api/v1/workloads/inferences") == 0
    assert target.ledger.unresolved() == {}
    monkeypatch.undo()
    assert target.sweep().clean


def test_a_lost_creation_is_found_by_its_name_and_removed(reach: Open, plane: Plane) -> None:
    plane.lose_create = True
    target = reach()
    assert isinstance(target.send(creation(target)), NoAnswer)
    assert plane.workloads == {}
    assert target.budget.live == 0
    assert target.sweep().clean


def test_a_lost_creation_with_a_prefixed_name_is_found_too(reach: Open, plane: Plane) -> None:
    plane.lose_create = True
    target = reach()
    assert isinstance(target.send(creation(target, useGivenNameAsPrefix=True)), NoAnswer)
    assert plane.workloads == {}


def test_a_lost_creation_of_a_name_that_is_not_ours_touches_no_stranger(reach: Open, plane: Plane) -> None:
    plane.store({"name": "shared"})
    target = reach()
    plane.lose_create = True
    target.send(creation(target, "shared"))
    swept = target.sweep(deadline=5)
    assert [(entry.id, entry.name) for entry in swept.left_behind] == [(None, "shared")]
    assert "cannot be told from a stranger's" in swept.left_behind[0].why
    assert len(plane.workloads) == 2


def test_a_lost_creation_is_reported_when_the_target_has_no_list(reach: Open, plane: Plane) -> None:
    plane.lose_create, plane.lists = True, False
    target = reach()
    name = target.name()
    target.send(creation(target, name))
    swept = target.sweep(deadline=1)
    assert [(entry.id, entry.name) for entry in swept.left_behind] == [(None, name)]
    assert not swept.clean
    assert [run.run for run in unfinished_runs()] == ["run-1"]


@pytest.mark.parametrize("status", [500, 502])
def test_a_server_error_to_a_creation_is_doubtful(contract: Contract, configure: Configure, status: int) -> None:
    with serving(always(error(status))) as server:
        settings = configure().model_copy(update={"base_url": server.base_url, "token": configure().client_secret})
        target = open_session(settings, contract, run_id="r")
        target.send(creation(target, "n"))
        assert set(target.ledger.unresolved()) == {"n"}
        target.close()


def test_a_creation_that_was_sent_twice_is_looked_for(reach: Open, plane: Plane) -> None:
    target = reach()
    target.token("main")
    plane.revoked |= plane.fresh
    create(target, target.name())
    assert len(target.ledger.live()) == 1
    assert len(target.ledger.unresolved()) == 1
    assert target.sweep().clean
    assert plane.workloads == {}


def test_names_are_dns_labels_of_the_run_and_never_repeat(reach: Open) -> None:
    target = reach(name_prefix="a-very-long-prefix-0")
    names = {target.name(label) for label in ("w", "very-long-label-" * 5, "x-") for _ in range(50)}
    assert len(names) == 150
    for name in names:
        assert name.startswith(target.mark + "-")
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name), name


def test_processes_of_a_run_share_mark_and_ledger_and_split_the_budget(
    configure: Configure, contract: Contract
) -> None:
    settings = configure(max_live=3, max_requests=10)
    first, second = (open_session(settings, contract, run_id="r", process=index, processes=2) for index in range(2))
    assert first.mark == second.mark
    one, two = first.ledger.kept, second.ledger.kept
    assert isinstance(one, Ledger)
    assert isinstance(two, Ledger)
    assert one.file == two.file
    assert (first.budget.limits.live, second.budget.limits.live) == (2, 1)
    assert (first.budget.limits.requests, second.budget.limits.requests) == (5, 5)
    first.close()
    second.close()


def test_raw_posts_are_creations_too(reach: Open, plane: Plane) -> None:
    target = reach()
    name = target.name()
    content = f'{{"name":"{name}","projectId":"{PROJECT}","clusterId":"{CLUSTER}","spec":{{"image":"x"}}}}'.encode()
    path = "/api/v1/workloads/inferences"
    outcome = target.raw("POST", path, headers=[("Content-Type", "application/json")], content=content, name=name)
    assert isinstance(outcome, Answer)
    assert outcome.status == 202
    assert [entry.name for entry in target.ledger.live().values()] == [name]
    assert isinstance(target.raw("GET", path + "/x"), Answer)
    assert target.sweep().clean
    assert plane.workloads == {}


@pytest.mark.parametrize(
    ("missing", "flag"), [("project", "--project"), ("cluster", "--cluster"), ("base_url", "--base-url")]
)
def test_what_a_target_needs_is_named(configure: Configure, contract: Contract, missing: str, flag: str) -> None:
    settings = configure().model_copy(update={missing: None})
    with pytest.raises(SettingsError, match=f"a target needs {flag}"):
        open_session(settings, contract)


def test_credentials_are_checked_when_the_target_opens(configure: Configure, contract: Contract) -> None:
    with pytest.raises(CredentialsError, match="ASSAY_CLIENT_SECRET not set"):
        open_session(configure().model_copy(update={"client_secret": None}), contract)
    with pytest.raises(CredentialsError, match="ASSAY_OUTSIDER_CLIENT_SECRET not set"):
        open_session(configure().model_copy(update={"outsider_client_secret": None}), contract)
    assert unfinished_runs() == []


def test_the_ledger_of_a_swept_run_is_finished(reach: Open) -> None:
    target = reach()
    create(target)
    assert target.sweep().clean
    assert unfinished_runs() == []
    ledger = target.ledger.kept
    assert isinstance(ledger, Ledger)


def begun(target: Session) -> tuple[Pending, Request]:
    """A creation that somebody else is about to send."""
    request = creation(target)
    assert isinstance(request.body, dict)
    return target.begin(str(request.body["name"])), request


def test_what_another_hand_sends_is_on_disk_before_and_holds_a_slot_after(reach: Open) -> None:
    target = reach(max_live=1)
    pending, request = begun(target)
    assert pending.name in target.ledger.unresolved()
    with pytest.raises(LimitReached):
        target.begin("no room, and no wait for it")
    workload = target.finish(pending, target.send(request, begun=True))
    assert workload is not None
    assert set(target.ledger.live()) == {workload}
    assert target.budget.live == 1
    assert target.remove(workload, pending.name) is None
    assert (target.budget.live, target.ledger.live()) == (0, {})
    assert target.conclude()


def test_who_removes_hears_once_that_the_target_agreed_and_holds_the_slot_until_it_is_gone(reach: Open) -> None:
    target = reach(max_live=1)
    pending, request = begun(target)
    workload = str(target.finish(pending, target.send(request, begun=True)))
    heard: list[tuple[int, bool]] = []
    assert target.remove(workload, pending.name, lambda: heard.append((target.budget.live, took(target)))) is None
    assert heard == [(1, True)]
    assert target.remove(workload, pending.name, lambda: heard.append((0, False))) is None
    assert heard[1:] == [(0, False)]


def took(target: Session) -> bool:
    return any(entry.delete_taken for entry in target.ledger.live().values())


def test_what_was_refused_gives_its_slot_back_at_once(reach: Open) -> None:
    target = reach()
    pending, _ = begun(target)
    assert target.finish(pending, Answer(400, body=b"{}")) is None
    assert (target.budget.live, target.ledger.unresolved()) == (0, {})


def test_a_lost_creation_keeps_its_slot_until_it_was_looked_for(reach: Open, plane: Plane) -> None:
    target = reach()
    (found, request), (missing, _) = begun(target), begun(target)
    plane.lose_create = True
    assert target.finish(found, target.send(request, begun=True)) is None
    assert target.finish(missing, NoAnswer("timeout", "no answer came")) is None
    assert target.budget.live == 2
    assert not target.conclude()
    (workload,) = target.look_for(found) or ["nothing"]
    assert target.look_for(missing) == []
    assert target.budget.live == 1
    assert set(target.ledger.live()) == set(plane.workloads) == {workload}
    assert target.ledger.unresolved() == {}
    assert target.remove(workload, found.name) is None
    assert (target.budget.live, plane.workloads) == (0, {})


def test_a_target_without_a_list_leaves_a_lost_creation_its_slot(reach: Open, plane: Plane) -> None:
    target = reach()
    pending, _ = begun(target)
    target.finish(pending, NoAnswer("timeout", "no answer came"))
    plane.lists = False
    assert target.look_for(pending) is None
    assert target.budget.live == 1
    assert pending.name in target.ledger.unresolved()
