"""Latency over time as inline SVG, drawn without scripts.

A plot is stretched to the width of the page (``preserveAspectRatio="none"``) while its labels stay HTML, so the text
keeps its size on a phone. Colours come from the style sheet, so light and dark need no second drawing.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from markupsafe import Markup

from assay.findings.model import LoadResult
from assay.findings.record import Point

WIDTH: Final = 1000
HEIGHT: Final = 240
STRIP: Final = 60
LINES: Final = ("p50", "p95", "p99")
MOST_POINTS: Final = 300
"""Points drawn per line: more than pixels on a phone, about a third of those on a desk."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: its label and its distance from the start of the axis in percent."""

    label: str
    at: float


@dataclass(frozen=True, slots=True)
class Chart:
    """One operation under load, ready for the template."""

    operation: str
    plot: Markup
    strip: Markup
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    top_rate: float
    errors: float
    described: str
    data: str  # JSON for the readout under the pointer


def chart(operation: str, points: Sequence[Point], result: LoadResult | None) -> Chart | None:
    """The chart of one operation, None when fewer than two seconds were measured."""
    shown = thin(sorted(points, key=lambda point: point.second))
    if len(shown) < 2:
        return None
    start, end = shown[0].second, shown[-1].second
    limits = _limits(result)
    highest = max([value for point in shown for value in _latencies(point)] + list(limits.values()) + [0.001])
    y_max, y_step = nice(highest, 4)
    x_max, x_step = nice(end - start, 6)
    top_rate = max((point.requests for point in shown), default=0.0) or 1.0
    return Chart(
        operation=operation,
        plot=_plot(shown, start, end, y_max, y_step, limits),
        strip=_strip(shown, start, end, top_rate),
        y_ticks=tuple(Tick(_short_ms(step * y_step), 100 * step * y_step / y_max) for step in _steps(y_max, y_step)),
        x_ticks=tuple(
            Tick(f"{step * x_step:g} s", 100 * step * x_step / (end - start))
            for step in _steps(x_max, x_step)
            if step * x_step <= end - start
        ),
        top_rate=top_rate,
        errors=sum(point.errors for point in points),
        described=_described(operation, shown),
        data=json.dumps(
            [[p.second, p.requests, p.errors, p.p50, p.p95, p.p99] for p in shown], separators=(",", ":")
        ),
    )


def thin(points: Sequence[Point]) -> list[Point]:
    """At most MOST_POINTS points: adjacent ones are joined, keeping the worst latency, so no peak is lost."""
    size = math.ceil(len(points) / MOST_POINTS)
    return (
        [_join(points[index : index + size]) for index in range(0, len(points), size)] if size > 1 else list(points)
    )


def nice(highest: float, parts: int) -> tuple[float, float]:
    """(end of the axis, step) with a step of 1, 2 or 5 times a power of ten and about ``parts`` steps."""
    rough = highest / parts
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    return step * math.ceil(highest / step - 1e-9), step


def _join(group: Sequence[Point]) -> Point:
    return replace(
        group[0],
        requests=sum(point.requests for point in group) / len(group),
        errors=sum(point.errors for point in group),
        p50=_worst([point.p50 for point in group]),
        p95=_worst([point.p95 for point in group]),
        p99=_worst([point.p99 for point in group]),
    )


def _worst(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _latencies(point: Point) -> list[float]:
    return [value for value in (point.p50, point.p95, point.p99) if value is not None]


def _limits(result: LoadResult | None) -> dict[str, float]:
    """SLO limits on a drawn percentile, by its name; ``p99.9`` is not ``p99``."""
    limits = {}
    for slo in result.slo if result else ():
        match = re.match(r"(p50|p95|p99)(?![.\d])", str(slo.get("name")))
        if match and isinstance(slo.get("limit"), int | float):
            limits[match[1]] = float(slo["limit"])
    return limits


def _steps(end: float, step: float) -> range:
    return range(round(end / step) + 1)


def _plot(
    points: Sequence[Point], start: float, end: float, y_max: float, y_step: float, limits: dict[str, float]
) -> Markup:
    parts = [
        f'<line class="grid" x1="0" x2="{WIDTH}" y1="{_y(step * y_step, y_max)}" y2="{_y(step * y_step, y_max)}"/>'
        for step in _steps(y_max, y_step)
    ]
    for name, limit in limits.items():
        parts.append(
            f'<line class="limit {name}" x1="0" x2="{WIDTH}" y1="{_y(limit, y_max)}" y2="{_y(limit, y_max)}"/>'
        )
    for name in reversed(LINES):
        parts += [
            f'<polyline class="{name}" points="{run}"/>'
            for run in _runs([(_x(p.second, start, end), getattr(p, name)) for p in points], y_max)
        ]
    return _svg("".join(parts), HEIGHT)


def _runs(pairs: Sequence[tuple[float, float | None]], y_max: float) -> list[str]:
    """Unbroken stretches of a line; a second without an answer leaves a gap rather than a guess."""
    runs: list[list[str]] = [[]]
    for x, value in pairs:
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{x:g},{_y(value, y_max)}")
    return [" ".join(run if len(run) > 1 else run * 2) for run in runs if run]


def _strip(points: Sequence[Point], start: float, end: float, top: float) -> Markup:
    """Requests per second as an area, errors as bars on top of it."""
    outline = [f"{_x(p.second, start, end):g},{STRIP - STRIP * p.requests / top:.1f}" for p in points]
    parts = [f'<polygon class="rate" points="0,{STRIP} {" ".join(outline)} {WIDTH},{STRIP}"/>']
    width = max(WIDTH / len(points) * 0.7, 1.5)
    for point in points:
        if point.errors:
            height = max(STRIP * min(point.errors / top, 1.0), 4.0)  # one error in thousands must still be seen
            x = min(max(_x(point.second, start, end) - width / 2, 0.0), WIDTH - width)
            parts.append(
                f'<rect class="errors" x="{x:.1f}" y="{STRIP - height:.1f}" '
                f'width="{width:.1f}" height="{height:.1f}"/>'
            )
    return _svg("".join(parts), STRIP)


def _svg(inner: str, height: int) -> Markup:
    """Only numbers and fixed class names are ever in ``inner``; nothing from the target."""
    return Markup(  # noqa: S704 - see the docstring
        f'<svg viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none" aria-hidden="true">{inner}</svg>'
    )


def _x(second: float, start: float, end: float) -> float:
    return round(WIDTH * (second - start) / (end - start), 1)


def _y(value: float, y_max: float) -> float:
    return round(HEIGHT - HEIGHT * value / y_max, 1)


def _short_ms(value: float) -> str:
    return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"


def _described(operation: str, points: Sequence[Point]) -> str:
    """The chart in a sentence, for those who cannot see it."""
    worst = max((value for point in points for value in _latencies(point)), default=None)
    middle = sorted(point.p50 for point in points if point.p50 is not None)
    typical = f"{middle[len(middle) // 2]:.3g}" if middle else "unknown"
    return (
        f"{operation}: median latency around {typical} milliseconds, "
        f"highest point {worst if worst is None else format(worst, '.3g')} milliseconds, "
        f"over {points[-1].second - points[0].second:g} seconds."
    )
