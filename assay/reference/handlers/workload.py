"""Creating, reading, updating and deleting a workload; metrics of a workload and of one of its pods."""

from __future__ import annotations

import json

from assay.contract.request import Json
from assay.reference import patching, tenant
from assay.reference.handlers import AdmittedCall, finds, handles
from assay.reference.http import CSV, Refusal, Reply, encode, prefers_csv
from assay.reference.metrics import Range, as_csv, as_json
from assay.reference.plane import Plane
from assay.reference.scaling import Pod
from assay.reference.store import StoredWorkload
from assay.reference.times import parse


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


@finds("pod")
def find_pod(plane: Plane, admitted: AdmittedCall, pod_id: str) -> Pod:
    """A pod of the workload, present or past; 404 for any other."""
    workload, wanted = admitted.workload, pod_id.lower()
    for pod in plane.lifecycle.pods(workload, plane.now()):
        if pod.id == wanted:
            return pod
    raise Refusal(404, f"workload {workload.id} has no pod {wanted[:60]}")


@handles("metrics")
def workload_metrics(plane: Plane, admitted: AdmittedCall) -> Reply:
    """200, or 207 when the range begins before the first measurement."""
    accept = admitted.call.header(b"accept")
    return measured(plane, admitted.query, accept, admitted.workload, None)


@handles("pod_metrics")
def pod_metrics(plane: Plane, admitted: AdmittedCall) -> Reply:
    """The same for one pod of the workload."""
    accept = admitted.call.header(b"accept")
    return measured(plane, admitted.query, accept, admitted.workload, admitted.found["pod"])


def measured(
    plane: Plane, query: dict[str, Json], accept: str | None, workload: StoredWorkload, pod: Pod | None
) -> Reply:
    """The measurements that ``query`` asks for, in the type that ``accept`` prefers."""
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
    if prefers_csv(accept):
        return Reply(200, as_csv(series, plane.choices.zone), CSV)
    return Reply(status, as_json(series, plane.choices.zone))


def _range(query: dict[str, Json]) -> Range:
    start, end = parse(query["start"]), parse(query["end"])
    if start is None or end is None:
        name = "start" if start is None else "end"
        raise Refusal(400, f"/query/{name}: '{query[name][:60]}' is not an RFC 3339 date-time")
    if start > end:
        raise Refusal(400, f"/query/start: {query['start'][:60]} is after end, {query['end'][:60]}")
    samples = query["numberOfSamples"]
    return Range(start, end, 20 if samples is None else samples)
