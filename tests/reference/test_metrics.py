"""Metrics over any range, as JSON and CSV, for a workload and its pods."""

from __future__ import annotations

import csv
import io
import math
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest

from assay.reference.times import parse
from tests.reference.harness import COLLECTION, NOWHERE, OUTSIDER, Harness, Received, assert_documented, assert_error

SCALING = {"minReplicas": 0, "maxReplicas": 4, "metric": "throughput", "metricThreshold": 10}


def aged(seconds: float = 1000.0, scaling: Any = SCALING) -> tuple[Harness, str]:
    """A workload that has run for so long."""
    harness = Harness()
    path = harness.running(spec={"image": "x", "autoscaling": scaling})
    harness.now += seconds
    return harness, path


def series(reply: Received) -> dict[str, list[tuple[int, str]]]:
    """The values of each measurement: (moment, text)."""
    result = {}
    for measurement in reply.json["measurements"]:
        values = []
        for value in measurement["values"]:
            moment = parse(value["timestamp"])
            assert moment is not None
            values.append((moment, value["value"]))
        result[measurement["type"]] = values
    return result


@pytest.mark.parametrize("samples", [0, 1, 2, 3, 20, 1000])
def test_as_many_samples_as_asked_evenly_spaced(samples: int) -> None:
    harness, path = aged()
    reply = harness.metrics(path, -900, 0, numberOfSamples=samples)
    assert_documented("metrics", reply)
    assert reply.status == 200
    for values in series(reply).values():
        moments = [moment for moment, _ in values]
        assert len(moments) == samples
        gaps = {after - before for before, after in pairwise(moments)}
        assert not gaps or max(gaps) - min(gaps) <= 1
        assert all(0 <= float(value) < math.inf for _, value in values)
        if samples > 1:
            assert (moments[0], moments[-1]) == (parse(harness.stamp(-900)), parse(harness.stamp()))


def test_twenty_samples_unless_asked() -> None:
    harness, path = aged()
    assert {len(values) for values in series(harness.metrics(path, -900, 0)).values()} == {20}


def test_types_in_the_order_asked_for_and_no_others() -> None:
    harness, path = aged()
    for wanted in (["THROUGHPUT"], ["LATENCY"], ["LATENCY", "THROUGHPUT"]):
        reply = harness.metrics(path, -900, 0, metricType=",".join(wanted))
        assert [item["type"] for item in reply.json["measurements"]] == wanted
    repeated = f"{path}/metrics?metricType=LATENCY&metricType=THROUGHPUT&" + urlencode(
        {"start": harness.stamp(-9), "end": harness.stamp()}
    )
    assert set(series(harness.send("GET", repeated))) == {"LATENCY", "THROUGHPUT"}
    twice = harness.metrics(path, -900, 0, metricType="LATENCY,LATENCY")
    assert len(twice.json["measurements"]) == 1


def test_the_same_moment_has_the_same_value_whenever_and_however_asked() -> None:
    harness, path = aged()
    before = series(harness.metrics(path, -900, 0, numberOfSamples=10))
    harness.now += 500
    later = series(harness.metrics(path, -1400, -500, numberOfSamples=10))
    assert before == later
    single = series(harness.metrics(path, -1400, -1400, numberOfSamples=5))
    assert {kind: values[:1] for kind, values in before.items()} == single


def test_values_vary_over_time_and_between_workloads() -> None:
    harness, path = aged()
    other = harness.running("other", {"image": "x", "autoscaling": SCALING})
    harness.now += 1000
    one = [value for _, value in series(harness.metrics(path, -900, 0))["THROUGHPUT"]]
    two = [value for _, value in series(harness.metrics(other, -900, 0))["THROUGHPUT"]]
    assert len(set(one)) > 5
    assert one != two


def test_part_of_the_range_before_the_first_measurement_is_207() -> None:
    harness, path = aged(100)
    reply = harness.metrics(path, -1000, 0, numberOfSamples=100)
    assert_documented("metrics", reply)
    assert reply.status == 207
    for values in series(reply).values():
        assert 5 < len(values) < 20
        assert min(moment for moment, _ in values) >= (parse(harness.stamp(-101)) or 0)


def test_before_it_runs_everything_is_missing() -> None:
    harness = Harness()
    path = harness.created()
    harness.now += 0.1
    reply = harness.metrics(path, -0.05, 0)
    assert reply.status == 207
    assert series(reply) == {"THROUGHPUT": [], "LATENCY": []}


def test_the_future_is_empty_but_not_missing() -> None:
    harness, path = aged()
    assert harness.metrics(path, 10, 20).status == 200
    assert series(harness.metrics(path, 10, 20)) == {"THROUGHPUT": [], "LATENCY": []}
    half = series(harness.metrics(path, -100, 100, numberOfSamples=21))
    assert {len(values) for values in half.values()} == {11}


def test_a_range_of_one_moment_has_one_sample() -> None:
    harness, path = aged()
    assert {len(values) for values in series(harness.metrics(path, -5, -5)).values()} == {1}


