"""Fits a generated request to the target: ids that exist, names of this run, and nothing that could touch a stranger.

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
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from assay.contract.request import Json, Request

_WRITES: Final = frozenset({"update", "delete"})
_METRICS: Final = frozenset({"metrics", "pod_metrics"})
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


@dataclass(frozen=True, slots=True)
class Ids:
    """What exists on the target. ``workload`` is a live one of this run, ``pod`` one of its pods; None: not known."""

    project: str
    cluster: str
    workload: str | None = None
    pod: str | None = None


class Fitter:
    """Fits requests for one run. ``new_name`` gives a fresh workload name, ``frugal`` spares GPUs and replicas."""

    def __init__(self, project: str, cluster: str, new_name: Callable[[], str], *, frugal: bool) -> None:
        self._project = project
        self._cluster = cluster
        self._new_name = new_name
        self._frugal = frugal

    def fit(self, request: Request, ids: Ids, *, known: bool = True, recent: bool = False) -> Request:
        """Return the fitted request.

        ``known`` puts ids that exist in the place of well-formed ones; otherwise they become random version 4 UUIDs.
        ``recent`` moves a metrics range to the last ten minutes and keeps which end comes first.
        """
        path = {
            name: _path_value(request.operation, value, getattr(ids, name.removesuffix("Id"), None), known)
            for name, value in request.path.items()
        }
        query = _recent(request.query) if recent and request.operation in _METRICS else request.query
        body = request.body
        if isinstance(body, Mapping):
            body = copy.deepcopy(dict(body))
            if request.operation == "create":
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


def carries_a_project(request: Request) -> bool:
    """True for a creation whose body is no JSON object but bytes that a lenient reader might find a project in."""
    return request.operation == "create" and request.raw is not None and b"projectId" in request.raw


def _path_value(role: str, value: str, known_id: str | None, known: bool) -> str:
    parsed = _uuid(value)
    if parsed is None and role not in _WRITES and value.strip(".") != "":
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


def _recent(query: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    pairs = tuple(query)
    given = dict(pairs)
    start, end = moment(given.get("start", "")), moment(given.get("end", ""))
    if start is None or end is None or len(given) < len(pairs):
        return pairs
    now = datetime.now(UTC).replace(microsecond=0)
    early, late = (text.isoformat().replace("+00:00", "Z") for text in (now - _RECENT, now))
    moved = {
        "start": early if start <= end else late,
        "end": late if start < end else early,
    }
    return tuple((name, moved.get(name, value)) for name, value in pairs)


def moment(text: str) -> datetime | None:
    """The moment that an RFC 3339 text names; None for everything else, also a time without an offset."""
    try:
        parsed = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return parsed if parsed.tzinfo is not None else None
