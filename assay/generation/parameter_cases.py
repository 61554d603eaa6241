"""Both sides of every schema keyword of the path and query parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from assay.contract.documents import Operation, Parameter
from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import ABSENT, Absent, Json, Source
from assay.generation.cases import ACCEPT, REJECT, CaseList, PlannedCase, Side, Subject, plain_body, slug
from assay.generation.keyword_values import UNKNOWN
from assay.generation.samples import PLAIN_SPEC

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
            _case(operation, parameter, tested)
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
        yield from _list(schema.get("items", {}))
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


def _list(item: Json) -> Iterator[ParameterValue]:
    yield from _enum(item)
    members = [str(member) for member in item.get("enum", ())]
    if len(members) > 1:
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


def _case(operation: Operation, parameter: Parameter, tested: ParameterValue) -> PlannedCase:
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
