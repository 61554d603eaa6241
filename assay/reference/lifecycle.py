"""Phases by the clock: nothing runs in the background, a phase is computed when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from assay.contract.request import Json
from assay.reference.scaling import Autoscaling, Pod, Revision, Traffic
from assay.reference.store import StoredWorkload
from assay.reference.times import SECOND

# A PATCH that changes something begins a revision; the oldest are forgotten, and their metrics with them.
REVISIONS_KEPT: Final = 32


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that each phase lasts, and that lie between two decisions of the autoscaler.

    The sums are short (0.8 s to Running, 0.6 s from DELETE to 404), so that a test can wait for them, and long
    enough that a client which polls every 100 ms sees each phase.
    """

    creating: float = 0.2
    pending: float = 0.2
    initializing: float = 0.4
    updating: float = 0.3
    deleting: float = 0.3
    terminating: float = 0.3
    scaling: float = 10.0
    traffic: float = 1.0

    def scaled(self, factor: float) -> Pace:
        """Everything ``factor`` times as slow; 0 makes phases instant."""
        return Pace(**{item.name: getattr(self, item.name) * factor for item in fields(self)})


class Lifecycle:
    """What state a workload is in at a moment (microseconds)."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace

    def running_from(self, workload: StoredWorkload) -> int:
        """The moment the first replica is ready."""
        pace = self.pace
        return workload.created + int((pace.creating + pace.pending + pace.initializing) * SECOND)

    def failed_from(self, workload: StoredWorkload) -> int | None:
        """The moment a workload fails because it takes longer to initialise than its spec allows, or None."""
        limit = workload.initialization_timeout
        if limit is None or workload.created + limit * SECOND >= self.running_from(workload):
            return None
        return workload.created + int(limit * SECOND)

    def desired_phase(self, workload: StoredWorkload) -> str:
        return "Running" if workload.deleted is None else "Deleted"

    def phase(self, workload: StoredWorkload, now: int) -> str:
        """``actualPhase``. A deletion ends every other phase; an update shows only on a running workload."""
        if workload.deleted is not None:
            ends = workload.deleted + int(self.pace.deleting * SECOND)
            if now >= self.gone_from(workload.deleted):
                return "Completed"  # a record that stays says that nothing is under way any more
            return "Deleting" if now < ends else "Terminating"
        failed = self.failed_from(workload)
        if failed is not None and now >= failed:
            return "Failed"
        if now < self.running_from(workload):
            return self._starting(workload, now)
        if workload.updated is not None and now < workload.updated + int(self.pace.updating * SECOND):
            return "Updating"
        return "Running"

    def _starting(self, workload: StoredWorkload, now: int) -> str:
        age = (now - workload.created) / SECOND
        if age < self.pace.creating:
            return "Creating"
        return "Pending" if age < self.pace.creating + self.pace.pending else "Initializing"

    def gone_from(self, deleted: int) -> int:
        """The moment from which a workload deleted at ``deleted`` answers 404."""
        return deleted + int((self.pace.deleting + self.pace.terminating) * SECOND)

    def serving_from(self, workload: StoredWorkload) -> int | None:
        """The moment from which there are metrics; None when the workload failed before it served."""
        if self.failed_from(workload) is not None:
            return None
        oldest = workload.revisions[0].since if workload.revisions else 0
        return max(self.running_from(workload), oldest)

    def revise(self, workload: StoredWorkload, autoscaling: Json, now: int) -> None:
        """Begin a revision with a new ``autoscaling``; before anything runs, the first one is amended instead."""
        revisions = self.revisions(workload)
        workload.autoscaling = autoscaling
        running = self.running_from(workload)
        if now < running:
            workload.revisions = [self._revision(workload, 0, running)]
            return
        last = revisions[-1]
        last.until = now
        revisions.append(self._revision(workload, last.number + 1, now))
        del revisions[:-REVISIONS_KEPT]

    def revision(self, workload: StoredWorkload, moment: int) -> Revision:
        """The revision in force at ``moment``; before the first one began, the first."""
        revisions = self.revisions(workload)
        for revision in reversed(revisions):
            if revision.since <= moment:
                return revision
        return revisions[0]

    def revisions(self, workload: StoredWorkload) -> list[Revision]:
        """The workload's revisions, oldest first; at least one."""
        if not workload.revisions:
            workload.revisions = [self._revision(workload, 0, self.running_from(workload))]
        return workload.revisions

    def _revision(self, workload: StoredWorkload, number: int, since: int) -> Revision:
        return Revision(
            workload_id=workload.id,
            number=number,
            since=since,
            scaling=Autoscaling.read(workload.autoscaling),
            traffic=Traffic(workload.id, self.pace.traffic),
            # A second at least: the steps of a workload's whole life are computed when its pods are asked for.
            step=max(int(self.pace.scaling * SECOND), SECOND),
        )

    def pods(self, workload: StoredWorkload, now: int) -> list[Pod]:
        """Every pod the workload has or had, oldest first; none before Initializing, none when it failed."""
        if self.failed_from(workload) is not None or self.phase(workload, now) in {"Creating", "Pending"}:
            return []
        first = self.running_from(workload)
        seen = max(now if workload.deleted is None else min(now, workload.deleted), first)
        pods = [pod for revision in self.revisions(workload) for pod in revision.pods(seen) if pod.started <= seen]
        if workload.deleted is None:
            return pods
        ends = self.gone_from(workload.deleted)
        return [Pod(pod.id, pod.index, pod.started, ends if pod.ended is None else pod.ended) for pod in pods]
