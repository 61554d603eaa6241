"""What the requests of scenarios carry: bodies for creations and updates, and the queries of metric requests."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Final

from assay.clock import Clock
from assay.contract.documents import Contract
from assay.generation.cases import NOWHERE
from assay.load.call import Level
from assay.load.scenario import Option, options

PAYLOAD: Final = Option(
    "plain", "the body: plain (the least that is valid) or dense (every field occurs)", ("plain", "dense")
)

_DRAWS: Final = 32
"""Different dense bodies that take turns. Drawing costs a few milliseconds each, so they are drawn before the run."""


def specs(contract: Contract, kind: str, seed: int, *, update: bool = False) -> list[dict[str, Any]]:
    """The ``spec`` objects that requests use in turn. None asks for a GPU or names what may not exist."""
    if kind == "plain":
        return [{"environmentVariables": [{"name": "ASSAY", "value": "1"}]}] if update else [{}]
    # Imported late: Hypothesis takes 0.3 s to load and plain payloads do without it.
    from assay.contract.oracle import Oracle
    from assay.generation.dense import create_bodies, draws, update_bodies

    oracle = Oracle(contract)
    bodies = (
        update_bodies(oracle, gpu=False, references=False)
        if update
        else create_bodies(oracle, "project", NOWHERE, gpu=False, references=False)
    )
    return [dict(body["spec"]) for body in draws(bodies, _DRAWS, seed)]


SWEEPS: Final[Mapping[str, tuple[int, ...]]] = {"samples": (1, 100, 400, 1000), "minutes": (5, 60, 360, 1440)}
"""The values that a sweep goes through, by variable; the spread is what makes a law visible."""

EVERY: Final = 5
"""One request in five belongs to the sweep: enough to fit a law to 20 s at 40/s, and most of the load is as asked."""

METRIC_OPTIONS: Final = options(
    samples=Option(20, "numberOfSamples of each request", most=1000),
    range=Option(3600.0, "how far back the time range reaches, to now"),
    sweep=Option(
        "none", "let one request in five vary samples, the range, or each in turn", ("none", *SWEEPS, "both")
    ),
)

Query = tuple[tuple[str, str], ...]


def metric_query(contract: Contract, operation: str, parameters: Mapping[str, Any], clock: Clock) -> Query:
    """All metric types of the operation, over the last ``range`` seconds up to the full second."""
    return _query(
        _types(contract, operation), int(clock.time()), float(parameters["range"]), int(parameters["samples"])
    )


def swept(number: int, parameters: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[Level, ...]]:
    """The parameters of request ``number``, and what it probes (see ``PreparedCall.levels``)."""
    sweep = parameters["sweep"]
    if sweep == "none" or number % EVERY:
        return parameters, ()
    turn = number // EVERY
    variable = sweep if sweep != "both" else list(SWEEPS)[turn % len(SWEEPS)]
    values = SWEEPS[variable]
    value = values[_shuffled(turn // len(SWEEPS) if sweep == "both" else turn, len(values))]
    changed = {"samples": value} if variable == "samples" else {"range": value * 60.0}
    return {**parameters, **changed}, ((variable, value),)


def _shuffled(turn: int, size: int) -> int:
    """Each of ``size`` numbers once in ``size`` turns, in an order that no other rhythm of the load can follow.

    In a fixed order the same value always met the same panel of reads, and latency seemed to depend on it.
    """
    return _order(turn // size, size)[turn % size]


@lru_cache(maxsize=64)
def _order(group: int, size: int) -> list[int]:
    return random.Random(group).sample(range(size), size)


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


@cache
def _types(contract: Contract, operation: str) -> str:
    """The metric types that the contract's parameter admits, as the comma-separated list it asks for."""
    parameter = next(p for p in contract.operations[operation].parameters if p.name == "metricType")
    items = contract.resolve(parameter.schema.get("items", parameter.schema))
    return ",".join(str(value) for value in items.get("enum", ("THROUGHPUT", "LATENCY")))
