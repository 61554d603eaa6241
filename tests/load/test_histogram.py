"""The vectorised histogram against HdrHistogram itself."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from assay.load.histogram import (
    DIGITS,
    HIGHEST,
    LOWEST,
    Histogram,
    highest_value,
    highest_values,
    indices,
    percentiles,
    sparse,
)

VALUES = [
    *range(1, 5000),
    *(random.Random(1).randrange(1, 10**digits) for digits in range(1, 10) for _ in range(500)),
]


@pytest.fixture
def reference() -> HdrHistogram:
    histogram = HdrHistogram(LOWEST, HIGHEST, DIGITS)
    for value in VALUES:
        histogram.record_value(value)
    return histogram


def test_buckets_are_the_librarys(reference: HdrHistogram) -> None:
    found = indices(np.array(VALUES, dtype=float))
    assert found.tolist() == [reference.get_counts_array_index(value) for value in VALUES]
    assert highest_values(found).tolist() == [reference.get_highest_equivalent_value(value) for value in VALUES]
    assert [highest_value(index) for index in found.tolist()] == highest_values(found).tolist()


def test_percentiles_are_the_librarys(reference: HdrHistogram) -> None:
    histogram = Histogram()
    histogram.record(np.array(VALUES, dtype=float))
    wanted = [1.0, 50.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0]
    assert histogram.percentiles(wanted) == [reference.get_value_at_percentile(p) / 1000 for p in wanted]
    assert histogram.count == len(VALUES)
    index, counts = sparse(np.array(VALUES, dtype=float))
    assert percentiles(dict(zip(index, counts, strict=True)), wanted) == histogram.percentiles(wanted)


def test_no_value_is_off_by_more_than_a_thousandth() -> None:
    values = np.array(VALUES, dtype=float)
    reported = highest_values(indices(values))
    assert np.all(reported >= values)
    assert np.all((reported - values) / values <= 0.001)


def test_merging_parts_gives_the_whole() -> None:
    whole, left, right = Histogram(), Histogram(), Histogram()
    whole.record(np.array(VALUES, dtype=float))
    left.record(np.array(VALUES[::3], dtype=float))
    rest = [value for at, value in enumerate(VALUES) if at % 3]
    right.record(np.array(rest, dtype=float))
    left.add(right)
    assert left.summary() == whole.summary()
    assert left.count == whole.count
    assert left.encode() == whole.encode()


def test_the_interchange_format_comes_back() -> None:
    histogram = Histogram()
    histogram.record(np.array(VALUES, dtype=float))
    back = Histogram.decode(histogram.encode())
    assert back.summary() == histogram.summary()
    # A decoded histogram can be recorded into: its counters are its own.
    back.record(np.array([5.0]))
    assert back.count == histogram.count + 1


def test_what_is_out_of_range_counts_at_the_nearest_end() -> None:
    histogram = Histogram()
    histogram.record(np.array([-5.0, 0.0, 1e12]))
    assert histogram.count == 3
    assert histogram.percentiles([1.0])[0] == pytest.approx(0.001)
    assert histogram.percentiles([100.0])[0] == pytest.approx(3_600_000, rel=0.001)


def test_an_empty_one_has_no_percentiles() -> None:
    assert np.isnan(Histogram().percentiles([50.0])[0])
    assert Histogram().summary() == {}


@pytest.mark.parametrize("text", ["", "HISTFAAA", "not base64 at all", "AAAA"])
def test_what_is_no_histogram_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an HdrHistogram"):
        Histogram.decode(text)
