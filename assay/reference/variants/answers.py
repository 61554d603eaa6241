"""Conforming changes to answers: what a control plane may add, leave out, reorder or spell in its own way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any, Final

from assay.contract.request import Json
from assay.contract.rules import sizes
from assay.contract.schema import Node
from assay.reference.behaviour import Change
from assay.reference.http import JSON, IncomingRequest, Reply, encode
from assay.reference.plane import After, Plane


def after(change: After) -> Change:
    """A behaviour whose answers pass through ``change``."""
    return lambda behaviour: behaviour.then(change)


def on_workloads(change: Callable[[dict[str, Any]], Json]) -> Change:
    """A behaviour that changes each workload that it answers with."""

    def each(plane: Plane, call: IncomingRequest, answer: Reply) -> Reply:
        if call.operation in plane.answers_with_workload and answer.status < 300 and isinstance(answer.content, dict):
            answer.content = change(answer.content)
        return answer

    return after(each)


def on_specs(change: Callable[[Node, dict[str, Any]], Json]) -> Change:
    """A behaviour that changes the spec of each workload that it answers with; ``change`` gets the spec's schema."""

    def each(plane: Plane, call: IncomingRequest, answer: Reply) -> Reply:
        content = answer.content
        if (
            call.operation in plane.answers_with_workload
            and isinstance(content, dict)
            and isinstance(content.get("spec"), dict)
        ):
            answer.content = {**content, "spec": change(plane.spec_schema, content["spec"])}
        return answer

    return after(each)


def on_series(change: Callable[[dict[str, Any]], None]) -> Change:
    """A behaviour that changes each measurement of its JSON metrics in place."""

    def each(plane: Plane, call: IncomingRequest, answer: Reply) -> Reply:
        if plane.measures(call) and isinstance(answer.content, dict):
            for series in answer.content.get("measurements", ()):
                change(series)
        return answer

    return after(each)


def on_refusals(change: Callable[[IncomingRequest, Reply], None]) -> Change:
    """A behaviour that changes each answer from 400 up in place."""

    def each(_: Plane, call: IncomingRequest, answer: Reply) -> Reply:
        if answer.status >= 400:
            change(call, answer)
        return answer

    return after(each)


# Workloads


def extra_fields(workload: dict[str, Any]) -> Json:
    return {**workload, "priority": 50, "links": {"self": "/workloads/" + workload["workloadId"]}}


def without_deleted_at(workload: dict[str, Any]) -> Json:
    return {key: value for key, value in workload.items() if key != "deletedAt" or value is not None}


def capital_ids(workload: dict[str, Any]) -> Json:
    return {**workload, **{key: workload[key].upper() for key in ("workloadId", "clusterId")}}


# Specs


def null_sections(_: Node, spec: dict[str, Any]) -> Json:
    """A server that writes null for the sections nobody has set."""
    sections = ("compute", "storage", "security", "autoscaling", "servingConfiguration", "environmentVariables")
    return {**dict.fromkeys(sections), **spec}


_POLICY: Final[Mapping[str, list[Json]]] = {
    "environmentVariables": [{"name": "ASSAY_POLICY", "value": "policy"}],
    "labels": [{"name": "policy", "value": "default"}],
    "annotations": [{"name": "policy", "value": "default"}],
    "tolerations": [
        {"name": "policy", "key": "dedicated", "operator": "Equal", "value": "inference", "effect": "NoSchedule"}
    ],
}


def policy_entries(_: Node, spec: dict[str, Any]) -> Json:
    """What the project's policy adds to every workload stands before what was sent."""
    return {**spec, **{name: [*entries, *(spec.get(name) or ())] for name, entries in _POLICY.items()}}


def policy_defaults(_: Node, spec: dict[str, Any]) -> Json:
    """The project's policy decides what was left open."""
    defaults = {"imagePullPolicy": "IfNotPresent", "createHomeDir": True, "workingDir": "/workspace"}
    return {**defaults, **{name: value for name, value in spec.items() if value is not None}}


