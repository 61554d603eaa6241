"""Sends accept cases in packs and remembers how each pack fared; one by one only what a pack could not settle."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.checks.chains import Chains
from assay.checks.exchange import Exchange
from assay.checks.settling import after_update
from assay.contract.request import Reason, Request
from assay.generation.cases import PLAIN_NAME, PlannedCase, TargetIds
from assay.generation.packing import Pack

if TYPE_CHECKING:
    from assay.checks.probe import Probe


@dataclass
class _State:
    pack: Pack
    lock: threading.Lock = field(default_factory=threading.Lock)
    settled: bool | None = None  # None: not sent yet


class Packs:
    """The packs of a session. Whichever test first needs a pack sends it, the others wait for its outcome."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self._chains = Chains()
        self._of_case: dict[str, _State] = {}
        for pack in packs:
            state = _State(pack)
            for case in pack.cases:
                self._of_case[case.id] = state

    def settles(self, probe: Probe, case: PlannedCase) -> bool:
        """Whether the pack of ``case`` was accepted without any deviation, so that the case needs no request."""
        state = self._of_case.get(case.id)
        if state is None or not probe.allows_gpus(state.pack.gpus):
            return False
        if len(state.pack.cases) == 1 and state.pack.operation == "create":
            return False  # it would be sent just the same
        with state.lock:
            if state.settled is None:
                exchange = self._send(probe, state.pack)
                state.settled = exchange.accepted and not exchange.deviations
            return state.settled

    def close(self) -> None:
        """Delete the workloads that updates were chained on."""
        self._chains.close()

    def _send(self, probe: Probe, pack: Pack) -> Exchange:
        """Send a pack. Nothing is verified here: a deviation only means that its cases are sent one by one."""
        test = f"pack/{pack.cases[0].id}"
        focuses = tuple(focus(case) for case in pack.cases)
        if pack.operation == "create":
            body = {**pack.body, **_meta(pack, TargetIds(probe.project, probe.cluster), probe.name())}
            with probe.creating(Request("create", body=body), test=test, focus=focuses) as exchange:
                return exchange
        with self._chains.link(probe, test, pack) as link:
            exchange = probe.send(
                Request("update", {"workloadId": link.workload.id}, body=dict(pack.body)),
                test=test,
                before=link.spec,
                focus=focuses,
                setup=(link.workload.created,),
            )
            exchange, stored = after_update(probe, exchange, link.workload.id)
            link.follow(exchange, stored)
            return exchange


def _meta(pack: Pack, ids: TargetIds, name: str) -> dict[str, str]:
    given = pack.body.get("name")
    return {
        "name": name if given in (None, PLAIN_NAME) else str(given),
        "projectId": ids.project,
        "clusterId": ids.cluster,
    }


def focus(case: PlannedCase) -> Reason:
    """The reason an accept case stands for, with the sentence of its rule."""
    subject = case.reason
    return Reason(subject.source, subject.id, subject.location, subject.quote)
