"""Defects of the family ``identity``: a door that stands open in one operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import jwt

from assay.contract.documents import Contract
from assay.reference import tenant
from assay.reference.behaviour import Change
from assay.reference.defects.base import Defect, mixed
from assay.reference.http import IncomingRequest, Refusal
from assay.reference.identity import IdentityProvider
from assay.reference.tenant import Caller

_OWNER: Final = next(iter(tenant.CLIENT_PROJECTS))
Door = Callable[[IdentityProvider, IncomingRequest], Caller | None]
"""Lets somebody in whom the identity has refused (None: it does not)."""


def _value(call: IncomingRequest) -> str | None:
    return call.header(b"authorization")


def _token(call: IncomingRequest) -> str:
    return (_value(call) or "").partition(" ")[2].strip()


def _claimed(identity: IdentityProvider, token: str) -> Caller | None:
    """The client that a token names, its signature unread."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    return identity.clients.get(str(claims.get("sub")))


def _no_header(identity: IdentityProvider, call: IncomingRequest) -> Caller | None:
    return identity.clients[_OWNER] if _value(call) is None else None


def _any_token(identity: IdentityProvider, call: IncomingRequest) -> Caller | None:
    return identity.clients[_OWNER] if _token(call) else None


def _bare_bearer(identity: IdentityProvider, call: IncomingRequest) -> Caller | None:
    return identity.clients[_OWNER] if (_value(call) or "").strip().lower() == "bearer" else None


def _basic(identity: IdentityProvider, call: IncomingRequest) -> Caller | None:
    return identity.clients[_OWNER] if (_value(call) or "").lower().startswith("basic ") else None


def _other_scheme(identity: IdentityProvider, call: IncomingRequest) -> Caller | None:
    try:
        return identity.verify(_token(call))
    except Refusal:
        return None


def _unsigned(identity: IdentityProvider, call: IncomingRequest) -> Caller | None:
    token = _token(call)
    return _claimed(identity, token) if token.endswith(".") else None


def _signature_unread(identity: IdentityProvider, call: IncomingRequest) -> Caller | None:
    return _claimed(identity, _token(call))


DOORS: Final[Mapping[str, tuple[str, Door]]] = {
    "no-token": ("lets in who brings no token", _no_header),
    "any-token": ("lets in who brings any token", _any_token),
    "bare-bearer": ("lets in who names the scheme and no token", _bare_bearer),
    "basic": ("lets in who comes with Basic credentials", _basic),
    "any-scheme": ("takes a token under any scheme", _other_scheme),
    "alg-none": ("takes unsigned tokens", _unsigned),
    "signature-unread": ("does not read the signature", _signature_unread),
}


def defects(contract: Contract) -> Iterator[Defect]:
    """``identity/<operation>/<door>``."""
    for name, operation in contract.operations.items():
        for door, (what, lets_in) in DOORS.items():
            place = f"/paths/{operation.id}/security"
            yield _defect(name, door, what, place, _with_door(name, lets_in))
        what = "answers 403 to whoever is not known"
        yield _defect(name, "forbidden", what, f"/paths/{operation.id}/responses/401", _forbidding(name))
        what = "serves whoever has a token, in whatever project"
        yield _defect(name, "foreign", what, f"/paths/{operation.id}/responses/403", _boundless(name))


def _defect(operation: str, door: str, what: str, place: str, change: Change) -> Defect:
    return Defect(f"identity/{operation}/{door}", "identity", f"{operation} {what}", place, change, operation)


def _with_door(operation: str, door: Door) -> Change:
    class LeavesDoorOpen(IdentityProvider):
        def authenticate(self, call: IncomingRequest) -> Caller:
            try:
                return super().authenticate(call)
            except Refusal:
                admitted = door(self, call) if call.operation == operation else None
                if admitted is None:
                    raise
                return admitted

    return mixed(LeavesDoorOpen)


def _forbidding(operation: str) -> Change:
    class TellsForbidden(IdentityProvider):
        def authenticate(self, call: IncomingRequest) -> Caller:
            try:
                return super().authenticate(call)
            except Refusal as refusal:
                if call.operation != operation:
                    raise
                raise Refusal(403, refusal.message) from None

    return mixed(TellsForbidden)


def _boundless(operation: str) -> Change:
    class GivesRightsEverywhere(IdentityProvider):
        everywhere = False

        def authenticate(self, call: IncomingRequest) -> Caller:
            self.everywhere = call.operation == operation
            return super().authenticate(call)

        def may(self, client: Caller, project_id: str) -> bool:
            return self.everywhere or super().may(client, project_id)

    return mixed(GivesRightsEverywhere)
