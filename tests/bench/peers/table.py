"""The comparison as one table: by family and tool, with requests and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final

_UNITS: Final = ("requests", "seconds")


def render(rows: Sequence[Mapping[str, Any]]) -> str:
    """Caught of tried by family, a column a tool; below, the sums and the medians of requests and seconds."""
    tools = list(dict.fromkeys(str(row["tool"]) for row in rows))
    families = sorted({str(row["family"]) for row in rows})
    by_tool = {tool: [row for row in rows if row["tool"] == tool] for tool in tools}
    lines = [
        ["family", *tools],
        *([name, *(_share(_of_family(by_tool[tool], name)) for tool in tools)] for name in families),
        ["all", *(_share(by_tool[tool]) for tool in tools)],
        *([f"{unit} a run, median", *(_median(by_tool[tool], unit) for tool in tools)] for unit in _UNITS),
    ]
    return _aligned(lines)


def _of_family(rows: Sequence[Mapping[str, Any]], family: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["family"] == family]


def _median(rows: Sequence[Mapping[str, Any]], unit: str) -> str:
    return f"{median(row[unit] for row in rows):,.0f}"


def _share(rows: Sequence[Mapping[str, Any]]) -> str:
    caught = sum(bool(row["caught"]) for row in rows)
    return f"{caught}/{len(rows)} ({100 * caught / len(rows):.0f} %)" if rows else "-"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + "\n"
        for line in lines
    )