def reordered(node: Node, spec: dict[str, Any]) -> Json:
    return _reversed(node, spec)


def _reversed(node: Node, value: Json) -> Json:
    """Lists the other way round, but for the one to whose order the document gives a meaning."""
    if isinstance(value, dict):
        return {
            name: _reversed(node.properties[name], item) if name in node.properties else item
            for name, item in value.items()
        }
    if isinstance(value, list) and node.items is not None and node.pointer != "/spec/nodePools":
        return [_reversed(node.items, item) for item in reversed(value)]
    return value


_UNITS: Final = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_AMOUNTS: Final = ("Memory", "size", "sizeLimit", "gpuMemoryRequest", "gpuMemoryLimit", "Limit", "Request")


def canonical_quantities(_: Node, spec: dict[str, Any]) -> Json:
    return _canonical(spec, "")


def _canonical(value: Json, name: str) -> Json:
    if isinstance(value, dict):
        return {key: _canonical(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item, name) for item in value]
    if isinstance(value, str) and name.endswith(_AMOUNTS):
        amount = sizes.parse(value)
        return value if amount is None else _spelled(amount)
    return value


def _spelled(amount: Fraction) -> str:
    """As Kubernetes writes it: the largest binary unit that leaves a whole number, thousandths for a fraction."""
    if amount.denominator != 1:
        return f"{amount.numerator * 1000 // amount.denominator}m" if (amount * 1000).denominator == 1 else "0"
    number, unit = amount.numerator, ""
    for larger in _UNITS:
        if number == 0 or number % 1024:
            break
        number, unit = number // 1024, larger
    return f"{number}{unit}"


def fractions(node: Node, spec: dict[str, Any]) -> Json:
    """Whole numbers are written with a fraction where the schema says number: 1 as 1.0."""
    return _fractions(node, spec)


def _fractions(node: Node, value: Json) -> Json:
    if isinstance(value, dict):
        return {
            name: _fractions(node.properties[name], item) if name in node.properties else item
            for name, item in value.items()
        }
    if isinstance(value, list) and node.items is not None:
        return [_fractions(node.items, item) for item in value]
    if node.type == "number" and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    return value


def without_ignored(_: Node, spec: dict[str, Any]) -> Json:
    """What the document says is ignored is not stored: autoscaling.initializationTimeoutSeconds."""
    section = spec.get("autoscaling")
    if not isinstance(section, dict):
        return spec
    kept = {name: value for name, value in section.items() if name != "initializationTimeoutSeconds"}
    return {**spec, "autoscaling": kept}


def without_empty(_: Node, spec: dict[str, Any]) -> Json:
    """Empty objects and lists are as good as none."""
    return _filled(spec)


def _filled(value: Json) -> Json:
    if not isinstance(value, dict):
        return value
    inner = {name: _filled(item) for name, item in value.items()}
    return {name: item for name, item in inner.items() if item not in ({}, [])}


def without_excluded(_: Node, spec: dict[str, Any]) -> Json:
    """An entry with ``exclude`` has done its work when the workload is made, and is not returned."""
    return _included(spec)


