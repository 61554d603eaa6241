"""A valid bearer token at any time: fetched with client credentials, refreshed before it expires and after a 401."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from pydantic import SecretStr

from assay.client.evidence import Mask
from assay.client.exchange import Answer, NoAnswer, to_json
from assay.client.patience import BUSY, Patience
from assay.client.transport import Transport
from assay.clock import SYSTEM, Clock
from assay.errors import CredentialsError, TargetLostError

TOKEN_PATH: Final = b"/api/v1/token"

# runapy, the vendor's client, refreshes 60 s early; a token that lives shorter is renewed at half its life.
_EARLY: Final = 60.0

# A second 401 with a new token is not about the token: no more refreshing for this long.
_REST: Final = 60.0

# The key spellings a Run:ai control plane may take: its OpenAPI document, its prose guide, its own client (field
# names differ between them, and only the live server knows which it reads).
_SPELLINGS: Final = (
    ("client_credentials", "clientID", "clientSecret"),
    ("client_credentials", "clientId", "clientSecret"),
    ("app_token", "AppId", "AppSecret"),
)


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
    except jwt.InvalidTokenError:
        return Claims()

    def moment(name: str) -> float | None:
        value = claims.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    subject = claims.get("sub")
    return Claims(moment("exp"), moment("iat"), moment("nbf"), subject if isinstance(subject, str) else None)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A ready token, or a client's id and secret. ``prefix`` is ``ASSAY_`` or ``ASSAY_OUTSIDER_`` (for messages)."""

    prefix: str = "ASSAY_"
    token: SecretStr | None = None
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None

    @property
    def given(self) -> bool:
        return any((self.token, self.client_id, self.client_secret))

    def check(self) -> None:
        """CredentialsError unless a well-formed token, or both id and secret, are there."""
        if self.token is not None:
            if not _is_token(self.token.get_secret_value()):
                raise CredentialsError(
                    f"{self.prefix}TOKEN does not hold a token: there are spaces or unprintable characters in it",
                    hint="give the token alone, without 'Bearer' and line breaks",
                )
            return
        missing = [
            self.prefix + name
            for name, value in (("CLIENT_ID", self.client_id), ("CLIENT_SECRET", self.client_secret))
            if value is None
        ]
        if missing:
            raise CredentialsError(
                f"credentials are missing: {' and '.join(missing)} not set",
                hint=f"set {self.prefix}TOKEN, or {self.prefix}CLIENT_ID and {self.prefix}CLIENT_SECRET "
                "(an application's credentials; NAME_FILE variables read them from files)",
            )


