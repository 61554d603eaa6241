"""Makes a generated body acceptable: drops what the oracle objects to until it has no objection left.

A schema-valid body seldom keeps the rules of the prose: of 300 that Schemathesis draws, 17 at most have the mandatory
image. Dropped are whole sections of the spec, so what is left is Schemathesis's own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from assay.contract.oracle import Oracle
from assay.contract.request import Expectation, Json, Outcome, Reason, Request
from assay.contract.rules.base import Spec

# Each round drops at least one section; no spec of the document has more (CREATE has 34 top-level fields).
_ROUNDS: Final = 40


def mend(oracle: Oracle, request: Request, plain: Spec, before: Spec | None = None) -> Request:
    """Return the request with a body that the oracle accepts, or the request itself when it cannot be mended.

    ``plain`` is a valid spec, which the mended one is laid over; ``before`` the stored spec that an update goes to.
    """
    if not isinstance(request.body, Mapping):
        return request
    body: dict[str, Json] = copy.deepcopy(dict(request.body))
    spec = body.get("spec")
    body["spec"] = spec = dict(spec) if isinstance(spec, Mapping) else {}
    for _ in range(_ROUNDS):
        if request.operation == "create" or not spec:  # an update that names nothing is nothing to judge
            spec.update(plain)
        mended = replace(request, body=body)
        expectation = oracle.expect(mended, before)
        if expectation.outcome is Outcome.ACCEPT:
            return mended
        if not _drop(oracle, request.operation, body, expectation):
            return request
    return request


def _drop(oracle: Oracle, role: str, body: dict[str, Json], expectation: Expectation) -> bool:
    """Drop what the reasons point at; False when nothing could be dropped."""
    dropped = False
    for reason in expectation.reasons:
        dropped |= _drop_one(oracle, role, body, reason)
    return dropped


def _drop_one(oracle: Oracle, role: str, body: dict[str, Json], reason: Reason) -> bool:
    node = oracle.bodies[role]
    steps = reason.location.split("/")[2:]
    spec = body["spec"]
    if steps == ["?"]:
        return _keep_only(body, node.properties)
    if steps == ["spec", "?"]:
        return _keep_only(spec, node.properties["spec"].properties)
    if len(steps) >= 2 and steps[0] == "spec":
        return spec.pop(steps[1], None) is not None
    return False


def _keep_only(value: dict[str, Json], known: Mapping[str, object]) -> bool:
    unknown = [name for name in value if name not in known]
    for name in unknown:
        del value[name]
    return bool(unknown)
