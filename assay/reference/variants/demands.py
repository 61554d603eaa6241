"""Conforming changes to what is demanded: a plane may be stricter than its contract, or ask in another order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from assay.contract.documents import Operation
from assay.contract.operations import Kind
from assay.contract.request import Json
from assay.contract.rules.base import Rule, Strength
from assay.reference import http, patching, tenant
from assay.reference.behaviour import Behaviour, Change
from assay.reference.http import IncomingRequest, Refusal, Reply, quality
from assay.reference.plane import Before, Plane, Proceed
from assay.reference.store import StoredWorkload
from assay.reference.tenant import Caller
from assay.reference.validation import Validation, read_query

Demand = Callable[[Validation, str, Any], None]
"""Looks at a body that keeps its schema, and raises a Refusal."""


def demanding(demand: Demand) -> Change:
    """A behaviour with one more demand on every body."""

    class Demanding(Validation):
        def body(self, operation: str, value: Json) -> None:
            super().body(operation, value)
            demand(self, operation, value)

    return lambda behaviour: behaviour.mixing(Demanding)


def malformed_ids(status: int) -> Change:
    """A behaviour that answers ``status`` to an id that is no UUID."""

    class RefusesIds(Validation):
        def path(self, operation: str, params: dict[str, str]) -> None:
            try:
                super().path(operation, params)
            except Refusal as refusal:
                raise Refusal(status, refusal.message) from None

    return lambda behaviour: behaviour.mixing(RefusesIds)


def known_only(validation: Validation, operation: str, body: Json) -> None:
    if patching.known(body, validation.body_node(operation)) != body:
        raise Refusal(400, "the body has a property that is not known")


_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)


def label_names(_: Validation, operation: str, body: Json) -> None:
    if operation == "create" and not _LABEL.fullmatch(body["name"]):
        raise Refusal(400, "/name: a lower-case DNS label of at most 63 characters is required")


_PRINTABLE: Final = re.compile(r"[ -~]{0,253}", re.ASCII)


def printable(_: Validation, __: str, body: Json) -> None:
    for text in _strings(body):
        if not _PRINTABLE.fullmatch(text):
            raise Refusal(400, "a string is longer than 253 characters or not printable ASCII")


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


# Where the document says that a value names something beside the workload.
_REFERENCES: Final = frozenset(
    {"secret", "configMap", "passwordSecret", "storageClass", "nodePools", "nodeType", "category", "resource"}
    | {"authorizedUsers", "authorizedGroups", "imagePullSecrets", "dataVolume"}
)


def existing_references(_: Validation, __: str, body: Json) -> None:
    """Nothing that a spec can name exists on this target: no secret, node pool, storage class, user, claim ..."""
    name = next(_named(body.get("spec")), None) if isinstance(body, dict) else None
    if name is not None:
        raise Refusal(400, f"/spec: the {name} that the spec names does not exist")


def _named(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("existingPvc") is True:
            yield "claim"
        for name, item in value.items():
            if name in _REFERENCES and item not in (None, [], {}):
                yield name
            yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def distinct_names(_: Validation, __: str, body: Json) -> None:
    for items in _lists(body):
        for key in ("name", "key", "mountPath", "container", "path", "url", "id", "resource"):
            named = [item[key] for item in items if isinstance(item, dict) and isinstance(item.get(key), str | int)]
            if len(named) != len(set(named)):
                raise Refusal(400, f"two entries of a list have the same {key}")


def _lists(value: Json) -> Iterator[list[Json]]:
    if isinstance(value, list):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _lists(item)


_GPU: Final = ("gpuDevicesRequest", "gpuPortionRequest", "gpuPortionLimit", "gpuMemoryRequest", "gpuMemoryLimit")


def no_gpus(_: Validation, __: str, body: Json) -> None:
    compute = (body.get("spec") or {}).get("compute") if isinstance(body, dict) else None
    if isinstance(compute, dict) and any(compute.get(name) not in (None, 0, "", "0") for name in _GPU):
        raise Refusal(400, "/spec/compute: the project has no GPU quota")


def named_update(_: Validation, operation: str, body: Json) -> None:
    if operation == "update" and (not isinstance(body, dict) or not body.get("spec")):
        raise Refusal(400, "the update names nothing")


def _ruling(reading: Callable[[Any], Any]) -> Change:
    """A behaviour that holds the rules of the prose to one more reading of each spec."""

    class ReadsTwice(Validation):
        def spec(self, operation: str, spec: Json) -> None:
            super().spec(operation, spec)
            super().spec(operation, reading(spec))

    return lambda behaviour: behaviour.mixing(ReadsTwice)


def _included(value: Json) -> Json:
    """``value`` with no entry excluded."""
    if isinstance(value, dict):
        return {name: _included(item) for name, item in value.items() if (name, item) != ("exclude", True)}
    return [_included(item) for item in value] if isinstance(value, list) else value


def _propagating(spec: Any) -> Any:
    """``spec`` with the mountPropagation that its hostPath entries leave out."""
    storage: Any = spec.get("storage") if isinstance(spec, dict) else None
    paths = storage.get("hostPath") if isinstance(storage, dict) else None
    if not isinstance(paths, list):
        return spec
    stated = [
        {**item, "mountPropagation": item.get("mountPropagation") or "None"} if isinstance(item, dict) else item
        for item in paths
    ]
    return {**spec, "storage": {**storage, "hostPath": stated}}


complete_exclusions: Final = _ruling(_included)
default_propagation: Final = _ruling(_propagating)


def advice_ignored(behaviour: Behaviour) -> Behaviour:
    """Only what the document demands is demanded, not what it recommends."""

    def demanded(rules: Sequence[Rule]) -> Sequence[Rule]:
        return tuple(rule for rule in rules if rule.strength is Strength.MUST)

    return replace(behaviour, rules=(*behaviour.rules, demanded))


# What is looked at before anything else


def first(before: Before) -> Change:
    """A behaviour that does ``before`` at the beginning of every call."""
    return lambda behaviour: behaviour.first(before)


def _without(call: IncomingRequest, name: bytes) -> list[tuple[bytes, bytes]]:
    return [(key, value) for key, value in call.headers if key != name]


async def any_content_type(_: Plane, call: IncomingRequest) -> Reply | None:
    """Every body is read as JSON, whatever it says it is."""
    call.headers = [*_without(call, b"content-type"), (b"content-type", b"application/json")]
    return None


async def strict_accept(plane: Plane, call: IncomingRequest) -> Reply | None:
    accept = call.header(b"accept")
    csv = plane.measures(call) and quality(accept or "", "text", "csv") > 0
    if accept is not None and not csv and quality(accept, "application", "json") <= 0:
        raise Refusal(406, "application/json is what there is")
    return None


async def strict_query(plane: Plane, call: IncomingRequest) -> Reply | None:
    if call.operation is not None:
        known = {item.name for item in plane.contract.operations[call.operation].parameters if item.where == "query"}
        for name in read_query(call.query):
            if name not in known:
                raise Refusal(400, f"/query: '{name[:40]}' is not known")
    return None


async def known_expectations(_: Plane, call: IncomingRequest) -> Reply | None:
    """417 for an Expect that nobody knows (RFC 9110, 10.1.1), before anything else looks at the call."""
    if (call.header(b"expect") or "100-continue").lower() != "100-continue":
        return Reply(417, b"", b"text/plain")
    return None


async def no_csv(_: Plane, call: IncomingRequest) -> Reply | None:
    call.headers = _without(call, b"accept")
    return None


async def no_lists(_: Plane, call: IncomingRequest) -> Reply | None:
    """Only the operations of the contract and tokens: no list of workloads, no list of pods."""
    if call.operation is None and call.segments[-1] in {"workloads", "pods"}:
        raise Refusal(404, "there is nothing here")
    return None


_LONGEST_FIELDS: Final = 8_000
_LONGEST_TARGET: Final = 4_000


async def strict_proxy(_: Plane, call: IncomingRequest) -> Reply | None:
    """A proxy that limits header fields (431) and targets (414), and answers in HTML."""
    if sum(len(name) + len(value) for name, value in call.headers) > _LONGEST_FIELDS:
        return Reply(431, b"<html><body>431</body></html>", b"text/html")
    if len(call.query) + sum(map(len, call.segments)) > _LONGEST_TARGET:
        return Reply(414, b"<html><body>414</body></html>", b"text/html")
    return None


_LARGEST_BODY: Final = 50_000


async def small_bodies(_: Plane, call: IncomingRequest) -> Reply | None:
    length = call.header(b"content-length") or "0"
    if length.isdigit() and int(length) > _LARGEST_BODY:
        return Reply(413, b"", b"text/plain", [(b"connection", b"close")])
    return None


# The order of judgements


def validating_first(behaviour: Behaviour) -> Behaviour:
    """A body is held to its schema before anybody asks whether the workload exists."""
    return behaviour.around("update", _validated)


def _validated(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    if call.body:
        plane.validation.body("update", http.read_json(call))
    return proceed(call)


class _HidesProjects(Plane):
    def permitted_project(self, caller: Caller, project_id: str) -> tenant.Project:
        try:
            return super().permitted_project(caller, project_id)
        except Refusal:
            raise Refusal(404, f"there is no project '{project_id[:60]}'") from None


def hidden_projects(behaviour: Behaviour) -> Behaviour:
    """Whoever has no right in a project is answered that there is none (404)."""
    return behaviour.mixing(_HidesProjects)


class _ConflictsInDeletion(Plane):
    def permitted_workload(self, operation: Operation, workload_id: str, caller: Caller) -> StoredWorkload:
        workload = super().permitted_workload(operation, workload_id, caller)
        if workload.deleted is not None and operation.kind in {Kind.UPDATE, Kind.DELETE}:
            raise Refusal(409, f"workload {workload.id} is being deleted")
        return workload


def deletion_conflicts(behaviour: Behaviour) -> Behaviour:
    """A workload that is being deleted refuses (409) to be updated or deleted again."""
    return behaviour.mixing(_ConflictsInDeletion)


class _UpdatesWhenRunning(Plane):
    def permitted_workload(self, operation: Operation, workload_id: str, caller: Caller) -> StoredWorkload:
        workload = super().permitted_workload(operation, workload_id, caller)
        serving = self.lifecycle.serving_from(workload)
        if operation.kind is Kind.UPDATE and (serving is None or serving > self.now()):
            raise Refusal(409, f"workload {workload.id} is still being created")
        return workload


def updates_when_running(behaviour: Behaviour) -> Behaviour:
    """A workload that has not run yet refuses (409) to be updated."""
    return behaviour.mixing(_UpdatesWhenRunning)
