"""Reading, patching and deleting a workload, and its phases by the clock."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference.harness import COLLECTION, NOWHERE, OUTSIDER, Harness, assert_documented, assert_error


def phases(harness: Harness, path: str, seconds: float, step: float = 0.05) -> list[str]:
    """The phases seen while polling, each once; "404" when the workload is gone."""
    seen: list[str] = []
    for _ in range(round(seconds / step)):
        reply = harness.send("GET", path)
        phase = str(reply.json["actualPhase"] if reply.status == 200 else reply.status)
        if seen[-1:] != [phase]:
            seen.append(phase)
        harness.now += step
    return seen


def test_starts_in_every_phase_and_then_runs() -> None:
    harness = Harness()
    assert phases(harness, harness.created(), 2) == ["Creating", "Pending", "Initializing", "Running"]


def test_pace_stretches_the_phases() -> None:
    harness = Harness(pace=10)
    assert phases(harness, harness.created(), 2) == ["Creating"]


def test_pace_zero_runs_at_once() -> None:
    harness = Harness(pace=0)
    path = harness.created()
    assert harness.send("GET", path).json["actualPhase"] == "Running"
    harness.send("DELETE", path)
    assert_error(harness.send("GET", path), 404)


def test_fails_when_it_may_not_take_the_time_to_initialise() -> None:
    harness = Harness(pace=10)
    path = harness.created(spec={"image": "x", "servingConfiguration": {"initializationTimeoutSeconds": 3}})
    assert phases(harness, path, 20, 0.5) == ["Creating", "Pending", "Failed"]


def test_an_update_shows_and_passes() -> None:
    harness = Harness()
    path = harness.running()
    assert harness.send("PATCH", path, {"spec": {"command": "x"}}).json["actualPhase"] == "Updating"
    assert phases(harness, path, 1) == ["Updating", "Running"]


def test_deletion_takes_its_time() -> None:
    harness = Harness()
    path = harness.running()
    reply = harness.send("DELETE", path)
    assert_documented("delete", reply)
    assert reply.status == 202
    deleted = harness.send("GET", path)
    assert_documented("read", deleted)
    assert (deleted.json["desiredPhase"], deleted.json["deletedAt"]) == ("Deleted", harness.stamp()[:-4] + "Z")
    assert phases(harness, path, 1) == ["Deleting", "Terminating", "404"]


def test_a_second_delete_is_accepted_until_the_workload_is_gone() -> None:
    harness = Harness()
    path = harness.running()
    harness.send("DELETE", path)
    first = harness.send("GET", path).json["deletedAt"]
    harness.now += 0.4
    assert harness.send("DELETE", path).status == 202
    assert harness.send("GET", path).json["deletedAt"] == first
    harness.now += 0.4
    assert_error(harness.send("DELETE", path), 404)


def test_nothing_else_is_touched_by_a_delete() -> None:
    harness = Harness()
    one, two = harness.created("one"), harness.created("two")
    before = harness.send("GET", two).json
    harness.send("DELETE", one)
    assert harness.send("GET", two).json == before


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        ({"args": "a"}, {"command": "c"}, {"args": "a", "command": "c"}),
        ({"args": "a"}, {"args": None}, {}),
        (
            {"compute": {"cpuCoreRequest": 1}},
            {"compute": {"cpuCoreLimit": 2}},
            {"compute": {"cpuCoreRequest": 1, "cpuCoreLimit": 2}},
        ),
        (
            {"compute": {"cpuCoreRequest": 1, "cpuCoreLimit": 2}},
            {"compute": {"cpuCoreLimit": None}},
            {"compute": {"cpuCoreRequest": 1}},
        ),
        ({"nodePools": ["a", "b"]}, {"nodePools": ["c"]}, {"nodePools": ["c"]}),
        ({"args": "a"}, {"servingPort": {"container": 1}, "args": "b"}, {"args": "b"}),
    ],
    ids=["added", "cleared", "merged", "cleared within", "list replaced", "not for updating"],
)
def test_patch_merges(before: dict[str, Any], patch: dict[str, Any], after: dict[str, Any]) -> None:
    harness = Harness()
    path = harness.running(spec={"image": "x", **before})
    reply = harness.send("PATCH", path, {"spec": patch})
    assert_documented("update", reply)
    assert reply.json["spec"] == {"image": "x", **after}
    harness.now += 5
    assert harness.send("GET", path).json["spec"] == {"image": "x", **after}


def test_patch_leaves_metadata_alone_and_is_idempotent() -> None:
    harness = Harness()
    path = harness.running()
    before = harness.send("GET", path).json
    replies = []
    for _ in range(2):
        body = {"name": "other", "workloadId": NOWHERE, "spec": {"args": "a"}}
        assert harness.send("PATCH", path, body).status == 202
        harness.now += 5
        replies.append(harness.send("GET", path).json)
    assert replies[0] == replies[1] == {**before, "spec": {"image": "nginx", "args": "a"}}


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"args": 1, "command": "c"}},
        {"spec": {"command": "c", "autoscaling": {"maxReplicas": 2}}},
        {"spec": {"command": "c", "autoscaling": {"metricThreshold": None}}},
        {"spec": 1},
        [],
        None,
    ],
    ids=["schema", "rule on the merged spec", "rule after clearing", "spec no object", "no object", "null"],
)
def test_a_refused_patch_changes_nothing(patch: Any) -> None:
    harness = Harness()
    scaling = {"minReplicas": 3, "maxReplicas": 4, "metric": "throughput", "metricThreshold": 10}
    path = harness.running(spec={"image": "x", "autoscaling": scaling})
    before = harness.send("GET", path).json
    assert_error(harness.send("PATCH", path, raw=b"null" if patch is None else None, body=patch), 400)
    assert harness.send("GET", path).json == before


@pytest.mark.parametrize("body", [None, {}, {"spec": {}}, {"spec": None}], ids=str)
def test_a_patch_that_names_nothing_is_accepted(body: Any) -> None:
    harness = Harness()
    path = harness.running()
    before = harness.send("GET", path).json
    assert harness.send("PATCH", path, body).json == before
    harness.now += 0.1
    assert harness.send("GET", path).json == before


def test_every_operation_on_what_is_being_deleted_or_gone() -> None:
    harness = Harness()
    path = harness.running()
    harness.send("DELETE", path)
    assert_error(harness.send("PATCH", path, {"spec": {"args": "a"}}), 404)
    assert harness.metrics(path, -1, 0).status in {200, 207}
    harness.now += 5
    for method, target in (("GET", path), ("PATCH", path), ("DELETE", path)):
        assert_error(harness.send(method, target, {"spec": {}} if method == "PATCH" else None), 404)
    assert_error(harness.metrics(path, -1, 0), 404)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("item", [NOWHERE, "x", "%00", "a%2Fb", "%ff", NOWHERE.replace("-", ""), "." * 3000])
def test_unknown_and_malformed_ids(method: str, item: str) -> None:
    harness = Harness()
    assert_error(harness.send(method, f"{COLLECTION}/{item}", {} if method == "PATCH" else None), 404)


def test_ids_are_read_in_any_case() -> None:
    harness = Harness()
    path = harness.created()
    collection, item = path.rsplit("/", 1)
    assert harness.send("GET", f"{collection}/{item.upper()}").status == 200


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_foreign_workloads_are_forbidden_and_not_shown(method: str) -> None:
    harness = Harness()
    path = harness.created("private", {"image": "secret-image"})
    before = harness.send("GET", path).json
    reply = harness.send(method, path, {"spec": {"args": "x"}} if method == "PATCH" else None, token=OUTSIDER)
    assert_error(reply, 403)
    assert "secret-image" not in reply.text
    assert "private" not in reply.text
    assert harness.send("GET", path).json == before
