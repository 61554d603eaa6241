"""Removes what a run created: only what its ledger lists, however often that takes, and tells what stayed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from assay.client import auxiliary
from assay.client.clock import SYSTEM, Clock
from assay.client.delivery import MAIN, OUTSIDER, Delivery
from assay.client.exchange import NOT_JSON, Answer, NoAnswer
from assay.client.ledger import Entry, LedgerEvents, State
from assay.contract.request import Request
from assay.errors import AssayError

_IN_FLIGHT: Final = 8

# A creation whose answer was lost may still be under way when it is first looked for.
_SETTLE: Final = 3.0

# A deletion that was agreed to and did not happen for so long may have been forgotten (a restart): ask again.
_ASK_AGAIN: Final = 10.0

_FIRST_POLL, _LAST_POLL = 0.1, 2.0  # seconds between two looks at a workload that is being deleted


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A workload that could not be removed, or (``id`` None) that may exist under this name."""

    id: str | None
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: ids deleted, and what stayed."""

    deleted: tuple[str, ...]
    left_behind: tuple[LeftBehind, ...]

    @property
    def clean(self) -> bool:
        return not self.left_behind


def sweep(delivery: Delivery, ledger: LedgerEvents, deadline: float, clock: Clock = SYSTEM) -> Swept:
    """Delete every workload the ledger lists and wait, at most ``deadline`` seconds, until they are gone.

    Lost creations are looked for by name, and so is anything under this run's mark that the target said it had
    refused. Marks the ledger complete when nothing stays. Works outside the budget. Raises ReportError when the
    ledger cannot be written; the target's faults never raise.
    """
    return _Sweep(delivery, ledger, deadline, clock).run()


class _Sweep:
    def __init__(self, delivery: Delivery, ledger: LedgerEvents, deadline: float, clock: Clock) -> None:
        self.delivery = delivery
        self.ledger = ledger
        self.clock = clock
        self.began = clock.monotonic()
        self.until = self.began + deadline
        self.unreachable = threading.Event()
        self.why_unreachable = ""

    def run(self) -> Swept:
        self.delivery.liveness.forgive()
        state = self.ledger.state()
        stayed = self._look_for_lost(state)
        live = list(self.ledger.live().values())
        with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="sweep") as pool:
            reasons = list(pool.map(self._remove, live))
        deleted = []
        for entry, why in zip(live, reasons, strict=True):
            workload_id = str(entry.id)
            if why is None:
                self.ledger.gone(workload_id)
                deleted.append(workload_id)
            else:
                self.ledger.left_behind(workload_id=workload_id, why=why)
                stayed.append(LeftBehind(workload_id, entry.name, why))
        if not stayed:
            self.ledger.finish()
        return Swept(tuple(deleted), tuple(stayed))

    def _look_for_lost(self, state: State) -> list[LeftBehind]:
        """Find workloads of the run by its mark and note their ids; returns the names that may stay unfound."""
        mark = str(state.header.get("mark") or "")
        if not state.intended or not (mark or state.unresolved):
            return []
        listed = self._listed(mark, state) if mark else None
        stayed = []
        for name, entry in state.unresolved.items():
            if listed is None or not name.startswith(mark):
                why = self._why_unknown(listed, mark)
                self.ledger.left_behind(name=name, why=why)
                stayed.append(LeftBehind(None, name, why))
            elif not any(_belongs(found, entry) for found in listed.values()):
                self.ledger.searched(name)
        return stayed

    def _listed(self, mark: str, state: State) -> dict[str, str] | None:
        """Id to name of what lives under the mark and was intended by the run; None when there is no list."""
        seen: dict[str, str] = {}
        while True:
            found = self._list(mark, state)
            if found is None:
                return None
            for workload_id, name in found.items():
                if workload_id not in seen:
                    seen[workload_id] = name
                    # Written under the name that was asked for, which settles that intent.
                    intent = next(entry for entry in state.intended.values() if _belongs(name, entry))
                    if workload_id not in state.live:
                        self.ledger.created(intent.name, workload_id, by=intent.by)
            settled = self.clock.monotonic() - self.began >= _SETTLE
            if settled or not state.unresolved or self.clock.monotonic() >= self.until:
                return seen
            self.clock.sleep(min(0.5, _SETTLE))

    def _list(self, mark: str, state: State) -> dict[str, str] | None:
        identities = {entry.by for entry in state.intended.values()} & {MAIN, OUTSIDER}
        found: dict[str, str] = {}
        known = False
        for auth in sorted(identities):
            if auth == OUTSIDER and not self.delivery.has_outsider:
                continue
            try:
                entries = auxiliary.find_by_name(partial(self._get, auth), mark, prefix=True)
            except AssayError:
                entries = None
            known = known or entries is not None
            for entry in entries or ():
                if any(_belongs(str(entry["name"]), intent) for intent in state.intended.values()):
                    found[str(entry["id"])] = str(entry["name"])
        return found if known else None

    def _get(self, auth: str, target: str) -> Answer | NoAnswer:
        return self.delivery.get(target, auth=auth, cleaning=True)

    def _why_unknown(self, listed: dict[str, str] | None, mark: str) -> str:
        lost = "the answer to its creation was lost"
        if not mark or listed is not None:
            return f"{lost}, and its name is not the run's own, so it cannot be told from a stranger's"
        return f"{lost}, and the target gave no list of workloads to look it up in"

    def _remove(self, entry: Entry) -> str | None:
        """Delete one workload and see it gone; returns why it stayed, or None."""
        request = Request("delete", path={"workloadId": str(entry.id)})
        look = Request("read", path={"workloadId": str(entry.id)})
        identities = [entry.by, *(auth for auth in (MAIN, OUTSIDER) if auth != entry.by)]
        identities = [auth for auth in identities if auth != OUTSIDER or self.delivery.has_outsider]
        taken, pause, why = entry.delete_taken, _FIRST_POLL, "no time was left to delete it"
        silences, asked = 0, self.clock.monotonic()
        while not self.unreachable.is_set():
            if not taken:
                self.ledger.delete_sent(str(entry.id))
            outcome = self._ask(look if taken else request, identities[0])
            if isinstance(outcome, NoAnswer):
                silences += 1
                why = f"the target does not answer: {outcome.detail}"
                if outcome.kind == "refused" or silences > 1:
                    self.why_unreachable = why
                    self.unreachable.set()
                    break
            elif outcome.status in {404, 410} or (taken and _is_deleted(outcome)):
                return None
            elif outcome.status in {401, 403}:
                why = f"deleting it was answered {outcome.status}"
                if len(identities) == 1:
                    return why
                identities.pop(0)
                continue
            elif not taken and 200 <= outcome.status < 300:
                taken, asked = True, self.clock.monotonic()
                self.ledger.delete_taken(str(entry.id))
                continue
            else:
                doing = "it is still being deleted" if taken else "deleting it was refused"
                why = f"{doing} (the last answer was {outcome.status})"
            if self.clock.monotonic() + pause > self.until:
                return why
            self.clock.sleep(pause)
            pause = min(pause * 2, _LAST_POLL)
            taken = taken and self.clock.monotonic() - asked < _ASK_AGAIN
        why = self.why_unreachable or why
        return f"the target had agreed to delete it, which was not seen done: {why}" if entry.delete_taken else why

    def _ask(self, request: Request, auth: str) -> Answer | NoAnswer:
        try:
            return self.delivery.send(request, auth=auth, cleaning=True)
        except AssayError as error:
            return NoAnswer("refused", error.message)


def _belongs(name: str, intent: Entry) -> bool:
    return name.startswith(intent.name) if intent.prefix else name == intent.name


def _is_deleted(answer: Answer) -> bool:
    """A workload may stay readable after its deletion, as a record with ``deletedAt``."""
    body = answer.json()
    return body is not NOT_JSON and isinstance(body, dict) and bool(body.get("deletedAt"))
