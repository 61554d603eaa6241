"""Tokens for client credentials: which endpoint gives them, in which spelling, and what its refusals mean."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_plus, urlencode

from assay.client.credentials import Credentials
from assay.client.evidence import Mask
from assay.client.exchange import NOT_JSON, Answer, NoAnswer, to_json
from assay.client.gateway import gateway_of, made_by
from assay.client.patience import BUSY, Patience, retry_after
from assay.client.tokens import Token, http_date, token_in
from assay.client.transport import Field, Transport
from assay.clock import Clock
from assay.errors import AssayError, CredentialsError, TargetLostError
from assay.legible import quoted, without_markup

V1: Final = "/api/v1/token"
V2: Final = "/api/v2/token"

_REFUSALS: Final = frozenset({400, 401, 403, 422})
_GUARDED: Final = frozenset({401, 403})
_ABSENT: Final = frozenset({404, 405, 410, 501})
_PASSING: Final = BUSY | {502, 504}
"""Statuses of a gateway or of a service that starts: asking again creates nothing, so it is done."""

_LOST: Final = frozenset({"refused", "reset", "timeout"})  # what may go better the next time

# The key spellings that a Run:ai control plane may take at /api/v1/token: its OpenAPI document, its prose guide, its
# own client (field names differ between them, and only the live server knows which it reads).
_SPELLINGS: Final = (
    ("client_credentials", "clientID", "clientSecret"),
    ("client_credentials", "clientId", "clientSecret"),
    ("app_token", "AppId", "AppSecret"),
)

# OAuth's codes (RFC 6749, 5.2 and RFC 8707) that say no to this client, and what to do about each.
_CODES: Final = {
    "invalid_client": "check {prefix}CLIENT_ID and {prefix}CLIENT_SECRET",
    "unauthorized_client": "check {prefix}CLIENT_ID and {prefix}CLIENT_SECRET first; if they are right, have the "
    "client allowed to use client credentials (in Keycloak: service account roles)",
    "access_denied": "check {prefix}CLIENT_ID and {prefix}CLIENT_SECRET, and that the application is enabled",
    "invalid_grant": "check {prefix}CLIENT_ID and {prefix}CLIENT_SECRET",
    "unsupported_grant_type": "this endpoint takes no client credentials: check token_url",
    "invalid_scope": "check token_scope",
    "invalid_target": "check token_audience",
}


_GUARD: Final = 3  # rank of what may be refused before it is looked at
_OTHER_GRANT: Final = "unsupported_grant_type"
"""The code of a place that wants to be asked otherwise: it says nothing of the credentials."""

# A 401 that speaks of what was sent knows us; one that misses something is a guard before every path.
_OF_CREDENTIALS: Final = re.compile(r"\b(?:credentials?|clients?|secrets?|applications?|passwords?)\b", re.IGNORECASE)
_OF_A_GUARD: Final = re.compile(r"\b(?:provided|missing|required|bearer)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """An address where tokens are asked for. ``target`` is its path below the transport's base URL.

    ``json``: as /api/v1/token takes it, else form-encoded as OAuth has it. ``chosen``: the user named it.
    """

    url: str
    target: bytes
    json: bool
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to ask at a place."""

    fields: tuple[Field, ...]
    body: bytes


@dataclass
class Discovered:
    """Which place and form gave a token; shared by the identities of a process."""

    way: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """What a place answered."""

    place: Place
    answer: Answer

    @property
    def is_refusal(self) -> bool:
        return self.answer.status in _REFUSALS and isinstance(self.answer.json(), dict)

    @property
    def is_the_apis(self) -> bool:
        """Whether it has the form of a Run:ai API's errors."""
        body = self.answer.json()
        return isinstance(body, dict) and type(body.get("code")) is int and isinstance(body.get("message"), str)

    @property
    def is_sick(self) -> bool:
        """A failure of the service, or of the way to it."""
        return self.answer.status in BUSY or (self.answer.status >= 500 and self.answer.status not in _ABSENT)

    @property
    def code(self) -> str:
        """OAuth's error code; empty when the answer has none."""
        body = self.answer.json()
        code = body.get("error") if isinstance(body, dict) else None
        return code if isinstance(code, str) and re.fullmatch("[a-z_]{3,40}", code) else ""

    @property
    def tells_little(self) -> int:
        """Rank among the refusals that were heard, the most telling one first (0).

        Of several spellings the wrong ones are refused as such (400), also where the right one names the cause (401).
        """
        if self.code and self.code != _OTHER_GRANT:
            return 0
        if self.answer.status in _GUARDED:
            words = self.answer.text
            return 0 if _OF_CREDENTIALS.search(words) and not _OF_A_GUARD.search(words) else _GUARD
        return 2 if self.code else 1


