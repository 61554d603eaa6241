"""The endpoints beside the contract that its clients need: token, lists of what there is, health."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, TypeVar

from assay.contract.request import Json
from assay.reference import http, tenant
from assay.reference.http import IncomingRequest, Refusal, Reply
from assay.reference.plane import Plane
from assay.reference.scaling import Pod
from assay.reference.store import StoredWorkload
from assay.reference.times import parse, text
from assay.reference.validation import read_query

WORKLOAD_TYPE: Final = "inference-workload"
_DEFAULT_LIMIT: Final = 50
_LARGEST_LIMIT: Final = 500
_FILTER: Final = re.compile(r"([A-Za-z]+)(==|!=|<=|>=|=@|!@|=\^|=\$)(.+)", re.DOTALL)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DATES: Final = frozenset({"createdAt", "deletedAt"})
# What the list can be filtered and sorted by; the other documented fields do not vary here.
_FIELDS: Final[dict[str, Callable[[StoredWorkload], Any]]] = {
    "type": lambda _: WORKLOAD_TYPE,
    "name": lambda workload: workload.name,
    "clusterId": lambda workload: workload.cluster_id,
    "projectId": lambda workload: workload.project.id,
    "projectName": lambda workload: workload.project.name,
    "departmentId": lambda workload: workload.project.department_id,
    "departmentName": lambda workload: workload.project.department_name,
    "submittedBy": lambda workload: workload.created_by,
    "createdAt": lambda workload: workload.created,
    "deletedAt": lambda workload: workload.deleted or 0,
}
_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    "<=": lambda value, wanted: value <= wanted,
    ">=": lambda value, wanted: value >= wanted,
    "=@": lambda value, wanted: wanted in value,
    "!@": lambda value, wanted: wanted not in value,
    "=^": lambda value, wanted: value.startswith(wanted),
    "=$": lambda value, wanted: value.endswith(wanted),
}
_K8S_PHASES: Final = {"Running": "Running", "Updating": "Running", "Failed": "Failed"}

Predicate = Callable[[StoredWorkload], bool]
Item = TypeVar("Item")


class AuxiliaryEndpoints:
    """Handlers; each takes a call and returns an answer or raises a Refusal."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane

    def health(self, _call: IncomingRequest) -> Reply:
        return Reply(200, {"status": "ok"})

    def token(self, call: IncomingRequest) -> Reply:
        """200 {"accessToken"}; 400 for bad credentials (the real operation lists no 401)."""
        self._serves("v1")
        return Reply(200, {"accessToken": self.plane.identity.grant(http.read_json(call))})

    def oauth_token(self, call: IncomingRequest) -> Reply:
        """The same in the words of OAuth 2.0: form-encoded, with ``expires_in``; bad credentials are 401."""
        self._serves("v2")
        identity = self.plane.identity
        try:
            token = identity.grant(_form(call))
        except Refusal as refusal:
            return Reply(401, {"error": "invalid_client", "error_description": refusal.message})
        return Reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": int(identity.token_seconds)})

    def _serves(self, version: str) -> None:
        if version not in self.plane.choices.tokens:
            raise Refusal(404, f"there is nothing at /api/{version}/token")

    def workloads(self, call: IncomingRequest) -> Reply:
        """The workloads of the caller's projects, filtered, sorted, a page at a time."""
        query = read_query(call.query)
        now = self.plane.now()
        found = self._listed(call, now, deleted=_boolean(query, "deleted"))
        for predicate in _filters(query.get("filterBy", [])):
            found = filter(predicate, found)
        search = query.get("search", [""])[-1]
        if search:
            found = (workload for workload in found if search in workload.name)
        page, following = _page(_sorted(found, query), query)
        return Reply(200, {"workloads": [self._workload(item, now) for item in page], **following})

    def _listed(self, call: IncomingRequest, now: int, *, deleted: bool) -> Iterator[StoredWorkload]:
        """Active records, or deleted ones; a plane that keeps these readable lists them as deleted all the same."""
        plane = self.plane
        rights = {project: plane.identity.may(call.caller, project) for project in tenant.PROJECTS}
        for workload in plane.store.live(now):
            past = workload.deleted is not None and plane.lifecycle.gone_from(workload.deleted) <= now
            if past is deleted and rights[workload.project.id]:
                yield workload
        if deleted:
            yield from (workload for workload in plane.store.buried(now) if rights[workload.project.id])

    def pods(self, call: IncomingRequest) -> Reply:
        """The pods of one workload: those it has, or with ``deleted=true`` those it had."""
        plane = self.plane
        workload_id = call.params["workloadId"].lower()
        if not _UUID.fullmatch(workload_id):
            raise Refusal(404, f"'{workload_id[:60]}' is not the id of a workload")
        now = plane.now()
        workload = plane.store.find(workload_id, now)
        if workload is None:
            raise Refusal(404, f"there is no workload {workload_id}")
        if not plane.identity.may(call.caller, workload.project.id):
            raise Refusal(plane.choices.foreign, f"no permission for workload {workload_id}")
        query = read_query(call.query)
        deleted = _boolean(query, "deleted")
        pods = [
            pod
            for pod in plane.lifecycle.pods(workload, now)
            if (pod.ended is not None and pod.ended <= now) is deleted
        ]
        page, following = _page(pods, query)
        return Reply(200, {"pods": [self._pod(workload, pod, now) for pod in page], **following})

    def projects(self, call: IncomingRequest) -> Reply:
        """The projects in which the caller may work, a page at a time; ``search`` looks into their names."""
        query = read_query(call.query)
        search = query.get("search", [""])[-1]
        found = (
            self._project(project)
            for project in tenant.PROJECTS.values()
            if self.plane.identity.may(call.caller, project.id) and search in project.name
        )
        page, following = _page(found, query)
        return Reply(200, {"projects": page, **following})

    def clusters(self, call: IncomingRequest) -> Reply:
        """The one cluster, which everybody sees."""
        del call
        cluster = {
            "uuid": tenant.CLUSTER_ID,
            "tenantId": tenant.TENANT_ID,
            "name": tenant.CLUSTER_NAME,
            "createdAt": tenant.FOUNDED,
            "version": self.plane.contract.version,
            "status": {"state": "Connected"},
        }
        return Reply(200, [cluster])

    def _project(self, project: tenant.Project) -> Json:
        return {
            "id": project.id,
            "name": project.name,
            "description": "",
            "clusterId": tenant.CLUSTER_ID,
            "parentId": project.department_id,
            "enforceRunaiScheduler": False,
            "status": {"phase": "Ready", "namespace": project.namespace},
            "resources": [{"gpu": {"deserved": tenant.GPU_QUOTA}}],
            "totalResources": {"gpuQuota": tenant.GPU_QUOTA},
            "effective": {},
            "createdAt": tenant.FOUNDED,
            "updatedAt": tenant.FOUNDED,
        }

    def _workload(self, workload: StoredWorkload, now: int) -> Json:
        plane = self.plane
        spec = json.loads(workload.spec) or {}
        phase = plane.lifecycle.phase(workload, now)
        changed = text(workload.deleted or workload.updated or workload.created)
        live = [pod for pod in plane.lifecycle.pods(workload, now) if pod.ended is None]
        return {
            "tenantId": tenant.TENANT_ID,
            "type": WORKLOAD_TYPE,
            "name": workload.name,
            "id": workload.id,
            "source": "Control-plane",
            "priority": None,
            "priorityClassName": spec.get("priorityClass") or "very-high",
            "submittedBy": workload.created_by,
            "clusterId": workload.cluster_id,
            "projectName": workload.project.name,
            "projectId": workload.project.id,
            "departmentName": workload.project.department_name,
            "departmentId": workload.project.department_id,
            "namespace": workload.project.namespace,
            "createdAt": text(workload.created),
            "updatedAt": changed,
            "deletedAt": None if workload.deleted is None else text(workload.deleted),
            "phase": phase,
            "phaseUpdatedAt": changed,
            "conditions": [{"type": "Ready", "status": "True" if phase == "Running" else "False"}],
            "k8sPhase": _K8S_PHASES.get(phase, "Pending"),
            "k8sPhaseUpdatedAt": changed,
            "runningPods": len(live) if phase in {"Running", "Updating"} else 0,
            "images": [spec["image"]] if spec.get("image") else [],
            "category": spec.get("category") or "Deploy",
        }

    def _pod(self, workload: StoredWorkload, pod: Pod, now: int) -> Json:
        spec = json.loads(workload.spec) or {}
        running = now >= pod.started
        ended = pod.ended is not None and pod.ended <= now
        # A pod waits for the image while the workload initialises; it is listed from then on.
        began = text(min(pod.started, now))
        return {
            "name": f"{workload.name}-{pod.id[:8]}",
            "id": pod.id,
            "workloadId": workload.id,
            "workloadName": workload.name,
            "clusterId": workload.cluster_id,
            "projectId": workload.project.id,
            "projectName": workload.project.name,
            "tenantId": tenant.TENANT_ID,
            "priorityClassName": spec.get("priorityClass") or "very-high",
            "nodeName": f"node-{pod.index % 4 + 1}",
            "createdAt": began,
            "updatedAt": began,
            "deletedAt": text(pod.ended) if ended and pod.ended is not None else None,
            "containers": [
                {
                    "name": "inference",
                    "image": spec.get("image") or "",
                    "startedAt": text(pod.started) if running else None,
                }
            ],
            "k8sPhase": "Succeeded" if ended else "Running" if running else "Pending",
            "k8sPhaseUpdatedAt": began,
        }