def test_a_range_of_three_microseconds_has_no_twins() -> None:
    harness, path = aged()
    start = harness.stamp(-5)
    end = start[:-2] + str((int(start[-2]) + 3) % 10) + "Z"
    assert start < end
    target = f"{path}/metrics?metricType=LATENCY&start={start}&end={end}"
    moments = [moment for moment, _ in series(harness.send("GET", target))["LATENCY"]]
    assert len(moments) == len(set(moments)) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"metricType": ""},
        {"metricType": "CPU"},
        {"metricType": "throughput"},
        {"metricType": "THROUGHPUT,CPU"},
        {"metricType": "THROUGHPUT,"},
        {"metricType": None},
        {"start": None},
        {"end": None},
        {"start": ""},
        {"start": "yesterday"},
        {"start": "2026-01-01"},
        {"start": "2026-01-01T00:00:00"},
        {"end": "2026-13-01T00:00:00Z"},
        {"end": "2026-01-01T00:00:00 01:00"},
        {"start": "2999-01-01T00:00:00Z"},
        {"numberOfSamples": "-1"},
        {"numberOfSamples": "1001"},
        {"numberOfSamples": "1e2"},
        {"numberOfSamples": "2.5"},
        {"numberOfSamples": ""},
        {"numberOfSamples": "9" * 5000},
        {"numberOfSamples": "१२"},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_bad_queries_are_refused_and_named(changes: dict[str, str | None]) -> None:
    harness, path = aged()
    query = {"metricType": "LATENCY", "start": harness.stamp(-9), "end": harness.stamp(), **changes}
    given = {name: value for name, value in query.items() if value is not None}
    reply = harness.send("GET", f"{path}/metrics?{urlencode(given)}")
    assert_error(reply, 400)
    assert_documented("metrics", reply)
    assert f"/query/{next(iter(changes))}" in reply.json["message"]


def test_a_range_that_ends_just_before_its_start_is_refused() -> None:
    harness, path = aged()
    assert_error(harness.metrics(path, -5, -5.00001), 400)


def test_latency_grows_as_replicas_fill_and_vanishes_when_nobody_calls() -> None:
    harness, path = aged(scaling={"minReplicas": 1})
    values = series(harness.metrics(path, -900, 0, numberOfSamples=300))
    pairs = [
        (float(rate), float(latency))
        for (_, rate), (_, latency) in zip(values["THROUGHPUT"], values["LATENCY"], strict=True)
    ]
    assert {latency for rate, latency in pairs if rate == 0} == {0.0}
    busy = sorted((rate, latency) for rate, latency in pairs if 0 < rate < 24)
    assert busy == sorted(busy, key=lambda pair: pair[1])
    assert busy[0][1] < 60 < 100 < busy[-1][1]


def test_a_parameter_given_twice_is_refused() -> None:
    harness, path = aged()
    target = (
        f"{path}/metrics?metricType=LATENCY&start={harness.stamp(-9)}&start={harness.stamp()}&end={harness.stamp()}"
    )
    assert_error(harness.send("GET", target), 400)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z"),
        ("1970-01-01t00:00:00.123456789z", "2027-01-15T08:16:41-00:00"),
        ("2027-01-15T10:16:40+02:00", "2027-01-15T08:16:41Z"),
    ],
)
def test_every_rfc_3339_moment_is_understood(start: str, end: str) -> None:
    harness, path = aged()
    target = f"{path}/metrics?{urlencode({'metricType': 'LATENCY', 'start': start, 'end': end})}"
    reply = harness.send("GET", target)
    assert reply.status in {200, 207}
    assert_documented("metrics", reply)


def rows(reply: Received) -> list[dict[str, str]]:
    assert reply.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(reply.text)))


def test_csv_agrees_with_json() -> None:
    harness, path = aged()
    table = rows(harness.metrics(path, -900, 0, accept="text/csv"))
    assert list(table[0]) == ["type", "timestamp", "value"]
    flat = [
        {"type": item["type"], "timestamp": value["timestamp"], "value": value["value"]}
        for item in harness.metrics(path, -900, 0).json["measurements"]
        for value in item["values"]
    ]
    assert table == flat
    assert len(table) == 40


@pytest.mark.parametrize(
    ("accept", "csv_wanted"),
    [
        ("text/csv", True),
        ("TEXT/CSV; q=0.9, application/json;q=0.1", True),
        ("text/*", True),
        ("text/csv;q=0.5, application/json", False),
        ("text/csv, */*", False),
        ("*/*", False),
        ("text/csv;q=x", False),
        ("image/png", False),
        (",;,=", False),
    ],
)
def test_accept_decides_the_form(accept: str, csv_wanted: bool) -> None:
    harness, path = aged()
    kind = harness.metrics(path, -900, 0, accept=accept).headers["content-type"]
    assert kind.startswith("text/csv") is csv_wanted


def test_csv_of_a_partial_range_is_200_because_207_has_no_csv() -> None:
    harness, path = aged(100)
    reply = harness.metrics(path, -1000, 0, accept="text/csv")
    assert reply.status == 200
    assert 0 < len(rows(reply)) < 40


