"""Access checks, both ways: silent on a conforming control plane, loud on one that lets the wrong ones in."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from assay.checks.access import FORGERIES, Forgery, OpaqueTokenError
from assay.client.exchange import Answer
from assay.contract import documents
from assay.findings.model import Class
from assay.reference.behaviour import Behaviour
from assay.reference.http import IncomingRequest, Reply
from assay.reference.identity import IdentityProvider
from assay.reference.plane import Plane
from assay.reference.tenant import CLIENT_PROJECTS, Caller
from assay.reference.variants import VARIANTS
from contract_tests import test_access as contract
from tests.checks.stage import InProcess, SkippedError, Stage, stage

pytestmark = pytest.mark.slow

__all__ = ["stage"]

Make = Callable[..., Stage]
OPERATIONS = documents.load().operations
BY_ID = {forgery.id: forgery for forgery in FORGERIES}
FORGED_TESTS = {
    "read": contract.test_forged_read,
    "metrics": contract.test_forged_read,
    "pod_metrics": contract.test_forged_read,
    "update": contract.test_forged_update,
    "delete": contract.test_forged_delete,
    "create": contract.test_forged_create,
}
OUTSIDER_ROLES = ("read", "metrics", "pod_metrics", "update", "delete")
JWTS = (
    "tampered-signature",
    "alg-none",
    "alg-none-spelled",
    "no-signature",
    "altered-claims",
    "wrong-key",
    "expired",
)


class TrustsEveryone(IdentityProvider):
    """Lets in whoever comes, as the first client."""

    def authenticate(self, _: IncomingRequest) -> Caller:
        return next(iter(self.clients.values()))


class TrustsClaims(IdentityProvider):
    """Reads tokens without verifying them."""

    def verify(self, token: str) -> Caller:
        try:
            return self.clients[jwt.decode(token, options={"verify_signature": False})["sub"]]
        except (jwt.InvalidTokenError, KeyError):
            return super().verify(token)


class IgnoresScheme(IdentityProvider):
    """Takes a valid token under any scheme."""

    def authenticate(self, call: IncomingRequest) -> Caller:
        return self.verify((call.header(b"authorization") or "").rpartition(" ")[2])


class RightsForAll(IdentityProvider):
    """A valid token is a right to everything."""

    def may(self, _: Caller, __: str) -> bool:
        return True


@pytest.mark.parametrize("role", FORGED_TESTS)
def test_a_lawful_plane_refuses_every_forgery(stage: Make, role: str) -> None:
    lawful = stage()
    for forgery in FORGERIES:
        assert lawful.run(FORGED_TESTS[role], OPERATIONS[role], forgery) == set()
    assert lawful.findings() == []
    assert lawful.live() == []


@pytest.mark.parametrize("role", FORGED_TESTS)
def test_a_plane_that_trusts_everyone_is_caught(stage: Make, role: str) -> None:
    broken = stage(Behaviour(identity=TrustsEveryone))
    for forgery in FORGERIES:
        assert f"access-{forgery.id}" in broken.run(FORGED_TESTS[role], OPERATIONS[role], forgery)
    assert broken.live() == []


@pytest.mark.parametrize("name", ["creations-show-late", "not-found-for-foreign", "delete-at-once", "no-neighbours"])
def test_no_lawful_variant_is_failed(stage: Make, name: str) -> None:
    lawful = stage(VARIANTS[name].change(Behaviour()))
    for role, function in FORGED_TESTS.items():
        assert lawful.run(function, OPERATIONS[role], BY_ID["alg-none"]) == set()
    for role in OUTSIDER_ROLES:
        assert lawful.run(contract.test_outsider, OPERATIONS[role]) == set()
    assert lawful.live() == []


@pytest.mark.parametrize("name", JWTS)
def test_unverified_claims_are_caught(stage: Make, name: str) -> None:
    broken = stage(Behaviour(identity=TrustsClaims))
    assert broken.run(contract.test_forged_read, OPERATIONS["read"], BY_ID[name]) == {f"access-{name}"}


def test_a_token_under_any_scheme_is_caught(stage: Make) -> None:
    broken = stage(Behaviour(identity=IgnoresScheme))
    assert broken.run(contract.test_forged_read, OPERATIONS["read"], BY_ID["token-as-basic"]) == {
        "access-token-as-basic"
    }
    assert broken.run(contract.test_forged_read, OPERATIONS["read"], BY_ID["alg-none"]) == set()


@pytest.mark.parametrize("role", OUTSIDER_ROLES)
def test_another_identity_is_refused_or_caught(stage: Make, role: str) -> None:
    assert stage().run(contract.test_outsider, OPERATIONS[role]) == set()
    assert stage(Behaviour().choosing(foreign=404)).run(contract.test_outsider, OPERATIONS[role]) == set()
    assert "access-foreign" in stage(Behaviour(identity=RightsForAll)).run(contract.test_outsider, OPERATIONS[role])


def test_a_foreign_creation_is_caught_and_removed(stage: Make) -> None:
    assert stage().run(contract.test_outsider_create, OPERATIONS["create"]) == set()
    broken = stage(Behaviour(identity=RightsForAll))
    assert broken.run(contract.test_outsider_create, OPERATIONS["create"]) == {"access-foreign"}
    assert broken.live() == []


@pytest.mark.parametrize("told", ["name", "image", "value"])
def test_a_refusal_that_tells_of_the_workload_is_caught(stage: Make, told: str) -> None:
    def tell(plane: Plane, call: IncomingRequest, answer: Reply) -> Reply:
        if answer.status == 403 and isinstance(answer.content, dict):
            [workload] = plane.store.live(plane.now())
            spec = json.loads(workload.spec)
            words = {
                "name": workload.name,
                "image": spec["image"],
                "value": spec["environmentVariables"][0]["value"],
            }
            answer.content["details"] = f"you may not see {words[told]}."
        return answer

    assert stage(Behaviour().then(tell)).run(contract.test_outsider, OPERATIONS["read"]) == {"access-leak"}


def resend_as_owner(transport: InProcess, method: str, target: str, answer: Answer) -> None:
    """What was refused with 401 is done all the same."""
    if answer.status == 401 and method != "GET":
        _, _, headers, content = transport.sent[-1]
        owner = next(shown["authorization"] for _, _, shown, _ in transport.sent if "authorization" in shown)
        fields = [(name.encode(), value.encode()) for name, value in {**headers, "authorization": owner}.items()]
        assert transport.ask(method, target.encode(), fields, content).status == 202


@pytest.mark.parametrize("role", ["update", "delete"])
def test_a_refusal_with_an_effect_is_caught(stage: Make, role: str) -> None:
    broken = stage(tamper=resend_as_owner)
    assert broken.run(FORGED_TESTS[role], OPERATIONS[role], BY_ID["garbage"]) == {"access-side-effect"}


def test_a_refused_creation_that_exists_is_caught_and_removed(stage: Make) -> None:
    broken = stage(tamper=resend_as_owner)
    broken.run(contract.test_forged_read, OPERATIONS["read"], BY_ID["garbage"])  # so that the owner's token is known
    assert broken.run(contract.test_forged_create, OPERATIONS["create"], BY_ID["garbage"]) == {"access-side-effect"}
    assert broken.live() == []


def answering(status: int) -> Callable[..., Answer | None]:
    def tamper(_: InProcess, __: str, ___: str, answer: Answer) -> Answer | None:
        if answer.status != 401:
            return None
        body = json.dumps({"code": status, "message": "no"}).encode()
        return Answer(status, {"content-type": "application/json"}, body)

    return tamper


@pytest.mark.parametrize(
    ("status", "name", "cls"),
    [
        (400, "no-token", Class.VIOLATION),
        (404, "no-token", Class.GAP),
        (400, "garbage", Class.GAP),
        (404, "wrong-key", Class.GAP),
    ],
)
def test_other_refusals_are_weighed(stage: Make, status: int, name: str, cls: Class) -> None:
    other = stage(tamper=answering(status))
    found = other.run(contract.test_forged_read, OPERATIONS["metrics"], BY_ID[name])
    assert found == ({"access-refusal-status"} if cls is Class.VIOLATION else set())
    assert cls is Class.VIOLATION or "access-refusal-status" in other.journaled(Class.GAP)


def test_without_a_second_identity_it_is_not_tested(stage: Make) -> None:
    with pytest.raises(SkippedError, match="no second identity"):
        stage(outsider=False).run(contract.test_outsider, OPERATIONS["read"])


def test_a_second_identity_that_nobody_knows_proves_nothing(stage: Make) -> None:
    class KnowsNoOutsider(IdentityProvider):
        def verify(self, token: str) -> Caller:
            client = super().verify(token)
            return client if client.id == next(iter(CLIENT_PROJECTS)) else super().verify("unknown")

    with pytest.raises(SkippedError, match="refused everywhere"):
        stage(Behaviour(identity=KnowsNoOutsider)).run(contract.test_outsider, OPERATIONS["read"])


TOKEN = jwt.encode({"sub": "someone", "exp": 4_000_000_000}, "k" * 32, algorithm="HS256")


@pytest.mark.parametrize("name", JWTS)
def test_a_forged_jwt_is_readable_and_not_valid(name: str) -> None:
    header = BY_ID[name].header(TOKEN)
    assert header is not None
    forged = header.removeprefix("Bearer ")
    assert forged != TOKEN
    assert jwt.decode(forged, options={"verify_signature": False})["sub"] == "someone"
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(forged, "k" * 32, algorithms=["HS256"], options={"verify_exp": False})


def test_a_tampered_signature_differs_in_whole_bytes() -> None:
    header = BY_ID["tampered-signature"].header(TOKEN)
    assert header is not None
    one, two = (base64.urlsafe_b64decode(text.rpartition(".")[2] + "=") for text in (TOKEN, header))
    assert one != two
    assert BY_ID["tampered-signature"].header(header.removeprefix("Bearer ")) != header


@pytest.mark.parametrize("name", JWTS)
@pytest.mark.parametrize("token", ["opaque", "a.b.c", "eyJ.eyJ.x", "..", "MQ.MQ.MQ"])
def test_an_opaque_token_cannot_be_forged(name: str, token: str) -> None:
    with pytest.raises(OpaqueTokenError):
        BY_ID[name].header(token)


@pytest.mark.parametrize("forgery", [item for item in FORGERIES if item.shell], ids=lambda forgery: forgery.id)
def test_the_shell_spelling_makes_the_same_header(forgery: Forgery) -> None:
    made = subprocess.run(
        ["sh", "-c", f'printf %s "{forgery.shell}"'],
        env={**os.environ, "ASSAY_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout == forgery.header(TOKEN)


def test_the_evidence_shows_how_and_hides_the_token(stage: Make) -> None:
    broken = stage(Behaviour(identity=TrustsClaims))
    exchange_evidence = _evidence(broken)
    token = broken.target.session.token()
    assert "ASSAY_TOKEN" in exchange_evidence["curl"]
    assert token not in json.dumps(exchange_evidence)
    assert token.split(".")[1] not in json.dumps(exchange_evidence)


def _evidence(broken: Stage) -> dict[str, Any]:
    from assay.checks.exchange import ContractBreachError

    with pytest.raises(ContractBreachError) as breach:
        contract.test_forged_read(broken.target, "test", OPERATIONS["read"], BY_ID["alg-none"])
    evidence = breach.value.findings[0].evidence
    assert evidence is not None
    return dataclasses.asdict(evidence)
