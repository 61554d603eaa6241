"""Charts: axes that people can read, and no peak lost."""

from __future__ import annotations

import json
import re

import pytest

from assay.findings.model import LoadResult
from assay.findings.record import Point
from assay.reporting.charts import HEIGHT, MOST_POINTS, WIDTH, chart, nice, thin


def _points(count: int) -> list[Point]:
    return [Point(second, 50, 0, 5.0, 9.0, 20.0) for second in range(count)]


@pytest.mark.parametrize(
    ("highest", "end", "step"), [(61.7, 80, 20), (0.3, 0.3, 0.1), (100, 100, 50), (4.1, 6, 2), (39, 40, 10)]
)
def test_axes_end_on_a_round_number(highest: float, end: float, step: float) -> None:
    found = nice(highest, 4)
    assert found[0] == pytest.approx(end)
    assert found[1] == pytest.approx(step)


def test_a_long_run_is_thinned_without_losing_its_peak() -> None:
    points = _points(86_400)
    points[50_000] = Point(50_000, 50, 3, 5.0, 9.0, 900.0)
    shown = thin(points)
    assert len(shown) <= MOST_POINTS
    assert max(point.p99 or 0 for point in shown) == 900.0
    assert sum(point.errors for point in shown) == 3


def test_every_drawn_point_lies_on_the_paper() -> None:
    drawn = chart("a", [Point(s, s, s, 1.0 * s, 2.0 * s, 3.0 * s) for s in range(30)], None)
    assert drawn is not None
    for pair in re.findall(r"[\d.-]+,[\d.-]+", drawn.plot):
        x, y = map(float, pair.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert len(re.findall("<polyline", drawn.plot)) == 3


def test_a_second_without_answers_leaves_a_gap() -> None:
    points = _points(9)
    points[4] = Point(4, 50, 50)
    drawn = chart("a", points, None)
    assert drawn is not None
    assert len(re.findall('<polyline class="p99"', drawn.plot)) == 2
    assert "<rect" in drawn.strip


def test_limits_are_drawn_for_their_own_percentile_only() -> None:
    slo = [{"name": name, "limit": 50, "value": 1, "ok": True} for name in ("p99.9", "p95_ms", "error_ratio")]
    drawn = chart("a", _points(9), LoadResult(1.0, 1, 0, {}, tuple(slo)))
    assert drawn is not None
    assert re.findall('class="limit (.*?)"', drawn.plot) == ["p95"]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_is_drawn_from_less_than_two_seconds(count: int) -> None:
    assert chart("a", _points(count), None) is None


def test_a_run_without_any_answer_is_drawn_empty() -> None:
    drawn = chart("a", [Point(0, 5, 5), Point(1, 5, 5)], None)
    assert drawn is not None
    assert "<polyline" not in drawn.plot
    assert json.loads(drawn.data) == [[0, 5, 5, None, None, None], [1, 5, 5, None, None, None]]
