"""Identity providers before the control plane: where tokens are asked for, what they look like, when they end.

``Provider`` is a behaviour of a ``Relay``. It asks the control plane for a real token, hands out its own in place of
it, and exchanges them back in what passes.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import jwt

from tests.first_contact.relay import Onward
from tests.first_contact.wire import Call, Reply, joined

V1, V2 = "/api/v1/token", "/api/v2/token"
REALM = "/auth/realms/runai/protocol/openid-connect/token"
_KEY = "a key of the tests that is long enough for HS256"


def signed(life: float = 3600, *, skew: float = 0, **claims: Any) -> str:
    """A JWT that ends after ``life`` seconds, by a clock that is ``skew`` seconds ahead of ours."""
    now = int(time.time() + skew)
    times = {"iat": now, "exp": now + int(life), "sub": "assay-researcher", "jti": secrets.token_hex(8)}
    return jwt.encode({key: value for key, value in {**times, **claims}.items() if value is not None}, _KEY)


def opaque() -> str:
    return secrets.token_urlsafe(32)


def in_camel_case(token: str) -> Mapping[str, Any]:
    return {"accessToken": token}


def with_life(seconds: int) -> Callable[[str], Mapping[str, Any]]:
    """An answer as OAuth 2.0 has it."""
    return lambda token: {"access_token": token, "expires_in": seconds, "token_type": "Bearer"}


def in_oauth(token: str) -> Mapping[str, Any]:
    return {"access_token": token, "token_type": "Bearer"}


@dataclass
class Provider:
    """``path`` answers requests for tokens: form-encoded ones if ``form``, and such as have the values of ``needs``.

    ``mints`` makes a token, ``gives`` the answer that holds it. ``most`` requests are let through with one token,
    then it has ended. ``grants`` tokens are handed out, then credentials are refused, as by a restarted server.
    ``skew`` is how many seconds the target's clock is ahead.
    """

    path: str = V1
    form: bool = False
    needs: Mapping[str, str] = field(default_factory=dict)
    mints: Callable[[], str] = signed
    gives: Callable[[str], Mapping[str, Any]] = in_camel_case
    most: int | None = None
    grants: int | None = None
    skew: float = 0.0
    tokens: dict[str, str] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)

    async def __call__(self, call: Call, onward: Onward) -> Reply:
        reply = await self._answer(call, onward)
        if self.skew:
            date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + self.skew))
            reply = replace(reply, fields=joined(reply.fields, Date=date))
        return reply

    async def _answer(self, call: Call, onward: Onward) -> Reply:
        if call.path == self.path and call.method == "POST":
            return await self._grant(call, onward)
        if call.path in {V1, V2, REALM}:
            return _error(404, f"there is nothing at {call.path}")
        scheme, _, own = call.field("authorization").partition(" ")
        if own not in self.tokens:
            return await onward(call)
        self.uses[own] = self.uses.get(own, 0) + 1
        if self.most is not None and self.uses[own] > self.most:
            return _error(401, "Token is expired.")
        return await onward(call.with_field("Authorization", f"{scheme} {self.tokens[own]}"))

    async def _grant(self, call: Call, onward: Onward) -> Reply:
        values = self._values(call)
        if values is None:
            return _error(415, "unsupported media type")
        if any(values.get(name) != value for name, value in self.needs.items()):
            return _oauth_error(400, "invalid_scope")
        if self.grants is not None and len(self.tokens) >= self.grants:
            return _oauth_error(401, "unauthorized_client") if self.form else _error(400, "no such application")
        client, secret = _client(call, values)
        real = await _real_token(call, onward, client, secret)
        if real is None:
            return _oauth_error(401, "invalid_client") if self.form else _error(400, "the client secret is wrong")
        token = self.mints()
        self.tokens[token] = real
        return Reply(200, (("Content-Type", "application/json"),), json.dumps(self.gives(token)).encode())

    def _values(self, call: Call) -> dict[str, str] | None:
        """The values of a request for a token; None when it is encoded otherwise."""
        form = call.field("content-type").startswith("application/x-www-form-urlencoded")
        if form != self.form:
            return None
        return dict(parse_qsl(call.body.decode())) if form else json.loads(call.body)


def _client(call: Call, values: Mapping[str, str]) -> tuple[str, str]:
    """Client id and secret, from the body in any spelling or from Basic (RFC 6749, 2.3.1)."""
    scheme, _, packed = call.field("authorization").partition(" ")
    if scheme.lower() == "basic":
        client, _, secret = base64.b64decode(packed).decode().partition(":")
        return client, secret
    spelt = {key.lower().replace("_", ""): value for key, value in values.items()}
    return spelt.get("clientid", ""), spelt.get("clientsecret", "")


async def _real_token(call: Call, onward: Onward, client: str, secret: str) -> str | None:
    body = json.dumps({"grantType": "client_credentials", "clientId": client, "clientSecret": secret}).encode()
    head = (
        f"POST {V1} HTTP/1.1\r\nHost: plane\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reply = await onward(Call(call.number, head.encode(), body))
    token: str | None = json.loads(reply.body).get("accessToken") if reply.status == 200 else None
    return token


def _error(status: int, message: str) -> Reply:
    body = json.dumps({"code": status, "message": message}).encode()
    return Reply(status, (("Content-Type", "application/json"),), body)


def _oauth_error(status: int, error: str) -> Reply:
    body = json.dumps({"error": error, "error_description": f"{error}: see the documentation"}).encode()
    return Reply(status, (("Content-Type", "application/json"),), body)
