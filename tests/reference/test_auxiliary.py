"""The workload list, the pod list, and the health check."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from assay.reference.times import parse
from tests.reference.harness import NOWHERE, OTHER, OUTSIDER, RESEARCHER, Harness, assert_error

LIST = "/api/v1/workloads"
# What the schema `Workload` of the public client's document requires, and `Pod` likewise.
# fmt: off
WORKLOAD_FIELDS = {
    "type", "name", "id", "source", "priority", "priorityClassName", "clusterId", "projectName", "projectId",
    "departmentName", "departmentId", "namespace", "createdAt", "phase", "conditions", "k8sPhase", "tenantId",
    "runningPods", "phaseUpdatedAt", "k8sPhaseUpdatedAt", "updatedAt", "deletedAt", "category",
}
POD_FIELDS = {
    "name", "priorityClassName", "id", "workloadId", "clusterId", "createdAt", "containers", "k8sPhase", "tenantId",
    "k8sPhaseUpdatedAt", "updatedAt",
}
# fmt: on


def names(harness: Harness, **query: Any) -> list[str]:
    reply = harness.send("GET", f"{LIST}?{urlencode(query)}")
    assert reply.status == 200, reply.text
    return [item["name"] for item in reply.json["workloads"]]


def filled() -> Harness:
    harness = Harness()
    for name in ("run-a-1", "run-a-2", "run-b-1"):
        harness.created(name)
        harness.now += 1
    harness.created("elsewhere", projectId=OTHER)
    harness.created("foreign", token=OUTSIDER)
    return harness


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["run-a-1", "run-a-2", "run-b-1", "elsewhere"]),
        ({"filterBy": "name==run-a-2"}, ["run-a-2"]),
        ({"filterBy": "name==run-a"}, []),
        ({"filterBy": "name=^run-a"}, ["run-a-1", "run-a-2"]),
        ({"filterBy": "name=$1"}, ["run-a-1", "run-b-1"]),
        ({"filterBy": "name=@b-"}, ["run-b-1"]),
        ({"filterBy": "name!@run"}, ["elsewhere"]),
        ({"filterBy": f"projectId=={OTHER}"}, ["elsewhere"]),
        ({"filterBy": f"projectId!={OTHER},name=^run-b"}, ["run-b-1"]),
        ({"filterBy": "type==inference-workload,name==run-a-1"}, ["run-a-1"]),
        ({"filterBy": "createdAt>=2027-01-15T08:00:01Z,name=^run"}, ["run-a-2", "run-b-1"]),
        ({"filterBy": "createdAt<=2027-01-15T09:00:01+01:00"}, ["run-a-1", "run-a-2"]),
        ({"search": "-1"}, ["run-a-1", "run-b-1"]),
        ({"sortBy": "name", "sortOrder": "desc", "limit": 2}, ["run-b-1", "run-a-2"]),
        ({"limit": 1, "offset": 1}, ["run-a-2"]),
        ({"offset": 100}, []),
        ({"deleted": "true"}, []),
    ],
    ids=str,
)
def test_lists(query: dict[str, Any], found: list[str]) -> None:
    assert names(filled(), **query) == found


def test_pages_lead_through_everything() -> None:
    harness = filled()
    seen, offset = [], 0
    while True:
        page = harness.send("GET", f"{LIST}?limit=3&offset={offset}").json
        seen += [item["name"] for item in page["workloads"]]
        if "next" not in page:
            break
        offset = page["next"]
    assert seen == ["run-a-1", "run-a-2", "run-b-1", "elsewhere"]


@pytest.mark.parametrize(
    "query",
    ["filterBy=name", "filterBy=colour==red", "filterBy=createdAt>=soon", "filterBy=createdAt=^2027", "limit=0",
     "limit=501", "limit=x", "offset=-1", "deleted=perhaps", "sortBy=colour", "sortOrder=up"],
)  # fmt: skip
def test_bad_queries(query: str) -> None:
    assert_error(Harness().send("GET", f"{LIST}?{query}"), 400)


def test_entries_are_complete_and_follow_the_workload() -> None:
    harness = Harness()
    path = harness.created(
        "w", {"image": "nginx", "autoscaling": {"minReplicas": 2, "maxReplicas": 2}, "priorityClass": "low"}
    )
    item = harness.send("GET", LIST).json["workloads"][0]
    assert set(item) >= WORKLOAD_FIELDS
    assert (item["phase"], item["k8sPhase"], item["runningPods"]) == ("Creating", "Pending", 0)
    assert all(parse(item[field]) is not None for field in ("createdAt", "updatedAt", "phaseUpdatedAt"))
    harness.now += 1
    item = harness.send("GET", LIST).json["workloads"][0]
    assert (item["id"], item["phase"], item["runningPods"]) == (path.rsplit("/", 1)[1], "Running", 2)
    assert (item["images"], item["priorityClassName"]) == (["nginx"], "low")


def test_deleted_ones_are_listed_apart() -> None:
    harness = filled()
    path = harness.created("doomed")
    harness.send("DELETE", path)
    assert "doomed" in names(harness)
    harness.now += 5
    assert "doomed" not in names(harness)
    assert names(harness, deleted="true", filterBy="name==doomed") == ["doomed"]
    item = harness.send("GET", f"{LIST}?deleted=true").json["workloads"][0]
    assert item["deletedAt"] is not None


def test_pods_appear_with_initializing() -> None:
    harness = Harness()
    path = harness.created(spec={"image": "nginx", "autoscaling": {"minReplicas": 2, "maxReplicas": 2}})
    where = path.replace("/inferences", "") + "/pods"
    assert harness.send("GET", where).json == {"pods": []}
    harness.now += 0.5
    pending = harness.send("GET", where).json["pods"]
    assert [pod["k8sPhase"] for pod in pending] == ["Pending", "Pending"]
    harness.now += 0.5
    running = harness.send("GET", where).json["pods"]
    assert [pod["k8sPhase"] for pod in running] == ["Running", "Running"]
    assert [pod["id"] for pod in running] == [pod["id"] for pod in pending]
    assert set(running[0]) >= POD_FIELDS
    page = harness.send("GET", f"{where}?limit=1").json
    assert (len(page["pods"]), page["next"]) == (1, 1)


def test_pods_end_with_their_workload() -> None:
    harness = Harness()
    path = harness.running()
    where = path.replace("/inferences", "") + "/pods"
    harness.send("DELETE", path)
    assert len(harness.send("GET", where).json["pods"]) == 1
    harness.now += 5
    assert_error(harness.send("GET", where), 404)


def test_pods_of_unknown_malformed_and_foreign_workloads() -> None:
    harness = Harness()
    path = harness.running().replace("/inferences", "")
    assert_error(harness.send("GET", f"{LIST}/{NOWHERE}/pods"), 404)
    assert_error(harness.send("GET", f"{LIST}/x/pods"), 404)
    assert_error(harness.send("GET", f"{path}/pods", token=OUTSIDER), 403)


def test_health_needs_no_token() -> None:
    assert Harness().send("GET", "/healthz", token=None).json == {"status": "ok"}


def test_a_page_that_ends_with_the_list_leads_nowhere() -> None:
    harness = filled()
    assert "next" not in harness.send("GET", f"{LIST}?limit=4").json
    assert harness.send("GET", f"{LIST}?limit=3").json["next"] == 3


def test_deleted_workloads_that_stay_readable_are_listed_as_deleted() -> None:
    harness = Harness(variants=("delete-kept",))
    path = harness.created("kept")
    harness.send("DELETE", path)
    harness.now += 5
    assert names(harness) == []
    assert names(harness, deleted="true") == ["kept"]


def test_projects_are_those_of_the_caller() -> None:
    harness = Harness()
    seen = {}
    for who in (RESEARCHER, OUTSIDER):
        body = harness.send("GET", "/api/v1/org-unit/projects", token=who).json
        seen[who] = [(project["id"], project["name"]) for project in body["projects"]]
    assert seen[RESEARCHER] == [("4501101", "vision"), ("4501102", "speech")]
    assert seen[OUTSIDER] == [("4501103", "billing")]
    page = harness.send("GET", "/api/v1/org-unit/projects?limit=1&search=spee").json
    assert [project["name"] for project in page["projects"]] == ["speech"]
    assert harness.send("GET", "/api/v1/org-unit/projects", token=None).status == 401


def test_the_cluster_is_the_one_that_projects_name() -> None:
    harness = Harness()
    (cluster,) = harness.send("GET", "/api/v1/clusters").json
    project = harness.send("GET", "/api/v1/org-unit/projects").json["projects"][0]
    assert cluster["uuid"] == project["clusterId"]
