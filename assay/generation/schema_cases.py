"""Both sides of every schema keyword: of path and query parameters, and of every property of a request body."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from assay.contract import pointers
from assay.contract.documents import Operation, Parameter
from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import ABSENT, Absent, Json, Source
from assay.contract.schema import Node
from assay.generation.base_requests import BaseRequests, Judge
from assay.generation.cases import (
    ACCEPT,
    REJECT,
    CaseList,
    Excluded,
    PlannedCase,
    Side,
    Subject,
    plain_body,
    slug,
)
from assay.generation.values import PLAIN_SPEC, UNKNOWN, KeywordValue, boundaries, violations

Value = str | Absent
ParameterValue = tuple[str, Side, str, Value]  # keyword, side, variant, value

# The ways RFC 3339 writes one moment: in UTC, with fractions of a second, with an offset.
_MOMENTS: Final = (
    ("utc", "2026-01-01T00:00:00Z"),
    ("fraction", "2026-01-01T00:00:00.123Z"),
    ("offset", "2026-01-01T01:30:00+01:30"),
)
_LATEST: Final = "2026-01-02T00:00:00Z"


def parameter_cases(oracle: Oracle, name: str) -> CaseList:
    """The cases of an operation's path and query parameters; see ``schema_cases``."""
    operation = oracle.contract.operations[name]
    return CaseList(
        tuple(
            _parameter_case(operation, parameter, tested)
            for parameter in operation.parameters
            if parameter.where in {"path", "query"}
            for tested in _values(parameter)
        )
    )


def _values(parameter: Parameter) -> Iterator[ParameterValue]:
    if parameter.required and parameter.where == "query":
        yield "required", REJECT, "", ABSENT
    schema = parameter.schema
    if schema.get("type") == "array":
        yield from _list(schema.get("items", {}), together=not parameter.explode)
    elif schema.get("type") == "integer":
        yield from _integer(schema)
    elif schema.get("type") == "boolean":
        yield "type", REJECT, "", "maybe"
        yield from (("type", ACCEPT, value, value) for value in ("true", "false"))
    elif "enum" in schema:
        yield from _enum(schema)
    elif schema.get("format") == "uuid":
        yield "format", REJECT, "", "not-a-uuid"
        yield "format", REJECT, "short", "6d8e0a4c-1f2b-4c3d-8e5f-00000000000"
    elif schema.get("format") == "date-time":
        yield "format", REJECT, "", "not-a-date"
        yield from (("format", ACCEPT, name, moment) for name, moment in _MOMENTS)
    if not parameter.required:
        yield "required", ACCEPT, "absent", ABSENT


def _list(item: Json, *, together: bool) -> Iterator[ParameterValue]:
    if "enum" not in item:
        return
    yield from _enum(item)
    members = [str(member) for member in item.get("enum", ())]
    if len(members) > 1 and together:
        yield "enum", ACCEPT, "all", ",".join(members)
        yield "enum", ACCEPT, "all-reversed", ",".join(reversed(members))
        yield "enum", REJECT, "beside-" + slug(members[0]), f"{members[0]},{UNKNOWN}"


def _enum(schema: Json) -> Iterator[ParameterValue]:
    yield "enum", REJECT, "", UNKNOWN
    for member in schema.get("enum", ()):
        yield "enum", ACCEPT, slug(str(member)), str(member)


def _integer(schema: Json) -> Iterator[ParameterValue]:
    yield "type", REJECT, "text", "many"
    yield "type", REJECT, "fraction", "1.5"
    for keyword, beyond in (("minimum", -1), ("maximum", 1)):
        if keyword in schema:
            bound = int(schema[keyword])
            yield keyword, REJECT, "", str(bound + beyond)
            yield keyword, ACCEPT, "", str(bound)


def _parameter_case(operation: Operation, parameter: Parameter, tested: ParameterValue) -> PlannedCase:
    keyword, side, variant, value = tested
    query: dict[str, Value] = {}
    if parameter.where == "query":
        query[parameter.name] = value
        if parameter.name == "start" and isinstance(value, str):
            query["end"] = _LATEST
        elif parameter.name == "end" and isinstance(value, str):
            query["start"] = "2025-12-31T00:00:00Z"
    place = f"{parameter.where}.{parameter.name}"
    suffix = f"-{variant}" if variant else ""
    return PlannedCase(
        id=f"schema/{operation.name}/{place}/{keyword}/{side}{suffix}",
        operation=operation.name,
        side=side,
        title=f"{place}: {'left out' if value is ABSENT else value} ({keyword})",
        reason=Subject(Source.SCHEMA, keyword, f"/{parameter.where}/{parameter.name}"),
        body=plain_body(operation.kind) if operation.kind is Kind.UPDATE else ABSENT,
        query=query,
        path={parameter.name: value} if parameter.where == "path" and isinstance(value, str) else {},
        before=PLAIN_SPEC if operation.kind is Kind.UPDATE else None,
    )


# Accepted values that are not sent, by place and keyword, because of what they would do to the target. The largest
# maxReplicas allows replicas and asks for none, and devices are subject to the budget.
_UNWANTED: Final = {
    "format": {
        **dict.fromkeys(
            (
                "/spec/autoscaling/minReplicas",
                "/spec/autoscaling/initialReplicas",
            ),
            "would ask the cluster for two thousand million replicas",
        ),
    },
    "minLength": {"/name": "every workload carries the run's own name, so that none is left behind"},
}

# What is accepted there the target says, not the document: an id that exists. PlannedCase.build puts it in.
_GIVEN: Final = frozenset({"/name", "/projectId", "/clusterId"})


