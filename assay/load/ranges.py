"""The time range and samples of metric requests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from assay.contract.documents import Contract
from assay.contract.request import Role
from assay.load.scenario import Option, options

METRIC_OPTIONS: Final = options(
    samples=Option(20, "numberOfSamples of each request", most=1000),
    range=Option(3600.0, "how far back the time range reaches, to now"),
)

Query = tuple[tuple[str, str], ...]


def metric_query(contract: Contract, role: Role, parameters: Mapping[str, Any]) -> Query:
    """All metric types of the operation, over the last ``range`` seconds up to the full second."""
    return _query(_types(contract, role), int(time.time()), float(parameters["range"]), int(parameters["samples"]))


@lru_cache(maxsize=64)
def _query(types: str, end: int, length: float, samples: int) -> Query:
    return (
        ("metricType", types),
        ("start", _iso(end - length)),
        ("end", _iso(end)),
        ("numberOfSamples", str(samples)),
    )


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_known: dict[tuple[int, Role], str] = {}


def _types(contract: Contract, role: Role) -> str:
    """The metric types that the contract's parameter admits, as the comma-separated list it asks for."""
    key = (id(contract), role)
    if key not in _known:
        parameter = next(p for p in contract.operations[role].parameters if p.name == "metricType")
        items = contract.resolve(parameter.schema.get("items", parameter.schema))
        _known[key] = ",".join(str(value) for value in items.get("enum", ("THROUGHPUT", "LATENCY")))
    return _known[key]
