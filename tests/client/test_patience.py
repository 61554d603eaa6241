"""Waiting: when, how long, how often."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from assay.client.exchange import Answer, NoAnswer
from assay.client.patience import Patience, retry_after

NOW = 1_780_000_000.0


def busy(status: int = 429, retry: str | None = None) -> Answer:
    return Answer(status, {} if retry is None else {"Retry-After": retry})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("9" * 40, 999_999_999.0),
        (formatdate(NOW + 12, usegmt=True), 12.0),
        (formatdate(NOW - 12, usegmt=True), 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed_up_to_the_cap(status: int) -> None:
    patience = Patience(cap=30.0)
    assert patience.pause(busy(status, "7"), 1, NOW) == 7.0
    assert patience.pause(busy(status, "3600"), 1, NOW) == 30.0
    assert patience.pause(busy(status, formatdate(NOW + 5, usegmt=True)), 1, NOW) == 5.0


def test_without_retry_after_pauses_grow_and_end() -> None:
    patience = Patience()
    assert [patience.pause(busy(), attempt, NOW) for attempt in range(1, 6)] == [0.25, 0.5, 1.0, 2.0, None]


def test_the_number_of_pauses_is_bounded_whatever_retry_after_says() -> None:
    assert Patience(tries=2).pause(busy(503, "1"), 3, NOW) is None


def test_a_refused_connection_is_tried_again_for_nothing_was_sent() -> None:
    assert Patience().pause(NoAnswer("refused", "connection refused"), 1, NOW) == 0.25


@pytest.mark.parametrize("kind", ["reset", "timeout", "protocol", "dns", "tls"])
def test_a_lost_answer_is_final(kind: str) -> None:
    assert Patience().pause(NoAnswer(kind, "lost"), 1, NOW) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [200, 202, 400, 401, 404, 409, 500, 502, 504])
def test_other_statuses_are_final(status: int) -> None:
    assert Patience().pause(busy(status, "5"), 1, NOW) is None
