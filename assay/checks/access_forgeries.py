"""Credentials that no control plane may accept, as data."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

# Long enough that no two signatures share it, short enough to leave most of the signature: eight base64url digits
# hold 48 bits. The last digit alone would not do: some of its bits belong to no byte, and a reader ignores them.
_REPLACED: Final = 8

_WRONG_KEY: Final = b"assay-holds-no-key-of-this-issuer"
_BASIC: Final = base64.b64encode(b"assay:assay").decode()


class OpaqueTokenError(ValueError):
    """The token is no JWT, so nothing inside it can be altered."""


@dataclass(frozen=True, slots=True)
class Forgery:
    """One way to come without valid credentials.

    ``header`` turns a valid token into the value of Authorization (None: no such header); OpaqueTokenError when it
    needs a JWT and the token is none. ``shell`` spells the same for a curl line, as a word for inside double quotes
    with the valid token in ``$ASSAY_TOKEN``. ``malformed``: it does not even look like a bearer token, which RFC 6750
    lets a server answer with 400.
    """

    id: str
    what: str
    header: Callable[[str], str | None]
    shell: str | None
    malformed: bool = False


def _parts(token: str) -> tuple[str, str, str]:
    """Header, payload and signature of a JWT; OpaqueTokenError for anything else."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise OpaqueTokenError("the token is no JWT")
    try:
        if not isinstance(_decode(parts[0]), dict) or not isinstance(_decode(parts[1]), dict):
            raise OpaqueTokenError("the token is no JWT")
    except ValueError as error:
        raise OpaqueTokenError("the token is no JWT") from error
    return parts[0], parts[1], parts[2]


def _decode(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _encode(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _tampered(token: str) -> str:
    _parts(token)
    end = "A" * _REPLACED
    return f"Bearer {token[:-_REPLACED]}{end if not token.endswith(end) else 'B' * _REPLACED}"


def _alg_none(token: str, spelling: str = "none") -> str:
    return f"Bearer {_encode({'alg': spelling, 'typ': 'JWT'})}.{_parts(token)[1]}."


def _unsigned(token: str) -> str:
    """The token without its signature, whose header still claims that it has one."""
    header, payload, _ = _parts(token)
    return f"Bearer {header}.{payload}."


def _altered(token: str) -> str:
    """Another subject under the old signature."""
    header, payload, signature = _parts(token)
    claims = {**_decode(payload), "assay": "altered"}
    return f"Bearer {header}.{_encode(claims)}.{signature}"


def _signed(token: str, **changes: Any) -> str:
    """The token's claims with changes, signed with a key that is not the issuer's."""
    header, claims = {"alg": "HS256", "typ": "JWT"}, {**_decode(_parts(token)[1]), **changes}
    signed = f"{_encode(header)}.{_encode(claims)}"
    digest = hmac.digest(_WRONG_KEY, signed.encode(), "sha256")
    return f"Bearer {signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


# 9 September 2001: before any control plane of this kind existed.
_LONG_AGO: Final = 1_000_000_000

# The same in a shell, for curl lines: python3 is where base64url and HMAC are at hand without jq or openssl.
_SHELL_READ: Final = (
    'import base64 as b,json,os;h,p,s=os.environ["ASSAY_TOKEN"].split(".");'
    'e=lambda v:b.urlsafe_b64encode(v).decode().rstrip("=");'
    'j=lambda v:e(json.dumps(v,separators=(",",":")).encode());'
    'c=json.loads(b.urlsafe_b64decode(p+"=="));'
)


def _shell_altered() -> str:
    return f'Bearer $(python3 -c \'{_SHELL_READ}c["assay"]="altered";print(h+"."+j(c)+"."+s)\')'


def _shell_signed(changes: str = "") -> str:
    sign = (
        f'import hmac;t=j({{"alg":"HS256","typ":"JWT"}})+"."+j(c);'
        f'print(t+"."+e(hmac.digest(b"{_WRONG_KEY.decode()}",t.encode(),"sha256")))'
    )
    return f"Bearer $(python3 -c '{_SHELL_READ}{changes}{sign}')"


def _shell_alg(spelling: str) -> str:
    header = f"""$(printf '{{"alg":"{spelling}","typ":"JWT"}}' | base64 | tr -d '=\\n')"""
    return f'Bearer {header}.$(printf %s "$ASSAY_TOKEN" | cut -d. -f2).'


FORGERIES: Final = (
    Forgery("no-token", "no Authorization header", lambda _: None, None),
    Forgery("empty-bearer", "a bearer scheme without a token", lambda _: "Bearer", "Bearer", malformed=True),
    Forgery(
        "garbage", "a bearer token that is garbage", lambda _: "Bearer no-token", "Bearer no-token", malformed=True
    ),
    Forgery("basic-scheme", "Basic credentials", lambda _: f"Basic {_BASIC}", f"Basic {_BASIC}", malformed=True),
    Forgery(
        "token-as-basic",
        "a valid token under the scheme Basic",
        lambda token: f"Basic {token}",
        "Basic $ASSAY_TOKEN",
        malformed=True,
    ),
    Forgery(
        "tampered-signature",
        "a token whose signature was tampered with",
        _tampered,
        f"Bearer ${{ASSAY_TOKEN%{'?' * _REPLACED}}}{'A' * _REPLACED}",
    ),
    Forgery("alg-none", "an unsigned token (alg: none)", _alg_none, _shell_alg("none")),
    # Libraries that refused "none" were once fooled by other spellings of it.
    Forgery(
        "alg-none-spelled",
        "an unsigned token (alg: nOnE)",
        lambda token: _alg_none(token, "nOnE"),
        _shell_alg("nOnE"),
    ),
    Forgery("no-signature", "a token without its signature", _unsigned, "Bearer ${ASSAY_TOKEN%.*}."),
    Forgery(
        "altered-claims", "a token whose claims were altered under the old signature", _altered, _shell_altered()
    ),
    Forgery("wrong-key", "a token signed with a key that is not the issuer's", _signed, _shell_signed()),
    Forgery(
        "expired",
        "a token that expired in 2001, signed with another key",
        lambda token: _signed(token, iat=_LONG_AGO, exp=_LONG_AGO + 3600),
        _shell_signed(f"c.update(iat={_LONG_AGO},exp={_LONG_AGO + 3600});"),
    ),
)
