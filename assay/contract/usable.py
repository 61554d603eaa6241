"""Whether a sound document can be tested by: what assay would have to send or to read and cannot is refused by name.

All of it is valid OpenAPI. Refused when the document is read, it costs a sentence; found out in mid-run it was a
violation that the target had no part in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

from assay.contract import patterns
from assay.contract.operations import Kind, OperationsTable, Row
from assay.contract.request import Json
from assay.contract.schema import INTEGER_RANGES, Node
from assay.errors import ContractError

JSON: Final = "application/json"
_BY_CORRECTION: Final = "change the document with --corrections"
_LONGEST_TEXT: Final = 10_000
_LONGEST_LIST: Final = 50
_WRITES: Final = {Kind.CREATE, Kind.UPDATE}
# What a body must have for assay to write a workload into it, with a name that tells whose it is.
_CREATED: Final = ("/name", "/projectId", "/clusterId", "/spec", "/spec/image")
# What every request for metrics says.
_ASKED: Final = frozenset({"metricType", "start", "end", "numberOfSamples"})
# OpenAPI 3.0.3, "Parameter Object": header parameters of these names are ignored.
_IGNORED: Final = frozenset({"accept", "content-type", "authorization"})


def refuse_twice(document: Mapping[str, Json], source: Path, table: OperationsTable) -> None:
    """ContractError where an operation stands at two paths (``/api/v1/...`` and ``/api/v2/...``)."""
    found: dict[str, str] = {}
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        for method in item if isinstance(item, Mapping) else ():
            row = next((row for row in table.rows.values() if row.is_at(str(method), path)), None)
            if row is not None and found.setdefault(row.name, path) != path:
                raise ContractError(
                    f"{source}: the operation '{row.name}' stands at two paths, {found[row.name]} and {path}",
                    hint="assay tests one; remove the other with --corrections",
                )


def check_operation(row: Row, place: str, raw: Mapping[str, Json], body: Mapping[str, Json], source: Path) -> None:
    """ContractError for an operation that assay cannot ask for; ``body`` is its request body, resolved."""
    for problem in _problems(row, raw, body):
        raise ContractError(f"{source}: {row.name}, at {place}, {problem}", hint=_BY_CORRECTION)


def _problems(row: Row, raw: Mapping[str, Json], body: Mapping[str, Json]) -> Iterator[str]:
    if not any(200 <= status < 300 for status in statuses(raw["responses"])):
        yield "documents no success (a status of 2xx)"
    if row.kind in _WRITES:
        kinds = ", ".join(body.get("content", {}))
        if not kinds:
            yield "documents no body, and assay writes a workload into it"
        elif JSON not in body["content"]:
            yield f"takes its body as {kinds}, and assay sends {JSON}"
        elif "schema" not in body["content"][JSON]:
            yield "documents a body without a schema"


def check_parameter(row: Row, place: str, parameter: Mapping[str, Json], source: Path) -> None:
    """ContractError for a parameter that must be sent and that assay does not know how to."""
    name, where = parameter["name"], parameter["in"]
    if not parameter.get("required") or where == "path" or (where == "header" and name.lower() in _IGNORED):
        return
    if where != "query":
        raise ContractError(
            f"{source}: {row.name}, at {place}, requires the {where} '{name}', which assay does not send by itself",
            hint="send it with [headers] in assay.toml, and make it optional with --corrections",
        )
    if row.kind is not Kind.MEASURE or name not in _ASKED:
        raise ContractError(
            f"{source}: {row.name}, at {place}, requires the query parameter '{name}', which assay does not know",
            hint="make it optional with --corrections",
        )


def statuses(responses: Mapping[str, Json]) -> dict[int, Json]:
    """The documented answers by status: a range (``4XX``) stands for those of its statuses that stand there not
    themselves, ``default`` for all errors."""
    ranges = {key: entry for key, entry in responses.items() if not key.isdigit()}
    found = {int(key): entry for key, entry in responses.items() if key.isdigit()}
    for status in HTTPStatus:
        beside = ranges.get(f"{status // 100}XX") or (ranges.get("default") if status >= 400 else None)
        if beside is not None:
            found.setdefault(int(status), beside)
    return found


def check_body(kind: Kind, root: Node, source: Path) -> None:
    """ContractError for a field of a request's body that assay cannot fill."""
    for node in root.walk():
        for problem in _of_node(node):
            raise ContractError(f"{source}: {node.source} {problem}", hint=_BY_CORRECTION)
    for pointer in _CREATED if kind is Kind.CREATE else ("/spec",):
        try:
            root.find(pointer)
        except KeyError:
            raise ContractError(
                f"{source}: {root.source}, the body of {kind}, has no {pointer.lstrip('/').replace('/', '.')}",
                hint="assay tests workloads as the inference operations have them",
            ) from None


