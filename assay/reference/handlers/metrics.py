"""Metrics of a workload and of one of its pods."""

from __future__ import annotations

from assay.contract.request import Json
from assay.reference.handlers import AdmittedCall, finds, handles
from assay.reference.http import CSV, Refusal, Reply, prefers_csv
from assay.reference.metrics import Range, as_csv, as_json
from assay.reference.plane import Plane
from assay.reference.scaling import Pod
from assay.reference.store import StoredWorkload
from assay.reference.times import parse


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
