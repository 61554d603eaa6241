"""Answers as data."""

from __future__ import annotations

import pytest

from assay.client.exchange import NOT_JSON, Answer


def test_headers_are_case_insensitive_and_the_media_type_is_bare() -> None:
    answer = Answer(200, {"Content-Type": "Application/JSON; charset=utf-8"})
    assert answer.headers["content-type"].startswith("Application/JSON")
    assert answer.content_type == "application/json"
    assert Answer(204).content_type == ""


@pytest.mark.parametrize(
    "body", [b"", b"{", b"NaN", b'{"a": -Infinity}', b'"\xff"', b"\xef\xbb\xbf{}", b"[" * 100_000]
)
def test_what_is_not_json_gives_the_sentinel(body: bytes) -> None:
    assert Answer(200, body=body).json() is NOT_JSON


def test_json_null_is_not_the_sentinel() -> None:
    assert Answer(200, body=b"null").json() is None
    assert Answer(200, body='{"ä": 1}'.encode()).json() == {"ä": 1}


def test_text_survives_broken_utf8() -> None:
    assert Answer(200, body=b"a\xffb").text == "a\ufffdb"