def _of_node(node: Node) -> Iterator[str]:
    if node.type == "array" and node.items is None:
        yield "is an array without 'items'"
    for name in sorted(node.required - node.properties.keys()):
        yield f"requires the property '{name}', which it does not define"
    if node.bounds.get("minProperties", 0) > len(node.required):
        yield "uses 'minProperties' above what it requires, which assay does not fill"
    if node.bounds.get("maxProperties", math.inf) < len(node.properties):
        yield "uses 'maxProperties' below what it defines, which assay does not fill"
    yield from _of_bounds(node)
    if node.type == "string" or node.pattern is not None:
        yield from _of_text(node)
    if node.unique and node.items is not None and (least := node.bounds.get("minItems", 0)) > 1:
        distinct = math.inf if node.items.enum is None else len(node.items.enum)
        if node.items.properties or least > distinct:
            yield f"uses 'uniqueItems' with a minItems of {least:g}, and assay has no {least:g} different entries"


def _of_bounds(node: Node) -> Iterator[str]:
    for what, (least, most) in {"": ("minimum", "maximum"), "Length": _LENGTH, "Items": _ITEMS}.items():
        low, high = node.bounds.get(least, -math.inf), node.bounds.get(most, math.inf)
        if low > high:
            yield f"allows no value: {least} {low:g} is above {most} {high:g}"
        if what == "Items" and low > _LONGEST_LIST:
            yield f"asks for {low:g} entries at least, and assay sends {_LONGEST_LIST} at most"
    low, high = _range(node)
    step = node.bounds.get("multipleOf")
    if low > high or (low == high and node.bounds.keys() & {"exclusiveMinimum", "exclusiveMaximum"}):
        yield f"allows no value between {low:g} and {high:g}"
    elif step is not None and math.isfinite(low) and math.ceil(low / step) * step > high:
        yield f"allows no value: no multiple of {step:g} lies between {low:g} and {high:g}"


_LENGTH: Final = ("minLength", "maxLength")
_ITEMS: Final = ("minItems", "maxItems")


def _range(node: Node) -> tuple[float, float]:
    low, high = INTEGER_RANGES.get(node.format or "", (-math.inf, math.inf))
    keys = node.bounds
    low = max(low, keys.get("minimum", -math.inf), keys.get("exclusiveMinimum", -math.inf))
    return low, min(high, keys.get("maximum", math.inf), keys.get("exclusiveMaximum", math.inf))


def _of_text(node: Node) -> Iterator[str]:
    least, most = (int(node.bounds.get(key, usual)) for key, usual in zip(_LENGTH, (0, _LONGEST_TEXT), strict=True))
    if least > _LONGEST_TEXT:
        yield f"asks for {least:,} characters at least, and assay sends {_LONGEST_TEXT:,} at most"
    elif node.pattern is None or least > most or node.enum is not None:
        return
    elif not patterns.texts(node.pattern, least, most):
        sizes = f" and has {least:,} to {most:,} characters" if node.bounds.keys() & set(_LENGTH) else ""
        yield f"allows no text that assay finds: none matches {node.pattern[:60]!r}{sizes}"
