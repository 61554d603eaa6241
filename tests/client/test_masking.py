"""Secrets stay out of texts and headers."""

from __future__ import annotations

from assay.client.evidence import Mask
from tests.client.plane import token


def test_known_secrets_are_replaced_the_longest_first() -> None:
    mask = Mask(["abcd", "abcdefgh"])
    assert mask.text("x abcdefgh y abcd z") == "x *** y *** z"


def test_too_short_values_would_blank_out_everything() -> None:
    assert Mask(["a", "xyz"]).text("a xyz") == "a xyz"


def test_any_jwt_is_masked_even_an_altered_or_unsigned_one() -> None:
    jwt = token()
    header, payload, signature = jwt.split(".")
    for text in (jwt, f"{header}.{payload}.", f"{header}.{payload}.{signature[:-2]}xx"):
        assert Mask().text(f"sent {text} there") == "sent *** there"


def test_headers_keep_their_scheme_and_lose_their_secret() -> None:
    masked = Mask(["canary-1"]).headers(
        {"Authorization": "Basic Zm9v", "Set-Cookie": "session=1", "X-Echo": "canary-1", "Accept": "*/*"}
    )
    assert masked == {"Authorization": "Basic ***", "Set-Cookie": "***", "X-Echo": "***", "Accept": "*/*"}


def test_an_authorization_without_a_scheme_is_masked_whole() -> None:
    assert Mask().headers({"authorization": "canary"}) == {"authorization": "***"}


def test_repr_tells_nothing() -> None:
    assert "canary" not in repr(Mask(["canary-1"]))
