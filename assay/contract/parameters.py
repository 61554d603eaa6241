"""Judges path and query parameters of a request against their documented schemas."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from assay.contract import patterns
from assay.contract.documents import Operation, Parameter
from assay.contract.request import Reason, Request, Source
from assay.contract.schema import INTEGER_RANGES

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
# What common readers take for a truth value beside true and false.
_TRUTHS: Final = frozenset({"true", "false", "t", "f", "1", "0", "yes", "no", "y", "n", "on", "off"})
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)


def judge(operation: Operation, request: Request) -> Iterator[Reason]:
    """Yield what is wrong or open about the parameters of ``request``."""
    known = set()
    for parameter in operation.parameters:
        known.add(parameter.name)
        if parameter.where == "path":
            yield from _value(parameter, request.path.get(parameter.name, ""), f"/path/{parameter.name}")
        elif parameter.where == "query":
            yield from _query(parameter, [value for name, value in request.query if name == parameter.name])
    for name, _ in request.query:
        if name not in known:
            yield _open("unknown-parameter", "/query/?", f"'{name[:40]}' is not in the contract")
    yield from _order(request)


def _query(parameter: Parameter, values: list[str]) -> Iterator[Reason]:
    place = f"/query/{parameter.name}"
    if not values:
        if parameter.required:
            yield Reason(Source.SCHEMA, "required", place, f"'{parameter.name}' is a required parameter")
        return
    if len(values) > 1:
        yield _open("repeated-parameter", place, "given more than once; the contract documents one value")
        return
    if values[0] == "":
        yield _open("empty-parameter", place, "given without a value")
        return
    if parameter.explode and "," in values[0] and parameter.schema.get("type") == "array":
        yield _open("repeated-parameter", place, "several values in one; the contract repeats the parameter")
        return
    if parameter.schema.get("type") == "array":
        item = Parameter(parameter.name, "query", True, parameter.schema.get("items", {}), False, parameter.pointer)
        parts = values[0].split(",")
        for part in parts:
            yield from _value(item, part, place)
        if len(set(parts)) < len(parts):
            yield _open("repeated-entry", place, "the same entry twice")
        return
    yield from _value(parameter, values[0], place)


def _value(parameter: Parameter, value: str, place: str) -> Iterator[Reason]:
    schema = parameter.schema
    if schema.get("type") == "integer":
        yield from _integer(schema, value, place)
    elif schema.get("type") == "boolean":
        yield from _boolean(value, place)
    elif schema.get("type") == "number":
        yield from _number(schema, value, place)
    elif "enum" in schema and value not in schema["enum"]:
        if value == "" or value.strip().casefold() in {str(member).casefold() for member in schema["enum"]}:
            yield _open("spelling", place, f"'{value[:40]}' differs from a documented value in case or space only")
        else:
            yield Reason(Source.SCHEMA, "enum", place, f"'{value[:40]}' is none of {', '.join(schema['enum'])}")
    elif schema.get("format") == "uuid":
        yield from _uuid(value, place)
    elif schema.get("format") == "date-time":
        yield from _date_time(value, place)
    if parameter.where == "query" and "pattern" in schema and "enum" not in schema:
        yield from _pattern(schema["pattern"], value, place)


def _pattern(pattern: str, value: str, place: str) -> Iterator[Reason]:
    spelt = patterns.readable(pattern)
    if spelt is not None and not patterns.matches(spelt, value):
        yield Reason(Source.SCHEMA, "pattern", place, f"'{value[:40]}' does not match {pattern[:60]}")


def _number(schema: object, value: str, place: str) -> Iterator[Reason]:
    assert isinstance(schema, dict)
    try:
        number = float(value)
    except ValueError:
        yield Reason(Source.SCHEMA, "type", place, f"'{value[:40]}' is not a number")
        return
    if not math.isfinite(number):
        yield _open("spelling", place, f"'{value[:40]}' is no number that JSON can write")
    elif "minimum" in schema and number < schema["minimum"]:
        yield Reason(Source.SCHEMA, "minimum", place, f"{value[:40]} is less than {schema['minimum']}")
    elif "maximum" in schema and number > schema["maximum"]:
        yield Reason(Source.SCHEMA, "maximum", place, f"{value[:40]} is greater than {schema['maximum']}")


def _integer(schema: object, value: str, place: str) -> Iterator[Reason]:
    assert isinstance(schema, dict)
    if not _INTEGER.fullmatch(value):
        try:
            float(value)
        except ValueError:
            yield Reason(Source.SCHEMA, "type", place, f"'{value[:40]}' is not an integer")
        else:
            if float(value).is_integer():
                yield _open("spelling", place, f"'{value[:40]}' is an unusual way to write an integer")
            else:
                yield Reason(Source.SCHEMA, "type", place, f"'{value[:40]}' is not an integer")
        return
    # More digits than any 64-bit integer: out of range whatever the bound (int() itself refuses over 4,300).
    number = int(value) if len(value) <= 20 else int(value[:20])
    low, high = INTEGER_RANGES.get(str(schema.get("format")), (number, number))
    if ("minimum" not in schema and number < low) or ("maximum" not in schema and number > high):
        yield Reason(Source.SCHEMA, "format", place, f"{value[:40]} is beyond {schema['format']}")
    elif "minimum" not in schema and number < 0:
        yield _open("negative-number", place, "the document sets no least number, and this one is negative")
    if "minimum" in schema and number < schema["minimum"]:
        yield Reason(Source.SCHEMA, "minimum", place, f"{value[:40]} is less than {schema['minimum']}")
    if "maximum" in schema and number > schema["maximum"]:
        yield Reason(Source.SCHEMA, "maximum", place, f"{value[:40]} is greater than {schema['maximum']}")


def _boolean(value: str, place: str) -> Iterator[Reason]:
    if value in {"true", "false"}:
        return
    if value.strip().lower() in _TRUTHS:
        yield _open("spelling", place, f"'{value[:40]}' is an unusual way to write a truth value")
    else:
        yield Reason(Source.SCHEMA, "type", place, f"'{value[:40]}' is neither true nor false")


def _uuid(value: str, place: str) -> Iterator[Reason]:
    if _UUID.fullmatch(value):
        return
    try:
        UUID(value)
    except ValueError:
        yield Reason(Source.SCHEMA, "format", place, f"'{value[:60]}' is not a UUID")
    else:
        yield _open("spelling", place, "a UUID in a form that RFC 4122 does not have")


def _date_time(value: str, place: str) -> Iterator[Reason]:
    moment = _moment(value)
    if _RFC3339.fullmatch(value) and moment is not None:
        if "t" in value or "z" in value:
            yield _open("spelling", place, "RFC 3339 admits small t and z, many readers do not")
        return
    if moment is not None or re.match(r"[0-9]{4}", value, re.ASCII):
        # "ISO 8601 timestamp format" says the description, date-time (RFC 3339) the format. ISO 8601 is wider
        # (dates alone, week dates, ordinal dates, the leap second), and no reader knows all of it.
        yield _open("iso-8601", place, "ISO 8601 or nearly so, but not RFC 3339; the document names both")
        return
    yield Reason(Source.SCHEMA, "format", place, f"'{value[:60]}' is not a date and time")


def _moment(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        return None


def _order(request: Request) -> Iterator[Reason]:
    given = dict(request.query)
    start, end = _moment(given.get("start", "")), _moment(given.get("end", ""))
    if start is None or end is None or (start.tzinfo is None) != (end.tzinfo is None):
        return
    if start >= end:
        yield _open(
            "empty-range", "/query/start", "the document does not say what a range that ends at its start gives"
        )


def _open(what: str, location: str, text: str) -> Reason:
    return Reason(Source.SILENCE, what, location, text)
