"""Tokens: fetched, renewed early and after a 401, in whichever spelling the target takes."""

from __future__ import annotations

import re
import threading
import time

import pytest
from pydantic import SecretStr

from assay.client.budget import Budget, Limits
from assay.client.credentials import Credentials
from assay.client.delivery import Delivery
from assay.client.evidence import Mask
from assay.client.exchange import Answer
from assay.client.identities import Identities
from assay.client.identity import Identity
from assay.client.layers import load_settings
from assay.client.patience import Patience
from assay.client.token_endpoint import V1
from assay.client.tokens import Claims, read_claims
from assay.clock import SYSTEM, Clock, VirtualClock
from assay.contract.documents import Contract
from assay.contract.request import Request
from assay.errors import CredentialsError, TargetLostError
from tests.client.plane import SECRET, Plane, token
from tests.client.servers import Reply, Server, always, error, free_port, serving
from tests.client.transports import OPENED, transport

READ = Request("read", path={"workloadId": "71f69d83-ba66-4822-adf5-55ce55efd210"})


def identity(base_url: str, *, secret: str = SECRET, clock: Clock = SYSTEM) -> Identity:
    return identities(base_url, clock).make(Credentials("ASSAY_", None, SecretStr("researcher"), SecretStr(secret)))


def identities(base_url: str, clock: Clock = SYSTEM) -> Identities:
    settings = load_settings({"base_url": base_url}, env={})
    return Identities(settings, transport(base_url), Mask(), Patience(tries=1), clock)


def given(value: str, base_url: str = "http://127.0.0.1:1") -> Identity:
    return identities(base_url).make(Credentials(token=SecretStr(value)))


@pytest.mark.parametrize(
    "spelling", [("clientID", "clientSecret"), ("clientId", "clientSecret"), ("AppId", "AppSecret")]
)
@pytest.mark.parametrize("key", ["accessToken", "access_token"])
def test_the_spelling_that_works_is_found_and_remembered(
    plane: Plane, server: Server, spelling: tuple[str, str], key: str
) -> None:
    plane.spelling, plane.token_key, plane.life = spelling, key, 61
    clock = VirtualClock(time.time())
    ours = identity(server.base_url, clock=clock)
    first = ours.token()
    asked = len(server.seen)
    clock.now += 40
    assert ours.token() != first
    assert len(server.seen) == asked + 1
    grants = {"AppId": "app_token"}
    assert server.seen[-1].json["grantType"] == grants.get(spelling[0], "client_credentials")


def test_a_token_is_kept_until_a_minute_before_it_expires(plane: Plane, server: Server) -> None:
    plane.life = 600
    clock = VirtualClock(time.time())
    ours = identity(server.base_url, clock=clock)
    first = ours.token()
    clock.now += 530
    assert ours.token() == first
    clock.now += 20
    assert ours.token() != first
    assert ours.refreshes == 2


def test_a_skewed_issuer_clock_does_not_cause_a_refresh_for_every_request(plane: Plane, server: Server) -> None:
    past = time.time() - 7200
    plane.claims = {"iat": past, "exp": past + 3600}
    ours = identity(server.base_url)
    assert ours.token() == ours.token()
    assert server.count("POST", V1) == 1


def test_an_opaque_token_has_no_claims_and_is_kept() -> None:
    with serving(always(Reply(200, {"accessToken": "opaque"}))) as server:
        ours = identity(server.base_url)
        assert [ours.token(), ours.token()] == ["opaque", "opaque"]
    assert len(server.seen) == 1
    assert read_claims("opaque") == Claims()


def test_claims_are_read_without_verifying() -> None:
    claims = read_claims(token("someone", life=100, nbf=5, iat=7))
    assert (claims.subject, claims.issued, claims.not_before) == ("someone", 7.0, 5.0)
    assert claims.expires is not None


def test_a_401_renews_the_token_once_and_repeats_the_request(
    plane: Plane, server: Server, contract: Contract
) -> None:
    ours = identity(server.base_url)
    delivery = Delivery(OPENED[-1], contract, Budget(Limits()), main=ours)
    plane.revoked.add(ours.token())
    outcome = delivery.send(READ)
    assert isinstance(outcome, Answer)
    assert (outcome.status, outcome.attempts, ours.refreshes) == (404, 2, 2)


def test_a_401_that_stays_is_returned_and_does_not_renew_again(
    plane: Plane, server: Server, contract: Contract
) -> None:
    ours = identity(server.base_url)
    delivery = Delivery(OPENED[-1], contract, Budget(Limits()), main=ours)

    def refuse_all(seen: object) -> None:
        return None

    plane.caller = refuse_all  # type: ignore[method-assign]
    statuses = [delivery.send(READ) for _ in range(5)]
    assert [answer.status for answer in statuses if isinstance(answer, Answer)] == [401] * 5
    assert ours.refreshes == 2
    assert server.count("GET") == 6


