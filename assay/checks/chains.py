"""Chains accepted updates on a few workloads: each starts from what the one before has stored.

Without it every update that must be accepted would cost a creation and a deletion of its own. A chain ends where the
oracle no longer promises the next update, or where anything deviates; then a fresh workload begins a new one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from assay.checks.exchange import Exchange
from assay.contract.request import Json, Outcome, Request
from assay.generation.cases import overlay
from assay.generation.packing import Pack

if TYPE_CHECKING:
    from assay.checks.probe import Probe, Workload

# A chain at rest holds a slot for a live workload; of ten slots two may rest, of less than five none.
_RESTING: Final = 2
_LEAST_SLOTS: Final = 5


class Link:
    """A live workload and the spec it is known to hold."""

    def __init__(self, stack: ExitStack, workload: Workload) -> None:
        self._stack = stack
        self.workload = workload
        self.spec: Mapping[str, Json] = workload.spec
        self.sound = True

    def follow(self, exchange: Exchange, stored: Mapping[str, Json] | None) -> None:
        """Take over what is ``stored`` after an accepted update; a deviation or a silent answer ends the chain."""
        if exchange.accepted and not exchange.deviations and stored is not None:
            self.spec = stored
        else:
            self.sound = False

    def end(self) -> None:
        self._stack.close()


class Chains:
    """The chains of a session; safe to use from several threads, each of which holds a chain alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._resting: list[Link] = []

    @contextmanager
    def link(self, probe: Probe, test: str, pack: Pack) -> Iterator[Link]:
        """A workload on which the oracle promises that ``pack`` is accepted."""
        link = self._take(probe, pack) or self._begin(probe, test, pack)
        try:
            yield link
        except BaseException:
            link.sound = False
            raise
        finally:
            self._put_back(probe, link)

    def close(self) -> None:
        """Delete the workloads of chains at rest."""
        with self._lock:
            resting, self._resting = self._resting, []
        for link in resting:
            link.end()

    def _take(self, probe: Probe, pack: Pack) -> Link | None:
        if pack.before != overlay({}):
            return None
        with self._lock:
            link = self._resting.pop() if self._resting else None
        if link is None:
            return None
        request = Request("update", {"workloadId": link.workload.id}, body=dict(pack.body))
        promise = probe.expect(request, link.spec)
        if promise.outcome is Outcome.ACCEPT and bool(promise.assumes) == bool(pack.cases[0].assumed):
            return link
        link.end()
        return None

    def _begin(self, probe: Probe, test: str, pack: Pack) -> Link:
        with ExitStack() as stack:
            workload = stack.enter_context(probe.workload(test, pack.before))
            return Link(stack.pop_all(), workload)

    def _put_back(self, probe: Probe, link: Link) -> None:
        may_rest = link.sound and probe.session.settings.max_live >= _LEAST_SLOTS
        with self._lock:
            if may_rest and len(self._resting) < _RESTING:
                self._resting.append(link)
                return
        link.end()
