"""Conforming ways to treat callers: what a token is, and how somebody is refused who brings none."""

from __future__ import annotations

import secrets
from typing import Final

from assay.reference.behaviour import Behaviour
from assay.reference.http import IncomingRequest, Reply
from assay.reference.identity import IdentityProvider
from assay.reference.tenant import Caller


class _RemembersTokens(IdentityProvider):
    """Tokens are random texts that only this provider can tell anything of."""

    def issue(self, client: Caller) -> str:
        token = secrets.token_urlsafe(24)
        self._verified[token] = (client, self._clock() + self.token_seconds)
        return token


def opaque_tokens(behaviour: Behaviour) -> Behaviour:
    """A token is a random text."""
    return behaviour.mixing(_RemembersTokens)


def _as(answer: Reply, status: int) -> None:
    if isinstance(answer.content, dict):
        answer.status, answer.content = status, {**answer.content, "code": status}


def forbidden(call: IncomingRequest, answer: Reply) -> None:
    """403 where there is no Authorization at all, as some frameworks have it."""
    if answer.status == 401 and call.operation is not None and call.header(b"authorization") is None:
        _as(answer, 403)


_NOTHING: Final = "there is nothing here"


def hidden(call: IncomingRequest, answer: Reply) -> None:
    """404 for whoever is not known: not even that there is something is told."""
    if answer.status == 401 and call.operation is not None:
        answer.content = {"code": 404, "message": _NOTHING}
        answer.status = 404
