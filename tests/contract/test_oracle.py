"""The oracle: accept, reject or open, each with its reasons, for any request of the six operations."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.contract.oracle import Existing, Oracle
from assay.contract.request import ABSENT, Expectation, Outcome, Request, Source

WORKLOAD: Final = "6d8e0a4c-1f2b-4c3d-8e5f-00000000000a"
CLUSTER: Final = "6d8e0a4c-1f2b-4c3d-8e5f-000000000001"
EXISTING: Final = Existing.of(workload=[WORKLOAD], project=["4711"], cluster=[CLUSTER])
PLAIN: Final[dict[str, Any]] = {
    "name": "assay-1",
    "projectId": "4711",
    "clusterId": CLUSTER,
    "spec": {"image": "registry.example/echo:1.0"},
}
PATH: Final = {"workloadId": WORKLOAD}

ANY_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def create(oracle: Oracle, spec: Any, **body: Any) -> Expectation:
    return oracle.expect(Request("create", body={**PLAIN, "spec": spec, **body}), existing=EXISTING)


def update(oracle: Oracle, patch: Any, before: dict[str, Any] | None = None) -> Expectation:
    stored = {"image": "registry.example/echo:1.0"} if before is None else before
    return oracle.expect(Request("update", PATH, body={"spec": patch}), stored, EXISTING)


def raw(oracle: Oracle, content: bytes, operation: str = "create") -> Expectation:
    return oracle.expect(Request(operation, {} if operation == "create" else PATH, raw=content))


def said(expectation: Expectation) -> tuple[str, list[str]]:
    return expectation.outcome.value, sorted({reason.id for reason in expectation.reasons})


def test_the_plain_creation_is_accepted_and_assumes_nothing(oracle: Oracle) -> None:
    assert oracle.expect(Request("create", body=PLAIN), existing=EXISTING) == Expectation(Outcome.ACCEPT)


def test_reasons_say_keyword_and_place(oracle: Oracle) -> None:
    expectation = create(
        oracle, {"image": "x", "ports": [{"container": 80, "serviceType": "ClusterIP"}, {"container": 0}]}
    )
    found = {(reason.source, reason.id, reason.location) for reason in expectation.reasons}
    assert found == {
        (Source.SCHEMA, "minimum", "/body/spec/ports/*/container"),
        (Source.RULE, "connectivity/port-service-type-required", "/body/spec/ports/*/serviceType"),
    }
    assert all(reason.text for reason in expectation.reasons)


@pytest.mark.parametrize(
    ("spec", "outcome", "reasons"),
    [
        ({"image": "x", "compute": {"gpuDevicesRequest": 2**31}}, "reject", ["format"]),
        ({"image": "x", "servingPort": {"container": 65536}}, "reject", ["maximum"]),
        ({"image": None}, "reject", ["container/image-required"]),
        (None, "reject", ["container/image-required"]),
        ({"image": "x", "colour": 1}, "open", ["unknown-property"]),
        ({"image": "x", "ports": [None]}, "open", ["null-entry"]),
        ({"image": "x", "servingPort": {"container": 80.0}}, "open", ["integral-float"]),
        ({"image": "\ud800"}, "open", ["lone-surrogate"]),
        ({"image": "x", "autoscaling": {"maxReplicas": 3}}, "reject", ["autoscaling/metric-required-to-scale"]),
        ({"image": "x", "security": {"uidGidSource": "fromIdpToken"}}, "open", ["security/idp-token-spelling"]),
        ({"image": "x", "autoscaling": None, "compute": {"gpuPortionRequest": None}}, "accept", []),
    ],
)
def test_specs(oracle: Oracle, spec: Any, outcome: str, reasons: list[str]) -> None:
    assert said(create(oracle, spec)) == (outcome, reasons)


def test_a_refusal_outweighs_what_is_open(oracle: Oracle) -> None:
    assert said(create(oracle, {"image": "x", "colour": 1, "command": 5})) == ("reject", ["type"])


def test_an_acceptance_states_what_it_assumes(oracle: Oracle) -> None:
    expectation = create(oracle, {"image": "x", "nodePools": ["a", "a"], "command": "tab\there"})
    assert expectation.outcome is Outcome.ACCEPT
    assert {(reason.id, reason.location) for reason in expectation.assumes} == {
        ("assumes-exists", "/body/spec/nodePools/*"),
        ("assumes-distinct", "/body/spec/nodePools"),
        ("assumes-unusual", "/body/spec/command"),
    }


@pytest.mark.parametrize(
    ("body", "outcome", "reasons"),
    [
        (ABSENT, "reject", ["required"]),
        (None, "reject", ["nullable"]),
        ([], "reject", ["type"]),
        ("x", "reject", ["type"]),
        ({**PLAIN, "clusterId": "x"}, "reject", ["format"]),
        ({**PLAIN, "clusterId": CLUSTER.replace("-", "")}, "open", ["spelling", "unknown-cluster"]),
        ({**PLAIN, "clusterId": "{" + CLUSTER + "}"}, "open", ["spelling", "unknown-cluster"]),
        ({**PLAIN, "projectId": []}, "reject", ["type"]),
        ({**PLAIN, "projectId": {}, "clusterId": {}}, "reject", ["type"]),
        ({**PLAIN, "projectId": "unknown"}, "open", ["unknown-project"]),
        ({key: value for key, value in PLAIN.items() if key != "spec"}, "reject", ["required"]),
    ],
)
def test_bodies(oracle: Oracle, body: Any, outcome: str, reasons: list[str]) -> None:
    assert said(oracle.expect(Request("create", body=body), existing=EXISTING)) == (outcome, reasons)


@pytest.mark.parametrize(
    ("content", "outcome", "reasons"),
    [
        (json.dumps(PLAIN).encode(), "accept", []),
        (b"", "reject", ["required"]),
        (b" \r\n\t", "reject", ["required"]),
        (b"{", "reject", ["syntax"]),
        (b"{} x", "reject", ["syntax"]),
        (b'{"name": "\xff"}', "reject", ["syntax"]),
        (b'{"name": NaN}', "reject", ["syntax"]),
        (b'{"name": -Infinity}', "reject", ["syntax"]),
        (b'{"name": "a", "name": 5}', "open", ["repeated-key"]),
        (b"\xef\xbb\xbf" + json.dumps(PLAIN).encode(), "open", ["byte-order-mark"]),
        (json.dumps(PLAIN).encode("utf-16"), "open", ["byte-order-mark"]),
        (b"[" * 100_000, "open", ["not-representable"]),
        (b'{"name": ' + b"9" * 5000 + b"}", "open", ["not-representable"]),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "open", ["not-representable", "unknown-property"]),
    ],
)
def test_bytes(oracle: Oracle, content: bytes, outcome: str, reasons: list[str]) -> None:
    assert said(raw(oracle, content)) == (outcome, reasons)


def test_a_number_beyond_a_double_is_open(oracle: Oracle) -> None:
    content = json.dumps({**PLAIN, "spec": {"image": "x", "compute": {"cpuCoreRequest": 1}}}).replace(
        ": 1}", ": 1e999}"
    )
    assert said(raw(oracle, content.encode())) == ("open", ["not-representable"])


@pytest.mark.parametrize("depth", [100, 450, 900, 5000])
def test_deep_nesting_is_open_and_never_an_error(oracle: Oracle, depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = {"a": deep}
    assert create(oracle, {"image": "x", "zzz": deep}).outcome is Outcome.OPEN
    assert update(oracle, {"compute": deep}, {"image": "x", "compute": deep}).outcome in {
        Outcome.OPEN,
        Outcome.REJECT,
    }


@pytest.mark.parametrize(
    ("content_type", "outcome"),
    [
        ("application/json", "accept"),
        ('Application/JSON; charset="utf-8"', "accept"),
        ("application/json; charset=utf-16", "open"),
        ("text/plain", "open"),
        (None, "open"),
    ],
)
def test_content_types(oracle: Oracle, content_type: str | None, outcome: str) -> None:
    request = Request("create", body=PLAIN, content_type=content_type)
    assert oracle.expect(request).outcome.value == outcome


def test_an_undocumented_body_is_open(oracle: Oracle) -> None:
    assert said(oracle.expect(Request("read", PATH, body={}), existing=EXISTING)) == ("open", ["undocumented-body"])
    assert oracle.expect(Request("read", PATH), existing=EXISTING).outcome is Outcome.ACCEPT


def test_a_workload_that_does_not_exist_is_refused(oracle: Oracle) -> None:
    for operation in ("read", "delete"):
        unknown = Request(operation, {"workloadId": CLUSTER})
        assert said(oracle.expect(unknown, existing=EXISTING)) == ("reject", ["unknown-workload"])
        assert oracle.expect(unknown).outcome is Outcome.ACCEPT
        shouted = Request(operation, {"workloadId": WORKLOAD.upper()})
        assert said(oracle.expect(shouted, existing=EXISTING)) == ("open", ["spelling"])


@pytest.mark.parametrize(
    ("patch", "before", "outcome", "reasons"),
    [
        ({"command": "run"}, {}, "accept", []),
        ({}, {}, "open", ["empty-update"]),
        (None, {}, "open", ["empty-update"]),
        ({"command": 5}, {}, "reject", ["type"]),
        ({"ports": []}, {}, "open", ["unknown-property"]),
        # Only the merged spec is broken, and all ways of merging agree.
        (
            {"autoscaling": {"minReplicas": 1, "maxReplicas": 3}},
            {},
            "reject",
            ["autoscaling/metric-required-to-scale"],
        ),
        # Deep merging keeps the metric, overwriting the section loses it.
        (
            {"autoscaling": {"maxReplicas": 3}},
            {"autoscaling": {"metric": "latency", "metricThreshold": 5, "maxReplicas": 2}},
            "open",
            ["autoscaling/metric-required-to-scale"],
        ),
        # Whether null clears is not said: if it does, the threshold is without its metric.
        (
            {"autoscaling": {"metricThreshold": None, "maxReplicas": 2, "metric": "latency"}},
            {"autoscaling": {"metric": "latency", "metricThreshold": 5, "maxReplicas": 2}},
            "open",
            ["autoscaling/threshold-required-with-metric"],
        ),
        ({"image": None}, {}, "open", ["container/image-required"]),
        ({"command": None}, {"command": "run"}, "accept", []),
    ],
)
def test_updates_hold_for_the_merged_spec(
    oracle: Oracle, patch: Any, before: dict[str, Any], outcome: str, reasons: list[str]
) -> None:
    assert said(update(oracle, patch, {"image": "x", **before})) == (outcome, reasons)


def test_without_the_spec_before_no_rule_is_decided_for_an_update(oracle: Oracle) -> None:
    request = Request("update", PATH, body={"spec": {"autoscaling": {"maxReplicas": 3}}})
    assert oracle.expect(request).outcome is Outcome.OPEN
    mistyped = Request("update", PATH, body={"spec": {"command": 5}})
    assert oracle.expect(mistyped).outcome is Outcome.REJECT


def test_an_update_need_not_carry_a_body(oracle: Oracle) -> None:
    assert said(oracle.expect(Request("update", PATH))) == ("open", ["empty-update"])


@settings(database=None, deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=ANY_JSON, spec=ANY_JSON, before=st.none() | st.just({"image": "x"}))
def test_any_json_is_judged(oracle: Oracle, body: Any, spec: Any, before: Any) -> None:
    for value in (body, {**PLAIN, "spec": spec}, {"spec": spec}):
        for operation, path in (("create", {}), ("update", PATH)):
            expectation = oracle.expect(Request(operation, path, body=value), before, EXISTING)
            assert bool(expectation.reasons) == (expectation.outcome is not Outcome.ACCEPT)


@settings(database=None, deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=30) | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_judged_like_the_value_they_hold(oracle: Oracle, content: bytes) -> None:
    expectation = raw(oracle, content)
    if expectation.outcome is Outcome.REJECT and said(expectation)[1] != ["syntax"] and content.strip(b" \t\r\n"):
        value = oracle.expect(Request("create", body=json.loads(content)))
        assert value.outcome is Outcome.REJECT


def test_a_rule_can_be_left_out(oracle: Oracle) -> None:
    fewer = [rule for rule in oracle.rules if rule.id != "autoscaling/metric-required-to-scale"]
    without = Oracle(oracle.contract, fewer)
    assert create(oracle, {"image": "x", "autoscaling": {"maxReplicas": 3}}).outcome is Outcome.REJECT
    assert create(without, {"image": "x", "autoscaling": {"maxReplicas": 3}}).outcome is Outcome.ACCEPT
