"""What a replay prints of a load finding: then and now beside each other, narrow enough for any terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from assay.findings.stored import StoredFinding, StoredLoad, StoredVerdict
from assay.load.scaling_laws import UNITS

_WIDTHS: Final = (14, 12, 12, 12)  # 53 columns with the gaps
_AT_LEAST: Final = "rate_ratio"

Row = tuple[str, str, str, str]


def side_by_side(found: StoredFinding, then: StoredVerdict, now: StoredVerdict) -> Iterator[str]:
    """Lines: a table for the operation of the finding, or for each one where it is about all of them, and the law."""
    names = [found.operation] if found.operation in {**then.load, **now.load} else sorted({**then.load, **now.load})
    for name in names:
        yield name
        yield from (_line(row) for row in table(then.load.get(name), now.load.get(name)))
    if found.kind == "growth":
        yield from (f"{when}: {law}" for when, run in (("then", then), ("now", now)) for law in _laws(run, found))


def table(then: StoredLoad | None, now: StoredLoad | None) -> Iterator[Row]:
    """What was measured, its limit, then and now; ``-`` for what was not."""
    before, after = _figures(then), _figures(now)
    limits = {**_limits(then), **_limits(now)}
    yield "", "limit", "then", "now"
    for name in dict.fromkeys([*limits, *before, *after]):
        yield name, limits.get(name, ""), before.get(name, "-"), after.get(name, "-")


def _line(row: Row) -> str:
    first, *rest = (cell.ljust(width) for cell, width in zip(row, _WIDTHS, strict=True))
    return " ".join([first, *(cell.strip().rjust(len(cell)) for cell in rest)])


def _figures(load: StoredLoad | None) -> dict[str, str]:
    if load is None:
        return {}
    limited = {slo.name: _number(slo.name, slo.value) for slo in load.slo}
    latency = {f"{name}_ms": _number(f"{name}_ms", value) for name, value in load.latency_ms.items()}
    counts = {"requests": f"{load.requests:,}", "errors": f"{load.errors:,}", "rate": f"{load.rate:.4g}/s"}
    return {**limited, **counts, **latency, **limited}


def _limits(load: StoredLoad | None) -> dict[str, str]:
    if load is None:
        return {}
    return {slo.name: f"{'>=' if slo.name == _AT_LEAST else '<='} {_number(slo.name, slo.limit)}" for slo in load.slo}


def _number(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-"
    text = f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
    return f"{text} ms" if name.endswith("_ms") else text


def _laws(run: StoredVerdict, found: StoredFinding) -> Iterator[str]:
    """What a run noted on how latency grows with what the finding names."""
    noted = [note for note in run.notes if note.startswith(f"law of {found.operation}: ")]
    named = [note for note in noted if f" per {UNITS.get(str(found.rule), found.rule)}," in note]
    yield from named or noted or ["no law could be fitted"]
