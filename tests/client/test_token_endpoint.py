"""Token endpoints: which one is asked, how, how often, and what is said when none gives a token."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from assay.client.credentials import Credentials
from assay.client.evidence import Mask
from assay.client.exchange import Answer, NoAnswer
from assay.client.identities import Identities
from assay.client.identity import Identity
from assay.client.layers import load_settings
from assay.client.patience import Patience
from assay.client.transport import Field
from assay.clock import VirtualClock
from assay.errors import AssayError, CredentialsError, TargetLostError
from tests.client.plane import token
from tests.client.servers import Reply, Seen, error, serving

SECRET = "canary secret+/=&"
V1, V2 = "/api/v1/token", "/api/v2/token"
REALM = "/auth/realms/R/protocol/openid-connect/token"
JSON = {"content-type": "application/json"}
PAGE = Answer(200, {"content-type": "text/html"}, b"<html><title>Sign in</title></html>")
RESET, TRUNCATED = NoAnswer("reset", "it was reset"), NoAnswer("reset", "the answer is not whole HTTP/1.1")


def said(status: int, body: str = "{}", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, JSON | named, body.encode())


GRANTED = said(200, '{"access_token": "opaque", "expires_in": 300, "token_type": "Bearer"}')
ABSENT = said(404, '{"code": 404, "message": "no such path"}')
GUARDED = said(401, '{"code": 401, "message": "Issuer is not familiar."}')
WRONG = said(400, '{"code": 400, "message": "the application is not known"}')
OAUTH = said(401, '{"error": "invalid_client", "error_description": "Invalid client credentials"}')

Outcome = Answer | NoAnswer
Answering = Callable[["Asked"], Outcome]


@dataclass(frozen=True)
class Asked:
    path: str
    fields: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body).items()}


@dataclass
class Script:
    """A transport that answers from a function and keeps what it was asked."""

    answer: Answering
    base_url: str = "https://plane"
    asked: list[Asked] = field(default_factory=list)

    def exchange(
        self, method: str, target: bytes, headers: Any = (), content: bytes | None = None
    ) -> Answer | NoAnswer:
        fields: list[Field] = list(headers)
        assert method == "POST"
        named = {name.decode().lower(): value.decode() for name, value in fields}
        self.asked.append(Asked(target.decode(), named, (content or b"").decode()))
        return self.answer(self.asked[-1])

    def close(self) -> None:
        """Nothing is held."""

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


def at(places: dict[str, Outcome]) -> Answering:
    return lambda asked: places.get(asked.path, ABSENT)


def identity(script: Script, clock: VirtualClock | None = None, **settings: Any) -> Identity:
    loaded = load_settings({"base_url": script.base_url, **settings}, env={})
    credentials = Credentials(
        client_id=SecretStr("me"),
        client_secret=SecretStr(SECRET),
        token_url=loaded.token_url,
        scope=loaded.token_scope,
        audience=loaded.token_audience,
    )
    return Identities(loaded, script, Mask(), Patience(tries=2), clock or VirtualClock()).make(credentials)


@pytest.mark.parametrize(
    ("places", "paths"),
    [
        ({V1: said(200, '{"accessToken": "opaque"}')}, [V1]),
        ({V2: GRANTED}, [V1, V2]),
        ({V2: GRANTED, V1: GUARDED}, [V1, V1, V1, V2]),
        ({V2: GRANTED, V1: PAGE}, [V1, V2]),
        ({V2: GRANTED, V1: said(503)}, [V1, V1, V1, V2]),
        ({V2: GRANTED, V1: said(302, Location="/login")}, [V1, V2]),
    ],
)
def test_both_versions_are_tried_and_what_worked_is_remembered(places: dict[str, Outcome], paths: list[str]) -> None:
    script = Script(at(places))
    ours = identity(script)
    first = ours.token()
    assert (first, script.paths) == ("opaque", paths)
    script.asked.clear()
    ours.renew_after_401(first)
    assert script.paths == paths[-1:]


def test_an_endpoint_that_went_away_is_looked_for_again() -> None:
    places: dict[str, Outcome] = {V1: said(200, '{"accessToken": "one"}')}
    ours = identity(Script(at(places)))
    assert ours.token() == "one"
    places.clear()
    places[V2] = said(200, '{"access_token": "two"}')
    assert ours.renew_after_401("one") == "two"


def test_the_second_identity_repeats_no_discovery() -> None:
    script = Script(at({V2: GRANTED}))
    makers = Identities(load_settings({"base_url": "https://plane"}, env={}), script, Mask(), Patience())
    for prefix in ("ASSAY_", "ASSAY_OUTSIDER_"):
        makers.make(Credentials(prefix, None, SecretStr("me"), SecretStr(SECRET))).token()
    assert script.paths == [V1, V2, V2]


def test_client_credentials_as_a_realm_takes_them() -> None:
    script = Script(at({REALM: GRANTED}))
    ours = identity(script, token_url=REALM, token_scope="openid runai", token_audience="api")
    assert ours.token() == "opaque"
    (asked,) = script.asked
    assert asked.fields == {"content-type": "application/x-www-form-urlencoded"}
    assert asked.form == {
        "grant_type": "client_credentials",
        "client_id": "me",
        "client_secret": SECRET,
        "scope": "openid runai",
        "audience": "api",
    }


def test_an_endpoint_that_wants_the_secret_in_a_header_gets_it_there() -> None:
    def basic_alone(asked: Asked) -> Outcome:
        return GRANTED if "authorization" in asked.fields else OAUTH

    script = Script(basic_alone)
    ours = identity(script, token_url=REALM)
    assert ours.token() == "opaque"
    assert script.asked[-1].form == {"grant_type": "client_credentials"}
    packed = script.asked[-1].fields["authorization"].removeprefix("Basic ")
    assert base64.b64decode(packed).decode() == "me:canary+secret%2B%2F%3D%26"
    ours.renew_after_401("opaque")
    assert len(script.asked) == 3


def test_a_token_url_that_ends_as_the_vendors_first_version_is_asked_like_it() -> None:
    script = Script(at({"/console" + V1: said(200, '{"accessToken": "opaque"}')}))
    assert identity(script, token_url="/console" + V1).token() == "opaque"
    assert '"clientID":"me"' in script.asked[0].body


def test_a_foreign_endpoint_has_its_own_connection_and_gets_none_of_our_headers(tmp_path: Path) -> None:
    def realm(seen: Seen) -> Reply:
        return Reply(200, {"access_token": "opaque"}) if seen.path == REALM + "?p=1" else error(404)

    config = tmp_path / "assay.toml"
    config.write_text('[headers]\nX-Gate = "canary-gate"\n')
    with serving(realm) as other:
        settings = load_settings({"base_url": "https://plane", "token_url": f"{other.base_url}{REALM}?p=1"}, env={})
        given = Credentials(client_id=SecretStr("me"), client_secret=SecretStr("x"), token_url=settings.token_url)
        ours = Identities(settings, Script(at({})), Mask(), Patience()).make(given)
        assert ours.token() == "opaque"
        assert ours.described == f"a token from {other.base_url}{REALM}?p=1"
        ours.close()
    assert "x-gate" not in other.seen[0].headers


@pytest.mark.parametrize(
    "outcomes",
    [
        [RESET, GRANTED],
        [TRUNCATED, RESET, GRANTED],
        [NoAnswer("refused", "nobody is there"), GRANTED],
        [said(502), said(504), GRANTED],
        [said(503, Retry_After="7"), said(429, Retry_After="2"), GRANTED],
        [NoAnswer("timeout", "time ran out"), GRANTED],
    ],
)
def test_a_request_for_a_token_is_repeated_since_it_creates_nothing(outcomes: list[Outcome]) -> None:
    left = list(outcomes)
    clock = VirtualClock()
    ours = identity(Script(lambda _: left.pop(0)), clock, token_url=REALM)
    assert (ours.token(), left) == ("opaque", [])
    asked_for = [outcome.headers.get("retry-after") for outcome in outcomes[:-1] if isinstance(outcome, Answer)]
    assert [wait for wait in clock.slept if wait >= 1] == [float(wait) for wait in asked_for if wait]


@pytest.mark.parametrize(
    ("outcome", "tries"),
    [(RESET, 3), (NoAnswer("timeout", "no"), 2), (NoAnswer("tls", "bad"), 1), (NoAnswer("dns", "no name"), 1)],
)
def test_patience_ends(outcome: NoAnswer, tries: int) -> None:
    script = Script(lambda _: outcome)
    with pytest.raises(TargetLostError, match=f"{V1} gave no token: {outcome.detail}"):
        identity(script).token()
    assert len(script.asked) == tries


DOWN = Answer(
    502,
    {"content-type": "text/html"},
    b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx/1.25</center></body></html>",
)
EMPTY = said(200, '{"token_type": "Bearer"}')
HTML = Answer(403, {"content-type": "text/html"}, b"<!DOCTYPE html><html><title>Request blocked</title></html>")


@pytest.mark.parametrize(
    ("places", "settings", "kind", "words"),
    [
        ({V1: WRONG}, {}, CredentialsError, f"{V1} refused the credentials with 400: the application is not known"),
        ({V1: WRONG, V2: GUARDED}, {}, CredentialsError, "the application is not known"),
        ({V2: OAUTH}, {}, CredentialsError, f"{V2} refused the credentials with 401: invalid_client: Invalid client"),
        ({V2: OAUTH, V1: GUARDED}, {}, CredentialsError, "invalid_client: Invalid client credentials"),
        ({V2: GUARDED}, {}, CredentialsError, f"Issuer is not familiar.; https://plane{V1}: status 404"),
        ({V1: said(500, '{"message": "boom"}'), V2: GUARDED}, {}, TargetLostError, "it answers 500 (boom)"),
        ({}, {}, CredentialsError, f"{V2} gave no token: status 404"),
        (dict.fromkeys((V1, V2), PAGE), {}, TargetLostError, 'an HTML page titled "Sign in": a login page, not a'),
        (dict.fromkeys((V1, V2), HTML), {}, TargetLostError, "status 403, content type text/html, an HTML page"),
        ({REALM: OAUTH}, {"token_url": REALM}, CredentialsError, f"{REALM} refused the credentials with 401"),
        ({}, {"token_url": REALM}, CredentialsError, f"token_url: https://plane{REALM} gave no token: status 404"),
        ({REALM: PAGE}, {"token_url": REALM}, CredentialsError, "an HTML page"),
        (
            {REALM: said(302, Location="https://sso/login?canary secret+/=&")},
            {"token_url": REALM},
            CredentialsError,
            "it answers 302 and points to https://sso/login?***",
        ),
        (dict.fromkeys((V1, V2), DOWN), {}, TargetLostError, 'it answers 502 by nginx (an HTML page titled "502 Bad'),
        (dict.fromkeys((V1, V2), EMPTY), {}, TargetLostError, "gave no token: status 200"),
    ],
)  # fmt: skip
def test_what_is_said_when_no_token_comes(
    places: dict[str, Outcome], settings: dict[str, Any], kind: type[AssayError], words: str
) -> None:
    with pytest.raises(AssayError) as caught:
        identity(Script(at(places)), **settings).token()
    assert type(caught.value) is kind
    assert words in caught.value.message
    assert "canary" not in f"{caught.value.message} {caught.value.hint}"


def spelt(refusals: dict[str, Outcome]) -> Answering:
    """/api/v1/token answers each spelling, told by the name of its secret, in its own way."""

    def answer(asked: Asked) -> Outcome:
        named = next((name for name in refusals if f'"{name}"' in asked.body), "")
        return refusals[named] if asked.path == V1 else ABSENT

    return answer


NO_GRANT = said(400, '{"code": 400, "message": "unknown grant type"}')
NO_OAUTH_GRANT = said(400, '{"error": "unsupported_grant_type"}')
NOT_THESE = said(401, '{"code": 401, "message": "Invalid client credentials"}')
MISSING = said(400, '{"code": 400, "message": "clientSecret is missing"}')


@pytest.mark.parametrize("fallback", [NO_GRANT, NO_OAUTH_GRANT, MISSING])
@pytest.mark.parametrize("right", ["clientID", "clientId", "AppId"])
def test_of_several_spellings_the_answer_about_the_credentials_is_told(right: str, fallback: Answer) -> None:
    """The others only say that they are not the spelling of this server."""
    refusals: dict[str, Outcome] = {**dict.fromkeys(("clientID", "clientId", "AppId"), fallback), right: NOT_THESE}
    with pytest.raises(CredentialsError, match="401: Invalid client credentials"):
        identity(Script(spelt(refusals))).token()


def test_a_guard_before_every_path_tells_less_than_a_refusal() -> None:
    guard = said(401, '{"detail": "Authentication credentials were not provided."}')
    with pytest.raises(CredentialsError, match="the application is not known"):
        identity(Script(at({V1: WRONG, V2: guard}))).token()


def test_an_endpoint_that_wants_another_grant_does_not_end_the_search() -> None:
    script = Script(at({V1: NO_OAUTH_GRANT, V2: GRANTED}))
    assert identity(script).token() == "opaque"


@pytest.mark.parametrize(
    ("code", "todo"),
    [
        ("invalid_client", "check ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET"),
        ("unauthorized_client", "check ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET first"),
        ("invalid_scope", "check token_scope"),
        ("invalid_target", "check token_audience"),
        ("unsupported_grant_type", "check token_url"),
        ("something_else", "the application must exist"),
    ],
)
def test_each_code_of_oauth_has_its_hint(code: str, todo: str) -> None:
    refused = said(400, f'{{"error": "{code}", "error_description": "no, {SECRET}"}}')
    with pytest.raises(CredentialsError) as caught:
        identity(Script(at({REALM: refused})), token_url=REALM).token()
    assert f"400: {code}: no, ***" in caught.value.message
    assert todo in str(caught.value.hint)


@pytest.mark.parametrize(
    ("body", "life"),
    [
        ('{"access_token": "opaque"}', None),
        ('{"access_token": "opaque", "expires_in": 300}', 300.0),
        ('{"access_token": "opaque", "expires_in": "3599"}', 3599.0),
        ('{"accessToken": "opaque", "expiresIn": 60}', 60.0),
        ('{"access_token": "opaque", "expires_in": -1}', None),
        ('{"access_token": "opaque", "expires_in": 0}', None),
        ('{"access_token": "opaque", "expires_in": 1e999}', None),
        ('{"access_token": "opaque", "expires_in": "soon"}', None),
        ('{"access_token": "opaque", "expires_in": true}', None),
    ],
)
def test_how_long_a_token_lives_by_its_answer(body: str, life: float | None) -> None:
    clock = VirtualClock()
    script = Script(at({V1: said(200, body)}))
    ours = identity(script, clock)
    ours.token()
    told = f"a token of {life:.0f} s from {V1}" if life else f"a token from {V1}"
    assert ours.described == told
    clock.now += max((life or 1e7) - 60, (life or 0) / 2) - 0.6
    ours.token()
    assert len(script.asked) == 1
    clock.now += 1.2
    ours.token()
    assert len(script.asked) == (2 if life else 1)


def test_the_shorter_of_answer_and_token_counts() -> None:
    clock = VirtualClock(1_800_000_000)
    short = token(life=0, iat=1_800_000_000, exp=1_800_000_120)
    ours = identity(Script(at({V1: said(200, f'{{"accessToken": "{short}", "expiresIn": 3600}}')})), clock)
    ours.token()
    assert ours.described == f"a token of 120 s from {V1}"
