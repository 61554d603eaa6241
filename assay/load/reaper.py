"""Deletes what scenarios created, outside what is measured, and frees the budget when it is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import gevent
from gevent.event import Event

from assay.client.creation import Pending
from assay.load.context import ScenarioContext, Workload

_SETTLED: Final = 1.0
"""Seconds after which a creation whose answer was lost must have happened, if it happened."""

_PICK_UP: Final = 0.02


class Reaper:
    """Works through what a context discards; each workload has a greenlet of its own (10 live ones by default)."""

    def __init__(self, context: ScenarioContext) -> None:
        self._context = context
        self._at_work: set[gevent.Greenlet] = set()
        self._stop = Event()
        self._main: gevent.Greenlet | None = None
        self.deleted = 0

    def start(self) -> None:
        self._main = gevent.spawn(self._collect)

    def finish(self, deadline: float) -> int:
        """Delete everything that is left, for ``deadline`` seconds at most; returns how many workloads remain."""
        self._stop.set()
        if self._main is not None:
            self._main.join()
        while self._context.workloads:
            self._context.discard(self._context.workloads.pop())
        self._pick_up()
        gevent.joinall(list(self._at_work), timeout=deadline)
        left = len(self._at_work)
        gevent.killall(list(self._at_work))
        return left

    def _collect(self) -> None:
        while not self._stop.wait(_PICK_UP):
            self._pick_up()

    def _pick_up(self) -> None:
        while (pending := self._context.next_lost()) is not None:
            self._employ(self._search, pending)
        while (workload := self._context.next_discarded()) is not None:
            self._employ(self._remove, workload)

    def _employ(self, work: Callable[[Any], None], on: Any) -> None:
        greenlet = gevent.spawn(work, on)
        self._at_work.add(greenlet)
        greenlet.link(self._at_work.discard)

    def _search(self, pending: Pending) -> None:
        """Look for a creation whose answer was lost; the ledger keeps what stays open."""
        gevent.sleep(_SETTLED)
        if self._context.look_for(pending):
            self._pick_up()

    def _remove(self, workload: Workload) -> None:
        self._context.living -= 1
        if self._context.session.remove(workload.id, workload.name) is None:
            self.deleted += 1
