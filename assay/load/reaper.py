"""Deletes what scenarios created, outside what is measured, and frees the budget when it is gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import gevent
from gevent.event import Event

from assay.load.world import Workload, World

_LOOKS: Final = ((1.0, 0.1), (2.0, 0.25), (4.0, 0.5))
"""(seconds since the deletion, seconds to the next look): the slot of a quick deletion is soon free again."""

_SLOWEST_LOOK: Final = 2.0

_SETTLED: Final = 1.0
_RESEND: Final = 5.0
"""A deletion that the target did not take is asked for again after so many seconds."""


class Reaper:
    """Works through ``world``'s doomed workloads; each has a greenlet of its own (10 live ones by default)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._at_work: set[gevent.Greenlet] = set()
        self._stop = Event()
        self._main: gevent.Greenlet | None = None
        self.deleted = 0

    def start(self) -> None:
        self._main = gevent.spawn(self._collect)

    def _collect(self) -> None:
        while not self._stop.is_set():
            self._pick_up()
            gevent.sleep(0.02)

    def _pick_up(self) -> None:
        while (name := self._world.next_lost()) is not None:
            self._employ(self._search, name)
        while (workload := self._world.next_doomed()) is not None:
            self._employ(self._reap, workload)

    def _employ(self, work: Callable[[Any], None], on: Any) -> None:
        greenlet = gevent.spawn(work, on)
        self._at_work.add(greenlet)
        greenlet.link(self._at_work.discard)

    def _search(self, name: str) -> None:
        """Look for a creation whose answer was lost, once it must have happened; the ledger keeps what stays open."""
        gevent.sleep(_SETTLED)
        if self._world.look_for(name):
            self._pick_up()

    def _reap(self, workload: Workload) -> None:
        sent = -_RESEND
        taken = False
        begun = time.monotonic()
        while True:
            now = time.monotonic()
            if not taken and now - sent >= _RESEND:
                taken, sent = self._world.delete(workload), now
            if taken and self._world.phase(workload) is None:
                self._world.gone(workload)
                self.deleted += 1
                return
            gevent.sleep(next((look for until, look in _LOOKS if now - begun < until), _SLOWEST_LOOK))

    def finish(self, deadline: float) -> int:
        """Delete everything that is left, for ``deadline`` seconds at most; returns how many workloads remain."""
        self._stop.set()
        if self._main is not None:
            self._main.join()
        while self._world.workloads:
            self._world.discard(self._world.workloads.pop())
        self._pick_up()
        gevent.joinall(list(self._at_work), timeout=deadline)
        left = len(self._at_work)
        gevent.killall(list(self._at_work))
        return left
