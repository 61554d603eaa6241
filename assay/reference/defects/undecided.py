"""Values that the schema allows and that nobody can insist on: another rule refuses them, or the document is silent.

To refuse such a value is no defect that a fair suite could name. What follows from the rules is derived; where the
document is silent or contradicts itself the oracle answers ``open``, and the table below repeats its reasons.
"""

from __future__ import annotations

import re
import string
from functools import cache
from typing import Final

from assay.contract.documents import Contract
from assay.contract.rules.base import Broken, prune
from assay.contract.schema import Node

_ENTRY: Final = "what null as an entry of a list means the document does not say"
_MANDATORY: Final = "a rule of the prose asks for this field, so that null is refused either way"
_EMPTY_OBJECT: Final = "whether an object without any value is given or as good as absent is not said"
_IMAGE: Final = "whether an update may clear the image is not said"
_NOTHING: Final = "what an update that names nothing means is not said"
_NO_MEMBER: Final = "no member of the enumeration is on that bound"
_NO_TEXT: Final = "no text on that bound matches the pattern"
_TOLERATION: Final = "the document contradicts itself on the value of a toleration (tolerations/value-by-operator)"

_PORT: Final = "the port has no stated default and is not mandatory"
_MEDIUM: Final = "the document contradicts itself (storage/empty-dir-medium-empty)"
_SOURCE: Final = "the document contradicts itself (security/idp-token-spelling)"
_PROFILE: Final = "the document contradicts itself (security/seccomp-localhost)"

# (operation, or None for both; place; step of the id) -> why nobody can tell.
_TABLE: Final[dict[tuple[str | None, str, str], str]] = {
    ("create", "/spec", "null"): _MANDATORY,
    ("update", "/spec", "null"): _NOTHING,
    ("update", "/spec/image", "null"): _IMAGE,
    (None, "/spec/probes/readiness/handler", "null"): _EMPTY_OBJECT,
    (
        None,
        "/spec/probes/readiness/handler/httpGet/port",
        "null",
    ): _PORT,
    (None, "/spec/podAffinity/type", "null"): _EMPTY_OBJECT,
    (None, "/spec/podAffinity/key", "null"): _EMPTY_OBJECT,
    (None, "/spec/servingPort/container", "null"): _EMPTY_OBJECT,
    (None, "/spec/tolerations/*/exclude", "null"): _TOLERATION,
    (None, "/spec/tolerations/*/exclude", "false"): _TOLERATION,
    (None, "/spec/storage/pvc/*/ephemeral", "true"): "claims/ephemeral-not-supported refuses it either way",
    (None, "/spec/storage/pvc/*/claimInfo", "null"): _MANDATORY,
    (
        None,
        "/spec/storage/emptyDirVolume/*/medium",
        "minLength",
    ): "the document contradicts itself (storage/empty-dir-medium-empty)",
    (
        None,
        "/spec/security/uidGidSource",
        "enum-fromIdpToken",
    ): "the document contradicts itself (security/idp-token-spelling)",
    (
        None,
        "/spec/security/seccompProfileType",
        "enum-Localhost",
    ): "the document contradicts itself (security/seccomp-localhost)",
}


def undecided(contract: Contract, role: str, node: Node, step: str) -> str | None:
    """Why a refusal of ``step`` (null, minLength, enum-...) at ``node`` cannot be called wrong; None when it can."""
    told = _TABLE.get((role, node.pointer, step)) or _TABLE.get((None, node.pointer, step))
    if told is not None:
        return told
    if step == "null":
        if node.name == "*":
            return _ENTRY
        return _MANDATORY if node.pointer in _mandatory(contract) else None
    if step in {"minLength", "maxLength"}:
        return _nothing_on_the_bound(node, int(node.bounds[step]))
    return None


@cache
def _mandatory(contract: Contract) -> frozenset[str]:
    """Places below the body at which a rule misses a value that must be there."""
    missed = set()
    for rule in contract.rules:
        if "required" not in rule.id:
            continue
        for case in rule.rejects:
            spec = prune(dict(case.fragment))
            missed |= {f"/spec{item.location}" for item in rule.judge(spec) if isinstance(item, Broken)}
    return frozenset(place for place in missed if place not in _CONDITIONAL)


# Mandatory under a condition only: without it null is as good as absent.
_CONDITIONAL: Final = frozenset(
    {
        "/spec/autoscaling/metric",
        "/spec/autoscaling/metricThreshold",
        "/spec/compute/gpuPortionRequest",
        "/spec/compute/gpuMemoryRequest",
        "/spec/compute/migProfile",
    }
)


def _nothing_on_the_bound(node: Node, length: int) -> str | None:
    if node.enum is not None:
        return None if any(isinstance(item, str) and len(item) == length for item in node.enum) else _NO_MEMBER
    if node.pattern is None or length != 1:
        return None
    return None if any(re.search(node.pattern, character) for character in string.printable) else _NO_TEXT
