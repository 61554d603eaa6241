"""Moments as text and back, against the standard library where its years reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.reference.times import SECOND, parse, text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS)
def test_text_is_what_the_standard_library_writes(when: datetime) -> None:
    moment = (when - EPOCH) // timedelta(microseconds=1)
    assert text(moment, 6) == when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert text(moment, 3) == when.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    assert text(moment, 0, "+00:00") == when.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    assert parse(text(moment, 6)) == moment


@given(st.datetimes(), st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
def test_every_moment_and_offset_is_read(naive: datetime, offset: timedelta) -> None:
    minutes = offset // timedelta(minutes=1)
    sign, size = ("-" if minutes < 0 else "+"), abs(minutes)
    written = f"{naive.isoformat()}{sign}{size // 60:02d}:{size % 60:02d}"
    expected = (naive.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) - minutes * 60 * SECOND
    assert parse(written) == expected


@pytest.mark.parametrize(
    "value",
    ["", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00,5Z", "x", "２０26"],
)
def test_other_texts_are_not_moments(value: str) -> None:
    assert parse(value) is None


def test_years_without_a_datetime_are_read() -> None:
    year_zero, year_one = parse("0000-12-31T00:00:00Z"), parse("0001-01-01T00:00:00Z")
    assert year_zero is not None
    assert year_one == year_zero + 86_400 * SECOND
    assert parse("2016-12-31T23:59:60Z") == parse("2017-01-01T00:00:00Z")
