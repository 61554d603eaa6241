"""Service level objectives: per operation, limits on latency, errors and achieved rate; and how a run kept them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from assay import folders
from assay.load.scaling_laws import UNITS
from assay.load.toml_file import Table, read

FILE: Final = "slo.toml"
LATENCIES: Final = {"p50_ms": "p50", "p90_ms": "p90", "p95_ms": "p95", "p99_ms": "p99", "p99.9_ms": "p99.9"}
"""Key in the file -> key among the measured percentiles."""

_RATIOS: Final = ("error_ratio", "rate_ratio")
_TOP: Final = ("default", "targets", "laws", "stalls")


@dataclass(frozen=True, slots=True)
class Objectives:
    """Limits by the name of an operation, each from a key of slo.toml (``p95_ms``, ``error_ratio`` ...) to its limit.

    ``laws`` limits the growth of latency, in milliseconds for one more of each variable; ``stall_share`` the share of
    the time in which nothing at all is answered.
    """

    by_operation: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    source: str = ""
    laws: Mapping[str, float] = field(default_factory=dict)
    stall_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One objective and how it was kept; ``value`` is None when nothing was measured, which does not keep it."""

    name: str
    limit: float
    value: float | None
    ok: bool

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "limit": self.limit, "value": self.value, "ok": self.ok}


def load_objectives(
    operations: Iterable[str], file: Path | None = None, *, base_url: str | None = None
) -> Objectives:
    """Read the objectives of these operations (their names in the operations table).

    Those of ``[targets."BASE URL"]`` go before the general ones, these before [default].
    """
    file = file or folders.top("load_tests") / FILE
    names = tuple(operations)
    table = read(file)
    table.only((*_TOP, *names))
    layers = [table]
    targets = table.table("targets")
    for url in targets:
        layer = targets.table(url)
        layer.only(key for key in (*_TOP, *names) if key != "targets")
        if base_url is not None and url.rstrip("/") == base_url.rstrip("/"):
            layers.append(layer)
    by_operation = {}
    for name in names:
        limits: dict[str, float] = {}
        for layer in layers:
            limits |= _limits(layer.table("default")) | _limits(layer.table(name))
        by_operation[name] = limits
    laws: dict[str, float] = {}
    share = 1.0
    for layer in layers:
        growth, stalls = layer.table("laws"), layer.table("stalls")
        growth.only(UNITS)
        stalls.only(("share",))
        laws |= {variable: growth.number(variable) for variable in growth}
        share = stalls.number("share", share, most=1.0)
    return Objectives(by_operation, str(file), laws, share)


def _limits(table: Table) -> dict[str, float]:
    table.only((*LATENCIES, *_RATIOS))
    limits = {}
    for key in table:
        most = 1.0 if key in _RATIOS else 1e7
        limits[key] = table.number(key, most=most)
    return limits


def judge(
    limits: Mapping[str, float],
    *,
    latency_ms: Mapping[str, float],
    requests: int,
    errors: int,
    due: float,
    started: int,
) -> tuple[Kept, ...]:
    """Compare what was measured with the limits, in the order of the file's keys."""
    return tuple(
        _kept(key, limit, _measured(key, latency_ms, requests, errors, due, started)) for key, limit in limits.items()
    )


def _measured(
    key: str, latency_ms: Mapping[str, float], requests: int, errors: int, due: float, started: int
) -> float | None:
    if key == "error_ratio":
        return errors / requests if requests else None
    if key == "rate_ratio":
        return started / due if due else None
    return latency_ms.get(LATENCIES[key])


def _kept(key: str, limit: float, value: float | None) -> Kept:
    if value is None or math.isnan(value):
        return Kept(key, limit, None, ok=False)
    return Kept(key, limit, round(value, 4), ok=value >= limit if key == "rate_ratio" else value <= limit)
