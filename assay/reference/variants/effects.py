"""Conforming effects: when what is asked for takes effect, how an update is merged, what is measured and sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from assay.contract.documents import Operation
from assay.contract.request import Json
from assay.reference import patching
from assay.reference.behaviour import Behaviour, Change
from assay.reference.http import Headers, IncomingRequest, Refusal, Reply
from assay.reference.lifecycle import Lifecycle
from assay.reference.metrics import Measurement, Metrics, Range, Window
from assay.reference.plane import Plane, Proceed, Wire
from assay.reference.scaling import Pod
from assay.reference.store import Store, StoredWorkload
from assay.reference.tenant import Caller
from assay.reference.times import SECOND, parse

_UPDATE_SECONDS: Final = 2.0
_CREATION_SECONDS: Final = 0.3


def updates_show_late(behaviour: Behaviour) -> Behaviour:
    """An accepted update is what the next one builds on at once, but answers show it two seconds later."""
    return behaviour.mixing(_ShowsUpdatesLate).around("update", _remembering)


class _ShowsUpdatesLate(Plane):
    @cached_property
    def replaced(self) -> dict[str, list[tuple[int, bytes]]]:
        """Id of a workload: (until when it shows, spec)."""
        return {}

    def describe(self, status: int, workload: StoredWorkload, now: int) -> Reply:
        return Reply(status, self.document(workload, now))

    def document(self, workload: StoredWorkload, now: int) -> dict[str, Json]:
        described = super().document(workload, now)
        shown = next((spec for until, spec in self.replaced.get(workload.id, ()) if now < until), None)
        return described if shown is None else {**described, "spec": json.loads(shown)}


def _remembering(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    assert isinstance(plane, _ShowsUpdatesLate)
    workload = plane.store.find(call.params["workloadId"].lower(), plane.now())
    before = workload.spec if workload is not None else b""
    reply = proceed(call)
    if workload is not None and workload.spec != before:
        until = plane.now() + int(_UPDATE_SECONDS * SECOND)
        plane.replaced.setdefault(workload.id, []).append((until, before))
        return plane.describe(reply.status, workload, plane.now())
    return reply


class _ShowsCreationsLate(Plane):
    def permitted_workload(self, operation: Operation, workload_id: str, caller: Caller) -> StoredWorkload:
        workload = super().permitted_workload(operation, workload_id, caller)
        if self.now() < workload.created + int(_CREATION_SECONDS * SECOND):
            raise Refusal(404, f"there is no workload {workload.id}")
        return workload


def creations_show_late(behaviour: Behaviour) -> Behaviour:
    """A creation is accepted (202), and 0.3 s later the workload can be read, updated and deleted."""
    return behaviour.mixing(_ShowsCreationsLate)


def merging(merge: Callable[[Json, Mapping[str, Json]], Json]) -> Change:
    """A behaviour that merges an update by ``merge`` (stored spec, patch)."""

    class MergesOtherwise(Plane):
        def patched(self, before: Json, patch: dict[str, Json]) -> Json:
            return merge(before, patch) if patch else before

    return lambda behaviour: behaviour.mixing(MergesOtherwise)


def nulls_ignored(stored: Json, patch: Mapping[str, Json]) -> Json:
    """Merged at every depth; null changes nothing."""
    return patching.merged(stored, _without_nulls(patch))


def _without_nulls(value: Mapping[str, Json]) -> dict[str, Json]:
    return {
        name: _without_nulls(item) if isinstance(item, Mapping) else item
        for name, item in value.items()
        if item is not None
    }


def lists_by_name(stored: Json, patch: Mapping[str, Json]) -> Json:
    """As Kubernetes' strategic merge: entries of a list are merged by their name."""
    merged = patching.merged(stored, patch)
    for section, entries in patch.items():
        kept = stored.get(section) if isinstance(stored, Mapping) else None
        if (
            isinstance(entries, list)
            and isinstance(kept, list)
            and all(_is_named(item) for item in [*kept, *entries])
        ):
            merged[section] = list({item["name"]: item for item in [*kept, *entries]}.values())
    return merged


def _is_named(item: Json) -> bool:
    return isinstance(item, dict) and isinstance(item.get("name"), str)


class _JoinsPrefixes(Plane):
    def final_name(self, body: Json) -> str:
        name, sent = super().final_name(body), str(body["name"])
        return sent + name.removeprefix(f"{sent}-") if name != sent else name


