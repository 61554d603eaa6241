"""Judges what a control plane answers to those who have no right: refused, documented, silent and without effect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from assay.checks.access_forgeries import Forgery
from assay.checks.deviation import Deviation
from assay.checks.exchange import Exchange
from assay.client.exchange import Answer
from assay.contract.request import Expectation, Json, Outcome, Reason, Source
from assay.findings.model import Class

UNAUTHENTICATED: Final = Expectation(
    Outcome.REJECT, (Reason(Source.STATE, "unauthenticated", "/headers/authorization", "no valid credentials"),)
)
FOREIGN: Final = Expectation(
    Outcome.REJECT, (Reason(Source.STATE, "foreign", "/headers/authorization", "another identity's workload"),)
)

JUDGED_HERE: Final = frozenset(range(200, 300))
"""An acceptance is judged by ``forged`` and ``foreign``, which name the forgery; for ``also`` of ``Probe.send``."""

_REFUSED: Final = frozenset({401, 403})
_WHY: Final = (
    "The document secures every operation with bearerAuth (scheme bearer, bearerFormat JWT) and lists 401 "
    "Unauthorized and 403 Forbidden for whoever has no valid token."
)


def forged(exchange: Exchange, forgery: Forgery) -> Iterator[Deviation]:
    """Yield what is wrong with the answer to a request that came with ``forgery``."""
    status, check = exchange.status, f"access-{forgery.id}"
    if status is None or status in _REFUSED or status >= 500:
        return
    if exchange.accepted:
        yield _violation(check, f"answers {status} to {forgery.what}", _WHY)
    elif status == 400 and forgery.malformed:
        yield _gap(
            "access-refusal-status",
            f"answers 400 to {forgery.what}",
            "The document lists 401 for it; RFC 6750 also knows 400 for a malformed Authorization header.",
        )
    elif 400 <= status < 500:
        yield _otherwise(status, forgery)


def _otherwise(status: int, forgery: Forgery) -> Deviation:
    """Refused, but not as unauthenticated. Without any credentials nothing else can be meant, but for a
    404, which hides that the workload exists."""
    summary = f"answers {status} instead of 401 to {forgery.what}"
    why = f"{_WHY} Clients fetch a new token on 401; on {status} they do not."
    if forgery.id == "no-token" and status != 404:
        return _violation("access-refusal-status", summary, why, str(status))
    return _gap("access-refusal-status", summary, why)


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
        )
    elif 400 <= status < 500 and status != 404:  # 404 hides that the workload exists, which is lawful
        yield _gap(
            "access-refusal-status",
            f"answers {status} to an identity that has no right in the project",
            "The document lists 403 Forbidden for it.",
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
                what,
            )


def side_effects(refused: Exchange, after: Exchange, *, marks: Iterable[str] = ()) -> Iterator[Deviation]:
    """Yield what a refused request changed all the same; ``after`` is the owner's read of the workload.

    ``marks`` are texts that only the refused request carried.
    """
    if refused.status is None or not 400 <= refused.status < 500:
        return
    if after.status == 404 or _is_deleted(after.object()):
        yield _effect("the workload is deleted although the request was refused")
    elif after.accepted and isinstance(after.answer, Answer) and any(mark in after.answer.text for mark in marks):
        yield _effect("the workload is changed although the request was refused")


def created(refused: Exchange, found: Iterable[object] | None) -> Iterator[Deviation]:
    """Yield a deviation when a refused creation is ``found`` all the same (None: the target has no list)."""
    if refused.status is not None and 400 <= refused.status < 500 and found:
        yield _effect("a workload exists although its creation was refused")


def _is_deleted(workload: Mapping[str, Json]) -> bool:
    return workload.get("desiredPhase") == "Deleted" or workload.get("deletedAt") is not None


def _effect(summary: str) -> Deviation:
    return _violation("access-side-effect", summary, "A request that is refused must change nothing.")


def _violation(check: str, summary: str, why: str, rule: str | None = None) -> Deviation:
    return Deviation(Class.VIOLATION, check, rule, "/response/status", summary, why)


def _gap(check: str, summary: str, why: str) -> Deviation:
    return Deviation(Class.GAP, check, None, "/response/status", summary, why)
