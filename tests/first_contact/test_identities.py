"""Who we are to the target: endpoints that give tokens, tokens that end, clocks that differ, files with secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.first_contact.conftest import Play
from tests.first_contact.environment import Command, End, Environment, mistaken, passes, refused, relay, undecided
from tests.first_contact.gateways import NGINX_502, after, api_alone, every, instead, reset, says
from tests.first_contact.providers import (
    REALM,
    V1,
    V2,
    Provider,
    in_oauth,
    opaque,
    signed,
    with_life,
)
from tests.first_contact.relay import Behaviour

ENDED = says(401, "Token is expired.")
NO_CREDENTIALS: dict[str, str | None] = {"ASSAY_CLIENT_ID": None, "ASSAY_CLIENT_SECRET": None}
EXEC_CREDENTIAL = json.dumps(
    {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}
)


def provided(name: str, make: Callable[[], Behaviour], end: End | None = None, **env: str | None) -> Environment:
    """A target whose tokens come from a provider."""
    return Environment(name, end or passes(), servers={"front": relay(make)}, env=env)


def with_token(name: str, end: End, files: Mapping[str, str] | None = None, **env: str | None) -> Environment:
    """A token in place of credentials."""
    front = {"front": relay()}
    return Environment(name, end, servers=front, env={**NO_CREDENTIALS, **env}, files=files or {}, leaves=5)


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "token")


def folder_for_a_file(folder: Path) -> None:
    (folder / "token").mkdir()


ROWS = [
    provided("v1-alone", lambda: Provider(path=V1)),
    provided("v2-alone", lambda: Provider(path=V2, form=True, gives=with_life(3600))),
    provided(
        "keycloak-realm",
        lambda: Provider(path=REALM, form=True, gives=with_life(300), needs={"scope": "openid", "audience": "runai"}),
        ASSAY_TOKEN_URL="http://{front}" + REALM,
        ASSAY_TOKEN_SCOPE="openid",
        ASSAY_TOKEN_AUDIENCE="runai",
    ),
    provided(
        "keycloak-realm-without-scope",
        lambda: Provider(path=REALM, form=True, needs={"scope": "openid"}),
        refused("invalid_scope"),
        ASSAY_TOKEN_URL="http://{front}" + REALM,
    ),
    provided("opaque-with-life", lambda: Provider(path=V2, form=True, mints=opaque, gives=with_life(3600))),
    provided("opaque-without-life", lambda: Provider(path=V2, form=True, mints=opaque, gives=in_oauth)),
    provided("claims-without-times", lambda: Provider(mints=lambda: signed(exp=None, iat=None))),
    provided("short-lives", lambda: Provider(mints=lambda: signed(3))),
    provided("clock-a-minute-ahead", lambda: Provider(mints=lambda: signed(skew=60), skew=60)),
    provided("clock-a-minute-behind", lambda: Provider(mints=lambda: signed(skew=-60), skew=-60)),
    provided("clock-an-hour-ahead", lambda: Provider(mints=lambda: signed(skew=3600), skew=3600)),
    provided("clock-a-day-behind", lambda: Provider(mints=lambda: signed(skew=-86_400), skew=-86_400)),
    Environment(
        "refuses-in-mid-run",
        undecided("has refused the credentials"),
        servers={"front": relay(lambda: Provider(most=20, grants=1))},
        only="lifecycle",
        benchmark=refused("refused the credentials with 400: no such application"),
    ),
    Environment(
        "token-ends-in-mid-run",
        refused("the target takes the token in ASSAY_TOKEN no longer: every request is answered 401"),
        servers={"front": relay(lambda: instead(ENDED, after(25, api_alone)))},
        env={**NO_CREDENTIALS, "ASSAY_TOKEN": "{token}"},
        only="lifecycle",
    ),
    provided("nowhere", lambda: Provider(path="/nowhere"), refused("/api/v1/token gave none either")),
    Environment(
        "token-once-behind-a-page",
        passes(),
        servers={
            "front": relay(lambda: instead(NGINX_502, every(1000, first=1, of=lambda call: "token" in call.path)))
        },
    ),
    Environment(
        "token-once-reset",
        passes(),
        servers={"front": relay(lambda: reset(every(1000, first=1, of=lambda call: "token" in call.path)))},
    ),
    Environment(
        "first-answer-a-page", passes(), servers={"front": relay(lambda: instead(NGINX_502, every(10_000, first=1)))}
    ),
    with_token("token", passes(), ASSAY_TOKEN="{token}"),
    with_token("token-with-line-break", passes(), ASSAY_TOKEN="{token}\r\n"),
    with_token(
        "token-with-scheme",
        mistaken("ASSAY_TOKEN does not hold a token: it begins with 'Bearer'"),
        ASSAY_TOKEN="Bearer {token}",
    ),
    with_token("expired-token", refused("the token in ASSAY_TOKEN ended at"), ASSAY_TOKEN=signed(-60)),
    with_token("token-of-another-plane", refused("the target refuses the token (401"), ASSAY_TOKEN=signed()),
    with_token("token-file", passes(), ASSAY_TOKEN_FILE="token", files={"token": "{token}\n"}),
    with_token("token-file-from-windows", passes(), ASSAY_TOKEN_FILE="token", files={"token": "\ufeff{token}\r\n"}),
    with_token(
        "token-file-missing",
        mistaken("ASSAY_TOKEN_FILE names token, which cannot be read: No such file"),
        ASSAY_TOKEN_FILE="token",
    ),
    Environment(
        "token-file-is-a-folder",
        mistaken("ASSAY_TOKEN_FILE names token, which cannot be read: it is a folder"),
        env={**NO_CREDENTIALS, "ASSAY_TOKEN_FILE": "token"},
        prepare=folder_for_a_file,
    ),
    Environment(
        "token-file-is-a-pipe",
        mistaken("ASSAY_TOKEN_FILE names token, which cannot be read: it is a pipe"),
        env={**NO_CREDENTIALS, "ASSAY_TOKEN_FILE": "token"},
        prepare=pipe,
        apart=True,
    ),
    with_token(
        "token-file-empty",
        mistaken("ASSAY_TOKEN_FILE names token, which is empty"),
        ASSAY_TOKEN_FILE="token",
        files={"token": "\n"},
    ),
    with_token("command", passes(), files={"token": "{token}\n", "assay.toml": 'token_command = ["cat", "token"]\n'}),
    with_token(
        "command-of-kubernetes",
        passes(),
        files={"token": EXEC_CREDENTIAL % "{token}", "assay.toml": 'token_command = ["cat", "token"]\n'},
    ),
    with_token("command-that-fails", refused("exit code 1"), ASSAY_TOKEN_COMMAND="cat nothing"),
    with_token("command-that-is-missing", refused("no-such-program"), ASSAY_TOKEN_COMMAND="no-such-program"),
    with_token(
        "no-credentials", mistaken("credentials are missing: ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET not set")
    ),
    with_token(
        "half-the-credentials",
        mistaken("credentials are missing: ASSAY_CLIENT_SECRET not set"),
        ASSAY_CLIENT_ID="{client_id}",
    ),
    Environment(
        "wrong-secret",
        refused("/api/v2/token refused the credentials with 401"),
        servers={"front": relay()},
        env={"ASSAY_CLIENT_SECRET": "wrong"},
        leaves=5,
    ),
]


def test_identities(row: Environment, command: Command, run: Play) -> None:
    run(row, command)