def _form(call: IncomingRequest) -> Json:
    """The values of a form-encoded body; refuses (415) any other."""
    kind = (call.header(b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refusal(415, "the body must be application/x-www-form-urlencoded")
    values = read_query(call.body)
    return {name: given[-1] for name, given in values.items()}


def _boolean(query: dict[str, list[str]], name: str) -> bool:
    value = query.get(name, ["false"])[-1].lower()
    if value not in {"true", "false"}:
        raise Refusal(400, f"/query/{name}: '{value[:40]}' is neither true nor false")
    return value == "true"


def _integer(query: dict[str, list[str]], name: str, default: int, low: int, high: int) -> int:
    value = query.get(name, [str(default)])[-1]
    if not re.fullmatch("[0-9]{1,10}", value, re.ASCII) or not low <= int(value) <= high:
        raise Refusal(400, f"/query/{name}: '{value[:40]}' is not an integer from {low} to {high}")
    return int(value)


def _page(items: Iterable[Item], query: dict[str, list[str]]) -> tuple[list[Item], dict[str, Json]]:
    """The asked page, and {"next": offset of the following one} when there is one. Reads no further than that."""
    limit = _integer(query, "limit", _DEFAULT_LIMIT, 1, _LARGEST_LIMIT)
    offset = _integer(query, "offset", 0, 0, 2**31 - 1)
    page = list(islice(items, offset, offset + limit + 1))
    return page[:limit], {"next": offset + limit} if len(page) > limit else {}


def _filters(texts: list[str]) -> list[Predicate]:
    """Predicates of ``filterBy``: comma-separated or repeated ``field operator value``, all of which must hold."""
    return [_filter(part) for text in texts for part in text.split(",") if part]


def _filter(part: str) -> Predicate:
    match = _FILTER.fullmatch(part)
    if match is None or match[1] not in _FIELDS:
        raise Refusal(
            400,
            f"/query/filterBy: '{part[:80]}' is not <field><operator><value> "
            f"with a field out of {', '.join(_FIELDS)} and an operator out of {' '.join(_COMPARISONS)}",
        )
    name, operator = match[1], match[2]
    read, compare = _FIELDS[name], _COMPARISONS[operator]
    wanted: str | int = match[3]
    if name in _DATES:
        moment = parse(match[3])
        if moment is None or operator not in {"==", "!=", "<=", ">="}:
            raise Refusal(400, f"/query/filterBy: '{part[:80]}' compares a date with == != <= or >= and a timestamp")
        wanted = moment
    return lambda workload: compare(read(workload), wanted)


def _sorted(found: Iterable[StoredWorkload], query: dict[str, list[str]]) -> Iterable[StoredWorkload]:
    """In the order asked for; records come by their creation, so that order need not wait for the last of them."""
    order = query.get("sortOrder", ["asc"])[-1]
    by = query.get("sortBy", ["createdAt"])[-1]
    if order not in {"asc", "desc"} or by not in _FIELDS:
        raise Refusal(400, f"/query/sortBy: one of {', '.join(_FIELDS)}, with sortOrder asc or desc")
    if by == "createdAt" and order == "asc":
        return found
    return sorted(found, key=_FIELDS[by], reverse=order == "desc")
