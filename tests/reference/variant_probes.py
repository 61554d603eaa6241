"""How to see each conforming variant: a probe, what the reference does there, and what the variant does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.reference.harness import COLLECTION, FOREIGN, NOWHERE, RESEARCHER, Harness

Probe = Callable[[Harness], Any]
METRICS = "?metricType=LATENCY&start=2026-01-01T00:00:00Z&end=2026-01-01T01:00:00Z"


def spec(sent: Mapping[str, Any], read: Callable[[Any], Any]) -> Probe:
    """What the answer to a creation holds of a spec."""
    return lambda harness: read(harness.create(spec={"image": "x", **sent}).json["spec"])


def status(sent: Mapping[str, Any], name: str = "w") -> Probe:
    return lambda harness: harness.create(name, spec={"image": "x", **sent}).status


def field(name: str, read: Callable[[Any], Any] = lambda value: value) -> Probe:
    return lambda harness: read(harness.create().json[name])


def get(tail: str, **options: Any) -> Probe:
    return lambda harness: harness.send("GET", harness.created() + tail, **options).status


def call(method: str, path: str, **options: Any) -> Probe:
    return lambda harness: harness.send(method, path, **options).status


def header(name: str) -> Probe:
    return lambda harness: harness.create().headers.get(name)


def phase(after: float) -> Probe:
    def probe(harness: Harness) -> Any:
        path = harness.created()
        harness.now += after
        return harness.send("GET", path).json["actualPhase"]

    return probe


def twice_deleted(harness: Harness) -> Any:
    path = harness.running()
    return harness.send("DELETE", path).status, harness.send("DELETE", path).status


def name_again(harness: Harness) -> Any:
    harness.send("DELETE", harness.created("same"))
    return harness.create("same").status


def read_at_once(harness: Harness) -> Any:
    path = harness.created()
    first = harness.send("GET", path).status
    harness.now += 0.4
    return first, harness.send("GET", path).status


def updated(*waits: float) -> Probe:
    def probe(harness: Harness) -> Any:
        path = harness.running()
        returned = [harness.send("PATCH", path, {"spec": {"args": "x"}}).json["spec"].get("args")]
        for wait in waits:
            harness.now += wait
            returned.append(harness.send("GET", path).json["spec"].get("args"))
        return returned

    return probe


def patched(before: Mapping[str, Any], patch: Mapping[str, Any], read: Callable[[Any], Any]) -> Probe:
    def probe(harness: Harness) -> Any:
        path = harness.running(spec={"image": "x", **before})
        return read(harness.send("PATCH", path, {"spec": patch}).json["spec"])

    return probe


def suffix(harness: Harness) -> Any:
    return harness.create("ab", useGivenNameAsPrefix=True).json["name"][:3] == "ab-"


def samples(read: Callable[[Any], Any], **query: Any) -> Probe:
    def probe(harness: Harness) -> Any:
        path = harness.running()
        harness.now += 10
        return read(harness.metrics(path, -5, 0, numberOfSamples=6, **query))

    return probe


def samples_of_next_day(harness: Harness) -> Any:
    reply = harness.metrics(harness.running(), 86_400, 90_000, numberOfSamples=6)
    return len(reply.json["measurements"][0]["values"])


def first_times(reply: Any) -> Any:
    times = [sample["timestamp"] for sample in reply.json["measurements"][0]["values"]]
    return times == sorted(times)


def foreign_creation(harness: Harness) -> Any:
    return harness.create("w", projectId=FOREIGN).status


def after_calls(count: int) -> Probe:
    def probe(harness: Harness) -> Any:
        path = harness.created()
        return {harness.send("GET", path).headers["content-type"].split(";")[0] for _ in range(count)}

    return probe


def in_an_instant(harness: Harness) -> Any:
    path = harness.running()
    harness.now += 10
    return len(harness.metrics(path, -5, -5, numberOfSamples=6).json["measurements"][0]["values"])


def early_update(harness: Harness) -> Any:
    return harness.send("PATCH", harness.created(), {"spec": {"args": "x"}}).status


def update_of_nothing(harness: Harness) -> Any:
    return harness.send("PATCH", harness.created(), {"spec": {}}).status


def bad_update_of_nobody(harness: Harness) -> Any:
    return harness.send("PATCH", f"{COLLECTION}/{NOWHERE}", {"spec": 1}).status


PORT = {"exclude": True, "name": "p"}
PATHS = [{"path": "/a", "mountPath": "/a"}, {"path": "/b", "mountPath": "/b", "mountPropagation": "HostToContainer"}]
ENV = {"environmentVariables": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}


def names(key: str) -> Callable[[Any], Any]:
    return lambda returned: [item["name"] for item in returned.get(key) or ()]


# Variant: how to see it, what the reference does there, what the variant does.
MORE: dict[str, tuple[Probe, Any, Any]] = {
    "deletion-conflicts": (twice_deleted, (202, 202), (202, 409)),
    "deleted-names-taken": (name_again, 202, 400),
    "never-ready": (phase(1000), "Running", "Pending"),
    "never-starts": (phase(1000), "Running", "Failed"),
    "creations-show-late": (read_at_once, (200, 200), (404, 200)),
    "updates-show-late": (updated(1, 1.5), ["x", "x", "x"], [None, None, "x"]),
    "nulls-ignored": (patched({"args": "a"}, {"args": None}, lambda returned: returned.get("args")), None, "a"),
    "lists-by-name": (
        patched(ENV, {"environmentVariables": [{"name": "B", "value": "3"}]}, names("environmentVariables")),
        ["B"],
        ["A", "B"],
    ),
    "prefix-joined": (suffix, True, False),
    "drop-ignored": (
        spec({"autoscaling": {"initializationTimeoutSeconds": 9}}, lambda returned: returned["autoscaling"]),
        {"initializationTimeoutSeconds": 9},
        {},
    ),
    "drop-empty": (spec({"compute": {}}, lambda returned: "compute" in returned), True, False),
    "drop-excluded": (
        spec({"labels": [{"name": "a", "exclude": True}]}, lambda returned: len(returned["labels"])),
        1,
        0,
    ),
    "policy-entries": (spec({"labels": [{"name": "a", "value": "b"}]}, names("labels")), ["a"], ["policy", "a"]),
    "policy-defaults": (spec({}, lambda returned: returned.get("imagePullPolicy")), None, "IfNotPresent"),
    "sets-reordered": (spec(ENV, names("environmentVariables")), ["A", "B"], ["B", "A"]),
    "canonical-quantities": (
        spec({"compute": {"cpuMemoryRequest": "1024Mi"}}, lambda returned: returned["compute"]["cpuMemoryRequest"]),
        "1024Mi",
        "1Gi",
    ),
    "fractions": (
        spec({"compute": {"cpuCoreRequest": 1}}, lambda returned: str(returned["compute"]["cpuCoreRequest"])),
        "1",
        "1.0",
    ),
    "capital-ids": (field("workloadId", str.isupper), False, True),
    "local-time": (field("createdAt", lambda text: text[-6:]), "0.000Z", "+05:30"),
    "whole-seconds": (field("createdAt", len), 24, 20),
    "microseconds": (field("createdAt", len), 24, 27),
    "nanoseconds": (field("createdAt", len), 24, 30),
    "pretty-json": (lambda harness: b"\n" in harness.create().body, False, True),
    "metrics-empty": (samples(lambda reply: len(reply.json["measurements"])), 2, 0),
    "metrics-coarse": (samples(lambda reply: len(reply.json["measurements"][0]["values"])), 6, 2),
    "metrics-backwards": (samples(first_times), True, False),
    "metrics-anytime": (samples_of_next_day, 0, 6),
    "no-latency": (
        samples(lambda reply: [one["type"] for one in reply.json["measurements"]][-1]),
        "LATENCY",
        "THROUGHPUT",
    ),
    "metrics-each-second": (in_an_instant, 1, 6),
    "csv-wide": (
        samples(lambda reply: reply.body.split(b"\r")[0].split(b"\n")[0], accept="text/csv"),
        b"type,timestamp,value",
        b"time,THROUGHPUT,LATENCY",
    ),
    "csv-spreadsheet": (
        samples(lambda reply: reply.body[:8], accept="text/csv"),
        b"type,tim",
        b'\xef\xbb\xbf"type',
    ),
    "no-csv": (
        samples(lambda reply: reply.headers["content-type"][:8], accept="text/csv"),
        "text/csv",
        "applicat",
    ),
    "hidden-projects": (foreign_creation, 403, 404),
    "malformed-id-bad-request": (call("GET", f"{COLLECTION}/x"), 404, 400),
    "malformed-id-not-found": (call("GET", f"{COLLECTION}/x/metrics{METRICS}"), 400, 404),
    "malformed-id-unprocessable": (call("GET", f"{COLLECTION}/x"), 404, 422),
    "refuse-unknown": (status({"future": 1}), 202, 400),
    "label-names": (status({}, "Not a label"), 202, 400),
    "printable-strings": (status({"args": "ä"}), 202, 400),
    "existing-references": (status({"nodePools": ["default"]}), 202, 400),
    "distinct-entries": (status({"labels": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]}), 202, 400),
    "valued-variables": (status({"environmentVariables": [{"name": "A"}]}), 202, 400),
    "filled-sections": (status({"compute": {"cpuCoreRequest": None}}), 202, 400),
    "kubernetes-texts": (status({"labels": [{"name": "a", "value": "no label"}]}), 202, 400),
    "unprocessable": (status({"priorityClass": 1}), 400, 422),
    "updates-when-running": (early_update, 202, 409),
    "opaque-tokens": (lambda harness: harness.tokens[RESEARCHER].count("."), 2, 0),
    "nobody-forbidden": (get("", token=None), 401, 403),
    "nobody-hidden": (get("", token=None), 401, 404),
    "complete-exclusions": (status({"labels": [{"name": "a", "exclude": True}], "ports": [PORT]}), 202, 400),
    "default-propagation": (status({"storage": {"hostPath": PATHS}}), 202, 400),
    "advice-ignored": (status({"storage": {"emptyDirVolume": [{"path": "/a", "sizeLimit": ".."}]}}), 400, 202),
    "no-gpus": (status({"compute": {"gpuDevicesRequest": 1}}), 202, 400),
    "named-updates": (update_of_nothing, 202, 400),
    "validating-first": (bad_update_of_nobody, 404, 400),
    "any-content-type": (
        lambda harness: (
            harness.send("PATCH", harness.created(), {"spec": {}}, headers={"content-type": "text/x"}).status
        ),
        400,
        202,
    ),
    "strict-accept": (get("", headers={"accept": "text/html"}), 200, 406),
    "strict-query": (get("?x=1"), 200, 400),
    "small-bodies": (
        lambda harness: (
            harness.send(
                "PATCH", harness.created(), {"spec": {"args": "x" * 60_000}}, headers={"content-length": "60100"}
            ).status
        ),
        202,
        413,
    ),
    "error-fields": (lambda harness: "traceId" in harness.create(spec=1).json, False, True),
    "no-challenge": (
        lambda harness: "www-authenticate" in harness.send("GET", COLLECTION + "/x", token=None).headers,
        True,
        False,
    ),
    "wrong-method-not-found": (call("PUT", COLLECTION), 405, 404),
    "proxy-pages": (
        lambda harness: harness.send("GET", "/nowhere").headers["content-type"],
        "application/json",
        "text/html",
    ),
    "strict-proxy": (get("", headers={"x-long": "x" * 9000}), 200, 431),
    "known-expectations": (get("", headers={"expect": "assay"}), 200, 417),
    "cross-origin": (call("OPTIONS", COLLECTION), 405, 204),
    "head-answered": (lambda harness: harness.send("HEAD", harness.created()).status, 405, 200),
    "no-oauth-tokens": (call("POST", "/api/v2/token"), 401, 404),
    "oauth-tokens-only": (call("POST", "/api/v1/token"), 400, 404),
    "no-neighbours": (call("GET", "/api/v1/workloads"), 200, 404),
    "proxy-unavailable": (after_calls(70), {"application/json"}, {"application/json", "text/html"}),
    "capital-headers": (
        lambda harness: (
            [name for name, _ in harness.plane.hooks.wire[0]([(b"content-type", b"x")])]
            if harness.plane.hooks.wire
            else [b"content-type"]
        ),
        [b"content-type"],
        [b"Content-Type"],
    ),
    "usual-headers": (header("server"), None, "istio-envoy"),
    "chunked": (header("transfer-encoding"), None, "chunked"),
    "closing": (header("connection"), None, "close"),
    "idle-close": (lambda harness: harness.plane.choices.keep_alive, 75, 1),
}