def places(base_url: str) -> tuple[Place, ...]:
    """Where a Run:ai control plane gives tokens: at v1, which is deprecated since 2.24, and from then on at v2."""
    return (
        Place(base_url + V1, V1.encode(), json=True),
        Place(base_url + V2, V2.encode(), json=False),
    )


@dataclass
class TokenEndpoint:
    """A ``TokenSource`` that asks one of ``places`` and remembers which one answers, and how it wants to be asked."""

    transport: Transport = field(repr=False)
    places: Sequence[Place]
    credentials: Credentials = field(repr=False)
    mask: Mask = field(repr=False)
    patience: Patience = field(repr=False)
    clock: Clock = field(repr=False)
    discovered: Discovered = field(default_factory=Discovered)
    owns_transport: bool = False
    renews: bool = True
    granted: bool = False
    """Whether it has given a token for these credentials before."""

    def __post_init__(self) -> None:
        client_id, secret = self.credentials.pair
        for spelt in (secret, quote_plus(secret), _basic(client_id, secret)):
            self.mask.add(spelt)

    @property
    def described(self) -> str:
        """The place that gave a token, or is asked first."""
        way = self.discovered.way
        place = next((each for each in self.places if way is not None and each.url == way[0]), self.places[0])
        return place.url if place.chosen else place.target.decode()

    def changed(self) -> bool:
        return False

    def close(self) -> None:
        if self.owns_transport:
            self.transport.close()

    def obtain(self) -> Token:
        """Ask for a token. CredentialsError: refused, or no such endpoint; TargetLostError: it cannot be used."""
        heard: list[_Said] = []
        for place in self._in_order():
            for number, form in self._forms(place):
                said = _Said(place, self._ask(place, form))
                found = token_in(said.answer.json()) if 200 <= said.answer.status < 300 else None
                if found is not None:
                    self.granted = True
                    self.discovered.way = (place.url, number)
                    there = http_date(said.answer.headers.get("date"))
                    return Token.issued(*found, now=self.clock.time(), there=there)
                heard.append(said)
                if not said.is_refusal:
                    break
            if heard[-1].code in _CODES and heard[-1].code != _OTHER_GRANT:
                break
        raise self._failure(heard)

    def _in_order(self) -> list[Place]:
        """All places, the one that has given a token first."""
        known = self.discovered.way[0] if self.discovered.way else ""
        return sorted(self.places, key=lambda place: place.url != known)

    def _forms(self, place: Place) -> Iterator[tuple[int, _Form]]:
        """The ways to ask at a place, with their numbers; where one has worked, that one alone."""
        known = self.discovered.way[1] if self.discovered.way and self.discovered.way[0] == place.url else None
        for number, form in enumerate(self._json_forms() if place.json else self._oauth_forms(place)):
            if known is None or number == known:
                yield number, form

    def _json_forms(self) -> Iterator[_Form]:
        client_id, secret = self.credentials.pair
        for grant, id_key, secret_key in _SPELLINGS:
            body = to_json({"grantType": grant, id_key: client_id, secret_key: secret})
            yield _Form(((b"Content-Type", b"application/json"),), body)

    def _oauth_forms(self, place: Place) -> Iterator[_Form]:
        """In the body, as the vendor documents it; another endpoint may demand HTTP Basic (RFC 6749, 2.3.1)."""
        client_id, secret = self.credentials.pair
        asked = {"grant_type": "client_credentials"}
        asked |= {"scope": self.credentials.scope} if self.credentials.scope else {}
        asked |= {"audience": self.credentials.audience} if self.credentials.audience else {}
        kind = (b"Content-Type", b"application/x-www-form-urlencoded")
        yield _Form((kind,), urlencode({**asked, "client_id": client_id, "client_secret": secret}).encode())
        if place.chosen:
            basic = (b"Authorization", f"Basic {_basic(client_id, secret)}".encode())
            yield _Form((kind, basic), urlencode(asked).encode())

    def _ask(self, place: Place, form: _Form) -> Answer:
        """Send one form, again where the last try did not reach the service. TargetLostError without an answer."""
        attempt = 1
        while True:
            outcome = self.transport.exchange("POST", place.target, form.fields, form.body)
            pause = self._pause(outcome, attempt)
            if pause is None:
                break
            self.clock.sleep(pause)
            attempt += 1
        if isinstance(outcome, NoAnswer):
            if outcome.fault is not None:
                raise outcome.fault
            raise TargetLostError(
                f"{place.url} gave no token: {outcome.detail}",
                hint="is the address right, and the service up? Look from this machine with curl",
            )
        return outcome

    def _pause(self, outcome: Answer | NoAnswer, attempt: int) -> float | None:
        """Seconds until the next try; None: this outcome stands."""
        tries, cap = self.patience.tries, self.patience.cap
        growing = min(0.25 * 2 ** (attempt - 1), cap)
        if isinstance(outcome, NoAnswer):
            again = outcome.kind in _LOST and attempt <= (1 if outcome.kind == "timeout" else tries)
            return growing if again else None
        if outcome.status not in _PASSING or attempt > tries:
            return None
        there = http_date(outcome.headers.get("date"))
        asked = retry_after(outcome.headers.get("retry-after"), there or self.clock.time())
        return growing if asked is None else min(asked, cap)

    # what it means that no token came ------------------------------------------------------------------------

    def _failure(self, heard: Sequence[_Said]) -> AssayError:
        """The error that helps most: a refusal names the cause, then comes a sick service, then a wrong address."""
        refusals = [said for said in heard if said.is_refusal]
        known = min(refusals, key=lambda said: said.tells_little, default=None)
        sick = next((said for said in heard if said.is_sick), None)
        if known is not None and (known.tells_little < _GUARD or sick is None):
            others = [said for said in heard if said.place != known.place and not said.code]
            guarded = known.tells_little == _GUARD and others
            more = f"; {others[0].place.url}: {self._describe(others[0].answer)}" if guarded else ""
            return self._refused(known, more)
        if sick is not None:
            answered = made_by(sick.answer).removeprefix("a ")
            return TargetLostError(
                f"{sick.place.url} gave no token: it answers {answered} ({self._says(sick.answer)})",
                hint="wait until the service is healthy, or set a token directly",
            )
        return self._no_endpoint(next((said for said in heard if said.answer.status not in _ABSENT), heard[-1]))

    def _refused(self, said: _Said, more: str = "") -> AssayError:
        if self.granted:  # whoever was right at the beginning has made no mistake
            return TargetLostError(
                f"{said.place.url} has refused the credentials with {said.answer.status}, which it took before: "
                f"{self._says(said.answer)}",
                hint="was the control plane restarted, or the application disabled?",
            )
        prefix = self.credentials.prefix
        usual = (
            "check {prefix}CLIENT_ID and {prefix}CLIENT_SECRET; the application must exist and be enabled "
            "on this control plane"
        )
        return CredentialsError(
            f"{said.place.url} refused the credentials with {said.answer.status}: {self._says(said.answer)}{more}",
            hint=_CODES.get(said.code, usual).format(prefix=prefix),
        )

    def _no_endpoint(self, said: _Said) -> AssayError:
        found = f"{said.place.url} gave no token: {self._describe(said.answer)}"
        if said.place.chosen:
            return CredentialsError(f"token_url: {found}", hint="give the address of the token endpoint as token_url")
        if said.answer.status in _ABSENT and said.is_the_apis:
            other = next(place.target.decode() for place in self.places if place != said.place)
            return CredentialsError(
                f"{found}, and {other} gave none either",
                hint="set token_url to the endpoint of your identity provider, for example "
                "https://HOST/auth/realms/REALM/protocol/openid-connect/token",
            )
        return TargetLostError(
            found, hint="is this the base URL of a Run:ai control plane, as in https://<company>.run.ai?"
        )

    def _describe(self, answer: Answer) -> str:
        if 300 <= answer.status < 400:
            there = self._named(answer.headers.get("location", "nowhere"))
            return f"it answers {answer.status} and points to {there}"
        kind = answer.content_type or "none"
        said = f"status {answer.status}, content type {kind}"
        if _is_page(answer):
            maker = gateway_of(answer) or "a web site, a login or a gateway"
            return f"{said}, {self._says(answer)}: {maker}, not a token endpoint"
        return f"{said} ({self._says(answer)})"

    def _says(self, answer: Answer) -> str:
        """The endpoint's own words, masked: it may echo what it was sent."""
        body = answer.json()
        if _is_page(answer):
            title = self._named(without_markup(answer.text), 60)
            return f'an HTML page titled "{title}"' if title else "an HTML page"
        if not isinstance(body, dict):
            return self._named(answer.text) or "no words"
        words = [body.get(name) for name in ("error", "error_description", "message")]
        told = ": ".join(word for word in words if isinstance(word, str) and word)
        return self._named(told or answer.text, 300)

    def _named(self, text: str, most: int = 200) -> str:
        """On one line, without secrets however short."""
        secret = self.credentials.pair[1]
        return quoted(self.mask.text(" ".join(text.split()).replace(secret, "***")), most)


def _is_page(answer: Answer) -> bool:
    return answer.json() is NOT_JSON and "<html" in answer.text[:2000].lower()


def _basic(client_id: str, secret: str) -> str:
    """The credentials for HTTP Basic, form-encoded before, as OAuth wants them."""
    return base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