def _included(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _included(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_included(item) for item in value if not (isinstance(item, dict) and item.get("exclude") is True)]
    return value


# Metrics


def without_labels(series: dict[str, Any]) -> None:
    series.pop("labels", None)


def null_values(series: dict[str, Any]) -> None:
    series["values"] = series["values"] or None


# Moments

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_MOMENTS: Final = frozenset({"createdAt", "deletedAt", "timestamp"})


def _respelled(value: Json, spell: Callable[[re.Match[str]], str]) -> Json:
    """``value`` with its moments spelled otherwise; of samples that fall on one moment the first stays."""
    if isinstance(value, dict):
        return {
            name: _MOMENT.sub(spell, item)
            if name in _MOMENTS and isinstance(item, str)
            else item
            if name == "spec"
            else _respelled(item, spell)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return list(_first_of_each(_respelled(item, spell) for item in value))
    return value


def _first_of_each(items: Iterator[Json]) -> Iterator[Json]:
    seen: set[str] = set()
    for item in items:
        moment = item.get("timestamp") if isinstance(item, dict) else None
        if moment is None or moment not in seen:
            yield item
        if moment is not None:
            seen.add(moment)


def moments(spell: Callable[[re.Match[str]], str]) -> Change:
    """A behaviour that spells moments in its own way, in JSON (CSV keeps its own)."""

    def each(plane: Plane, call: IncomingRequest, answer: Reply) -> Reply:
        has_moments = call.operation in plane.answers_with_workload or plane.measures(call)
        if has_moments and answer.status < 300 and isinstance(answer.content, dict):
            answer.content = _respelled(answer.content, spell)
        return answer

    return after(each)


def with_digits(count: int) -> Change:
    """Moments with so many decimals of a second."""

    def spell(match: re.Match[str]) -> str:
        digits = (match[2] or "").ljust(count, "0")[:count]
        return f"{match[1]}.{digits}{match[3]}" if count else match[1] + match[3]

    return moments(spell)


def eastward(minutes: int) -> Change:
    """Moments in local time, ``minutes`` east of Greenwich."""
    zone = timezone(timedelta(minutes=minutes))

    def spell(match: re.Match[str]) -> str:
        return datetime.fromisoformat(match[0]).astimezone(zone).isoformat(timespec="microseconds")

    return moments(spell)


# Errors


def error_fields(_: IncomingRequest, answer: Reply) -> None:
    if isinstance(answer.content, dict):
        answer.content = {**answer.content, "traceId": "4bf92f3577b34da6", "timestamp": 1_700_000_000}


def unprocessable(call: IncomingRequest, answer: Reply) -> None:
    """422 for what can be read and is not valid."""
    if answer.status == 400 and call.body and isinstance(answer.content, dict) and "not valid" in str(answer.content):
        answer.status, answer.content = 422, {**answer.content, "code": 422}


def no_challenge(_: IncomingRequest, answer: Reply) -> None:
    answer.headers = [(name, value) for name, value in answer.headers if name != b"www-authenticate"]


def proxied(call: IncomingRequest, answer: Reply) -> None:
    """What no operation documents comes from a proxy, in HTML or without a body."""
    if answer.status in {405, 413} or (answer.status == 404 and call.operation is None):
        text = b"" if answer.status == 405 else b"<html><body><h1>%d</h1></body></html>" % answer.status
        answer.content, answer.kind = text, b"text/html"


def method_not_found(_: IncomingRequest, answer: Reply) -> None:
    if answer.status == 405:
        answer.status, answer.headers = 404, []
        answer.content = {"code": 404, "message": "there is nothing here"}


def cross_origin(_: Plane, call: IncomingRequest, answer: Reply) -> Reply:
    """Every OPTIONS is answered 204, as browsers want it."""
    if call.method == "OPTIONS" and answer.status == 405:
        allow = dict(answer.headers).get(b"allow", b"")
        answer = Reply(204, b"", b"text/plain", [(b"access-control-allow-methods", allow)])
    answer.headers = [*answer.headers, (b"access-control-allow-origin", b"*")]
    return answer


def head_answered(_: Plane, call: IncomingRequest, answer: Reply) -> Reply:
    """HEAD is known wherever GET is; it is answered 200 without looking."""
    if call.method == "HEAD" and answer.status == 405 and b"GET" in dict(answer.headers).get(b"allow", b""):
        return Reply(200, b"")
    return answer


# Spelling of JSON


def pretty(_: Plane, __: IncomingRequest, answer: Reply) -> Reply:
    """Indented, sorted, and with every character beyond ASCII escaped."""
    if answer.kind.startswith(JSON) and answer.content != b"":
        value = json.loads(answer.content) if isinstance(answer.content, bytes) else answer.content
        answer.content = json.dumps(json.loads(encode(value)), indent=2, sort_keys=True).encode()
    return answer


def charset(_: Plane, __: IncomingRequest, answer: Reply) -> Reply:
    if answer.kind == JSON:
        answer.kind = b"application/json; charset=utf-8"
    return answer
