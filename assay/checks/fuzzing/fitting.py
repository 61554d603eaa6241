"""Fits a generated request to the target: ids that exist, names of this run, nothing that could touch a stranger.

What a request may carry after fitting, whatever was generated:

- the project of this run and no other (a random project id may be somebody's);
- in DELETE and PATCH, a workload of this run or a random version 4 UUID, never a malformed id (a lenient target
  might read something into it); reads keep malformed ids, since all they can get is an answer;
- a name that begins with this run's prefix, so that a creation whose answer is lost can be found;
- no GPU and few replicas where the budget limits GPU devices, which it does on every target but the embedded one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from assay.checks.echo import moment
from assay.contract.documents import Contract
from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import Expectation, Json, Outcome, Reason, Request
from assay.contract.rules.base import Spec

_GPU_FIELDS: Final = (
    "gpuDevicesRequest",
    "gpuRequestType",
    "gpuPortionRequest",
    "gpuPortionLimit",
    "gpuMemoryRequest",
    "gpuMemoryLimit",
    "migProfile",
    "extendedResources",
)
_REPLICA_FIELDS: Final = ("minReplicas", "maxReplicas", "initialReplicas", "activationReplicas")
# Where workloads cost something, two replicas show as much as two thousand.
_FEW_REPLICAS: Final = 2
# A workload that lives for seconds has all of its samples in here.
_RECENT: Final = timedelta(minutes=10)


class Fitter:
    """Fits requests for one run. ``new_name`` gives a fresh workload name, ``frugal`` spares GPUs and replicas.

    ``now`` tells the full second that it is.
    """

    def __init__(
        self,
        contract: Contract,
        project: str,
        cluster: str,
        new_name: Callable[[], str],
        *,
        frugal: bool,
        now: Callable[[], datetime],
    ) -> None:
        self._contract = contract
        self._project = project
        self._cluster = cluster
        self._new_name = new_name
        self._frugal = frugal
        self._now = now

    def fit(self, request: Request, ids: Mapping[str, str], *, known: bool = True, recent: bool = False) -> Request:
        """Return the fitted request.

        ``ids`` are those that exist on the target, by resource: a live workload of this run, one of its pods.
        ``known`` puts ids that exist in the place of well-formed ones; otherwise they become random version 4 UUIDs.
        ``recent`` moves a metrics range to the last ten minutes and keeps which end comes first.
        """
        operation = self._contract.operations[request.operation]
        writes = operation.writes is not None
        path = {
            name: _path_value(value, ids.get(operation.needs.get(name, "")), known, writes=writes)
            for name, value in request.path.items()
        }
        query = _recent(request.query, self._now()) if recent and operation.kind is Kind.MEASURE else request.query
        body = request.body
        if isinstance(body, Mapping):
            body = copy.deepcopy(dict(body))
            if operation.kind is Kind.CREATE:
                self._own(body)
            if self._frugal:
                _spare(body.get("spec"))
        return replace(request, path=path, query=query, body=body)

    def _own(self, body: dict[str, Json]) -> None:
        """Make a creation this run's; what is missing or of a wrong type stays so unless it could name a project."""
        project = body.get("projectId")
        if project is not None and not isinstance(project, bool):
            body["projectId"] = self._project
        if isinstance(body.get("name"), str) and body["name"]:
            body["name"] = self._new_name()
        if _is_uuid(body.get("clusterId")):
            body["clusterId"] = self._cluster


def carries_a_project(contract: Contract, request: Request) -> bool:
    """True for a creation whose body is no JSON object but bytes that a lenient reader might find a project in."""
    creates = contract.operations[request.operation].kind is Kind.CREATE
    return creates and request.raw is not None and b"projectId" in request.raw


def _path_value(value: str, known_id: str | None, known: bool, *, writes: bool) -> str:
    parsed = _uuid(value)
    if parsed is None and not writes and value.strip(".") != "":
        return value
    if known_id is not None and (known or parsed is None):
        return known_id
    seed = parsed if parsed is not None else UUID(bytes=value.encode()[:16].ljust(16, b"\0"))
    return str(UUID(int=seed.int, version=4))


def _uuid(value: Json) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _is_uuid(value: Json) -> bool:
    return _uuid(value) is not None


def _spare(spec: Json) -> None:
    if not isinstance(spec, dict):
        return
    compute = spec.get("compute")
    if isinstance(compute, dict):
        for name in _GPU_FIELDS:
            compute.pop(name, None)
    autoscaling = spec.get("autoscaling")
    if isinstance(autoscaling, dict):
        for name in _REPLICA_FIELDS:
            value = autoscaling.get(name)
            if isinstance(value, int | float) and value > _FEW_REPLICAS:
                autoscaling[name] = _FEW_REPLICAS
            elif isinstance(value, str):
                del autoscaling[name]  # a lenient reader may take "9999" for a number


def _recent(query: Iterable[tuple[str, str]], now: datetime) -> tuple[tuple[str, str], ...]:
    pairs = tuple(query)
    given = dict(pairs)
    start, end = moment(given.get("start")), moment(given.get("end"))
    if start is None or end is None or len(given) < len(pairs):
        return pairs
    early, late = (text.isoformat().replace("+00:00", "Z") for text in (now - _RECENT, now))
    moved = {
        "start": early if start <= end else late,
        "end": late if start < end else early,
    }
    return tuple((name, moved.get(name, value)) for name, value in pairs)


# Each round drops at least one section; no spec of the document has more (CREATE has 34 top-level fields).
_ROUNDS: Final = 40


def repair(oracle: Oracle, request: Request, plain: Spec, before: Spec | None = None) -> Request:
    """Drop what the oracle objects to until it has no objection left.

    Returns the request with a body that is accepted, or the request itself when it cannot be repaired.
    A schema-valid body seldom keeps the rules of the prose: of 300 that Schemathesis draws, 17 at most have the
    mandatory image. Dropped are whole sections of the spec, so what is left is Schemathesis's own.
    ``plain`` is a valid spec, which the repaired one is laid over; ``before`` the stored spec that an update goes to.
    """
    if not isinstance(request.body, Mapping):
        return request
    body: dict[str, Json] = copy.deepcopy(dict(request.body))
    spec = body.get("spec")
    body["spec"] = spec = dict(spec) if isinstance(spec, Mapping) else {}
    creates = oracle.contract.operations[request.operation].kind is Kind.CREATE
    for _ in range(_ROUNDS):
        if creates or not spec:  # an update that names nothing is nothing to judge
            spec.update(plain)
        repaired = replace(request, body=body)
        expectation = oracle.expect(repaired, before)
        if expectation.outcome is Outcome.ACCEPT:
            return repaired
        if not _drop(oracle, request.operation, body, expectation):
            return request
    return request


def _drop(oracle: Oracle, operation: str, body: dict[str, Json], expectation: Expectation) -> bool:
    """Drop what the reasons point at; False when nothing could be dropped."""
    dropped = False
    for reason in expectation.reasons:
        dropped |= _drop_one(oracle, operation, body, reason)
    return dropped


def _drop_one(oracle: Oracle, operation: str, body: dict[str, Json], reason: Reason) -> bool:
    node = oracle.bodies[operation]
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
