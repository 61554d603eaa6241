"""Budget and ledger of every workload that a run creates, from the intent until it is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from assay.client.budget import SLOT_PATIENCE, Budget
from assay.client.exchange import Answer, NoAnswer
from assay.client.ledger import LedgerWriter

UNNAMED: Final = "#"
"""Begins the ledger's stand-in for a creation whose body holds no usable name."""


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A creation that may leave: its slot is taken and its intent is on disk. ``by`` is whose token creates it."""

    name: str
    prefix: bool = False
    by: str = "main"
    gpus: int = 0

    @property
    def is_named(self) -> bool:
        """Whether the body names it; else there is nothing to look for, and no target would have stored it."""
        return not self.name.startswith(UNNAMED)


class Trace:
    """Whether a creation may have reached the target: it was sent, and not every sending was refused."""

    def __init__(self) -> None:
        self.may_have_happened = False
        self._before = False

    def leaves(self) -> None:
        """It is handed to the transport now."""
        self._before, self.may_have_happened = self.may_have_happened, True

    def answered(self, outcome: Answer | NoAnswer) -> None:
        """This came of the sending."""
        self.may_have_happened = self._before or is_doubtful(outcome) or created_id(outcome) is not None


class Creations:
    """What this process has created or is about to create. Safe to use from several threads.

    ``begin`` before a creation leaves and ``finish`` with its answer; between the two it may be sent by whatever
    transport. A slot that no workload keeps is given back by ``give_up``.
    """

    def __init__(self, budget: Budget, ledger: LedgerWriter) -> None:
        self._budget = budget
        self._ledger = ledger
        self._lock = threading.Lock()
        self._pending: set[Pending] = set()
        self._held: dict[str, tuple[str, int]] = {}  # id: creator, GPU devices
        self._deleted: dict[str, str] = {}  # id: creator; deletion agreed, not seen gone
        self._known: set[str] = set()  # every id that an answer told

    def begin(
        self,
        name: str,
        *,
        prefix: bool = False,
        by: str = "main",
        gpus: int = 0,
        patience: float = SLOT_PATIENCE,
        check: Callable[[], None] | None = None,
        noted: bool = False,
    ) -> Pending:
        """Take a slot and note the intent (``noted``: it is on disk already). LimitReached, ReportError."""
        pending = Pending(name, prefix, by, gpus)
        self._budget.take(1, gpus=gpus, patience=patience, check=check)
        with self._lock:
            self._pending.add(pending)
        if not noted:
            try:
                self._ledger.intend(name, prefix=prefix, by=by)
            except BaseException:
                self.give_up(pending)
                raise
        return pending

    def finish(self, pending: Pending, outcome: Answer | NoAnswer, *, again: bool = False) -> str | None:
        """Write down what became of a creation; the id of its workload, which then keeps the slot, or None.

        ``again``: it was sent more than once, so a second workload may live whose id nobody told.
        """
        workload_id = created_id(outcome)
        if workload_id is not None:
            self._ledger.created(pending.name, workload_id, by=pending.by)
            with self._lock:
                self._held[workload_id] = (pending.by, pending.gpus)
                self._known.add(workload_id)
                self._pending.discard(pending)
        if pending.is_named and (is_doubtful(outcome) or again):
            self._ledger.lost(pending.name)
        elif workload_id is None:
            self._ledger.refused(pending.name)
        return workload_id

    def withdraw(self, pending: Pending) -> None:
        """Note that a creation never left, or was refused: there is nothing to look for."""
        self._ledger.withdrawn(pending.name)

    def give_up(self, pending: Pending) -> None:
        """Give the slot of a creation back unless its workload keeps it."""
        with self._lock:
            open_still = pending in self._pending
            self._pending.discard(pending)
        if open_still:
            self._budget.give_back(1, gpus=pending.gpus)

    def adopt(self, pending: Pending, workload_ids: list[str]) -> None:
        """Let the workloads that a lost creation turned out to have made hold its slot; give it back if none did."""
        with self._lock:
            self._held.update(dict.fromkeys(workload_ids[:1], (pending.by, pending.gpus)))
            if workload_ids:
                self._pending.discard(pending)
        self.give_up(pending)

    def holds(self, workload_id: str) -> bool:
        """Whether this process created the workload and its slot is still taken."""
        with self._lock:
            return workload_id in self._held

    def knows(self, workload_id: str) -> bool:
        """Whether an answer to one of this process's creations told this id."""
        with self._lock:
            return workload_id in self._known

    def release(self, workload_id: str) -> None:
        """Give the slot of a workload back: its deletion was agreed to, or nobody knows it."""
        with self._lock:
            by, gpus = self._held.pop(workload_id, ("", -1))
            if gpus >= 0:
                self._deleted[workload_id] = by
        if gpus >= 0:
            self._budget.give_back(1, gpus=gpus)

    def not_found(self, workload_id: str, auth: str | None) -> None:
        """A read by ``auth`` was answered 404: what its creator does not find after a deletion is gone."""
        with self._lock:
            if auth is None or self._deleted.get(workload_id) != auth:
                return
            del self._deleted[workload_id]
        self._ledger.gone(workload_id)


def created_id(outcome: Answer | NoAnswer) -> str | None:
    """The id of the workload that an answer to a creation says was made."""
    if isinstance(outcome, NoAnswer) or not 200 <= outcome.status < 300:
        return None
    body = outcome.json()
    workload_id = body.get("workloadId") if isinstance(body, dict) else None
    return workload_id if isinstance(workload_id, str) and workload_id else None


def is_doubtful(outcome: Answer | NoAnswer) -> bool:
    """No usable answer to a creation: none at all, a server error, or a success that names no workload."""
    if isinstance(outcome, NoAnswer):
        return outcome.kind not in {"refused", "dns", "tls"}  # these end before anything is sent
    return outcome.status >= 500 or (outcome.status < 400 and created_id(outcome) is None)
