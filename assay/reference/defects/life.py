"""Defects of the family ``lifecycle``: phases, deletion times and desires that no lawful workload shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from assay.contract.documents import Contract
from assay.contract.request import Json
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects.base import Defect
from assay.reference.http import Call, Refusal, Reply
from assay.reference.store import StoredWorkload
from assay.reference.times import SECOND

_WORKLOADS: Final = frozenset({"create", "read", "update"})
Phase = Callable[[Any, StoredWorkload, int, str], str]
"""(lifecycle, workload, now, the lawful phase) -> the phase that is told."""


def _phases(change: Phase) -> Change:
    def make(behaviour: Behaviour) -> Behaviour:
        class Other(behaviour.lifecycle):  # type: ignore[misc,name-defined]
            def phase(self, workload: StoredWorkload, now: int) -> str:
                return change(self, workload, now, super().phase(workload, now))

        return replace(behaviour, lifecycle=Other)

    return make


def _desires(change: Callable[[StoredWorkload, str], str]) -> Change:
    def make(behaviour: Behaviour) -> Behaviour:
        class Other(behaviour.lifecycle):  # type: ignore[misc,name-defined]
            def desired_phase(self, workload: StoredWorkload) -> str:
                return change(workload, super().desired_phase(workload))

        return replace(behaviour, lifecycle=Other)

    return make


def _gone(change: Callable[[int, int], int]) -> Change:
    def make(behaviour: Behaviour) -> Behaviour:
        class Other(behaviour.lifecycle):  # type: ignore[misc,name-defined]
            def gone_from(self, deleted: int) -> int:
                return change(deleted, super().gone_from(deleted))

        return replace(behaviour, lifecycle=Other)

    return make


def _told(change: Callable[[dict[str, Json]], dict[str, Json]], *roles: str) -> Change:
    def after(_: object, call: Call, answer: Reply) -> Reply:
        if call.operation in (roles or _WORKLOADS) and answer.status < 300 and isinstance(answer.content, dict):
            answer = replace(answer, content=change(answer.content))
        return answer

    return lambda behaviour: behaviour.then(after)


def _hides_deletion(body: dict[str, Json]) -> dict[str, Json]:
    return {**body, "deletedAt": None, "desiredPhase": "Running", "actualPhase": "Running"}


def _contradicts(body: dict[str, Json]) -> dict[str, Json]:
    return (
        {**body, "deletedAt": body["createdAt"]} if body["desiredPhase"] == "Running" else {**body, "deletedAt": None}
    )


def _operating(role: str, how: Callable[[Any, Call, Callable[[Call], Reply]], Reply]) -> Change:
    """One operation done otherwise: ``how`` gets the plane's operations, the call and the lawful handler."""

    def make(behaviour: Behaviour) -> Behaviour:
        base = behaviour.operations

        def handler(self: Any, call: Call) -> Reply:
            return how(self, call, getattr(super(other, self), role))

        other = type("Other", (base,), {role: handler})
        return replace(behaviour, operations=other)

    return make


def _update_of_deleted(operations: Any, call: Call, lawful: Callable[[Call], Reply]) -> Reply:
    """A workload that was deleted and is gone can still be updated."""
    try:
        return lawful(call)
    except Refusal as refusal:
        gone = _tombstone(operations, call)
        if refusal.status != 404 or gone is None:
            raise
        return Reply(202, operations.document(gone, operations.plane.now()))


def _read_of_deleted(operations: Any, call: Call, lawful: Callable[[Call], Reply]) -> Reply:
    """Every second read of a workload that is gone tells it as it was."""
    try:
        return lawful(call)
    except Refusal as refusal:
        gone = _tombstone(operations, call)
        operations.reads = getattr(operations, "reads", 0) + 1
        if refusal.status != 404 or gone is None or operations.reads % 2:
            raise
        return Reply(200, operations.document(gone, operations.plane.now()))


def _tombstone(operations: Any, call: Call) -> StoredWorkload | None:
    wanted = call.params["workloadId"].lower()
    return next((item for item in operations.plane.store.buried(operations.plane.now()) if item.id == wanted), None)


def _second_delete_fails(operations: Any, call: Call, lawful: Callable[[Call], Reply]) -> Reply:
    workload = operations.plane.store.find(call.params["workloadId"].lower(), operations.plane.now())
    if workload is not None and workload.deleted is not None:
        raise RuntimeError("deleted twice")
    return lawful(call)


