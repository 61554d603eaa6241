"""Service level objectives: per operation, limits on latency, errors and achieved rate; and how a run kept them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, PlainValidator

from assay import folders
from assay.client.settings import plain_url
from assay.load.scaling_laws import UNITS
from assay.toml_file import Number, TomlFile, TomlTable, unknown

FILE: Final = "slo.toml"
DISTURBED: Final = "disturbed_ratio"
"""No limit of its own, but the share of what was lost on the way that ``error_ratio`` does not count."""

LATENCIES: Final = {"p50_ms": "p50", "p90_ms": "p90", "p95_ms": "p95", "p99_ms": "p99", "p99.9_ms": "p99.9"}
"""Key in the file -> key among the measured percentiles."""

_Milliseconds = Annotated[float, PlainValidator(Number(most=1e7))]
_Ratio = Annotated[float, PlainValidator(Number(most=1.0))]


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


class _LimitsTable(TomlTable):
    """Limits of one operation; a key that is not written is not limited."""

    error_ratio: _Ratio | None = None
    disturbed_ratio: _Ratio | None = None
    rate_ratio: _Ratio | None = None
    p50_ms: _Milliseconds | None = None
    p90_ms: _Milliseconds | None = None
    p95_ms: _Milliseconds | None = None
    p99_ms: _Milliseconds | None = None
    p999_ms: _Milliseconds | None = Field(default=None, alias="p99.9_ms")

    def given(self) -> dict[str, float]:
        """The limits that are written, by their keys, in the order of the keys above."""
        written: dict[str, float] = self.model_dump(by_alias=True, exclude_none=True)
        return written


class _StallsTable(TomlTable):
    share: _Ratio | None = None


class _LayerTable(TomlTable):
    """Limits for all targets or for one; each further table is named after an operation."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, _LimitsTable]

    default: _LimitsTable = _LimitsTable()
    laws: dict[str, Annotated[float, PlainValidator(Number())]] = Field(default_factory=dict)
    stalls: _StallsTable = _StallsTable()

    def limits(self, operation: str) -> dict[str, float]:
        own = self.__pydantic_extra__.get(operation)
        return self.default.given() | (own.given() if own else {})


class _ObjectivesTable(_LayerTable):
    targets: dict[str, _LayerTable] = Field(default_factory=dict)


def load_objectives(
    operations: Iterable[str], file: Path | None = None, *, base_url: str | None = None
) -> Objectives:
    """Read the objectives of these operations (their names in the operations table).

    Those of ``[targets."BASE URL"]`` go before the general ones, these before [default].
    """
    names = tuple(operations)
    toml = TomlFile.read(file or folders.top("load_tests") / FILE)
    general = toml.table(_ObjectivesTable)
    _refuse_unknown(toml, general, (), (*names, "targets"))
    layers: list[_LayerTable] = [general]
    for url, layer in general.targets.items():
        _refuse_no_url(toml, url)
        _refuse_unknown(toml, layer, ("targets", url), names)
        if base_url is not None and url.rstrip("/") == base_url.rstrip("/"):
            layers.append(layer)
    by_operation: dict[str, dict[str, float]] = {name: {} for name in names}
    laws: dict[str, float] = {}
    share = 1.0
    for layer in layers:
        for name in names:
            by_operation[name] |= layer.limits(name)
        laws |= layer.laws
        share = share if layer.stalls.share is None else layer.stalls.share
    return Objectives(by_operation, str(toml.file), laws, share)


def _refuse_no_url(toml: TomlFile, url: str) -> None:
    """SettingsError for a target that is no base URL: no run would ever be held to its limits."""
    try:
        plain_url(url)
    except ValueError as error:
        toml.refuse(("targets", url), f"{url!r} is the base URL of no target: {error}")


def _refuse_unknown(toml: TomlFile, layer: _LayerTable, path: tuple[str, ...], known: Iterable[str]) -> None:
    """SettingsError for a table that no operation is named after, and for a law without a variable of its name."""
    tables = (*known, "default", "laws", "stalls")
    for name in layer.__pydantic_extra__:
        if name not in tables:
            toml.refuse((*path, name), unknown(name, tables))
    for variable in layer.laws:
        if variable not in UNITS:
            toml.refuse((*path, "laws", variable), unknown(variable, UNITS))


def judge(
    limits: Mapping[str, float],
    *,
    latency_ms: Mapping[str, float],
    requests: int,
    errors: int,
    due: float,
    started: int,
) -> tuple[Kept, ...]:
    """Compare what was measured with the limits, in the order of ``limits``; ``errors`` are those that count."""
    return tuple(
        _kept(key, limit, _measured(key, latency_ms, requests, errors, due, started))
        for key, limit in limits.items()
        if key != DISTURBED
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
