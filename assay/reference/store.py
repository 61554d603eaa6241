"""Where workloads live: in memory, as encoded JSON, with an index of names."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from assay.contract.request import Json
from assay.reference.scaling import Revision
from assay.reference.tenant import Project

# Records outlive deletion (`deleted=true` lists them); the oldest go when a long load test has left so many.
TOMBSTONES: Final = 10_000


@dataclass(slots=True, eq=False)
class StoredWorkload:
    """One record. Moments in microseconds. ``spec`` is encoded JSON: bytes cost the garbage collector nothing."""

    id: str
    name: str
    requested_name: str
    project: Project
    cluster_id: str
    created_by: str
    created: int
    spec: bytes
    initialization_timeout: float | None = None  # seconds
    autoscaling: Json = None
    updated: int | None = None  # the last accepted PATCH
    deleted: int | None = None  # the accepted DELETE
    gone: int | None = None  # from here on the record answers 404; None: not yet known
    revisions: list[Revision] = field(default_factory=list)
    rendered: tuple[object, bytes] | None = None  # the last encoded answer and what it depends on


class Store:
    """All workloads of the tenant. Single-threaded: every method is one atomic step of the event loop."""

    def __init__(self) -> None:
        self._live: dict[str, StoredWorkload] = {}
        self._names: dict[tuple[str, str], StoredWorkload] = {}
        self._leaving: deque[StoredWorkload] = deque()
        self._tombstones: deque[StoredWorkload] = deque(maxlen=TOMBSTONES)

    def insert(self, workload: StoredWorkload, now: int) -> None:
        """Add a record; its name is taken in its project from now on."""
        self.sweep(now)
        self._live[workload.id] = workload
        self._names[workload.project.id, workload.name] = workload

    def find(self, workload_id: str, now: int) -> StoredWorkload | None:
        """The record of an id, also while it is being deleted; None when there is none (any more)."""
        workload = self._live.get(workload_id)
        if workload is not None and workload.gone is not None and now >= workload.gone:
            self._bury(workload)
            return None
        return workload

    def named(self, project_id: str, name: str) -> StoredWorkload | None:
        """The record that holds a name in a project; a DELETE frees the name at once."""
        holder = self._names.get((project_id, name))
        return holder if holder is not None and holder.deleted is None else None

    def replace(self, workload: StoredWorkload, changes: Mapping[str, Json]) -> None:
        """Store new values of a record's fields in one step."""
        for key, value in changes.items():
            setattr(workload, key, value)

    def delete(self, workload: StoredWorkload, now: int, gone: int) -> None:
        """Mark a record as deleted at ``now``, to vanish at ``gone``."""
        workload.deleted = now
        workload.gone = gone
        self._leaving.append(workload)
        self.sweep(now)

    def bring_back(self, workload: StoredWorkload) -> None:
        """Make a record that was deleted, and is perhaps gone, a live one again."""
        workload.deleted, workload.gone = None, None
        if workload in self._leaving:
            self._leaving.remove(workload)
        self._live[workload.id] = workload

    def live(self, now: int) -> Iterator[StoredWorkload]:
        """Every record that has not vanished, oldest first."""
        self.sweep(now)
        return iter(list(self._live.values()))

    def buried(self, now: int) -> Iterator[StoredWorkload]:
        """Records that have vanished, oldest first."""
        self.sweep(now)
        return iter(list(self._tombstones))

    def sweep(self, now: int) -> None:
        """Bury what has vanished. The queue is in order, because every deletion takes the same time."""
        while self._leaving and (self._leaving[0].gone or 0) <= now:
            self._bury(self._leaving.popleft())

    def _bury(self, workload: StoredWorkload) -> None:
        if self._live.pop(workload.id, None) is None:
            return
        if self._names.get((workload.project.id, workload.name)) is workload:
            del self._names[workload.project.id, workload.name]
        workload.revisions = []
        workload.rendered = None
        self._tombstones.append(workload)