def _delete_of_unknown(_: Any, call: Call, lawful: Callable[[Call], Reply]) -> Reply:
    try:
        return lawful(call)
    except Refusal as refusal:
        if refusal.status != 404:
            raise
        return Reply(202, {"code": 202, "message": "The deletion of the workload has been accepted."})


def _unknown(body: dict[str, Json]) -> Callable[[Any, Call, Callable[[Call], Reply]], Reply]:
    def how(_: Any, call: Call, lawful: Callable[[Call], Reply]) -> Reply:
        try:
            return lawful(call)
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            return Reply(200, body)

    return how


def _vanishing(behaviour: Behaviour) -> Behaviour:
    """Every third workload is gone as soon as it is made."""

    class Leaking(behaviour.store):  # type: ignore[misc,name-defined]
        count = 0

        def insert(self, workload: StoredWorkload, now: int) -> None:
            super().insert(workload, now)
            self.count += 1
            if self.count % 3 == 0:
                workload.gone = now

    return replace(behaviour, store=Leaking)


_BACK: Final = {"Running": "Creating", "Updating": "Pending"}
_SILENT: Final = "actualPhase is not required, and what reaches which phase when the document does not say"

_DEFECTS: Final[tuple[tuple[str, str, Change, str | None], ...]] = (
    ("phase-unknown", "actualPhase is none of the documented phases", _phases(lambda *_: "Sleeping"), None),
    ("phase-in-capitals", "actualPhase is in capitals", _phases(lambda _, __, ___, phase: phase.upper()), None),
    ("phase-empty", "actualPhase is empty", _phases(lambda *_: ""), None),
    ("never-running", "a workload stays in Creating for good", _phases(lambda *_: "Creating"), _SILENT),
    ("always-failed", "every workload is Failed", _phases(lambda *_: "Failed"), _SILENT),
    (
        "phases-run-back",
        "a running workload falls back to Creating",
        _phases(lambda _, __, ___, phase: _BACK.get(phase, phase)),
        None,
    ),
    ("desired-unknown", "desiredPhase is none of the documented phases", _desires(lambda *_: "Paused"), None),
    ("desired-deleted", "desiredPhase of a live workload is Deleted", _desires(lambda *_: "Deleted"), None),
    (
        "desired-is-actual",
        "desiredPhase tells a phase that nobody can desire",
        _desires(lambda *_: "Initializing"),
        None,
    ),
    (
        "deletion-hidden",
        "a workload whose deletion was accepted looks as if nobody had deleted it",
        lambda behaviour: _told(_hides_deletion)(_gone(lambda deleted, _: deleted + 3600 * SECOND)(behaviour)),
        None,
    ),
    (
        "deleted-at-contradicts",
        "live workloads have a deletion time, deleted ones have none",
        _told(_contradicts),
        None,
    ),
    (
        "deletion-never-ends",
        "a deleted workload is Terminating for good",
        _gone(lambda deleted, _: deleted + 10**6 * SECOND),
        "a record that says of itself that it is deleted may stay",
    ),
    (
        "update-of-deleted",
        "a workload that is gone can be updated",
        _operating("update", _update_of_deleted),
        None,
    ),
    (
        "read-of-deleted",
        "every second read of a workload that is gone tells it",
        _operating("read", _read_of_deleted),
        None,
    ),
    ("second-delete-fails", "a second deletion answers 500", _operating("delete", _second_delete_fails), None),
    ("unknown-deleted", "deleting what never existed is accepted", _operating("delete", _delete_of_unknown), None),
    (
        "unknown-read-empty",
        "a read of what never existed answers 200 with an empty object",
        _operating("read", _unknown({})),
        None,
    ),
    ("unknown-updated", "an update of what never existed answers 200", _operating("update", _unknown({})), None),
    ("workload-vanishes", "every third workload is gone as soon as it is made", _vanishing, None),
)


def defects(_: Contract) -> Iterator[Defect]:
    """``lifecycle/<what>``."""
    for name, what, change, equivalent in _DEFECTS:
        place = "/components/schemas/Inference1/properties/actualPhase"
        yield Defect(f"lifecycle/{name}", "lifecycle", what, place, change, None, equivalent)
