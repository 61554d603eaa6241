"""Who is calling: client credentials, bearer tokens (JWT, HS256), project rights."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Final

import jwt

from assay.contract.request import Json
from assay.reference import tenant
from assay.reference.http import IncomingRequest, Refusal
from assay.reference.tenant import Caller
from assay.reference.times import Now

ISSUER: Final = "assay-control-plane"
_ALGORITHM: Final = "HS256"
# Verifying a signature takes 25 microseconds, looking one up 0.2; a test run uses a handful of tokens.
_REMEMBERED: Final = 1024
# Live servers do not mind the case of these keys, and their documents spell them in several ways.
_GRANTS: Final = {
    "client_credentials": ("clientid", "clientsecret"),
    "app_token": ("appid", "appsecret"),
}


class IdentityProvider:
    """Issues and verifies tokens. Secrets and the signing key live as long as the process."""

    def __init__(self, clock: Now, token_seconds: float) -> None:
        self._clock = clock
        self.token_seconds = token_seconds
        self._key = secrets.token_bytes(32)
        self.clients: Mapping[str, Caller] = {
            name: Caller(name, secrets.token_urlsafe(24), projects)
            for name, projects in tenant.CLIENT_PROJECTS.items()
        }
        self._verified: dict[str, tuple[Caller, float]] = {}

    def grant(self, request: Json) -> str:
        """An access token for the credentials in a token request; refuses bad ones with 400, as documented."""
        if not isinstance(request, dict):
            raise Refusal(400, "the token request is not a JSON object")
        values = {key.lower().replace("_", ""): value for key, value in request.items()}
        kind = values.get("granttype")
        if not isinstance(kind, str) or kind not in _GRANTS:
            raise Refusal(400, f"grantType must be one of {', '.join(sorted(_GRANTS))}")
        names = _GRANTS[kind]
        missing = [name for name in names if not isinstance(values.get(name), str)]
        if missing:
            raise Refusal(400, f"Required parameter is missing: {', '.join(missing)}")
        return self.issue(self._known(values[names[0]], values[names[1]]))

    def _known(self, name: str, secret: str) -> Caller:
        client = self.clients.get(name)
        expected = client.secret if client else ""
        if client is None or not hmac.compare_digest(expected.encode(), secret.encode()):
            raise Refusal(400, "the client id or the client secret is wrong")
        return client

    def issue(self, client: Caller) -> str:
        """A fresh signed token for ``client``."""
        now = self._clock()
        claims = {
            "iss": ISSUER,
            "sub": client.id,
            "iat": int(now),
            "exp": int(now + self.token_seconds),
            "jti": secrets.token_hex(8),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def authenticate(self, call: IncomingRequest) -> Caller:
        """The client behind the bearer token; refuses with 401 and a challenge."""
        values = [value for key, value in call.headers if key == b"authorization"]
        if not values:
            raise _unauthorized("the header Authorization is missing")
        if len(values) > 1:
            raise _unauthorized("the header Authorization was sent more than once")
        scheme, _, token = values[0].decode("latin-1").strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _unauthorized("the header Authorization does not hold 'Bearer <token>'")
        return self.verify(token.strip())

    def verify(self, token: str) -> Caller:
        """The client a token was issued to; 401 when it is forged, malformed or expired."""
        remembered = self._verified.get(token)
        if remembered is None:
            remembered = self._decode(token)
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified[token] = remembered
        client, expires = remembered
        if self._clock() >= expires:
            raise _unauthorized("the token has expired")
        return client

    def _decode(self, token: str) -> tuple[Caller, float]:
        try:
            # Times are checked against this plane's own clock, in verify.
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                options={"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            return self.clients[claims["sub"]], float(claims["exp"])
        except (jwt.PyJWTError, KeyError, TypeError, ValueError):
            raise _unauthorized("the token is not one that this control plane issued") from None

    def may(self, client: Caller, project_id: str) -> bool:
        """Whether ``client`` has rights in a project; False for projects that do not exist."""
        return project_id in client.projects


def _unauthorized(reason: str) -> Refusal:
    return Refusal(401, reason, headers=[(b"www-authenticate", b'Bearer realm="assay"')])
