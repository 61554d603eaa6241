"""Defects of the family ``store``: what is written is lost, stale, swapped, merged wrongly, or never goes away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from assay.contract.documents import Contract
from assay.contract.request import Json
from assay.reference import patching
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects import fidelity
from assay.reference.defects.base import Defect, answering, around, at_value, mixed, named_workload, succeeded
from assay.reference.http import IncomingRequest, Refusal, Reply, encode
from assay.reference.plane import Plane, Proceed
from assay.reference.store import Store, StoredWorkload
from assay.reference.times import SECOND

_EVERY: Final = 4  # of what goes wrong now and then, every so many


# --- the store itself ------------------------------------------------------------------------------------------


class _LosesCreations(Store):
    count = 0

    def insert(self, workload: StoredWorkload, now: int) -> None:
        self.count += 1
        if self.count % _EVERY:
            super().insert(workload, now)


class _LosesUpdates(Store):
    def replace(self, workload: StoredWorkload, changes: Mapping[str, Json]) -> None:
        """Forget what was asked for."""


class _IgnoresDeletions(Store):
    def delete(self, workload: StoredWorkload, now: int, gone: int) -> None:
        """Leave everything as it is."""


class _DeletesEverything(Store):
    def delete(self, workload: StoredWorkload, now: int, gone: int) -> None:
        super().delete(workload, now, gone)
        for other in self.live(now):
            if other.deleted is None and other is not workload:
                super().delete(other, now, gone)


class _DeletesAnother(Store):
    def delete(self, workload: StoredWorkload, now: int, gone: int) -> None:
        others = [item for item in self.live(now) if item.deleted is None and item is not workload]
        super().delete(others[0] if others else workload, now, gone)


class _UpdatesEverything(Store):
    def replace(self, _: StoredWorkload, changes: Mapping[str, Json]) -> None:
        for other in list(self._live.values()):
            super().replace(other, changes)


class _BringsBack(Store):
    def find(self, workload_id: str, now: int) -> StoredWorkload | None:
        found = super().find(workload_id, now)
        if found is not None:
            return found
        for buried in self._tombstones:
            if buried.id == workload_id and now > (buried.gone or 0) + SECOND // 10:
                self.bring_back(buried)
                return super().find(workload_id, now)
        return None


class _FindsNewest(Store):
    def find(self, workload_id: str, now: int) -> StoredWorkload | None:
        found = super().find(workload_id, now)
        return next(reversed(self._live.values())) if found is not None else None


def _id_reused(behaviour: Behaviour) -> Behaviour:
    count = 0

    def step(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
        nonlocal count
        count += 1
        held = plane.random.getstate()
        reply = proceed(call)
        if count % 2:
            plane.random.setstate(held)
        return reply

    return behaviour.around("create", step)


# --- what an operation does to it ------------------------------------------------------------------------------


def _patching(how: Callable[[Json, dict[str, Json]], Json]) -> Change:
    class PatchesOtherwise(Plane):
        def patched(self, before: Json, patch: dict[str, Json]) -> Json:
            return how(before, patch) if patch else before

    return mixed(PatchesOtherwise)


def _drops_first_named(before: Json, patch: dict[str, Json]) -> Json:
    return patching.merged(before, dict(list(patch.items())[1:]))


def _joins_lists(before: Json, patch: dict[str, Json]) -> Json:
    merged = patching.merged(before, patch)
    for name, value in patch.items():
        if isinstance(value, list):
            merged[name] = [*(before.get(name) or []), *value]
    return merged


def _loses_bystander(name: str) -> Callable[[Json, dict[str, Json]], Json]:
    def how(before: Json, patch: dict[str, Json]) -> Json:
        kept = before if name in patch else {key: value for key, value in before.items() if key != name}
        return patching.merged(kept, patch)

    return how


def _only_fills(before: Json, patch: dict[str, Json]) -> Json:
    return patching.merged(before, {name: value for name, value in patch.items() if name not in before})


def _replaces_spec(before: Json, patch: dict[str, Json]) -> Json:
    return {"image": before.get("image"), **patch}


def _resets_booleans(before: Json, patch: dict[str, Json]) -> Json:
    merged = patching.merged(before, patch)
    return {name: False if value is True and name not in patch else value for name, value in merged.items()}


def _refused_update_applied(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    try:
        return proceed(call)
    except Refusal as refusal:
        if refusal.status == 400:
            _apply_plain_texts(plane, call)
        raise


def _apply_plain_texts(plane: Plane, call: IncomingRequest) -> None:
    workload = plane.store.find(call.params["workloadId"].lower(), plane.now())
    try:
        sent = json.loads(call.body)["spec"]
    except (ValueError, KeyError, TypeError):
        return
    if workload is None or not isinstance(sent, dict):
        return
    plain = {name: value for name, value in sent.items() if isinstance(value, str) and name != "priorityClass"}
    changed = patching.merged(json.loads(workload.spec), plain)
    plane.store.replace(workload, {"spec": encode(changed)})


def _refused_creation_stored(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    try:
        return proceed(call)
    except Refusal as refusal:
        if refusal.status == 400:
            _store_all_the_same(plane, call)
        raise


def _store_all_the_same(plane: Plane, call: IncomingRequest) -> None:
    try:
        body = json.loads(call.body)
        name, project = body["name"], plane.permitted_project(call.caller, body["projectId"])
        spec, cluster = encode(body.get("spec")), body["clusterId"]
    except (ValueError, KeyError, TypeError, Refusal):
        return
    now = plane.now()
    plane.store.insert(StoredWorkload(plane.new_id(), name, name, project, cluster, call.caller.id, now, spec), now)


def _dry_update(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    """The answer shows what was asked for, the store keeps what it had."""
    workload = named_workload(plane, call)
    before = (workload.spec, workload.updated)
    reply = proceed(call)
    shown = replace(reply, content=reply.encoded())
    workload.spec, workload.updated = before
    workload.rendered = None
    return shown


class _TogglesUpdates(Plane):
    """The same update a second time undoes the first one."""

    def patched(self, before: Json, patch: dict[str, Json]) -> Json:
        merged = super().patched(before, patch)
        if merged == before and patch:
            return {name: value for name, value in before.items() if name not in patch or name == "image"}
        return merged


def _naming(change: Callable[[Json, str], str]) -> Change:
    """``change``: (body, the right final name) -> the final name."""

    class NamesOtherwise(Plane):
        def final_name(self, body: Json) -> str:
            return change(body, super().final_name(body))

    return mixed(NamesOtherwise)


def _telling(operation: str, pointer: str, change: Callable[[Json], Json]) -> Change:
    """The answers of one operation hold something else at ``pointer``."""
    return answering(
        operation,
        succeeded,
        lambda reply: replace(reply, content=at_value(reply.content, pointer, change)),
    )


def _metadata_moves(pointer: str, value: Callable[[Json], Json]) -> Iterator[tuple[str, str, Change]]:
    name = pointer.removeprefix("/")
    for operation in ("read", "update"):
        yield (
            f"{operation}-tells-other-{name}",
            f"{operation} returns another {name} than the creation",
            _telling(operation, pointer, value),
        )


def _stale_reads(behaviour: Behaviour) -> Behaviour:
    """A read returns the spec of the creation for a minute after an update."""
    first: dict[str, bytes] = {}

    def creating(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
        reply = proceed(call)
        workload = next(reversed(plane.store._live.values()))
        first[workload.id] = workload.spec
        return reply

    def reading(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
        workload = named_workload(plane, call)
        now = plane.now()
        if workload.updated is None or now - workload.updated > 60 * SECOND:
            return proceed(call)
        return Reply(200, {**plane.document(workload, now), "spec": json.loads(first[workload.id])})

    return behaviour.around("create", creating).around("read", reading)


_OTHER_ID: Final = "0f6b1c1e-8a35-4d0e-9f5c-7d5a5c1e0001"

_DEFECTS: Final[tuple[tuple[str, str, Change], ...]] = (
    ("creation-lost", f"every {_EVERY}th creation is accepted and not stored", mixed(_LosesCreations)),
    ("update-lost", "an accepted update changes nothing", mixed(_LosesUpdates)),
    (
        "update-answered-not-stored",
        "the answer to an update shows what is never stored",
        around("update", _dry_update),
    ),
    (
        "update-undone-by-repetition",
        "the same update a second time undoes the first",
        mixed(_TogglesUpdates),
    ),
    ("update-touches-others", "an update changes every other workload too", mixed(_UpdatesEverything)),
    ("update-drops-first-field", "of several fields the first one is not updated", _patching(_drops_first_named)),
    ("update-joins-lists", "an update appends to lists instead of replacing them", _patching(_joins_lists)),
    ("update-only-fills", "an update sets only what was not set before", _patching(_only_fills)),
    ("update-replaces-spec", "an update drops every field that it does not name", _patching(_replaces_spec)),
    ("update-resets-booleans", "an update turns unnamed truths off", _patching(_resets_booleans)),
    *(
        (f"update-loses-{name}", f"an update that does not name {name} drops it", _patching(_loses_bystander(name)))
        for name in (
            *("command", "environmentVariables", "labels", "security", "probes", "servingPort", "autoscaling"),
            *("storage", "relatedUrls"),
        )
    ),
    ("refused-update-applied", "a refused update is applied in part", around("update", _refused_update_applied)),
    (
        "refused-creation-stored",
        "a refused creation is stored all the same",
        around("create", _refused_creation_stored),
    ),
    ("delete-ignored", "an accepted deletion does nothing", mixed(_IgnoresDeletions)),
    ("delete-takes-all", "a deletion deletes all workloads", mixed(_DeletesEverything)),
    ("delete-takes-another", "a deletion deletes another workload", mixed(_DeletesAnother)),
    ("deleted-comes-back", "a deleted workload comes back", mixed(_BringsBack)),
    ("read-swapped", "a read returns the newest workload, whichever was asked for", mixed(_FindsNewest)),
    ("read-stale", "for a minute after an update reads return the former spec", _stale_reads),
    ("id-reused", "every other workload gets the id of the one before", _id_reused),
    (
        "prefix-ignored",
        "with useGivenNameAsPrefix the name gets no suffix",
        _naming(lambda body, __: str(body["name"])),
    ),
    (
        "prefix-always",
        "every name gets a suffix",
        _naming(lambda body, name: name if body.get("useGivenNameAsPrefix") else f"{name}-x1"),
    ),
    (
        "suffix-first",
        "the suffix stands before the name",
        _naming(lambda body, name: f"x1-{body['name']}" if body.get("useGivenNameAsPrefix") else name),
    ),
    ("name-cut", "a name is cut to 20 characters", _naming(lambda __, name: name[:20])),
    ("name-in-capitals", "a name is stored in capitals", _naming(lambda __, name: name.upper())),
    *_metadata_moves("/name", lambda value: f"{value}-x"),
    *_metadata_moves("/requestedName", lambda value: f"{value}-x"),
    *_metadata_moves("/workloadId", lambda _: _OTHER_ID),
    *_metadata_moves("/projectId", lambda _: "4501102"),
    *_metadata_moves("/clusterId", lambda _: _OTHER_ID),
    *_metadata_moves("/createdBy", lambda _: "somebody-else"),
    *_metadata_moves("/createdAt", lambda _: "2020-01-01T00:00:00Z"),
    (
        "creation-tells-other-project",
        "a creation returns another project",
        _telling("create", "/projectId", lambda _: "4501102"),
    ),
    (
        "creation-tells-other-cluster",
        "a creation returns another cluster",
        _telling("create", "/clusterId", lambda _: _OTHER_ID),
    ),
    (
        "creation-tells-other-name",
        "requestedName is not the requested one",
        _telling("create", "/requestedName", lambda _: "x"),
    ),
    (
        "creation-tells-old-time",
        "createdAt lies a day back",
        _telling("create", "/createdAt", lambda _: "2020-01-01T00:00:00Z"),
    ),
    (
        "creation-tells-deleted",
        "a new workload has a deletion time",
        _telling("create", "/deletedAt", lambda _: "2026-01-01T00:00:00Z"),
    ),
)


def defects(_: Contract) -> Iterator[Defect]:
    """``store/<what>``."""
    for name, what, change in (*_DEFECTS, *fidelity.rows()):
        yield Defect(f"store/{name}", "store", what, "/components/schemas/Inference1", change)