def pods(harness: Harness, path: str, query: str = "") -> list[Any]:
    reply = harness.send("GET", path.replace("/inferences", "") + "/pods" + query)
    assert reply.status == 200
    found: list[Any] = reply.json["pods"]
    return found


def test_pods_share_the_workload_s_throughput() -> None:
    harness, path = aged(scaling={"minReplicas": 3, "maxReplicas": 3})
    total = float(series(harness.metrics(path, 0, 0))["THROUGHPUT"][0][1])
    shares = []
    for pod in pods(harness, path):
        reply = harness.metrics(f"{path}/pods/{pod['id']}", 0, 0)
        assert_documented("pod_metrics", reply)
        assert reply.json["measurements"][0]["labels"] == {"workloadId": path.rsplit("/", 1)[1], "podId": pod["id"]}
        shares.append(float(series(reply)["THROUGHPUT"][0][1]))
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(total, abs=0.01)


def test_pod_csv_names_the_pod() -> None:
    harness, path = aged(scaling={"minReplicas": 1})
    pod = pods(harness, path)[0]["id"]
    table = rows(harness.metrics(f"{path}/pods/{pod}", -10, 0, accept="text/csv"))
    assert {row["podId"] for row in table} == {pod}


def test_pods_come_and_go_and_keep_their_ids() -> None:
    harness = Harness()
    path = harness.running(spec={"image": "x", "autoscaling": SCALING})
    counts, seen = set(), set()
    for _ in range(60):
        now = pods(harness, path, "?limit=500")
        counts.add(len(now))
        seen |= {pod["id"] for pod in now}
        assert {pod["id"] for pod in now} == {pod["id"] for pod in pods(harness, path)}
        harness.now += 10
    assert {0, 4} <= counts
    gone = pods(harness, path, "?deleted=true&limit=500")
    assert len(seen) > 4
    assert {pod["id"] for pod in gone} | {pod["id"] for pod in pods(harness, path)} >= seen
    one = gone[0]
    assert one["deletedAt"] is not None
    target = f"{path}/pods/{one['id']}/metrics?metricType=LATENCY&start={one['createdAt']}&end={one['deletedAt']}"
    assert harness.send("GET", target).status in {200, 207}


def test_replicas_stay_within_the_bounds() -> None:
    harness = Harness()
    scaling = {"minReplicas": 2, "maxReplicas": 5, "metric": "concurrency", "metricThreshold": 3}
    path = harness.running(spec={"image": "x", "autoscaling": scaling})
    counts = []
    for _ in range(60):
        counts.append(len(pods(harness, path)))
        harness.now += 10
    assert (min(counts), max(counts)) == (2, 5)


def test_a_patch_of_autoscaling_begins_a_new_revision_and_leaves_the_past_alone() -> None:
    harness, path = aged(scaling={"minReplicas": 1})
    before = harness.metrics(path, -900, 0).json
    old = {pod["id"] for pod in pods(harness, path)}
    harness.now += 1
    harness.send("PATCH", path, {"spec": {"autoscaling": {"minReplicas": 3, "maxReplicas": 3}}})
    harness.now += 10
    assert harness.metrics(path, -911, -11).json == before
    new = {pod["id"] for pod in pods(harness, path)}
    assert len(new) == 3
    assert not new & old


def test_unknown_and_foreign_workloads_and_pods() -> None:
    harness, path = aged(scaling={"minReplicas": 1})
    pod = pods(harness, path)[0]["id"]
    other = harness.running("other")
    assert_error(harness.metrics(f"{COLLECTION}/{NOWHERE}", -9, 0), 404)
    assert_error(harness.metrics(f"{COLLECTION}/x", -9, 0), 400)
    assert_error(harness.metrics(f"{path}/pods/{NOWHERE}", -9, 0), 404)
    assert_error(harness.metrics(f"{path}/pods/x", -9, 0), 400)
    assert_error(harness.metrics(f"{other}/pods/{pod}", -9, 0), 404)
    for target in (path, f"{path}/pods/{pod}"):
        query = urlencode({"metricType": "LATENCY", "start": harness.stamp(-9), "end": harness.stamp()})
        assert_error(harness.send("GET", f"{target}/metrics?{query}", token=OUTSIDER), 403)
        # The query is not looked at before it is known whether the caller may ask.
        assert_error(harness.send("GET", f"{target}/metrics?x", token=OUTSIDER), 403)


def test_replicas_beyond_the_cluster_s_room_cost_nothing() -> None:
    scaling = {"minReplicas": 2**31 - 1, "maxReplicas": 2**31 - 1}
    harness, path = aged(scaling=scaling)
    assert len(pods(harness, path)) == 16


@pytest.mark.parametrize("threshold", [-(2**31), 0, 1, 2**31 - 1])
def test_every_threshold_gives_finite_values(threshold: int) -> None:
    harness, path = aged(scaling={**SCALING, "metricThreshold": threshold})
    reply = harness.metrics(path, -900, 0)
    assert_documented("metrics", reply)
    assert all(math.isfinite(float(value)) for values in series(reply).values() for _, value in values)