def prefix_joined(behaviour: Behaviour) -> Behaviour:
    """A name that is a prefix is followed by random characters without a hyphen between them."""
    return behaviour.mixing(_JoinsPrefixes)


class _KeepsNames(Store):
    def named(self, project_id: str, name: str) -> StoredWorkload | None:
        return self._names.get((project_id, name))


def names_kept(behaviour: Behaviour) -> Behaviour:
    """The name of a deleted workload stays taken until its record is gone."""
    return behaviour.mixing(_KeepsNames)


class _FailsToStart(Lifecycle):
    def failed_from(self, workload: StoredWorkload) -> int | None:
        return workload.created + SECOND // 2


def failing(behaviour: Behaviour) -> Behaviour:
    """No image can be pulled here: each workload is Failed before it runs."""
    return behaviour.mixing(_FailsToStart)


# Metrics


def _measuring(change: Callable[[list[Measurement]], list[Measurement]]) -> Change:
    class MeasuresOtherwise(Metrics):
        def measure(
            self, workload: StoredWorkload, kinds: list[str], wanted: Range, window: Window, pod: Pod | None = None
        ) -> list[Measurement]:
            return change(super().measure(workload, kinds, wanted, window, pod))

    return lambda behaviour: behaviour.mixing(MeasuresOtherwise)


metrics_empty: Final = _measuring(lambda _: [])
metrics_coarse: Final = _measuring(lambda found: [replace(one, values=one.values[::3]) for one in found])
metrics_backwards: Final = _measuring(lambda found: [replace(one, values=one.values[::-1]) for one in found])
no_latency: Final = _measuring(lambda found: [one for one in found if one.type != "LATENCY"])


# Every moment that an answer can name: dates begin with the year 1.
_ALWAYS: Final = Window(parse("0001-01-01T00:00:00Z"), parse("9999-12-31T23:59:59.999999Z") or 0)


class _MeasuresAnytime(Metrics):
    def window(self, *_: Any) -> Window:
        return _ALWAYS

    def throughput(self, *_: Any) -> float:
        return 1.5

    def latency(self, *_: Any) -> float:
        return 20.0


def metrics_anytime(behaviour: Behaviour) -> Behaviour:
    """Numbers for every moment asked for, whether anything can have been measured then or not."""
    return behaviour.mixing(_MeasuresAnytime)


# On the wire


def on_wire(change: Wire) -> Change:
    """A behaviour that changes the header fields of every answer as they leave."""
    return lambda behaviour: behaviour.sending(change)


def capitals(headers: Headers) -> Headers:
    return [(b"-".join(part.capitalize() for part in name.split(b"-")), value) for name, value in headers]


def chunked(headers: Headers) -> Headers:
    if (b"content-length", b"0") in headers:
        return headers
    return [
        *((name, value) for name, value in headers if name != b"content-length"),
        (b"transfer-encoding", b"chunked"),
    ]


def closing(headers: Headers) -> Headers:
    return [*headers, (b"connection", b"close")]


_USUAL: Final = [
    (b"server", b"istio-envoy"),
    (b"x-envoy-upstream-service-time", b"3"),
    (b"x-request-id", b"5f3c2a"),
    (b"vary", b"Accept-Encoding"),
    (b"cache-control", b"no-store"),
    (b"set-cookie", b"route=a; Path=/; HttpOnly"),
    (b"set-cookie", b"session=b; Path=/; HttpOnly"),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"x-ratelimit-remaining", b"99"),
]


def usual_headers(headers: Headers) -> Headers:
    return [*headers, *_USUAL]


# Now and then


def seldom(status: int, every: int, *, headers: Headers, html: bool = False) -> Change:
    """Every so many calls one is answered with ``status``; nothing has been done then."""

    def change(behaviour: Behaviour) -> Behaviour:
        seen = 0

        async def before(_: Plane, call: IncomingRequest) -> Reply | None:
            nonlocal seen
            if call.operation is None:
                return None
            seen += 1
            if seen % every:
                return None
            if html:
                return Reply(status, b"<html><body>no upstream</body></html>", b"text/html", list(headers))
            raise Refusal(status, "Please try again in a moment.", headers=list(headers))

        return behaviour.first(before)

    return change


def slowly(seconds: float) -> Change:
    """A behaviour in which every answer takes so much longer."""

    async def before(plane: Plane, _: IncomingRequest) -> Reply | None:
        await plane.sleep(seconds)
        return None

    return lambda behaviour: behaviour.first(before)
