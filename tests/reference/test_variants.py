"""Each conforming variant does what its sentence says, and stays within the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from assay.errors import UsageError
from assay.reference.embedded import Options
from assay.reference.server import assemble
from assay.reference.variants import VARIANTS
from tests.reference.harness import COLLECTION, NOWHERE, OUTSIDER, Harness, assert_documented
from tests.reference.variant_probes import MORE

Probe = Callable[[Harness], Any]


def _deleted(after: float) -> Probe:
    def probe(harness: Harness) -> Any:
        path = harness.running()
        harness.send("DELETE", path)
        harness.now += after
        reply = harness.send("GET", path)
        return reply.status if reply.status != 200 else reply.json["desiredPhase"]

    return probe


def _phase(after: float) -> Probe:
    def probe(harness: Harness) -> Any:
        path = harness.created()
        harness.now += after
        return harness.send("GET", path).json["actualPhase"]

    return probe


def _updated(harness: Harness) -> Any:
    return harness.send("PATCH", harness.running(), {"spec": {"args": "x"}}).json["actualPhase"]


def _spec(**sent: Any) -> Probe:
    return lambda harness: harness.create(spec={"image": "x", **sent}).json["spec"]


def _patched(harness: Harness) -> Any:
    path = harness.running(spec={"image": "x", "compute": {"cpuCoreRequest": 1}})
    return harness.send("PATCH", path, {"spec": {"compute": {"cpuCoreLimit": 2}}}).json["spec"]["compute"]


def _foreign(harness: Harness) -> Any:
    return harness.send("GET", harness.created(), token=OUTSIDER).status


def _twice(harness: Harness) -> Any:
    harness.created("same")
    return harness.create("same").status


def _partial(harness: Harness) -> Any:
    return harness.metrics(harness.running(), -1000, 0).status


def _early(harness: Harness) -> Any:
    return harness.metrics(harness.created(), -1, 0).status


def _labels(harness: Harness) -> Any:
    return "labels" in harness.metrics(harness.running(), -0.1, 0).json["measurements"][0]


def _empty_values(harness: Harness) -> Any:
    return harness.metrics(harness.running(), 5, 6).json["measurements"][0]["values"]


def _fields(harness: Harness) -> Any:
    return set(harness.create().json)


def _statuses(count: int) -> Probe:
    def probe(harness: Harness) -> Any:
        path = harness.created()
        replies = [harness.send("GET", path) for _ in range(count)]
        return {reply.status: "retry-after" in reply.headers for reply in replies}

    return probe


def _seconds(harness: Harness) -> Any:
    began = harness.now
    harness.send("GET", "/healthz")
    return round(harness.now - began, 3)


ALL = {"name", "requestedName", "workloadId", "projectId", "departmentId", "clusterId", "createdBy", "createdAt"}
ALL |= {"desiredPhase", "actualPhase", "deletedAt", "spec"}
LABEL = {"annotations": [{"name": "a", "value": "b"}]}

# Variant: how to see it, what the reference does there, what the variant does.
PROBES: dict[str, tuple[Probe, Any, Any]] = {
    "async-delete-slow": (_deleted(4.5), 404, "Deleted"),
    "delete-at-once": (_deleted(0), "Deleted", 404),
    "delete-kept": (_deleted(1000), 404, "Deleted"),
    "slow-start": (_phase(4.5), "Running", "Initializing"),
    "instant-start": (_phase(0), "Creating", "Running"),
    "no-updating": (_updated, "Updating", "Running"),
    "echo-defaults": (
        _spec(**LABEL),
        {"image": "x", **LABEL},
        {"image": "x", "annotations": [{"name": "a", "value": "b", "exclude": False}]},
    ),
    "drop-nulls": (_spec(args=None), {"image": "x", "args": None}, {"image": "x"}),
    "drop-unknown": (_spec(future=1), {"image": "x", "future": 1}, {"image": "x"}),
    "section-overwrite": (_patched, {"cpuCoreRequest": 1, "cpuCoreLimit": 2}, {"cpuCoreLimit": 2}),
    "not-found-for-foreign": (_foreign, 403, 404),
    "duplicate-conflict": (_twice, 400, 409),
    "duplicate-accepted": (_twice, 400, 202),
    "metrics-never-partial": (_partial, 207, 200),
    "metrics-not-found-early": (_early, 207, 404),
    "terse-errors": (lambda harness: "details" in harness.create(spec=1).json, True, False),
    "required-fields-only": (_fields, ALL, ALL - {"departmentId", "actualPhase", "deletedAt"}),
    "numeric-offset": (lambda harness: harness.create().json["createdAt"][19:], ".000Z", ".000+00:00"),
    "extra-fields": (_fields, ALL, ALL | {"priority", "links"}),
    "no-metric-labels": (_labels, True, False),
    "null-metric-values": (_empty_values, [], None),
    "absent-deleted-at": (_fields, ALL, ALL - {"deletedAt"}),
    "null-sections": (lambda harness: harness.create().json["spec"].get("compute", "absent"), "absent", None),
    "charset": (
        lambda harness: harness.create().headers["content-type"],
        "application/json",
        "application/json; charset=utf-8",
    ),
    "throttling": (_statuses(60), {200: False}, {200: False, 429: True}),
    "sometimes-unavailable": (_statuses(60), {200: False}, {200: False, 503: True}),
    "distant": (_seconds, 0, 0.15),
    **MORE,
}


def test_every_variant_is_probed() -> None:
    assert set(PROBES) == set(VARIANTS)
    assert len(VARIANTS) >= 15


@pytest.mark.parametrize("name", PROBES)
def test_differs_from_the_reference_as_it_says(name: str) -> None:
    probe, reference, variant = PROBES[name]
    assert probe(Harness()) == reference
    assert probe(Harness(variants=(name,))) == variant


@pytest.mark.parametrize("name", VARIANTS)
def test_stays_within_the_contract(name: str) -> None:
    harness = Harness(variants=(name,))
    created = harness.create(spec={"image": "x", "autoscaling": {"minReplicas": 1, "maxReplicas": 1}})
    assert_documented("create", created)
    path = "/api/v1/workloads/inferences/" + created.json["workloadId"]
    harness.now += 10
    assert_documented("read", harness.send("GET", path))
    assert_documented("update", harness.send("PATCH", path, {"spec": {"args": "x"}}))
    assert_documented("metrics", harness.metrics(path, -20, 20))
    assert_documented("delete", harness.send("DELETE", path))
    assert_documented("read", harness.send("GET", path))


@pytest.mark.parametrize("name", [name for name in VARIANTS if name.startswith("metrics-")])
@pytest.mark.parametrize(
    ("start", "end"),
    [("0000-01-01T00:00:00Z", "0000-01-02T00:00:00Z"), ("9999-12-31T23:59:58Z", "9999-12-31T23:59:59-23:59")],
)
def test_a_year_that_no_date_has_is_no_failure(name: str, start: str, end: str) -> None:
    harness = Harness(variants=(name,))
    query = urlencode({"metricType": "THROUGHPUT", "start": start, "end": end})
    assert harness.send("GET", f"{harness.running()}/metrics?{query}").status < 500


def test_variants_combine() -> None:
    harness = Harness(variants=("drop-nulls", "section-overwrite", "terse-errors"))
    assert _patched(harness) == {"cpuCoreLimit": 2}
    assert _spec(args=None)(Harness(variants=("drop-nulls", "terse-errors"))) == {"image": "x"}


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"variants": ("delete-at-one",)}, "there is no variant 'delete-at-one'", "delete-at-once"),
        ({"variants": ("?",)}, "there is no variant '?'", "and 95 more; docs/serve.md tells of them all"),
        (
            {"defects": ("rule-off/container/image-require",)},
            "there is no defect",
            "rule-off/container/image-required",
        ),
        ({"port": 70000}, "--port 70000 is no port", "0"),
        ({"pace": -1}, "--pace -1", "0 to 1000"),
        ({"token_seconds": 0}, "--token-seconds 0", "at least 1"),
        ({"latency": -1}, "--latency -1", "from 0 to 60"),
    ],
)
def test_wrong_options_say_what_is_right(options: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        assemble(Options(**options))
    assert message in raised.value.message
    assert hint in (raised.value.hint or "")


def test_latency_delays_every_answer() -> None:
    harness = Harness(latency=0.1)
    assert "--latency=0.1" in Options(latency=0.1).arguments()
    began = harness.now
    replies = [harness.send("GET", f"{COLLECTION}/{NOWHERE}").status for _ in range(3)]
    # Three draws with a median of 100 ms: all of them below 20 ms happens in one of 10^20 runs.
    assert harness.now - began > 0.06
    assert replies == [404, 404, 404]