def test_a_given_token_is_not_renewed_and_a_401_comes_back(plane: Plane, server: Server, contract: Contract) -> None:
    ours = given("opaque", server.base_url)
    outcome = Delivery(OPENED[-1], contract, Budget(Limits()), main=ours).send(READ)
    assert isinstance(outcome, Answer)
    assert (outcome.status, len(server.seen)) == (401, 1)


def test_threads_fetch_one_token_together(plane: Plane, server: Server) -> None:
    ours = identity(server.base_url)
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(ours.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 1
    assert server.count("POST", V1) == 1


def test_threads_that_meet_the_same_401_renew_once(plane: Plane, server: Server) -> None:
    ours = identity(server.base_url)
    old = ours.token()
    renewed = [ours.renew_after_401(old) for _ in range(4)]
    assert len({*renewed}) == 1
    assert renewed[0] not in {None, old}
    assert ours.refreshes == 2


def failure(call: Identity) -> str:
    with pytest.raises(CredentialsError) as caught:
        call.token()
    return f"{caught.value.message} | {caught.value.hint}"


def test_refused_credentials_name_the_variables_and_never_the_secret(server: Server) -> None:
    message = failure(identity(server.base_url, secret="canary-wrong"))
    assert "refused the credentials with 400: bad credentials ***" in message
    assert "check ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET" in message
    assert "canary" not in message
    assert server.count("POST", V1) == 3
    assert server.count("POST") == 4


def test_a_given_token_past_its_end_is_used_and_its_end_told_once_it_is_refused(
    plane: Plane, server: Server, contract: Contract
) -> None:
    """Our clock may be wrong, so that the target judges; afterwards nothing more is sent."""
    ours = given(token(life=-90), server.base_url)
    delivery = Delivery(OPENED[-1], contract, Budget(Limits()), main=ours)
    for _ in range(3):
        with pytest.raises(CredentialsError) as caught:
            delivery.send(READ)
        told = r"the token in ASSAY_TOKEN ended at [\d: -]+ UTC: it expired 9\d s ago"
        assert re.search(told, caught.value.message)
        assert "client credentials (ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET)" in str(caught.value.hint)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("credentials", "missing"),
    [
        (Credentials(), "ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET not set"),
        (Credentials(client_id=SecretStr("x")), "missing: ASSAY_CLIENT_SECRET not set"),
        (Credentials("ASSAY_OUTSIDER_", client_secret=SecretStr("x")), "missing: ASSAY_OUTSIDER_CLIENT_ID not set"),
    ],
)
def test_missing_credentials_are_named(credentials: Credentials, missing: str) -> None:
    with pytest.raises(CredentialsError, match=missing):
        identities("http://127.0.0.1:1").make(credentials)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            Reply(200, raw=b"<html>", headers={"Content-Type": "text/html"}),
            "gave no token: status 200, content type text/html",
        ),
        (Reply(200, {"accessToken": ""}), "gave no token: status 200"),
        (Reply(200, {"accessToken": "a b"}), "gave no token: status 200"),
    ],
)
def test_an_answer_without_a_token_is_described(reply: Reply, expected: str) -> None:
    with serving(always(reply)) as server, pytest.raises(TargetLostError) as caught:
        identity(server.base_url).token()
    assert expected in caught.value.message


def test_an_api_without_a_token_endpoint_asks_for_its_address() -> None:
    with serving(always(error(404, "no such path"))) as server:
        message = failure(identity(server.base_url))
    assert "/api/v2/token gave no token: status 404, content type application/json (no such path)" in message
    assert "and /api/v1/token gave none either" in message
    assert "set token_url to the endpoint of your identity provider" in message
    assert [seen.path for seen in server.seen] == ["/api/v1/token", "/api/v2/token"]


def test_a_sick_token_service_loses_the_target() -> None:
    with serving(always(error(500, "boom"))) as server, pytest.raises(TargetLostError, match=r"answers 500 \(boom\)"):
        identity(server.base_url).token()
    with pytest.raises(TargetLostError, match="connection refused"):
        identity(f"http://127.0.0.1:{free_port()}").token()


def test_a_busy_token_service_is_waited_out(plane: Plane) -> None:
    replies = [error(503, Retry_After="1")]

    def script(seen: object) -> Reply:
        return replies.pop() if replies else plane(seen)  # type: ignore[arg-type]

    with serving(script) as server:
        assert identity(server.base_url).token()


def test_repr_tells_no_secret(server: Server) -> None:
    ours = identity(server.base_url)
    value = ours.token()
    assert SECRET not in repr(ours) + repr(ours.credentials)
    assert value not in repr(ours)
