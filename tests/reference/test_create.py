"""POST .../inferences: what is accepted comes back, what is refused says why and leaves nothing behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay.reference import tenant
from tests.reference.harness import COLLECTION, FOREIGN, MAIN, OUTSIDER, Harness, assert_documented, assert_error


def test_answers_what_was_sent() -> None:
    harness = Harness()
    spec = {"image": "nginx", "autoscaling": {"minReplicas": 1, "maxReplicas": 1}, "command": None}
    reply = harness.create("first", spec)
    assert_documented("create", reply)
    body = reply.json
    assert (reply.status, body["name"], body["requestedName"]) == (202, "first", "first")
    assert (body["projectId"], body["departmentId"]) == (MAIN, tenant.PROJECTS[MAIN].department_id)
    assert body["spec"] == spec
    assert (body["desiredPhase"], body["actualPhase"], body["deletedAt"]) == ("Running", "Creating", None)
    assert body["createdAt"] == "2027-01-15T08:00:00.000Z"
    assert harness.send("GET", f"{COLLECTION}/{body['workloadId']}").json == body


def test_a_prefix_gets_random_characters() -> None:
    harness = Harness()
    names = set()
    for _ in range(5):
        body = harness.create("pre", useGivenNameAsPrefix=True).json
        assert body["requestedName"] == "pre"
        assert body["name"].startswith("pre-")
        assert len(body["name"]) > len("pre-")
        names.add(body["name"])
    assert len(names) == 5


def test_keeps_what_the_contract_does_not_know() -> None:
    body = Harness().create(spec={"image": "x", "future": {"a": [1, None]}}).json
    assert body["spec"]["future"] == {"a": [1, None]}


def test_ids_are_distinct_and_repeatable_with_a_seed() -> None:
    def ids(seed: int) -> list[str]:
        harness = Harness(seed=seed)
        return [harness.create(f"w{number}").json["workloadId"] for number in range(20)]

    assert len(set(ids(7))) == 20
    assert ids(7) == ids(7) != ids(8)


BREACHES: list[tuple[str, dict[str, Any], str]] = [
    ("name missing", {"name": ...}, "/name"),
    ("name empty", {"name": ""}, "/name"),
    ("project of another type", {"projectId": 4501101}, "/projectId"),
    ("cluster no uuid", {"clusterId": "c"}, "/clusterId"),
    ("spec missing", {"spec": ...}, "/spec"),
    ("spec a string", {"spec": "x"}, "/spec"),
    ("type", {"spec": {"image": 1}}, "/spec/image"),
    ("minimum", {"spec": {"image": "x", "compute": {"cpuCoreRequest": -1}}}, "/spec/compute/cpuCoreRequest"),
    (
        "int32",
        {"spec": {"image": "x", "autoscaling": {"metricThreshold": 2**31}}},
        "/spec/autoscaling/metricThreshold",
    ),
    ("enum", {"spec": {"image": "x", "imagePullPolicy": "Sometimes"}}, "/spec/imagePullPolicy"),
    ("pattern", {"spec": {"image": "x", "compute": {"cpuMemoryRequest": "1 G"}}}, "/spec/compute/cpuMemoryRequest"),
    ("format", {"spec": {"image": "x", "storage": {"dataVolume": [{"id": "x"}]}}}, "/spec/storage/dataVolume/*/id"),
    ("list entry", {"spec": {"image": "x", "ports": [{"container": 0}]}}, "/spec/ports/*/container"),
    ("another cluster", {"clusterId": "71f69d83-ba66-4822-adf5-55ce55efd210"}, "/clusterId"),
    ("rule", {"spec": {}}, "/spec/image"),
    ("rule under null", {"spec": None}, "/spec/image"),
]


@pytest.mark.parametrize(("change", "place"), [row[1:] for row in BREACHES], ids=[row[0] for row in BREACHES])
def test_a_breach_is_refused_and_named(change: dict[str, Any], place: str) -> None:
    harness = Harness()
    body: dict[str, Any] = {"name": "w", "projectId": MAIN, "clusterId": tenant.CLUSTER_ID, "spec": {"image": "x"}}
    body = {key: value for key, value in {**body, **change}.items() if value is not ...}
    reply = harness.send("POST", COLLECTION, body)
    assert_documented("create", reply)
    assert_error(reply, 400)
    assert place in reply.json["message"]
    assert harness.send("GET", "/api/v1/workloads").json["workloads"] == []


def test_details_name_every_breach() -> None:
    reply = Harness().create(spec={"image": 1, "imagePullPolicy": "x"})
    assert "/spec/image:" in reply.json["details"]
    assert "/spec/imagePullPolicy:" in reply.json["details"]


@pytest.mark.parametrize("project", [FOREIGN, "no-such-project", ""])
def test_projects_without_rights_are_forbidden(project: str) -> None:
    """An unknown project cannot be distinguished from a foreign one."""
    harness = Harness()
    assert_error(harness.create(projectId=project), 403)
    assert harness.send("GET", "/api/v1/workloads", token=OUTSIDER).json["workloads"] == []


def test_a_name_is_taken_until_its_workload_is_deleted() -> None:
    harness = Harness()
    path = harness.created("same")
    refused = harness.create("same")
    assert_error(refused, 400)
    assert "'same' is already in use" in refused.json["message"]
    assert harness.create("same", token=OUTSIDER).status == 202
    harness.send("DELETE", path)
    assert harness.create("same").status == 202
    harness.now += 10
    assert_error(harness.send("GET", path), 404)
    assert_error(harness.create("same"), 400)


def test_extreme_but_valid_numbers_come_back() -> None:
    spec = {"image": "x", "security": {"runAsUid": 2**63 - 1, "uidGidSource": "custom"}}
    assert Harness().create(spec=spec).json["spec"] == spec


def test_text_beyond_ascii_comes_back() -> None:
    spec = {"image": "x", "annotations": [{"name": "note", "value": "日本\u2028 💡 \\u0000"}]}
    reply = Harness().create("naïve", spec)
    assert reply.json["spec"] == spec
    assert json.loads(reply.body.decode("utf-8"))["name"] == "naïve"
