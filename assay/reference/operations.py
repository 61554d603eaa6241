"""The six operations of the contract. Each is one atomic step: a method that never waits.

A call is judged in a fixed order: 401 (before anything), malformed id (400 or 404), unknown workload (404),
workload of another project (403), body or query (400). A create is judged: body and schema (400), rights in the
project (403), cluster, rules, name (400).
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, ClassVar, Final

from assay.contract.documents import Operation
from assay.contract.request import Json
from assay.contract.rules.base import prune
from assay.reference import bodies, patching, tenant
from assay.reference.http import CSV, JSON, Call, Refusal, Reply, encode
from assay.reference.metrics import Range, as_csv, as_json
from assay.reference.negotiation import prefers_csv
from assay.reference.scaling import Pod
from assay.reference.store import StoredWorkload
from assay.reference.times import SECOND, parse, text

if TYPE_CHECKING:
    from assay.reference.plane import Plane

_SUFFIX: Final = "bcdfghjklmnpqrstvwxz2456789"  # as Kubernetes' generateName: no vowels, so no words
_SUFFIX_LENGTH: Final = 6
_FOR_GOOD: Final = 100 * 365 * 24 * 3600 * SECOND


class Operations:
    """Handlers by role; each takes a call and returns an answer or raises a Refusal.

    ``waits`` is True in a subclass whose handlers wait for something (and are coroutines therefore).
    """

    waits: ClassVar[bool] = False

    def __init__(self, plane: Plane) -> None:
        self.plane = plane

    def operation(self, role: str) -> Operation:
        return self.plane.contract.operations[role]

    # create

    def create(self, call: Call) -> Reply:
        """202 with the new workload."""
        plane = self.plane
        body = bodies.read_json(call)
        plane.validation.body("create", body)
        project = self.permitted_project(call, body["projectId"])
        if str(body["clusterId"]).lower() != tenant.CLUSTER_ID:
            raise Refusal(400, f"/clusterId: there is no cluster {body['clusterId']} in this tenant")
        spec = body["spec"]
        plane.validation.spec("create", spec)
        name = self.final_name(body)
        taken = plane.choices.duplicate
        if taken is not None and plane.store.named(project.id, name) is not None:
            raise Refusal(taken, f"/name: the name '{name[:100]}' is already in use in project {project.id}")
        now = plane.now()
        workload = StoredWorkload(
            id=str(uuid.UUID(int=plane.random.getrandbits(128), version=4)),
            name=name,
            requested_name=body["name"],
            project=project,
            cluster_id=body["clusterId"],
            created_by=call.caller.id,
            created=now,
            spec=encode(self.stored_spec(spec)),
            **_scheduling(spec),
        )
        plane.store.insert(workload, now)
        return self.describe(202, workload, now)

    def permitted_project(self, call: Call, project_id: str) -> tenant.Project:
        """The project, if the caller may work in it; 403 also for one that does not exist, to tell nothing."""
        project = tenant.PROJECTS.get(project_id)
        if project is None or not self.plane.identity.may(call.caller, project_id):
            raise Refusal(403, f"no permission in project '{project_id[:60]}'")
        return project

    def final_name(self, body: Json) -> str:
        """The name as sent, or with random characters behind it when it was sent as a prefix."""
        name = str(body["name"])
        if not body.get("useGivenNameAsPrefix"):
            return name
        return name + "-" + "".join(self.plane.random.choices(_SUFFIX, k=_SUFFIX_LENGTH))

    def stored_spec(self, spec: Json) -> Json:
        """What is kept of a sent spec."""
        choices = self.plane.choices
        node = self.plane.validation.body_node("create").properties["spec"]
        if choices.unknown == "drop":
            spec = patching.known(spec, node)
        if choices.nulls == "drop":
            spec = prune(spec)
        return patching.with_defaults(spec, node) if choices.defaults else spec

    # read, delete

    def read(self, call: Call) -> Reply:
        """200 with the workload, also while it is being deleted."""
        workload = self.permitted_workload("read", call)
        return self.describe(200, workload, self.plane.now())

    def delete(self, call: Call) -> Reply:
        """202 with {code, message}; a second DELETE too, as long as the first one is under way."""
        plane = self.plane
        workload = self.permitted_workload("delete", call)
        if workload.deleted is None:
            now = plane.now()
            plane.store.delete(workload, now, self.gone_from(now))
        return Reply(202, {"code": 202, "message": "The deletion of the workload has been accepted."})

    def gone_from(self, now: int) -> int:
        """When a workload deleted now answers 404."""
        how = self.plane.choices.delete
        if how == "kept":
            return now + _FOR_GOOD
        return now if how == "at-once" else self.plane.lifecycle.gone_from(now)

    def permitted_workload(self, role: str, call: Call) -> StoredWorkload:
        """The workload that the path names, if it exists and the caller has rights in its project."""
        plane = self.plane
        plane.validation.path(role, call.params)
        workload = plane.store.find(call.params["workloadId"].lower(), plane.now())
        if workload is None:
            raise Refusal(404, f"there is no workload {call.params['workloadId'][:60]}")
        if not plane.identity.may(call.caller, workload.project.id):
            foreign = plane.choices.foreign
            what = "no permission for" if foreign == 403 else "there is no"
            raise Refusal(foreign, f"{what} workload {workload.id}")
        return workload

    # update

    def update(self, call: Call) -> Reply:
        """202 with the patched workload. A refused patch changes nothing; one without a body neither."""
        plane = self.plane
        workload = self.permitted_workload("update", call)
        body = bodies.read_json(call) if call.body or self.operation("update").body_required else {}
        plane.validation.body("update", body)
        if workload.deleted is not None:
            raise Refusal(404, f"workload {workload.id} is being deleted")
        node = plane.validation.body_node("update").properties["spec"]
        patch = patching.updatable(body.get("spec"), node)
        before = json.loads(workload.spec)
        after = self.patched(before, patch)
        plane.validation.spec("update", after)
        now = plane.now()
        encoded = encode(self.stored_spec(after))
        if encoded != workload.spec:
            timing = _scheduling(after)
            plane.lifecycle.revise(workload, timing["autoscaling"], now)
            plane.store.replace(workload, {**timing, "spec": encoded, "updated": now})
        return self.describe(202, workload, now)

    def patched(self, before: Json, patch: dict[str, Json]) -> Json:
        """The spec that results from a patch; None stays None when nothing is named."""
        if not patch:
            return before
        how = patching.merged if self.plane.choices.patch == "merge" else patching.overwritten
        return how(before, patch)

    # metrics

    def workload_metrics(self, call: Call) -> Reply:
        """200, or 207 when the range begins before the first measurement."""
        workload = self.permitted_workload("metrics", call)
        return self.measured("metrics", call, workload, None)

    def pod_metrics(self, call: Call) -> Reply:
        """The same for one pod of the workload, present or past; 404 for any other."""
        workload = self.permitted_workload("pod_metrics", call)
        wanted = call.params["podId"].lower()
        for pod in self.plane.lifecycle.pods(workload, self.plane.now()):
            if pod.id == wanted:
                return self.measured("pod_metrics", call, workload, pod)
        raise Refusal(404, f"workload {workload.id} has no pod {wanted[:60]}")

    def measured(self, role: str, call: Call, workload: StoredWorkload, pod: Pod | None) -> Reply:
        plane = self.plane
        query = plane.validation.query(role, call.query)
        wanted = _range(query)
        window = plane.metrics.window(workload, plane.now(), pod)
        status = 200
        if window.lacks(wanted):
            status = plane.choices.early_metrics if window.opens is None else plane.choices.partial
        if status == 404:
            raise Refusal(404, f"workload {workload.id} has no metrics yet")
        kinds = list(dict.fromkeys(query["metricType"]))
        series = plane.metrics.measure(workload, kinds, wanted, window, pod)
        # The contract offers CSV for 200 only: a client that reads nothing else gets the rows that there are.
        if prefers_csv(call.header(b"accept")):
            return Reply(200, as_csv(series, plane.choices.zone), CSV)
        return Reply(status, as_json(series, plane.choices.zone))

    # answers

    def describe(self, status: int, workload: StoredWorkload, now: int) -> Reply:
        """The workload as Inference1; ready-made bytes unless somebody wants to change the answer."""
        if self.plane.behaviour.after:
            return Reply(status, self.document(workload, now))
        state = (self.plane.lifecycle.phase(workload, now), workload.deleted, workload.updated)
        if workload.rendered is None or workload.rendered[0] != state:
            workload.rendered = (
                state,
                encode(self.metadata(workload, now))[:-1] + b',"spec":' + workload.spec + b"}",
            )
        return Reply(status, workload.rendered[1], JSON)

    def document(self, workload: StoredWorkload, now: int) -> dict[str, Json]:
        """Inference1 as a JSON value."""
        return {**self.metadata(workload, now), "spec": json.loads(workload.spec)}

    def metadata(self, workload: StoredWorkload, now: int) -> dict[str, Json]:
        """Everything of Inference1 but the spec."""
        plane = self.plane
        zone = plane.choices.zone
        described: dict[str, Json] = {
            "name": workload.name,
            "requestedName": workload.requested_name,
            "workloadId": workload.id,
            "projectId": workload.project.id,
            "clusterId": workload.cluster_id,
            "createdBy": workload.created_by,
            "createdAt": text(workload.created, zone=zone),
            "desiredPhase": plane.lifecycle.desired_phase(workload),
        }
        if plane.choices.optional:
            described["departmentId"] = workload.project.department_id
            described["deletedAt"] = None if workload.deleted is None else text(workload.deleted, zone=zone)
            described["actualPhase"] = plane.lifecycle.phase(workload, now)
        elif workload.deleted is not None:
            described["deletedAt"] = text(workload.deleted, zone=zone)
        return described


def _scheduling(spec: Json) -> dict[str, Json]:
    """What the clock needs to know of a spec."""
    values = spec if isinstance(spec, dict) else {}
    serving = values.get("servingConfiguration") or {}
    return {
        "autoscaling": values.get("autoscaling"),
        "initialization_timeout": serving.get("initializationTimeoutSeconds"),
    }


def _range(query: dict[str, Json]) -> Range:
    start, end = parse(query["start"]), parse(query["end"])
    if start is None or end is None:
        name = "start" if start is None else "end"
        raise Refusal(400, f"/query/{name}: '{query[name][:60]}' is not an RFC 3339 date-time")
    if start > end:
        raise Refusal(400, f"/query/start: {query['start'][:60]} is after end, {query['end'][:60]}")
    samples = query["numberOfSamples"]
    return Range(start, end, 20 if samples is None else samples)
