"""Planned cases: each has the expectation it was planned for, a refusal has one cause, and nothing is left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import pytest

from assay.contract import pointers
from assay.contract.documents import load
from assay.contract.operations import Kind
from assay.contract.oracle import Existing, Oracle
from assay.contract.request import ABSENT, Json, Outcome, Source
from assay.contract.schema import INTEGER_RANGES, Node
from assay.generation.base_requests import Judge, complete
from assay.generation.cases import ACCEPT, REJECT, CaseList, PlannedCase, Subject, TargetIds, overlay, plain_body
from assay.generation.dense import draws
from assay.generation.rule_cases import rule_cases, varied
from assay.generation.schema_cases import schema_cases
from assay.generation.values import PLAIN_SPEC, sample

pytestmark = pytest.mark.slow

WORKLOAD: Final = "6d8e0a4c-1f2b-4c3d-8e5f-000000000002"
POD: Final = "6d8e0a4c-1f2b-4c3d-8e5f-000000000003"
IDS: Final = TargetIds(
    project="4711",
    cluster="6d8e0a4c-1f2b-4c3d-8e5f-000000000001",
    found={"workload": WORKLOAD, "pod": POD},
)
EXISTING: Final = Existing.of(workload=[WORKLOAD], project=[IDS.project], cluster=[IDS.cluster])
OPERATIONS: Final = load().operations
NAME: Final = "assay-0001"
WRITES: Final = ("create", "update")

# What breaks together with a keyword whatever the value: what is no string is no member of a list of strings, what is
# shorter than one character matches no pattern that wants one, and a negative portion is not between 0 and 1.
ALSO_BROKEN: Final = {
    "type": {"enum"},
    "nullable": {"enum"},
    "minLength": {"enum", "pattern"},
    "minimum": {"compute/portion-between-zero-and-one"},
}

# Refused bodies that are not accepted with a plain value in the wrong place: a plain toleration (no "exclude") is
# open by the contradiction about its value, a limit alone by the missing request, and Exists takes no values at all.
NOT_OTHERWISE_ACCEPTED: Final = {
    "schema/create/spec.tolerations/type/reject-object",
    "schema/create/spec.tolerations.*/type/reject-text",
    "schema/create/spec.tolerations.*.exclude/type/reject-text",
    *(
        f"schema/{name}/{place}"
        for name in WRITES
        for place in (
            "spec.compute.gpuPortionLimit/minimum/reject",
            "spec.nodeAffinityRequired.nodeSelectorTerms.*.matchExpressions.*.values/nullable/reject",
        )
    ),
}

# Accepted values that cannot be planned, beside nulls (see EXCLUDED_NULLS), by place, keyword and variant.
_TOO_MANY: Final = "would ask the cluster for two thousand million replicas"
EXCLUDED: Final = {
    "name/minLength/accept": "every workload carries the run's own name, so that none is left behind",
    "spec.tolerations.*.exclude/type/accept-false": "tolerations/value-by-operator",
    "spec.storage.pvc.*.ephemeral/type/accept-true": "claims/ephemeral-not-supported",
    "spec.security.uidGidSource/enum/accept-fromidptoken": "security/idp-token-spelling",
    "spec.security.seccompProfileType/enum/accept-localhost": "security/seccomp-localhost",
    "spec.autoscaling.minReplicas/format/accept-above": _TOO_MANY,
    "spec.autoscaling.initialReplicas/format/accept-above": _TOO_MANY,
}
# Keywords that no value is known to break: the prose says "leave empty", the schema minLength 1.
CONTESTED: Final = {"spec.storage.emptyDirVolume.*.medium/minLength/reject": "storage/empty-dir-medium-empty"}
# A null is not accepted where a rule makes the field mandatory, and open as an entry of a list, in an update of
# nothing, and for a toleration's "exclude" (see above).
EXCLUDED_NULLS: Final = re.compile(
    r"null-entry|empty-update|tolerations/value-by-operator|\w+/[a-z-]*required[a-z-]*|container/probe-details-have-defaults"
)


@cache
def schema(oracle: Oracle, name: str) -> CaseList:
    return schema_cases(oracle, name)


@cache
def rules(oracle: Oracle) -> CaseList:
    found = CaseList()
    for rule in oracle.rules:
        found += rule_cases(oracle, rule)
    return found


def every_case(oracle: Oracle) -> Iterator[PlannedCase]:
    yield from rules(oracle).cases
    for name in load().operations:
        yield from schema(oracle, name).cases


def built(case: PlannedCase) -> dict[str, Any]:
    body = case.build(OPERATIONS[case.operation], IDS, NAME).body
    assert isinstance(body, dict)
    return body


def reasons(oracle: Oracle, case: PlannedCase) -> tuple[Any, ...]:
    request = case.build(OPERATIONS[case.operation], IDS, NAME)
    # A malformed id is no known workload either; that is left out, to see the malformation alone.
    existing = None if case.reason.location.startswith("/path/") else EXISTING
    expectation = oracle.expect(request, case.before, existing)
    assert expectation.outcome is case.outcome, (case.id, expectation)
    return expectation.reasons


def test_every_case_has_its_expectation_and_a_refusal_has_one_cause(oracle: Oracle) -> None:
    for case in every_case(oracle):
        found = reasons(oracle, case)
        if case.side == REJECT:
            assert case.reason.decides(found), (case.id, found)
            also = {reason.id for reason in found} - {case.reason.id}
            assert also <= ALSO_BROKEN.get(case.reason.id, set()), case.id


def test_ids_are_unique_and_name_their_case(oracle: Oracle) -> None:
    counts = Counter(case.id for case in every_case(oracle))
    assert [case_id for case_id, count in counts.items() if count > 1] == []
    for case in every_case(oracle):
        assert re.fullmatch(r"(rules|schema)(/[A-Za-z0-9_.*-]+){4}", case.id), case.id
        assert case.title
        assert f"{case.side}" in case.id.split("/")[-1 if case.id.startswith("schema") else -2]


def surrounded(body: Json, place: str) -> tuple[str, list[Json]] | None:
    """The list on the way to a place in which the wrong entry stands between others, and its entries."""
    steps = place.split("/")
    for number in [number for number, step in enumerate(steps) if step == "*"]:
        entries = pointers.get(body, above := "/".join(steps[:number]))
        if isinstance(entries, list) and len(entries) == 3:
            return above, entries
    return None


@pytest.mark.parametrize("name", WRITES)
def test_a_wrong_entry_stands_between_two_right_ones_that_differ(oracle: Oracle, name: str) -> None:
    judge = Judge(oracle, name)
    seen = 0
    for case in schema(oracle, name).cases:
        place = case.reason.location.removeprefix("/body")
        if case.side == REJECT and (found := surrounded(case.body, place)):
            above, (before, _, after) = found
            assert judge.accepts(pointers.put(case.body, above, [before, after])), case.id
            assert before != after or not isinstance(before, dict) or not {"name", "path"} & set(before), case.id
            seen += 1
    assert seen >= 30


@pytest.mark.parametrize("name", WRITES)
def test_a_refused_body_is_valid_in_all_else(oracle: Oracle, name: str) -> None:
    judge = Judge(oracle, name)
    spoilt = set()
    for case in schema(oracle, name).cases:
        place = case.reason.location.removeprefix("/body")
        if case.side == REJECT and case.reason.location.startswith("/body/"):
            body = case.body
            if found := surrounded(body, place):
                body = pointers.put(body, found[0], found[1][1:2])
            twin = complete(judge, pointers.put(body, place, sample(judge.node.find(place))))
            if not judge.accepts(twin):
                spoilt.add(case.id)
    assert spoilt == {case_id for case_id in NOT_OTHERWISE_ACCEPTED if case_id.startswith(f"schema/{name}/")}


@pytest.mark.parametrize("name", WRITES)
def test_every_keyword_of_every_property_has_a_refused_case(oracle: Oracle, name: str) -> None:
    planned = {(case.reason.id, case.reason.location) for case in schema(oracle, name).cases if case.side == REJECT}
    wanted = {item for node in oracle.bodies[name].walk() for item in _keywords(node)}
    contested = {case_id.rsplit("/", 2)[0] for case_id in CONTESTED}
    missing = {(keyword, place) for keyword, place in wanted - planned if pointers.dotted(place[5:]) not in contested}
    assert missing == set()
    assert len(wanted) >= {"create": 390, "update": 160}[name]


def _keywords(node: Node) -> Iterator[tuple[str, str]]:
    place = "/body" + node.pointer
    yield "type", place
    if not node.nullable:
        yield "nullable", place
    if node.enum is not None:
        yield "enum", place
    if node.pattern is not None:
        yield "pattern", place
    yield from ((keyword, place) for keyword in node.bounds)
    if node.format in {"uuid", "hostname"} or (node.format in INTEGER_RANGES and "maximum" not in node.bounds):
        yield "format", place
    yield from (("required", f"{place}/{name}") for name in node.required)


@pytest.mark.parametrize("name", WRITES)
def test_every_bound_and_member_has_its_accepted_twin_or_a_reason_why_not(oracle: Oracle, name: str) -> None:
    planned = {case.id for case in schema(oracle, name).cases if case.side == ACCEPT}
    excluded = {item.id: item.why for item in schema(oracle, name).excluded}
    for case_id, why in excluded.items():
        place = case_id.removeprefix(f"schema/{name}/")
        if place.endswith("/nullable/accept"):
            assert EXCLUDED_NULLS.match(why), (case_id, why)
        elif place.split("/")[-1].startswith(REJECT):
            assert CONTESTED[place] in why, (case_id, why)
        else:
            assert why.startswith(EXCLUDED[place]), (case_id, why)
    for node in oracle.bodies[name].walk():
        for wanted in _accepted_ids(name, node):
            assert wanted in planned or wanted in excluded, wanted


def _accepted_ids(name: str, node: Node) -> Iterator[str]:
    place = f"schema/{name}/{pointers.dotted(node.pointer)}"
    if node.nullable:
        yield f"{place}/nullable/accept"
    for keyword in node.bounds if node.enum is None else ():
        yield f"{place}/{keyword}/accept"
    for member in node.enum or ():
        if member is not None:
            yield f"{place}/enum/accept-{re.sub('[^a-z0-9.]+', '-', member.lower())}"
    if node.type == "boolean":
        yield from (f"{place}/type/accept-{value}" for value in ("true", "false"))


@pytest.mark.parametrize("name", WRITES)
def test_every_leaf_is_accepted_with_some_value(oracle: Oracle, name: str) -> None:
    held = {key for case in schema(oracle, name).cases if case.side == ACCEPT for key in pointers.keys(case.body)}
    assert [leaf.pointer for leaf in oracle.bodies[name].leaves() if leaf.pointer not in held] == []


def test_accepted_cases_are_plain_but_for_what_they_are_about(oracle: Oracle) -> None:
    for case in schema(oracle, "create").cases:
        if case.side == REJECT:
            continue
        body = built(case)
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,62}", body["name"])
        place = case.reason.location.removeprefix("/body/spec/").split("/")[0]
        assert set(body["spec"]) - {"image"} <= {place}, case.id
        if place != "compute":
            assert case.gpus == 0


def test_the_parameters_of_every_operation_are_covered(oracle: Oracle) -> None:
    counts = {name: Counter(case.side for case in schema(oracle, name).cases) for name in load().operations}
    assert {name: counts[name][REJECT] for name in ("read", "delete")} == {"read": 2, "delete": 2}
    for name, paths in (("metrics", 1), ("pod_metrics", 2)):
        planned = {
            (case.reason.location, case.reason.id) for case in schema(oracle, name).cases if case.side == REJECT
        }
        query = {
            *((f"/query/{name}", "required") for name in ("metricType", "start", "end")),
            *((f"/query/{name}", "format") for name in ("start", "end")),
            ("/query/metricType", "enum"),
            *(("/query/numberOfSamples", keyword) for keyword in ("type", "minimum", "maximum")),
        }
        assert query <= planned
        assert len([place for place, _ in planned if place.startswith("/path/")]) == paths
        samples = {case.query.get("numberOfSamples") for case in schema(oracle, name).cases if case.side == ACCEPT}
        assert {"0", "1000", ABSENT} <= samples


def test_every_rule_has_both_sides_on_every_operation_it_applies_to(oracle: Oracle) -> None:
    assert rules(oracle).excluded == ()
    planned = {(case.reason.id, case.operation, case.side) for case in rules(oracle).cases}
    for rule in oracle.rules:
        for name in rule.applies:
            assert (rule.id, name, ACCEPT) in planned, rule.id
            assert (rule.id, name, REJECT) in planned or not rule.rejects, rule.id


def test_variations_of_a_rule_keep_its_side(oracle: Oracle) -> None:
    seen = 0
    for rule in oracle.rules:
        for name in sorted(rule.applies):
            for side in (ACCEPT, REJECT):
                strategy = varied(oracle, rule, name, side)
                found = [] if strategy is None else draws(strategy, 10, 1)
                seen += len(found)
                for case in found:
                    assert case.side == side
                    assert reasons(oracle, case) == () or case.reason.alone_in(reasons(oracle, case))
    assert seen >= 200


def test_a_case_is_built_with_the_ids_and_the_name_it_is_given(oracle: Oracle) -> None:
    create = next(case for case in schema(oracle, "create").cases if case.side == ACCEPT)
    body = built(create)
    assert (body["name"], body["projectId"], body["clusterId"]) == (NAME, IDS.project, IDS.cluster)
    metrics = next(case for case in schema(oracle, "pod_metrics").cases if case.side == ACCEPT)
    request = metrics.build(OPERATIONS[metrics.operation], IDS, NAME)
    assert request.path == {"workloadId": WORKLOAD, "podId": POD}
    assert request.body is ABSENT
    assert dict(request.query)["metricType"] == "THROUGHPUT"


def test_building_twice_shares_nothing(oracle: Oracle) -> None:
    case = next(case for case in schema(oracle, "create").cases if case.side == ACCEPT)
    built(case)["spec"].clear()
    assert built(case)["spec"]


def test_gpus_are_counted_over_all_replicas() -> None:
    def gpus(spec: dict[str, Any], before: dict[str, Any] | None = None) -> int:
        body = {**plain_body(Kind.CREATE), "spec": spec}
        return PlannedCase("x", "create", "accept", "x", Subject(Source.RULE, "x", ""), body, before=before).gpus

    assert gpus(dict(PLAIN_SPEC)) == 0
    assert gpus({"compute": {"gpuDevicesRequest": 2}, "autoscaling": {"minReplicas": 1, "maxReplicas": 3}}) == 6
    assert gpus({"compute": {"gpuRequestType": "portion"}}) == 1
    assert gpus({"autoscaling": {"minReplicas": 2}}, {"compute": {"gpuDevicesRequest": 1}}) == 2
    assert gpus({"compute": "text", "autoscaling": None}) == 0


def test_overlay_removes_what_the_plain_spec_has_and_keeps_other_nulls() -> None:
    assert overlay({"image": None}) == {}
    assert overlay({"command": None}) == {**PLAIN_SPEC, "command": None}


def test_the_outcome_of_a_case_is_its_side(oracle: Oracle) -> None:
    assert {case.outcome for case in every_case(oracle) if case.side == REJECT} == {Outcome.REJECT}


def test_a_text_on_the_bound_is_sent_besides_where_a_longer_one_assumes_less(oracle: Oracle) -> None:
    """A repository of one letter is within minLength 1; that it is no URL makes its refusal a gap."""
    place = "schema/create/spec.storage.git.*.repository/minLength/accept"
    found = {case.id: case for case in schema(oracle, "create").cases if case.id.startswith(place)}
    texts = {
        name.removeprefix(place): pointers.get(case.body, "/spec/storage/git/*/repository")
        for name, case in found.items()
    }
    assert len(str(texts[""])) > 1
    assert len(str(texts["-on-the-bound"])) == 1
    assert found[place].assumed == ()
    assert found[f"{place}-on-the-bound"].assumed != ()


def test_the_largest_numbers_that_ask_for_nothing_are_sent_and_a_refusal_is_a_gap(oracle: Oracle) -> None:
    for name in WRITES:
        cases = {case.id: case for case in schema(oracle, name).cases}
        for place in ("compute.gpuDevicesRequest", "autoscaling.maxReplicas", "autoscaling.activationReplicas"):
            assert cases[f"schema/{name}/spec.{place}/format/accept-above"].assumed != ()
