"""Access: credentials that no control plane may accept, and what it may answer to those who have no right."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from assay.checks import claims
from assay.checks.claims import Claim
from assay.checks.exchange import Deviation, Exchange
from assay.client.exchange import Answer
from assay.client.gateway import gateway_of
from assay.contract.request import Expectation, Json, Outcome, Reason, Source
from assay.findings.model import Class

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

UNAUTHENTICATED: Final = Expectation(
    Outcome.REJECT, (Reason(Source.STATE, "unauthenticated", "/headers/authorization", "no valid credentials"),)
)
FOREIGN: Final = Expectation(
    Outcome.REJECT, (Reason(Source.STATE, "foreign", "/headers/authorization", "another identity's workload"),)
)

JUDGED_HERE: Final = frozenset(range(200, 300))
"""An acceptance is judged by ``forged`` and ``foreign``, which name the forgery; for ``also`` of ``target.send``."""

_DENIED: Final = claims.status("401|403|404", "401")
_UNAUTHORIZED: Final = 401
_REFUSED: Final = frozenset({_UNAUTHORIZED, 403})
_HIDING: Final = frozenset({403, 404})
_WHY: Final = (
    "The document secures every operation with bearerAuth (scheme bearer, bearerFormat JWT) and lists 401 "
    "Unauthorized for whoever has no valid token; 403 Forbidden is for who is known and has no right."
)


def forged(exchange: Exchange, forgery: Forgery) -> Iterator[Deviation]:
    """Yield what is wrong with the answer to a request that came with ``forgery``."""
    status, check = exchange.status, f"access-{forgery.id}"
    if status is None or status == _UNAUTHORIZED or status >= 500 or _is_of_a_gateway(exchange):
        return
    if exchange.accepted:
        yield _violation(check, f"answers {status} to {forgery.what}", _WHY, claims.REFUSED)
    elif status == 400 and forgery.malformed:
        yield _gap(
            "access-refusal-status",
            f"answers 400 to {forgery.what}",
            "The document lists 401 for it; RFC 6750 also knows 400 for a malformed Authorization header.",
            claims.status("401", "401"),
        )
    elif 400 <= status < 500:
        yield _otherwise(status, forgery)


def _is_of_a_gateway(exchange: Exchange) -> bool:
    return isinstance(exchange.answer, Answer) and not exchange.accepted and gateway_of(exchange.answer) is not None


def _otherwise(status: int, forgery: Forgery) -> Deviation:
    """Refused, but not as unauthenticated. Without any credentials nothing else can be meant, but for a 403, which
    some frameworks answer to whoever is not known, and a 404, which hides that the workload exists."""
    summary = f"answers {status} instead of 401 to {forgery.what}"
    why = f"{_WHY} Clients fetch a new token on 401; on {status} they do not."
    if forgery.id == "no-token" and status not in _HIDING:
        return _violation("access-refusal-status", summary, why, _DENIED, str(status))
    return _gap("access-refusal-status", summary, why, claims.status("401", "401"))


def foreign(exchange: Exchange) -> Iterator[Deviation]:
    """Yield what is wrong with the answer to another identity that asks for this one's workload or project."""
    status = exchange.status
    if status is None or status in _REFUSED or status >= 500:
        return
    if exchange.accepted:
        yield _violation(
            "access-foreign",
            f"answers {status} to an identity that has no right in the project",
            "The document lists 403 Forbidden for this operation: a valid token is not a right to everything.",
            claims.REFUSED,
        )
    elif 400 <= status < 500 and status != 404:  # 404 hides that the workload exists, which is lawful
        yield _gap(
            "access-refusal-status",
            f"answers {status} to an identity that has no right in the project",
            "The document lists 403 Forbidden for it.",
            claims.status("401|403|404", "403"),
        )


def leaks(exchange: Exchange, secrets: Mapping[str, str]) -> Iterator[Deviation]:
    """Yield one deviation for each of ``secrets`` (what it is: its text) that a refusal gives away."""
    if not isinstance(exchange.answer, Answer) or exchange.accepted:
        return
    text = exchange.answer.text
    for what, secret in secrets.items():
        if re.search(rf"(?<![\w-]){re.escape(secret)}(?![\w-])", text):
            yield _violation(
                "access-leak",
                f"tells the workload's {what} to a caller whom it refuses",
                "A refusal must hold nothing of the workload it protects.",
                claims.absent(secret),
                what,
            )


def effects(refused: Exchange, after: Exchange, *, marks: Iterable[str] = ()) -> Exchange:
    """The refused request with what it changed all the same, and the read that shows it."""
    return replace(refused, deviations=tuple(side_effects(refused, after, marks=marks)), after=(after,))


def side_effects(refused: Exchange, after: Exchange, *, marks: Iterable[str] = ()) -> Iterator[Deviation]:
    """Yield what a refused request changed all the same; ``after`` is the owner's read of the workload.

    ``marks`` are texts that only the refused request carried.
    """
    if refused.status is None or not 400 <= refused.status < 500:
        return
    if after.status == 404 or _is_deleted(after.object()):
        yield _effect("the workload is deleted although the request was refused", claims.ALIVE)
    elif after.accepted and isinstance(after.answer, Answer):
        seen = next((mark for mark in marks if mark in after.answer.text), None)
        if seen is not None:
            yield _effect("the workload is changed although the request was refused", claims.absent(seen))


def created(refused: Exchange, found: Iterable[object] | None) -> Iterator[Deviation]:
    """Yield a deviation when a refused creation is ``found`` all the same (None: the target has no list)."""
    if refused.status is not None and 400 <= refused.status < 500 and found:
        body = refused.request.body
        name = str(body.get("name")) if isinstance(body, Mapping) else ""
        yield _effect("a workload exists although its creation was refused", claims.unlisted(name))


def _is_deleted(workload: Mapping[str, Json]) -> bool:
    return workload.get("desiredPhase") == "Deleted" or workload.get("deletedAt") is not None


def _effect(summary: str, claim: Claim) -> Deviation:
    return _violation("access-side-effect", summary, "A request that is refused must change nothing.", claim)


def _violation(check: str, summary: str, why: str, claim: Claim, rule: str | None = None) -> Deviation:
    return Deviation(Class.VIOLATION, check, rule, "/response/status", summary, why, (claim,))


def _gap(check: str, summary: str, why: str, claim: Claim) -> Deviation:
    return Deviation(Class.GAP, check, None, "/response/status", summary, why, (claim,))
