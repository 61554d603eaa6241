"""Tokens: what one says of itself, how long it lives, and how it is read from what a file holds or a program says."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self

import jwt

_LATEST: Final = 253_402_300_799.0
"""The last second of the year 9999; what a claim says beyond it is no moment."""

_NAMES: Final = ("accessToken", "access_token", "token")
_LIVES: Final = ("expires_in", "expiresIn")
_ENDS: Final = ("expirationTimestamp", "expires_on")


@dataclass(frozen=True, slots=True)
class Claims:
    """The times in a token (seconds since 1970), read without verifying it; None where the token does not say."""

    expires: float | None = None
    issued: float | None = None
    not_before: float | None = None
    subject: str | None = None


def read_claims(token: str) -> Claims:
    """Read ``exp``, ``iat``, ``nbf`` and ``sub`` of a JWT; an opaque token has none."""
    try:
        claims: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return Claims()
    subject = claims.get("sub")
    return Claims(
        _number(claims.get("exp")),
        _number(claims.get("iat")),
        _number(claims.get("nbf")),
        subject if isinstance(subject, str) else None,
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= _LATEST else None


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the seconds that it lives from the moment it came; ``life`` None: nobody says."""

    value: str = field(repr=False)
    life: float | None = None

    @classmethod
    def issued(cls, value: str, expires_in: float | None, *, now: float, there: float | None) -> Self:
        """A token as its issuer just gave it. ``there`` is the issuer's time, ``now`` ours (seconds since 1970).

        The shorter of what the answer and the token say. Our own clock may be wrong, and so may the one behind a
        Date field, so the token's end is held against the issuer's time, then against the token's own beginning.
        """
        claims = read_claims(value)
        lives = [expires_in] if expires_in is not None else []
        if claims.expires is not None:
            begun = (moment for moment in (there, claims.issued, now) if moment is not None)
            left = (claims.expires - moment for moment in begun)
            lives += [next((life for life in left if life > 0), math.inf)]
        life = min(lives, default=math.inf)
        return cls(value, life if math.isfinite(life) else None)

    @classmethod
    def kept(cls, value: str, ends: float | None = None, *, now: float) -> Self:
        """A token that may have been issued a while ago; ``ends`` is what was said beside it."""
        moments = [moment for moment in (ends, read_claims(value).expires) if moment is not None]
        life = min(moments, default=now) - now
        return cls(value, life if life > 0 else None)


def is_token(text: str) -> bool:
    """What can stand behind ``Bearer`` in a header."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def token_in(body: object) -> tuple[str, float | None] | None:
    """The token in the JSON answer of a token endpoint and the seconds it lives (None: unsaid); None without one."""
    if not isinstance(body, dict):
        return None
    value = next((body[name] for name in _NAMES if isinstance(body.get(name), str)), "")
    if not is_token(value):
        return None
    return value, next((life for name in _LIVES if (life := _seconds(body.get(name)))), None)


def _seconds(value: object) -> float | None:
    """A number of seconds; some endpoints spell it as a text. What is not above zero says nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 < number <= _LATEST else None


def read_token(text: str, *, now: float) -> Token:
    """The token in a text: alone, or in JSON as a Kubernetes exec credential or the answer of a token endpoint.

    ValueError says what is wrong with the text, never what stands in it.
    """
    bare = text.lstrip("\ufeff").strip().strip("\0")
    if not bare:
        raise ValueError("there is nothing in it")
    if bare.startswith("{"):
        return _from_json(bare, now)
    _refuse(bare)
    return Token.kept(bare, now=now)


def _refuse(value: str) -> None:
    if value[:1] in {'"', "'", "`", "<"}:
        raise ValueError("it begins with a quotation mark or bracket, which is no part of a token")
    if value.lower().startswith("bearer "):
        raise ValueError("it begins with 'Bearer', which is no part of a token")
    if len(value.split()) > 1:
        raise ValueError("there are spaces or line breaks in it: a token alone is expected")
    if not is_token(value):
        raise ValueError("there are unprintable or foreign characters in it")


def _from_json(text: str, now: float) -> Token:
    """{"status": {"token", "expirationTimestamp"}} (Kubernetes), or the answer of a token endpoint kept whole."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it begins as JSON, and is none") from None
    status = body.get("status")
    body = status if isinstance(status, dict) else body
    found = token_in(body)
    if found is None:
        raise ValueError("there is no token in its JSON: status.token, access_token or accessToken is expected")
    ends = next((moment for name in _ENDS if (moment := _moment(body.get(name))) is not None), None)
    return Token.kept(found[0], ends, now=now)


def _moment(value: object) -> float | None:
    """Seconds since 1970 of an RFC 3339 timestamp or a number."""
    if not isinstance(value, str):
        return _seconds(value)
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        return _seconds(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def http_date(value: str | None) -> float | None:
    """Seconds since 1970 that a Date field tells; None when it is missing or no date."""
    try:
        moment = parsedate_to_datetime(value) if value is not None else None
        if moment is None:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