def schema_cases(oracle: Oracle, operation: str) -> CaseList:
    """Both sides of every schema keyword at every property and parameter of an operation's request.

    Ids read ``schema/create/spec.ports.*.container/minimum/reject``, ``schema/metrics/query.start/required/reject``.
    """
    found = parameter_cases(oracle, operation)
    return found + body_cases(oracle, operation) if operation in oracle.judged else found


def body_cases(oracle: Oracle, operation: str) -> CaseList:
    """The cases of a creation's or an update's body; see ``schema_cases``."""
    bases = BaseRequests(Judge(oracle, operation))
    found = [item for node in bases.judge.node.walk() for item in _of_node(bases, node)]
    if oracle.contract.operations[operation].body_required:
        found.append(_without_body(operation))
    return CaseList(
        tuple(item for item in found if isinstance(item, PlannedCase)),
        tuple(item for item in found if isinstance(item, Excluded)),
    )


def _of_node(bases: BaseRequests, node: Node) -> Iterator[PlannedCase | Excluded]:
    for candidate in violations(node):
        yield _refused(bases, node, candidate)
    for alternatives in _alternatives(boundaries(node)):
        accepted = _accepted(bases, node, alternatives)
        yield accepted
        yield from _on_the_bound(bases, node, alternatives, accepted)


def _alternatives(candidates: Iterator[KeywordValue]) -> list[list[KeywordValue]]:
    """Probes for the same keyword, variant and place are alternatives: one of them becomes the case."""
    grouped: dict[tuple[str, str, str], list[KeywordValue]] = {}
    for candidate in candidates:
        grouped.setdefault((candidate.keyword, candidate.variant, candidate.name), []).append(candidate)
    return list(grouped.values())


def _refused(bases: BaseRequests, node: Node, candidate: KeywordValue) -> PlannedCase | Excluded:
    place, case_id = _place(node, candidate), _id(bases, node, candidate, REJECT)
    subject = Subject(Source.SCHEMA, candidate.keyword, "/body" + place)
    body = bases.refused(place, candidate.value, subject)
    if body is ABSENT:
        return Excluded(case_id, "nothing breaks this keyword alone: " + _why_not(bases, place, candidate))
    return _case(bases, case_id, REJECT, candidate, place, subject, body)


def _accepted(bases: BaseRequests, node: Node, alternatives: list[KeywordValue]) -> PlannedCase | Excluded:
    candidate = alternatives[0]
    place, case_id = _place(node, candidate), _id(bases, node, candidate, ACCEPT)
    unwanted = _UNWANTED.get(candidate.keyword, {}).get(place)
    if unwanted is not None:
        return Excluded(case_id, unwanted)
    if place in _GIVEN:
        alternatives = [replace(candidate, value=pointers.get(plain_body(bases.judge.kind), place))]
    found = [(candidate, *bases.accepted(place, candidate.value)) for candidate in alternatives]
    possible = [item for item in found if item[1] is not None]
    if not possible:
        return Excluded(case_id, "; ".join(found[0][2]))
    candidate, body, assumed = min(possible, key=lambda item: len(item[2]))
    subject = Subject(Source.SCHEMA, candidate.keyword, "/body" + place)
    return _case(bases, case_id, ACCEPT, candidate, place, subject, body, assumed)


def _on_the_bound(
    bases: BaseRequests, node: Node, alternatives: list[KeywordValue], accepted: PlannedCase | Excluded
) -> Iterator[PlannedCase]:
    """The text on the bound itself, where the accepted one is longer because less would be assumed of the target."""
    if alternatives[0].keyword not in {"minLength", "maxLength"} or not isinstance(accepted, PlannedCase):
        return
    if not accepted.assumed:
        bound = [
            candidate for candidate in alternatives if len(str(candidate.value)) == node.bounds[candidate.keyword]
        ]
        shown = pointers.get(accepted.body, _place(node, alternatives[0]))
        if bound and len(str(shown)) != node.bounds[bound[0].keyword]:
            odd = _accepted(bases, node, [replace(candidate, variant="on-the-bound") for candidate in bound])
            if isinstance(odd, PlannedCase):
                yield odd


def _case(
    bases: BaseRequests,
    case_id: str,
    side: Side,
    candidate: KeywordValue,
    place: str,
    subject: Subject,
    body: Json,
    assumed: tuple[str, ...] = (),
) -> PlannedCase:
    return PlannedCase(
        id=case_id,
        operation=bases.judge.operation,
        side=side,
        title=f"{pointers.dotted(place)}: {_described(candidate)} ({candidate.keyword})",
        reason=subject,
        body=body,
        before=PLAIN_SPEC if bases.judge.kind is Kind.UPDATE else None,
        assumed=assumed,
    )


def _place(node: Node, candidate: KeywordValue) -> str:
    return f"{node.pointer}/{candidate.name}" if candidate.name else node.pointer


def _id(bases: BaseRequests, node: Node, candidate: KeywordValue, side: Side) -> str:
    """``schema/create/spec.ports.*.container/minimum/reject``; a variant stands after the side."""
    variant = f"-{slug(candidate.variant)}" if candidate.variant else ""
    place = pointers.dotted(_place(node, candidate))
    return f"schema/{bases.judge.operation}/{place}/{candidate.keyword}/{side}{variant}"


def _described(candidate: KeywordValue) -> str:
    return "left out" if candidate.value is ABSENT else repr(candidate.value)[:60]


def _why_not(bases: BaseRequests, place: str, candidate: KeywordValue) -> str:
    _, reasons = bases.accepted(place, candidate.value)
    return "; ".join(reasons) or "it is accepted"


def _without_body(operation: str) -> PlannedCase:
    subject, case_id = Subject(Source.SCHEMA, "required", "/body"), f"schema/{operation}/body/required/{REJECT}"
    return PlannedCase(case_id, operation, REJECT, "body: left out (required)", subject)
