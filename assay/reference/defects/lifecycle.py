"""Defects of the family ``lifecycle``: phases, deletion times and desires that no workload may show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from assay.contract.documents import Contract
from assay.contract.request import Json
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects.base import Defect, around, mixed
from assay.reference.handlers.workload import deletion_accepted
from assay.reference.http import IncomingRequest, Refusal, Reply
from assay.reference.lifecycle import Lifecycle
from assay.reference.plane import Around, Plane, Proceed
from assay.reference.store import Store, StoredWorkload
from assay.reference.times import SECOND

Phase = Callable[[str], str]
"""The right phase -> the phase that is returned."""


def _phases(change: Phase) -> Change:
    class TellsOtherPhases(Lifecycle):
        def phase(self, workload: StoredWorkload, now: int) -> str:
            return change(super().phase(workload, now))

    return mixed(TellsOtherPhases)


def _ends(end: str) -> Change:
    """What would be Running is something else."""
    return _phases(lambda phase: end if phase == "Running" else phase)


class _FallsBack(Lifecycle):
    """A workload runs from 0.8 s after its creation; from the second second on it is being created again."""

    def phase(self, workload: StoredWorkload, now: int) -> str:
        right = super().phase(workload, now)
        return "Creating" if right == "Running" and now - workload.created >= 2 * SECOND else right


def _desires(phase: str) -> Change:
    class TellsOtherDesires(Lifecycle):
        def desired_phase(self, _: StoredWorkload) -> str:
            return phase

    return mixed(TellsOtherDesires)


def _gone_after(seconds: int) -> Change:
    class EndsDeletionsLate(Lifecycle):
        def gone_from(self, deleted: int) -> int:
            return deleted + seconds * SECOND

    return mixed(EndsDeletionsLate)


def _described(change: Callable[[dict[str, Json]], dict[str, Json]]) -> Change:
    """Every answer that holds a workload is changed."""

    def after(plane: Plane, call: IncomingRequest, reply: Reply) -> Reply:
        if call.operation in plane.answers_with_workload and reply.status < 300 and isinstance(reply.content, dict):
            return replace(reply, content=change(reply.content))
        return reply

    return lambda behaviour: behaviour.then(after)


def _hides_deletion(body: dict[str, Json]) -> dict[str, Json]:
    return {**body, "deletedAt": None, "desiredPhase": "Running", "actualPhase": "Running"}


def _contradicts(body: dict[str, Json]) -> dict[str, Json]:
    return (
        {**body, "deletedAt": body["createdAt"]} if body["desiredPhase"] == "Running" else {**body, "deletedAt": None}
    )


def _update_of_deleted(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    """A workload that was deleted and is gone can still be updated."""
    try:
        return proceed(call)
    except Refusal as refusal:
        gone = _tombstone(plane, call)
        if refusal.status != 404 or gone is None:
            raise
        return Reply(202, plane.document(gone, plane.now()))


def _read_of_deleted(behaviour: Behaviour) -> Behaviour:
    """Every second read of a workload that is gone returns it as it was."""
    reads = 0

    def step(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
        nonlocal reads
        try:
            return proceed(call)
        except Refusal as refusal:
            gone = _tombstone(plane, call)
            reads += 1
            if refusal.status != 404 or gone is None or reads % 2:
                raise
            return Reply(200, plane.document(gone, plane.now()))

    return behaviour.around("read", step)


def _tombstone(plane: Plane, call: IncomingRequest) -> StoredWorkload | None:
    wanted = call.params["workloadId"].lower()
    return next((item for item in plane.store.buried(plane.now()) if item.id == wanted), None)


def _second_delete_fails(plane: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
    workload = plane.store.find(call.params["workloadId"].lower(), plane.now())
    if workload is not None and workload.deleted is not None:
        raise RuntimeError("deleted twice")
    return proceed(call)


def _instead_of_404(reply: Callable[[], Reply]) -> Around:
    """Whatever is refused with 404 is answered with ``reply``."""

    def step(_: Plane, call: IncomingRequest, proceed: Proceed) -> Reply:
        try:
            return proceed(call)
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            return reply()

    return step


class _LosesWorkloads(Store):
    """Every third workload is gone as soon as it is made."""

    count = 0

    def insert(self, workload: StoredWorkload, now: int) -> None:
        super().insert(workload, now)
        self.count += 1
        if self.count % 3 == 0:
            workload.gone = now


_SILENT: Final = "actualPhase is not required, and what reaches which phase when the document does not say"

_DEFECTS: Final[tuple[tuple[str, str, Change, str | None], ...]] = (
    ("phase-unknown", "actualPhase is none of the documented phases", _phases(lambda _: "Sleeping"), None),
    ("phase-in-capitals", "actualPhase is in capitals", _phases(str.upper), None),
    ("phase-empty", "actualPhase is empty", _phases(lambda _: ""), None),
    ("never-running", "a workload stays in Creating for good", _phases(lambda _: "Creating"), _SILENT),
    ("always-failed", "every workload is Failed", _phases(lambda _: "Failed"), None),
    *(
        (f"always-{phase.lower()}", f"every workload ends {phase}", _ends(phase), None)
        for phase in ("Stopped", "Stopping", "Completed", "Resuming", "Degraded", "Unknown")
    ),
    (
        "phases-run-back",
        "a running workload falls back to Creating",
        mixed(_FallsBack),
        None,
    ),
    ("desired-unknown", "desiredPhase is none of the documented phases", _desires("Paused"), None),
    ("desired-deleted", "desiredPhase of a live workload is Deleted", _desires("Deleted"), None),
    (
        "desired-is-actual",
        "desiredPhase is a phase that nobody can desire",
        _desires("Initializing"),
        None,
    ),
    (
        "deletion-hidden",
        "a workload whose deletion was accepted looks as if nobody had deleted it",
        lambda behaviour: _described(_hides_deletion)(_gone_after(3600)(behaviour)),
        None,
    ),
    (
        "deleted-at-contradicts",
        "live workloads have a deletion time, deleted ones have none",
        _described(_contradicts),
        None,
    ),
    (
        "deletion-never-ends",
        "a deleted workload is Terminating for good",
        _gone_after(10**6),
        None,
    ),
    (
        "update-of-deleted",
        "a workload that is gone can be updated",
        around("update", _update_of_deleted),
        None,
    ),
    (
        "read-of-deleted",
        "every second read of a workload that is gone returns it",
        _read_of_deleted,
        None,
    ),
    ("second-delete-fails", "a second deletion answers 500", around("delete", _second_delete_fails), None),
    (
        "unknown-deleted",
        "deleting what never existed is accepted",
        around("delete", _instead_of_404(deletion_accepted)),
        None,
    ),
    (
        "unknown-read-empty",
        "a read of what never existed answers 200 with an empty object",
        around("read", _instead_of_404(lambda: Reply(200, {}))),
        None,
    ),
    (
        "unknown-updated",
        "an update of what never existed answers 200",
        around("update", _instead_of_404(lambda: Reply(200, {}))),
        None,
    ),
    (
        "workload-vanishes",
        "every third workload is gone as soon as it is made",
        mixed(_LosesWorkloads),
        None,
    ),
)


def defects(_: Contract) -> Iterator[Defect]:
    """``lifecycle/<what>``."""
    for name, what, change, equivalent in _DEFECTS:
        place = "/components/schemas/Inference1/properties/actualPhase"
        yield Defect(f"lifecycle/{name}", "lifecycle", what, place, change, None, equivalent)