@dataclass
class Identity:
    """Gives a valid bearer token; safe to use from several threads. Secrets never appear in its repr."""

    transport: Transport = field(repr=False)
    credentials: Credentials = field(repr=False)
    mask: Mask = field(default_factory=Mask, repr=False)
    patience: Patience = field(default_factory=Patience, repr=False)
    clock: Clock = field(default=SYSTEM, repr=False)
    refreshes: int = 0

    def __post_init__(self) -> None:
        self.credentials.check()
        self._lock = threading.Lock()
        self._token: str | None = None
        self._renew_at = float("inf")
        self._rest_until = 0.0
        self._spelling: tuple[str, str, str] | None = None
        for secret in (self.credentials.token, self.credentials.client_secret):
            if secret is not None:
                self.mask.add(secret.get_secret_value())

    def token(self) -> str:
        """The current token, fetched or refreshed when needed.

        Raises CredentialsError (refused, or a given token that expired) and TargetLostError (no answer).
        """
        with self._lock:
            if self._token is None or self.clock.time() >= self._renew_at:
                self._renew()
            assert self._token is not None
            return self._token

    def renew_after_401(self, refused: str) -> str | None:
        """A token to try once more after ``refused`` was answered 401, or None when that would not help."""
        with self._lock:
            if self.credentials.token is not None:
                return None
            if self._token != refused:
                return self._token  # another thread was faster
            if self.clock.time() < self._rest_until:
                return None
            self._rest_until = self.clock.time() + _REST
            self._renew()
            return self._token

    def _renew(self) -> None:
        if self.credentials.token is not None:
            self._use_given(self.credentials.token.get_secret_value())
            return
        token = self._fetch()
        self.mask.add(token)
        claims = read_claims(token)
        if claims.expires is None:
            self._renew_at = float("inf")
        else:
            # Counted from our clock at the moment of issue, so that a skewed clock does not matter.
            life = claims.expires - (claims.issued if claims.issued is not None else self.clock.time())
            self._renew_at = self.clock.time() + max(life - _EARLY, life / 2, 1.0)
        self._token = token
        self.refreshes += 1

    def _use_given(self, token: str) -> None:
        expires = read_claims(token).expires
        if expires is not None and self.clock.time() >= expires:
            ago = self.clock.time() - expires
            prefix = self.credentials.prefix
            raise CredentialsError(
                f"the token in {prefix}TOKEN expired {ago:.0f} s ago",
                hint=f"set a new one, or {prefix}CLIENT_ID and {prefix}CLIENT_SECRET, from which assay renews tokens "
                "by itself",
            )
        self._token = token
        self._renew_at = float("inf") if expires is None else expires

    def _fetch(self) -> str:
        spellings = (self._spelling,) if self._spelling else _SPELLINGS
        refusal: Answer | None = None
        for spelling in spellings:
            answer = self._ask(spelling)
            token = _token_in(answer)
            if token is not None:
                self._spelling = spelling
                return token
            if answer.status not in {400, 401, 403, 422}:
                raise self._unusable(answer)
            # The first refusal is the one that names the cause; the others may only dislike their spelling.
            refusal = refusal or answer
        assert refusal is not None
        raise CredentialsError(
            f"{self._url} refused the credentials with {refusal.status}: {self._says(refusal)}",
            hint=f"check {self.credentials.prefix}CLIENT_ID and {self.credentials.prefix}CLIENT_SECRET; "
            "the application must exist and be enabled on this control plane",
        )

    def _ask(self, spelling: tuple[str, str, str]) -> Answer:
        grant, id_key, secret_key = spelling
        client_id, client_secret = self.credentials.client_id, self.credentials.client_secret
        assert client_id is not None
        assert client_secret is not None
        body = to_json(
            {"grantType": grant, id_key: client_id.get_secret_value(), secret_key: client_secret.get_secret_value()}
        )
        attempt = 1
        while True:
            outcome = self.transport.exchange("POST", TOKEN_PATH, [(b"Content-Type", b"application/json")], body)
            pause = self.patience.pause(outcome, attempt, self.clock.time())
            if pause is None:
                break
            self.clock.sleep(pause)
            attempt += 1
        if isinstance(outcome, NoAnswer):
            if outcome.fault is not None:
                raise outcome.fault
            raise TargetLostError(
                f"{self._url} gave no token: {outcome.detail}", hint="`assay doctor` tells what is wrong"
            )
        return outcome

    def _unusable(self, answer: Answer) -> TargetLostError:
        """Nothing was said about the credentials: it is the token service that cannot be used."""
        if answer.status >= 500 or answer.status in BUSY:
            return TargetLostError(
                f"{self._url} gave no token: it answers {answer.status} ({self._says(answer)})",
                hint="wait until the control plane is healthy, or set a token directly",
            )
        return TargetLostError(
            f"{self._url} gave no token: status {answer.status}, content type "
            f"{answer.content_type or 'none'} ({self._says(answer)})",
            hint="is this the base URL of a Run:ai control plane, as in https://<company>.run.ai?",
        )

    @property
    def _url(self) -> str:
        return f"{self.transport.base_url}{TOKEN_PATH.decode()}"

    def _says(self, answer: Answer) -> str:
        """The target's own words, masked: a server may echo what it was sent."""
        body = answer.json()
        words = body.get("message") or body.get("error") if isinstance(body, dict) else answer.text
        client_secret = self.credentials.client_secret
        text = " ".join(str(words).split())
        if client_secret is not None:
            text = text.replace(client_secret.get_secret_value(), "***")
        return self.mask.text(text)[:200] or "no words"


def _token_in(answer: Answer) -> str | None:
    body = answer.json()
    if not 200 <= answer.status < 300 or not isinstance(body, dict):
        return None
    for key in ("accessToken", "access_token"):
        token = body.get(key)
        if isinstance(token, str) and _is_token(token):
            return token
    return None


def _is_token(text: str) -> bool:
    """What can stand behind ``Bearer`` in a header."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
