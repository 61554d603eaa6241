"""The common form of what the contract tests send: one planned case, its request built when the ids are known."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from assay.contract.documents import Operation, Parameter
from assay.contract.operations import Kind
from assay.contract.request import ABSENT, Absent, Json, Outcome, Reason, Request, Source
from assay.contract.rules.base import Fragment
from assay.generation.values import PLAIN_SPEC

Side = Literal["accept", "reject"]

ACCEPT: Final = "accept"
REJECT: Final = "reject"

NOWHERE: Final = "00000000-0000-4000-8000-000000000000"
"""An id that nothing has: it stands in a request while that is planned, and asks for what does not exist."""


@dataclass(frozen=True, slots=True)
class TargetIds:
    """What exists on the target: the project, the cluster, and ids by resource for the paths (NOWHERE otherwise).

    ``start`` and ``end`` (RFC 3339) bound the metrics asked for.
    """

    project: str
    cluster: str
    found: Mapping[str, str] = field(default_factory=dict)
    start: str = "2026-01-01T00:00:00Z"
    end: str = "2026-01-01T01:00:00Z"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a case is about: a schema keyword or a rule, and the place (``/body/...``, ``/query/...``, ``/path/...``).

    The location of a rule's accept case is the body as a whole: nothing in particular is wrong there. ``quote`` is
    the sentence of a rule.
    """

    source: Source
    id: str
    location: str
    quote: str = field(default="", compare=False)

    def alone_in(self, reasons: tuple[Reason, ...]) -> bool:
        """Whether ``reasons`` are this one thing and nothing else."""
        return self._among(reasons) and len({(reason.source, reason.id) for reason in reasons}) == 1

    def decides(self, reasons: tuple[Reason, ...]) -> bool:
        """Whether this is among ``reasons`` and they all concern this one place.

        A value can break two constraints at once that stand at the same place: what is no string is no member of an
        enumeration of strings either.
        """
        return self._among(reasons) and {reason.location for reason in reasons} == {self.location}

    def _among(self, reasons: tuple[Reason, ...]) -> bool:
        return any(
            (reason.source, reason.id, reason.location) == (self.source, self.id, self.location) for reason in reasons
        )


@dataclass(frozen=True, slots=True)
class PlannedCase:
    """One request with a known expectation, complete but for names and ids.

    ``body`` is the JSON body (its name, project and cluster are put in by ``build``), ``query`` and ``path`` override
    the plain parameters (ABSENT leaves one out). ``before`` is the spec to create the workload of an update with.
    ``assumed`` says what an acceptance takes for granted (Expectation.assumes): a refusal is then a gap.
    """

    id: str
    operation: str
    side: Side
    title: str
    reason: Subject
    body: Json | Absent = ABSENT
    query: Mapping[str, str | Absent] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, Json] | None = None
    assumed: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.side)

    @property
    def gpus(self) -> int:
        """How many GPU devices the case asks for at most: devices times replicas, before and after an update."""
        return gpus_of(self.before or {}, _spec(self.body))

    def build(self, operation: Operation, ids: TargetIds, name: str) -> Request:
        """The request to send to ``operation``, which is the case's.

        ``name`` becomes the workload's name, unless the name itself is under test.
        """
        path = {parameter: ids.found.get(resource, NOWHERE) for parameter, resource in operation.needs.items()}
        body = self._filled(ids, name) if operation.kind is Kind.CREATE else copy.deepcopy(self.body)
        query = plain_query(operation, ids.start, ids.end) | dict(self.query)
        pairs = tuple((key, value) for key, value in query.items() if isinstance(value, str))
        return Request(self.operation, path | dict(self.path), pairs, body=body)

    def _filled(self, ids: TargetIds, name: str) -> Json | Absent:
        body = copy.deepcopy(self.body)
        if isinstance(body, dict):
            for key, placeholder, value in (
                ("name", PLAIN_NAME, name),
                ("projectId", PLAIN_PROJECT, ids.project),
                ("clusterId", NOWHERE, ids.cluster),
            ):
                if body.get(key) == placeholder:
                    body[key] = value
        return body


@dataclass(frozen=True, slots=True)
class Excluded:
    """A case that would be wanted and cannot be planned, with the reason."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class CaseList:
    """Planned cases and what was left out; both in a fixed order."""

    cases: tuple[PlannedCase, ...] = ()
    excluded: tuple[Excluded, ...] = ()

    def __add__(self, other: CaseList) -> CaseList:
        return replace(self, cases=self.cases + other.cases, excluded=self.excluded + other.excluded)


_PLAIN_METRIC: Final = "THROUGHPUT"  # measured of workloads and of pods
PLAIN_NAME: Final = "assay-plain-name"
PLAIN_PROJECT: Final = "assay-plain-project"


def plain_query(operation: Operation, start: str, end: str) -> dict[str, str | Absent]:
    """A plain value for every query parameter that the operation requires; ``start`` and ``end`` bound a range."""
    given = {"start": start, "end": end}
    return {
        parameter.name: given.get(parameter.name) or _plain_value(parameter)
        for parameter in operation.parameters
        if parameter.where == "query" and parameter.required
    }


def _plain_value(parameter: Parameter) -> str:
    schema = parameter.schema.get("items", parameter.schema)
    members = schema.get("enum", ())
    if members:
        return _PLAIN_METRIC if _PLAIN_METRIC in members else str(members[0])
    if schema.get("type") in {"integer", "number"}:
        return str(max(1, schema.get("minimum", 1)))
    return "true" if schema.get("type") == "boolean" else "assay"


def plain_body(kind: Kind) -> dict[str, Any]:
    """The smallest plain body; a creation has placeholders that ``build`` replaces, an update the plain spec."""
    if kind is Kind.CREATE:
        return {"name": PLAIN_NAME, "projectId": PLAIN_PROJECT, "clusterId": NOWHERE, "spec": dict(PLAIN_SPEC)}
    return {"spec": dict(PLAIN_SPEC)}


def overlay(fragment: Fragment) -> dict[str, Any]:
    """``fragment`` laid over the plain spec; None removes what the plain spec has, elsewhere it stays null."""
    merged = {**PLAIN_SPEC, **fragment}
    return {key: value for key, value in merged.items() if value is not None or key not in PLAIN_SPEC}


def slug(title: str) -> str:
    """A title as one step of a case id: small letters, digits and hyphens (``1.0`` and ``10`` stay apart)."""
    return re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-")


def _spec(body: Json | Absent) -> Mapping[str, Json]:
    spec = body.get("spec") if isinstance(body, Mapping) else None
    return spec if isinstance(spec, Mapping) else {}


def gpus_of(before: Mapping[str, Json], spec: Json) -> int:
    """GPU devices that ``before``, or ``spec`` laid over it, asks for at most: devices times replicas."""
    return max(_gpus(before), _gpus({**before, **(spec if isinstance(spec, Mapping) else {})}))


def _gpus(spec: Mapping[str, Json]) -> int:
    compute, scaling = spec.get("compute"), spec.get("autoscaling")
    compute = compute if isinstance(compute, Mapping) else {}
    scaling = scaling if isinstance(scaling, Mapping) else {}
    devices = compute.get("gpuDevicesRequest")
    if not isinstance(devices, int):
        devices = int(compute.get("gpuRequestType") is not None)
    replicas = [value for key, value in scaling.items() if key.endswith("Replicas") and isinstance(value, int)]
    return devices * max([1, *replicas])
