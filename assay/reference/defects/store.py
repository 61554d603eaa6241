"""Defects of the family ``store``: what is written is lost, stale, swapped, merged wrongly, or never goes away."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from assay.contract.documents import Contract
from assay.contract.request import Json
from assay.reference import patching
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects import fidelity
from assay.reference.defects.base import Defect
from assay.reference.defects.trees import at_value
from assay.reference.http import Call, Refusal, Reply, encode
from assay.reference.operations import Operations
from assay.reference.store import Store, StoredWorkload
from assay.reference.times import SECOND

_EVERY: Final = 4  # of what goes wrong now and then, every so many


def _storing(make: Callable[[type[Store]], type[Store]]) -> Change:
    return lambda behaviour: replace(behaviour, store=make(behaviour.store))


def _operating(make: Callable[[type[Operations]], type[Operations]]) -> Change:
    return lambda behaviour: replace(behaviour, operations=make(behaviour.operations))


# --- the store itself ------------------------------------------------------------------------------------------


def _lost_creation(base: type[Store]) -> type[Store]:
    class Losing(base):  # type: ignore[misc,valid-type]
        count = 0

        def insert(self, workload: StoredWorkload, now: int) -> None:
            self.count += 1
            if self.count % _EVERY:
                super().insert(workload, now)

    return Losing


def _lost_update(base: type[Store]) -> type[Store]:
    class Losing(base):  # type: ignore[misc,valid-type]
        def replace(self, workload: StoredWorkload, changes: Any) -> None:
            """Forget what was asked for."""

    return Losing


def _delete_ignored(base: type[Store]) -> type[Store]:
    class Keeping(base):  # type: ignore[misc,valid-type]
        def delete(self, workload: StoredWorkload, now: int, gone: int) -> None:
            """Leave everything as it is."""

    return Keeping


def _delete_takes_neighbour(base: type[Store]) -> type[Store]:
    class Greedy(base):  # type: ignore[misc,valid-type]
        def delete(self, workload: StoredWorkload, now: int, gone: int) -> None:
            super().delete(workload, now, gone)
            for other in self.live(now):
                if other.deleted is None and other is not workload:
                    super().delete(other, now, gone)

    return Greedy


def _delete_other(base: type[Store]) -> type[Store]:
    class Mistaken(base):  # type: ignore[misc,valid-type]
        def delete(self, workload: StoredWorkload, now: int, gone: int) -> None:
            others = [item for item in self.live(now) if item.deleted is None and item is not workload]
            super().delete(others[0] if others else workload, now, gone)

    return Mistaken


def _update_takes_neighbour(base: type[Store]) -> type[Store]:
    class Greedy(base):  # type: ignore[misc,valid-type]
        def replace(self, _: StoredWorkload, changes: Any) -> None:
            for other in list(self._live.values()):
                super().replace(other, changes)

    return Greedy


def _resurrected(base: type[Store]) -> type[Store]:
    class Undead(base):  # type: ignore[misc,valid-type]
        def find(self, workload_id: str, now: int) -> StoredWorkload | None:
            found: StoredWorkload | None = super().find(workload_id, now)
            if found is not None:
                return found
            for gone in self._tombstones:
                if gone.id == workload_id and now > gone.gone + SECOND // 10:
                    gone.deleted, gone.gone = None, None
                    self._live[gone.id] = gone
                    return super().find(workload_id, now)  # type: ignore[no-any-return]
            return None

    return Undead


def _reads_latest(base: type[Store]) -> type[Store]:
    class Confused(base):  # type: ignore[misc,valid-type]
        def find(self, workload_id: str, now: int) -> StoredWorkload | None:
            found = super().find(workload_id, now)
            newest: StoredWorkload | None = next(reversed(self._live.values())) if found is not None else None
            return newest

    return Confused


def _id_reused(base: type[Operations]) -> type[Operations]:
    class Reusing(base):  # type: ignore[misc,valid-type]
        count = 0

        def create(self, call: Call) -> Reply:
            self.count += 1
            held = self.plane.random.getstate()
            answer: Reply = super().create(call)
            if self.count % 2:
                self.plane.random.setstate(held)
            return answer

    return Reusing


# --- what an operation does to it ------------------------------------------------------------------------------


def _patching(how: Callable[[Json, dict[str, Json]], Json]) -> Change:
    def make(base: type[Operations]) -> type[Operations]:
        class Other(base):  # type: ignore[misc,valid-type]
            def patched(self, before: Json, patch: dict[str, Json]) -> Json:
                return how(before, patch) if patch else before

        return Other

    return _operating(make)


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


def _refused_update_applied(base: type[Operations]) -> type[Operations]:
    class Hasty(base):  # type: ignore[misc,valid-type]
        def update(self, call: Call) -> Reply:
            try:
                return super().update(call)  # type: ignore[no-any-return]
            except Refusal as refusal:
                if refusal.status == 400:
                    self.apply_what_is_lawful(call)
                raise

        def apply_what_is_lawful(self, call: Call) -> None:
            workload = self.plane.store.find(call.params["workloadId"].lower(), self.plane.now())
            try:
                sent = json.loads(call.body)["spec"]
            except (ValueError, KeyError, TypeError):
                return
            if workload is None or not isinstance(sent, dict):
                return
            plain = {
                name: value for name, value in sent.items() if isinstance(value, str) and name != "priorityClass"
            }
            changed = patching.merged(json.loads(workload.spec), plain)
            self.plane.store.replace(workload, {"spec": encode(changed)})

    return Hasty


def _refused_creation_stored(base: type[Operations]) -> type[Operations]:
    class Hasty(base):  # type: ignore[misc,valid-type]
        def create(self, call: Call) -> Reply:
            try:
                return super().create(call)  # type: ignore[no-any-return]
            except Refusal as refusal:
                if refusal.status == 400:
                    self.store_all_the_same(call)
                raise

        def store_all_the_same(self, call: Call) -> None:
            try:
                body = json.loads(call.body)
                name, project = body["name"], self.permitted_project(call, body["projectId"])
            except (ValueError, KeyError, TypeError, Refusal):
                return
            now = self.plane.now()
            identity = str(uuid.UUID(int=self.plane.random.getrandbits(128), version=4))
            spec = encode(body.get("spec"))
            self.plane.store.insert(
                StoredWorkload(identity, name, name, project, body["clusterId"], call.caller.id, now, spec), now
            )

    return Hasty


def _dry_update(base: type[Operations]) -> type[Operations]:
    """The answer shows what was asked for, the store keeps what it had."""

    class Dry(base):  # type: ignore[misc,valid-type]
        def update(self, call: Call) -> Reply:
            workload = self.permitted_workload("update", call)
            before = (workload.spec, workload.updated)
            answer: Reply = super().update(call)
            told = replace(answer, content=answer.encoded())
            workload.spec, workload.updated = before
            workload.rendered = None
            return told

    return Dry


def _not_idempotent(base: type[Operations]) -> type[Operations]:
    """The same update a second time undoes the first one."""

    class Toggling(base):  # type: ignore[misc,valid-type]
        def patched(self, before: Json, patch: dict[str, Json]) -> Json:
            merged = super().patched(before, patch)
            if merged == before and patch:
                return {name: value for name, value in before.items() if name not in patch or name == "image"}
            return merged

    return Toggling


def _finalised_name(change: Callable[[Operations, Json, str], str]) -> Change:
    def make(base: type[Operations]) -> type[Operations]:
        class Naming(base):  # type: ignore[misc,valid-type]
            def final_name(self, body: Json) -> str:
                return change(self, body, super().final_name(body))

        return Naming

    return _operating(make)


def _told(role: str, pointer: str, change: Callable[[Json], Json]) -> Change:
    """The answers of one operation tell something else at ``pointer``."""

    def after(_: object, call: Call, answer: Reply) -> Reply:
        if call.operation == role and answer.status < 300 and isinstance(answer.content, dict):
            answer = replace(answer, content=at_value(answer.content, pointer, change))
        return answer

    return lambda behaviour: behaviour.then(after)


def _metadata_moves(pointer: str, value: Callable[[Json], Json]) -> Iterator[tuple[str, str, Change]]:
    name = pointer.removeprefix("/")
    for role in ("read", "update"):
        yield (
            f"{role}-tells-other-{name}",
            f"{role} tells another {name} than the creation",
            _told(role, pointer, value),
        )


def _stale_reads(behaviour: Behaviour) -> Behaviour:
    """A read tells the spec of the creation for a minute after an update."""

    class Remembering(behaviour.operations):  # type: ignore[misc,name-defined]
        def create(self, call: Call) -> Reply:
            answer: Reply = super().create(call)
            workload = next(reversed(self.plane.store._live.values()))
            self.first = {**getattr(self, "first", {}), workload.id: workload.spec}
            return answer

        def read(self, call: Call) -> Reply:
            workload = self.permitted_workload("read", call)
            now = self.plane.now()
            if workload.updated is None or now - workload.updated > 60 * SECOND:
                return super().read(call)  # type: ignore[no-any-return]
            document = self.document(workload, now)
            return Reply(200, {**document, "spec": json.loads(self.first[workload.id])})

    return replace(behaviour, operations=Remembering)


_OTHER_ID: Final = "0f6b1c1e-8a35-4d0e-9f5c-7d5a5c1e0001"

_DEFECTS: Final[tuple[tuple[str, str, Change], ...]] = (
    ("creation-lost", f"every {_EVERY}th creation is accepted and not stored", _storing(_lost_creation)),
    ("update-lost", "an accepted update changes nothing", _storing(_lost_update)),
    ("update-answered-not-stored", "the answer to an update shows what is never stored", _operating(_dry_update)),
    ("update-undone-by-repetition", "the same update a second time undoes the first", _operating(_not_idempotent)),
    ("update-touches-others", "an update changes every other workload too", _storing(_update_takes_neighbour)),
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
    ("refused-update-applied", "a refused update is applied in part", _operating(_refused_update_applied)),
    ("refused-creation-stored", "a refused creation is stored all the same", _operating(_refused_creation_stored)),
    ("delete-ignored", "an accepted deletion does nothing", _storing(_delete_ignored)),
    ("delete-takes-all", "a deletion deletes all workloads", _storing(_delete_takes_neighbour)),
    ("delete-takes-another", "a deletion deletes another workload", _storing(_delete_other)),
    ("deleted-comes-back", "a deleted workload comes back", _storing(_resurrected)),
    ("read-swapped", "a read tells the newest workload, whichever was asked for", _storing(_reads_latest)),
    ("read-stale", "for a minute after an update reads tell the former spec", _stale_reads),
    ("id-reused", "every other workload gets the id of the one before", _operating(_id_reused)),
    (
        "prefix-ignored",
        "with useGivenNameAsPrefix the name gets no suffix",
        _finalised_name(lambda _, body, __: str(body["name"])),
    ),
    (
        "prefix-always",
        "every name gets a suffix",
        _finalised_name(lambda _, body, name: name if body.get("useGivenNameAsPrefix") else f"{name}-x1"),
    ),
    (
        "suffix-first",
        "the suffix stands before the name",
        _finalised_name(lambda _, body, name: f"x1-{body['name']}" if body.get("useGivenNameAsPrefix") else name),
    ),
    ("name-cut", "a name is cut to 20 characters", _finalised_name(lambda _, __, name: name[:20])),
    ("name-in-capitals", "a name is stored in capitals", _finalised_name(lambda _, __, name: name.upper())),
    *_metadata_moves("/name", lambda value: f"{value}-x"),
    *_metadata_moves("/requestedName", lambda value: f"{value}-x"),
    *_metadata_moves("/workloadId", lambda _: _OTHER_ID),
    *_metadata_moves("/projectId", lambda _: "4501102"),
    *_metadata_moves("/clusterId", lambda _: _OTHER_ID),
    *_metadata_moves("/createdBy", lambda _: "somebody-else"),
    *_metadata_moves("/createdAt", lambda _: "2020-01-01T00:00:00Z"),
    (
        "creation-tells-other-project",
        "a creation tells another project",
        _told("create", "/projectId", lambda _: "4501102"),
    ),
    (
        "creation-tells-other-cluster",
        "a creation tells another cluster",
        _told("create", "/clusterId", lambda _: _OTHER_ID),
    ),
    (
        "creation-tells-other-name",
        "requestedName is not the requested one",
        _told("create", "/requestedName", lambda _: "x"),
    ),
    (
        "creation-tells-old-time",
        "createdAt lies a day back",
        _told("create", "/createdAt", lambda _: "2020-01-01T00:00:00Z"),
    ),
    (
        "creation-tells-deleted",
        "a new workload has a deletion time",
        _told("create", "/deletedAt", lambda _: "2026-01-01T00:00:00Z"),
    ),
)


def defects(_: Contract) -> Iterator[Defect]:
    """``store/<what>``."""
    for name, what, change in (*_DEFECTS, *fidelity.rows()):
        yield Defect(f"store/{name}", "store", what, "/components/schemas/Inference1", change)
