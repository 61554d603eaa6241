"""Tokens: who gets one, which ones are taken, and that nothing happens without."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from tests.reference.harness import COLLECTION, OUTSIDER, RESEARCHER, Harness, assert_error

TOKEN = "/api/v1/token"


def grant(harness: Harness, **names: str) -> dict[str, Any]:
    client = harness.plane.identity.clients[RESEARCHER]
    values = {"id": client.id, "secret": client.secret}
    return {key: values.get(value, value) for key, value in names.items()}


@pytest.mark.parametrize(
    "names",
    [
        {"grantType": "client_credentials", "clientId": "id", "clientSecret": "secret"},
        {"grantType": "client_credentials", "clientID": "id", "clientSecret": "secret"},
        {"grantType": "client_credentials", "CLIENTid": "id", "clientsecret": "secret"},
        {"grant_type": "client_credentials", "client_id": "id", "client_secret": "secret"},
        {"grantType": "app_token", "AppId": "id", "AppSecret": "secret"},
        {"grantType": "app_token", "appID": "id", "appSecret": "secret"},
    ],
    ids=lambda names: "-".join(names),
)
def test_grants_in_every_spelling(names: dict[str, str]) -> None:
    harness = Harness()
    reply = harness.send("POST", TOKEN, grant(harness, **names), token=None)
    assert reply.status == 200
    assert harness.send("GET", "/api/v1/workloads", token=reply.json["accessToken"]).status == 200
    claims = jwt.decode(reply.json["accessToken"], options={"verify_signature": False})
    assert claims["exp"] == int(harness.now) + 3600


def test_the_second_version_speaks_as_oauth_does() -> None:
    harness = Harness(token_seconds=300)
    client = harness.plane.identity.clients[RESEARCHER]
    asked = {"grant_type": "client_credentials", "client_id": client.id, "client_secret": client.secret}
    form = {"content-type": "application/x-www-form-urlencoded"}
    reply = harness.send("POST", "/api/v2/token", token=None, raw=urlencode(asked).encode(), headers=form)
    assert {**reply.json, "access_token": ""} == {"access_token": "", "token_type": "Bearer", "expires_in": 300}
    assert harness.send("GET", "/api/v1/workloads", token=reply.json["access_token"]).status == 200
    wrong = urlencode({**asked, "client_secret": "wrong"}).encode()
    for raw, kind in ((wrong, form["content-type"]), (json.dumps(asked).encode(), "application/json"), (b"%zz", "")):
        refused = harness.send("POST", "/api/v2/token", token=None, raw=raw, headers={"content-type": kind})
        assert (refused.status, refused.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "body",
    [
        {"grantType": "client_credentials", "clientId": "id", "clientSecret": "wrong"},
        {"grantType": "client_credentials", "clientId": "nobody", "clientSecret": "secret"},
        {"grantType": "client_credentials", "clientId": "id"},
        {"grantType": "client_credentials", "clientId": 7, "clientSecret": "secret"},
        {"grantType": "app_token", "clientId": "id", "clientSecret": "secret"},
        {"grantType": "password"},
        {"grantType": []},
        {},
        [],
        "x",
    ],
    ids=str,
)
def test_bad_credentials_are_400(body: Any) -> None:
    harness = Harness()
    sent = grant(harness, **body) if isinstance(body, dict) and body.get("clientSecret") == "secret" else body
    assert_error(harness.send("POST", TOKEN, sent, token=None), 400)


def forged(harness: Harness, **changes: Any) -> str:
    """A token of the researcher with some claims changed, signed with a key of our own."""
    claims = jwt.decode(harness.tokens[RESEARCHER], options={"verify_signature": False})
    return jwt.encode({**claims, **changes}, b"k" * 32, algorithm="HS256")


def unsigned(token: str) -> str:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


def altered(token: str) -> str:
    head, claims, signature = token.split(".")
    changed = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"sub": OUTSIDER}
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b'=').decode()}.{signature}"


def test_only_our_own_tokens_are_taken() -> None:
    harness = Harness()
    token = harness.tokens[RESEARCHER]
    bad = [forged(harness), unsigned(token), altered(token), token[:-4] + "AAAA", "x", "..", "é", token + " x"]
    for value in bad:
        reply = harness.send("GET", "/api/v1/workloads", token=value)
        assert_error(reply, 401)
        assert reply.headers["www-authenticate"].startswith("Bearer")
    assert harness.send("GET", "/api/v1/workloads", token=token).status == 200


def test_tokens_expire() -> None:
    harness = Harness(token_seconds=60)
    assert harness.send("GET", "/api/v1/workloads").status == 200
    harness.now += 61
    reply = harness.send("GET", "/api/v1/workloads")
    assert_error(reply, 401)
    assert "expired" in reply.json["message"]


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic eA==", "bearer", "Token x"])
def test_other_schemes_are_401(value: str) -> None:
    harness = Harness()
    assert_error(harness.send("GET", "/api/v1/workloads", token=None, headers={"authorization": value}), 401)


def test_the_scheme_is_read_in_any_case_and_only_once() -> None:
    harness = Harness()
    value = f"bEARER {harness.tokens[RESEARCHER]}".encode()
    assert harness.exchange("GET", "/api/v1/workloads", [(b"authorization", value)]).status == 200
    assert_error(harness.exchange("GET", "/api/v1/workloads", [(b"authorization", value)] * 2), 401)


def test_without_a_token_nothing_happens() -> None:
    harness = Harness()
    path = harness.running()
    before = harness.send("GET", path).json
    pod = harness.send("GET", path.replace("/inferences", "") + "/pods").json["pods"][0]["id"]
    for method, target in (
        ("POST", COLLECTION),
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("GET", path + "/metrics"),
        ("GET", f"{path}/pods/{pod}/metrics"),
        ("GET", "/api/v1/workloads"),
        ("GET", path.replace("/inferences", "") + "/pods"),
    ):
        # The body is not even looked at: 401 comes before 400.
        assert_error(harness.send(method, target, token=None, raw=b"{" if method != "GET" else None), 401)
    assert harness.send("GET", path).json == before


def test_secrets_are_new_in_every_plane_and_not_in_reprs() -> None:
    one, two = Harness().plane.identity.clients[RESEARCHER], Harness().plane.identity.clients[RESEARCHER]
    assert one.secret != two.secret
    assert one.secret not in repr(one)
