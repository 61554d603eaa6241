"""Creating, reading, updating and deleting a workload."""

from __future__ import annotations

import json

from assay.contract.request import Json
from assay.reference import patching, tenant
from assay.reference.handlers import AdmittedCall, finds, handles
from assay.reference.http import Refusal, Reply, encode
from assay.reference.plane import Plane
from assay.reference.store import StoredWorkload


@finds("workload")
def find_workload(plane: Plane, admitted: AdmittedCall, workload_id: str) -> StoredWorkload:
    return plane.permitted_workload(admitted.operation, workload_id, admitted.call.caller)


@handles("create")
def create(plane: Plane, admitted: AdmittedCall) -> Reply:
    """202 with the new workload. After its schema are judged: the project (403), the cluster, the rules, the name."""
    body, caller = admitted.body, admitted.call.caller
    project = plane.permitted_project(caller, body["projectId"])
    if str(body["clusterId"]).lower() != tenant.CLUSTER_ID:
        raise Refusal(400, f"/clusterId: there is no cluster {body['clusterId']} in this tenant")
    spec = body["spec"]
    plane.validation.spec(admitted.operation.name, spec)
    name = plane.final_name(body)
    taken = plane.choices.duplicate
    if taken is not None and plane.store.named(project.id, name) is not None:
        raise Refusal(taken, f"/name: the name '{name[:100]}' is already in use in project {project.id}")
    now = plane.now()
    workload = StoredWorkload(
        id=plane.new_id(),
        name=name,
        requested_name=body["name"],
        project=project,
        cluster_id=body["clusterId"],
        created_by=caller.id,
        created=now,
        spec=encode(plane.stored_spec(spec)),
        **_scheduling(spec),
    )
    plane.store.insert(workload, now)
    return plane.describe(202, workload, now)


@handles("read")
def read(plane: Plane, admitted: AdmittedCall) -> Reply:
    """200 with the workload, also while it is being deleted."""
    return plane.describe(200, admitted.workload, plane.now())


@handles("update")
def update(plane: Plane, admitted: AdmittedCall) -> Reply:
    """202 with the patched workload. A refused patch changes nothing; one without a body neither."""
    workload, name = admitted.workload, admitted.operation.name
    if workload.deleted is not None:
        raise Refusal(404, f"workload {workload.id} is being deleted")
    node = plane.validation.body_node(name).properties["spec"]
    patch = patching.updatable(admitted.body.get("spec"), node)
    after = plane.patched(json.loads(workload.spec), patch)
    plane.validation.spec(name, after)
    now = plane.now()
    encoded = encode(plane.stored_spec(after))
    if encoded != workload.spec:
        timing = _scheduling(after)
        plane.lifecycle.revise(workload, timing["autoscaling"], now)
        plane.store.replace(workload, {**timing, "spec": encoded, "updated": now})
    return plane.describe(202, workload, now)


@handles("delete")
def delete(plane: Plane, admitted: AdmittedCall) -> Reply:
    """202 with {code, message}; a second DELETE too, as long as the first one is under way."""
    workload = admitted.workload
    if workload.deleted is None:
        now = plane.now()
        plane.store.delete(workload, now, plane.gone_from(now))
    return deletion_accepted()


def deletion_accepted() -> Reply:
    """The answer to a DELETE."""
    return Reply(202, {"code": 202, "message": "The deletion of the workload has been accepted."})


def _scheduling(spec: Json) -> dict[str, Json]:
    """What the clock needs to know of a spec."""
    values = spec if isinstance(spec, dict) else {}
    serving = values.get("servingConfiguration") or {}
    return {
        "autoscaling": values.get("autoscaling"),
        "initialization_timeout": serving.get("initializationTimeoutSeconds"),
    }
