"""After fitting, no request can touch what is not this run's, whatever was generated."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.checks.echo import moment
from assay.checks.fuzzing.fitting import Fitter, carries_a_project
from assay.contract import documents
from assay.contract.request import Request

PROJECT, CLUSTER = "4501101", "8f1c2b7e-52d4-4a53-9c0e-6d2f3b9a4e10"
OURS = "11111111-2222-4333-8444-555555555555"
POD = "21111111-2222-4333-8444-555555555555"
IDS = {"workload": OURS, "pod": POD}
CONTRACT = documents.load()
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
STRANGER = "0f0f0f0f-1111-1222-9333-444444444444"
PATH_VALUES = st.one_of(st.text(), st.uuids().map(str), st.sampled_from(["", ".", "..", OURS.upper()]))


def fitted_body(body: Any, role: str = "create", *, frugal: bool = False) -> Any:
    return fitter(frugal).fit(Request(role, body=body), IDS).body


def fitter(frugal: bool = False) -> Fitter:
    return Fitter(CONTRACT, PROJECT, CLUSTER, lambda: "assay-1", frugal=frugal, now=lambda: NOW)


@given(
    role=st.sampled_from(["update", "delete"]),
    value=PATH_VALUES,
    known=st.booleans(),
    live=st.sampled_from([OURS, None]),
)
def test_writes_go_to_our_workload_or_to_a_random_uuid(role: str, value: str, known: bool, live: str | None) -> None:
    request = Request(role, path={"workloadId": value})
    sent = fitter().fit(request, {"workload": live} if live else {}, known=known).path["workloadId"]
    assert sent == live or UUID(sent).version == 4


@given(value=PATH_VALUES)
def test_a_known_read_of_a_well_formed_id_meets_the_live_workload(value: str) -> None:
    sent = fitter().fit(Request("read", path={"workloadId": value}), IDS).path["workloadId"]
    try:
        UUID(value)
    except ValueError:
        assert sent == (value if value.strip(".") else OURS)
    else:
        assert sent == OURS


def test_an_unknown_read_keeps_away_from_the_live_workload() -> None:
    path = {"workloadId": STRANGER, "podId": STRANGER}
    fitted = fitter().fit(Request("pod_metrics", path=path), IDS, known=False).path
    assert all(UUID(value).version == 4 and value not in {OURS, POD} for value in fitted.values())


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(project=st.one_of(JSON_VALUES, st.sampled_from([0, 1, PROJECT, "1"])))
def test_no_project_but_ours_is_named(project: Any) -> None:
    fitted = fitted_body({"projectId": project})["projectId"]
    assert fitted == PROJECT or fitted is None or isinstance(fitted, bool)


def test_what_a_body_lacks_stays_missing() -> None:
    assert fitted_body({"spec": {}}) == {"spec": {}}


def test_a_creation_gets_our_name_and_cluster_and_keeps_broken_ones() -> None:
    assert fitted_body({"name": "x", "clusterId": STRANGER}) == {"name": "assay-1", "clusterId": CLUSTER}
    broken = {"name": "", "clusterId": "not-a-uuid"}
    assert fitted_body(broken) == broken


def test_the_generated_body_is_not_changed_in_place() -> None:
    body = {"name": "x", "spec": {"compute": {"gpuDevicesRequest": 8}}}
    fitted_body(body, frugal=True)
    assert body == {"name": "x", "spec": {"compute": {"gpuDevicesRequest": 8}}}


@pytest.mark.parametrize("role", ["create", "update"])
def test_where_gpus_are_limited_none_is_asked_for_and_replicas_are_few(role: str) -> None:
    spec = {
        "compute": {"gpuDevicesRequest": "8", "gpuPortionRequest": 0.5, "cpuCoreRequest": 1},
        "autoscaling": {"minReplicas": 500, "maxReplicas": "900", "metric": "latency"},
    }
    fitted = fitted_body({"spec": spec}, role, frugal=True)["spec"]
    assert fitted == {"compute": {"cpuCoreRequest": 1}, "autoscaling": {"minReplicas": 2, "metric": "latency"}}
    assert fitted_body({"spec": spec}, role) == {"spec": spec}


@given(start=st.datetimes(), end=st.datetimes())
def test_a_recent_range_keeps_its_order(start: Any, end: Any) -> None:
    query = (("start", f"{start.isoformat()}Z"), ("end", f"{end.isoformat()}Z"), ("metricType", "LATENCY"))
    fitted = dict(fitter().fit(Request("metrics", query=query), IDS, recent=True).query)
    first, last = moment(fitted["start"]), moment(fitted["end"])
    assert first is not None
    assert last is not None
    assert (first < last, first == last) == (start < end, start == end)
    assert {first, last} <= {NOW, NOW - timedelta(minutes=10)}
    assert fitted["metricType"] == "LATENCY"


def test_a_broken_range_is_left_alone() -> None:
    for query in ((("start", "yesterday"), ("end", "2025-01-01T00:00:00Z")), (("start", "2025-01-01T00:00:00"),)):
        assert fitter().fit(Request("metrics", query=query), IDS, recent=True).query == query


def test_bytes_that_may_name_a_project_are_known() -> None:
    assert carries_a_project(CONTRACT, Request("create", raw=b"projectId: 7"))
    assert not carries_a_project(CONTRACT, Request("create", raw=b"\x00"))
    assert not carries_a_project(CONTRACT, Request("update", raw=b"projectId: 7"))
