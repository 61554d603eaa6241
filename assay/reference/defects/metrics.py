"""Defects of the family ``metrics``: answers that are no answer to the question asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from assay.contract.documents import Contract
from assay.contract.request import Json
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects.base import Defect, around, mixed, named_workload
from assay.reference.handlers.workload import measured
from assay.reference.http import CSV, IncomingRequest, Refusal, Reply
from assay.reference.metrics import Measurement, Metrics, Range, Window
from assay.reference.plane import Plane, Proceed
from assay.reference.scaling import Pod
from assay.reference.store import StoredWorkload
from assay.reference.times import SECOND

Sample = dict[str, Json]


def _series(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """Every measurement of a JSON answer changed."""

    def after(plane: Plane, call: IncomingRequest, reply: Reply) -> Reply:
        content = reply.content
        if plane.measures(call) and reply.status < 300 and isinstance(content, dict):
            return replace(reply, content={"measurements": [change(item) for item in content["measurements"]]})
        return reply

    return lambda behaviour: behaviour.then(after)


def _values(change: Callable[[list[Sample]], list[Sample]]) -> Change:
    return _series(lambda item: {**item, "values": change(list(item["values"]))})


def _each(change: Callable[[Sample], Sample]) -> Change:
    return _values(lambda values: [change(value) for value in values])


def _valued(text: Callable[[str], Json]) -> Change:
    return _each(lambda sample: {**sample, "value": text(str(sample["value"]))})


def _stamped(text: Callable[[str], Json]) -> Change:
    return _each(lambda sample: {**sample, "timestamp": text(str(sample["timestamp"]))})


def _measuring(change: Callable[[Range, list[str]], tuple[Range, list[str]]]) -> Change:
    """The question read otherwise before it is answered."""

    class ReadsQuestionOtherwise(Metrics):
        def measure(
            self, workload: StoredWorkload, kinds: list[str], wanted: Range, window: Window, pod: Pod | None = None
        ) -> list[Measurement]:
            wanted, kinds = change(wanted, kinds)
            return super().measure(workload, kinds, wanted, window, pod)

    return mixed(ReadsQuestionOtherwise)


def _samples(count: Callable[[int], int]) -> Change:
    return _measuring(lambda wanted, kinds: (replace(wanted, samples=count(wanted.samples)), kinds))


def _ranges(start: int, end: int) -> Change:
    """The range moved by whole seconds at either end."""
    return _measuring(
        lambda wanted, kinds: (
            replace(wanted, start=wanted.start + start * SECOND, end=wanted.end + end * SECOND),
            kinds,
        )
    )


def _kinds(change: Callable[[list[str]], list[str]]) -> Change:
    return _measuring(lambda wanted, kinds: (wanted, change(kinds)))


class _InventsSamples(Metrics):
    """Samples for every moment asked for, measured or not."""

    def window(self, *_: Any) -> Window:
        return Window(-(10**18), 10**18)

    def throughput(self, *_: Any) -> float:
        return 1.0

    def latency(self, *_: Any) -> float:
        return 1.0


def _any_pod(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    """Whatever pod is asked for, the first one of the workload answers."""
    try:
        return proceed(call)
    except Refusal:
        workload = named_workload(plane, call)
        pods = plane.lifecycle.pods(workload, plane.now())
        if not pods:
            raise
        return _measured(plane, call, workload, pods[0])


def _foreign_pods(plane: Plane, call: IncomingRequest, _: Proceed) -> Reply:
    """A pod of any workload answers under the path of any other."""
    named_workload(plane, call)
    now = plane.now()
    for workload in plane.store.live(now):
        for pod in plane.lifecycle.pods(workload, now):
            if pod.id == call.params["podId"].lower():
                return _measured(plane, call, workload, pod)
    raise Refusal(404, "there is no such pod")


def _measured(plane: Plane, call: IncomingRequest, workload: StoredWorkload, pod: Pod) -> Reply:
    query = plane.validation.query(call.operation or "", call.query)
    return measured(plane, query, call.header(b"accept"), workload, pod)


def _unknown_workload_empty(behaviour: Behaviour) -> Behaviour:
    def after(plane: Plane, call: IncomingRequest, reply: Reply) -> Reply:
        return Reply(200, {"measurements": []}) if plane.measures(call) and reply.status == 404 else reply

    return behaviour.then(after)


def _table(change: Callable[[list[str]], list[str]]) -> Change:
    """The lines of an answer in comma-separated values changed; the first one is the heading."""

    def after(plane: Plane, call: IncomingRequest, reply: Reply) -> Reply:
        if plane.measures(call) and reply.kind == CSV and isinstance(reply.content, bytes):
            lines = reply.content.decode().split("\r\n")[:-1]
            return replace(reply, content=("\r\n".join(change(lines)) + "\r\n").encode())
        return reply

    return lambda behaviour: behaviour.then(after)


def _cells(change: Callable[[list[str]], list[str]]) -> Change:
    return _table(lambda lines: [lines[0], *(",".join(change(line.split(","))) for line in lines[1:])])


_NO_FORM: Final = "the document offers text/csv and does not say what is in it"
_HIDDEN: Final = "the document says nothing of how many samples there must be"
_RIGHT_OR_NOT: Final = "what a workload's throughput truly is no caller knows"

_DEFECTS: Final[Mapping[str, tuple[str, Change, str | None]]] = {
    "one-sample-more": ("gives one sample more than was asked for", _samples(lambda count: count + 1), None),
    "default-of-100": (
        "gives 100 samples where 20 is the default",
        _samples(lambda count: 100 if count == 20 else count),
        None,
    ),
    "zero-as-default": ("takes 0 samples for the default of 20", _samples(lambda count: count or 20), None),
    "count-ignored": ("gives 50 samples whatever was asked for", _samples(lambda _: 50), None),
    "always-one-sample": ("gives one sample whatever was asked for", _samples(lambda count: min(count, 1)), _HIDDEN),
    "starts-early": ("begins five seconds before the range", _ranges(-5, 0), None),
    "ends-late": ("ends five seconds after the range", _ranges(0, 5), None),
    "range-ignored": (
        "answers for the last hour whatever was asked for",
        _measuring(lambda w, k: (replace(w, start=w.start - 3600 * SECOND, end=w.end + 3600 * SECOND), k)),
        None,
    ),
    "type-ignored": ("gives both types whatever was asked for", _kinds(lambda _: ["THROUGHPUT", "LATENCY"]), None),
    "type-swapped": (
        "gives latency for throughput and the reverse",
        _kinds(lambda kinds: ["LATENCY" if kind == "THROUGHPUT" else "THROUGHPUT" for kind in kinds]),
        None,
    ),
    "second-type-lost": ("of two types gives the first one only", _kinds(lambda kinds: kinds[:1]), None),
    "unmeasured-invented": (
        "gives samples of times in which nothing was measured",
        mixed(_InventsSamples),
        None,
    ),
    "reversed-and-mixed": (
        "gives samples in no order of time",
        _values(lambda values: values[1::2] + values[::2]),
        None,
    ),
    "timestamps-repeated": (
        "gives every sample twice",
        _values(lambda values: [item for item in values[: len(values) // 2] for _ in (0, 1)]),
        None,
    ),
    "timestamps-equal": (
        "gives all samples the same timestamp",
        _values(lambda values: [{**item, "timestamp": values[0]["timestamp"]} for item in values]),
        None,
    ),
    "timestamp-without-zone": ("gives timestamps without a zone", _stamped(lambda stamp: stamp.rstrip("Z")), None),
    "timestamp-epoch": ("gives timestamps in seconds since 1970", _stamped(lambda _: "1767225600"), None),
    "timestamp-other-year": ("gives timestamps of another year", _stamped(lambda stamp: f"2001{stamp[4:]}"), None),
    "timestamp-as-number": ("gives timestamps as numbers", _stamped(lambda _: 1767225600), None),
    "value-nan": ("gives NaN", _valued(lambda _: "NaN"), None),
    "value-infinity": ("gives +Inf, as Prometheus writes it", _valued(lambda _: "+Inf"), None),
    "value-with-unit": ("gives values with a unit", _valued(lambda value: f"{value} ms"), None),
    "value-comma": ("gives values with a comma", _valued(lambda value: value.replace(".", ",")), None),
    "value-empty": ("gives empty values", _valued(lambda _: ""), None),
    "value-as-number": ("gives values as numbers", _valued(float), None),
    "value-null": ("gives null values", _valued(lambda _: None), None),
    "value-negative": ("gives negative values", _valued(lambda value: f"-{value}" if float(value) else "-1"), None),
    "value-hexadecimal": ("gives hexadecimal values", _valued(lambda _: "0x1f"), None),
    "value-wrong": (
        "gives values ten times as large",
        _valued(lambda value: f"{float(value) * 10:.3f}"),
        _RIGHT_OR_NOT,
    ),
    "labels-list": ("gives labels as a list", _series(lambda item: {**item, "labels": []}), None),
    "label-number": ("gives numbers for labels", _series(lambda item: {**item, "labels": {"replica": 5}}), None),
    "pod-any": ("answers for any pod id", around("pod_metrics", _any_pod), None),
    "pod-of-another": ("answers for pods of other workloads", around("pod_metrics", _foreign_pods), None),
    "unknown-workload-empty": ("answers 200 without samples for what does not exist", _unknown_workload_empty, None),
    "csv-value-differs": (
        "has other values in CSV",
        _cells(lambda cells: [*cells[:2], "0.125", *cells[3:]]),
        None,
    ),
    "csv-row-lost": ("leaves the last row out of CSV", _table(lambda lines: lines[:-1]), None),
    "csv-no-heading": ("leaves the heading out of CSV", _table(lambda lines: lines[1:]), _NO_FORM),
    "csv-ragged": (
        "drops the last cell of the last CSV row",
        _table(lambda lines: [*lines[:-1], lines[-1].rpartition(",")[0]]),
        None,
    ),
    "csv-semicolons": (
        "separates CSV with semicolons",
        _table(lambda lines: [line.replace(",", ";") for line in lines]),
        _NO_FORM,
    ),
    "csv-nan": ("gives NaN in CSV", _cells(lambda cells: [*cells[:2], "NaN", *cells[3:]]), None),
    "csv-time": (
        "has another time in CSV",
        _cells(lambda cells: [cells[0], f"2001{cells[1][4:]}", *cells[2:]]),
        None,
    ),
}


def defects(_: Contract) -> Iterator[Defect]:
    """``metrics/<what>``."""
    for name, (what, change, equivalent) in _DEFECTS.items():
        place = "/components/schemas/MetricsResponse"
        yield Defect(f"metrics/{name}", "metrics", f"a metrics answer {what}", place, change, "metrics", equivalent)
