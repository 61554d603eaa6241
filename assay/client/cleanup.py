"""Removes what a run created: only what its ledger lists, however often that takes, and tells what stayed."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from assay.client import auxiliary
from assay.client.creation import UNNAMED
from assay.client.delivery import MAIN, OUTSIDER, Delivery
from assay.client.exchange import NOT_JSON, Answer, NoAnswer
from assay.client.ledger import Entry, LedgerWriter, State
from assay.clock import SYSTEM, Clock
from assay.errors import AssayError, ReportError, UsageError
from assay.polling import growing, wait_until

_IN_FLIGHT: Final = 8

# A creation whose answer was lost may still be under way when it is first looked for.
_SETTLE: Final = 3.0

# A deletion that was agreed to and did not happen for so long may have been forgotten (a restart): ask again.
_ASK_AGAIN: Final = 10.0

# Seconds between two looks at a workload that is being deleted: its slot is soon free again where that is quick (the
# first second, then the second, then up to four), and a slow target is not asked more often than it can change.
_LOOKS: Final = (*[0.1] * 10, *[0.25] * 4, *[0.5] * 4, 2.0)
_LEAVING: Final = ("Deleting", "Terminating")
"""Phases of a workload that is being deleted: it takes its place on the cluster until they are over."""

_ASKS: Final = growing(0.1, 2.0)

_STANDS: Final = frozenset({409, 422, 423})
"""Refusals of a deletion that only what is there can get."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A workload that could not be removed, or (``id`` None) that may exist under this name.

    ``agreed``: the target had agreed to delete it, and whether it did could not be seen any more.
    """

    id: str | None
    name: str
    why: str
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of one workload: whether it was there at all, and how it stayed if it did."""

    was_there: bool
    left: LeftBehind | None = None


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: the ids that it deleted, how many were ``gone`` before it looked, and what stayed.

    ``unconfirmed`` are deletions that the target had agreed to and that nobody saw done.
    """

    deleted: tuple[str, ...]
    left_behind: tuple[LeftBehind, ...]
    unconfirmed: tuple[LeftBehind, ...] = ()
    gone: int = 0

    @property
    def clean(self) -> bool:
        return not self.left_behind and not self.unconfirmed

    @property
    def looked_for(self) -> int:
        return len(self.deleted) + len(self.left_behind) + len(self.unconfirmed) + self.gone


def sweep(delivery: Delivery, ledger: LedgerWriter, deadline: float, clock: Clock = SYSTEM) -> Swept:
    """Delete every workload the ledger lists and wait, at most ``deadline`` seconds, until they are gone.

    Lost creations are looked for by name, and so is anything under this run's mark that the target said it had
    refused. Marks the ledger complete when nothing stays. Works outside the budget. Raises ReportError when the
    ledger cannot be written; the target's faults never raise.
    """
    return _Sweep(delivery, ledger, deadline, clock).run()


class _Sweep:
    def __init__(self, delivery: Delivery, ledger: LedgerWriter, deadline: float, clock: Clock) -> None:
        self.delivery = delivery
        self.ledger = ledger
        self.clock = clock
        self.began = clock.monotonic()
        self.until = self.began + deadline
        self.unfound = 0  # names that were looked for, and of which nothing lives

    def run(self) -> Swept:
        self.delivery.liveness.forgive()
        state = self.ledger.state()
        stayed = self._look_for_lost(state)
        live = list(self.ledger.live().values())
        remover = Remover(self.delivery, self.ledger, self.clock, self.until)
        with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="sweep") as pool:
            removed = list(pool.map(remover.remove, live))
        stayed += [each.left for each in removed if each.left is not None]
        for left in stayed:
            if not left.agreed:
                self.ledger.left_behind(workload_id=left.id, name=left.name, why=left.why)
        if not stayed:
            self.ledger.finish()
        away = [(str(entry.id), each) for entry, each in zip(live, removed, strict=True) if each.left is None]
        return Swept(
            deleted=tuple(workload_id for workload_id, each in away if each.was_there),
            left_behind=tuple(left for left in stayed if not left.agreed),
            unconfirmed=tuple(left for left in stayed if left.agreed),
            gone=sum(not each.was_there for _, each in away) + self.unfound,
        )

    def _look_for_lost(self, state: State) -> list[LeftBehind]:
        """Find workloads of the run by its mark and note their ids; returns the names that may stay unfound."""
        mark = str(state.header.get("mark") or "")
        if not state.intended or not (mark or state.unresolved):
            return []
        listed = self._listed(mark, state) if mark else None
        stayed = []
        for name, entry in state.unresolved.items():
            if name.startswith(UNNAMED):
                self.ledger.searched(name)  # its body had no name: there is nothing to look for
            elif listed is None or not name.startswith(mark):
                stayed.append(LeftBehind(None, name, self._why_unknown(listed, mark)))
            elif not any(_belongs(found, entry) for found in listed.values()):
                self.ledger.searched(name)
                self.unfound += 1
        return stayed

    def _listed(self, mark: str, state: State) -> dict[str, str] | None:
        """Id to name of what lives under the mark and was intended by the run; None when there is no list."""
        seen: dict[str, str] = {}
        listed = True

        def settled() -> bool:
            nonlocal listed
            found = self._list(mark, state)
            listed = found is not None
            for workload_id, name in (found or {}).items():
                if workload_id not in seen:
                    seen[workload_id] = name
                    # Written under the name that was asked for, which settles that intent.
                    intent = next(entry for entry in state.intended.values() if _belongs(name, entry))
                    if workload_id not in state.live:
                        self.ledger.created(intent.name, workload_id, by=intent.by)
            return not listed or not state.unresolved

        within = max(0.0, min(_SETTLE, self.until - self.clock.monotonic()))
        wait_until(settled, within=within, every=min(0.5, _SETTLE), clock=self.clock)
        return seen if listed else None

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


class Remover:
    """Deletes workloads and sees them gone: the one way in which a run removes what it created.

    ``until`` is a moment of the clock after which nothing is waited for. With ``gives_up``, everybody gives up once
    the target turns out to be unreachable. Safe to use from several threads (or greenlets).
    """

    def __init__(
        self,
        delivery: Delivery,
        ledger: LedgerWriter,
        clock: Clock,
        until: float = math.inf,
        *,
        gives_up: bool = True,
    ) -> None:
        self._gives_up = gives_up
        self._delivery = delivery
        self._ledger = ledger
        self._clock = clock
        self._until = until
        self._unreachable: str | None = None

    def remove(self, entry: Entry, agreed: Callable[[], None] = lambda: None) -> Removed:
        """Delete one workload, and see it gone.

        ``agreed`` is called once, when the target takes the deletion or does not know the workload. The ledger hears
        of every step, of the end too. Raises ReportError when it cannot be written.
        """
        work = _Removal(entry, self._identities(entry), self._clock.monotonic())
        while self._unreachable is None:
            outcome = self._ask(work)
            work.note(outcome)
            if self._is_gone(work, outcome):
                work.tell(agreed)
                self._ledger.gone(work.id)
                return Removed(work.was_there)
            if isinstance(outcome, NoAnswer):
                self._heard_nothing(work, outcome)
            elif outcome.status in {401, 403}:
                work.why = f"deleting it was answered {outcome.status}"
                if len(work.identities) == 1:
                    return work.stayed(work.why)
                work.identities.pop(0)
                continue
            elif not work.taken and 200 <= outcome.status < 300:
                work.agreed(self._clock.monotonic())
                self._ledger.delete_taken(work.id)
                work.tell(agreed)
                continue
            else:
                doing = "it is still being deleted" if work.taken else "deleting it was refused"
                work.why = f"{doing} (the last answer was {outcome.status})"
            if self._unreachable is None and not self._waited(work):
                return work.stayed(work.why)
        work.stands = False  # whatever was seen before, it may be gone by now
        return work.stayed(self._unreachable)

    def _identities(self, entry: Entry) -> list[str]:
        """Whose tokens may delete it, its creator's first."""
        order = [entry.by, *(auth for auth in (MAIN, OUTSIDER) if auth != entry.by)]
        return [auth for auth in order if auth != OUTSIDER or self._delivery.has_outsider]

    def _ask(self, work: _Removal) -> Answer | NoAnswer:
        """Ask for the deletion or, once it was agreed to, look whether it is done."""
        if not work.taken:
            self._ledger.delete_sent(work.id)
        contract = self._delivery.contract
        operation = contract.reading if work.taken else contract.deletion
        request = operation.request({contract.main_resource: work.id})
        try:
            return self._delivery.send(request, auth=work.identities[0], cleaning=True)
        except ReportError:
            raise
        except AssayError as error:
            return NoAnswer("refused", error.message, fault=error if isinstance(error, UsageError) else None)

    def _is_gone(self, work: _Removal, outcome: Answer | NoAnswer) -> bool:
        if isinstance(outcome, NoAnswer):
            return False
        return outcome.status in {404, 410} or (work.taken and _is_deleted(outcome))

    def _heard_nothing(self, work: _Removal, outcome: NoAnswer) -> None:
        work.silences += 1
        work.why = outcome.detail if outcome.fault is not None else f"the target does not answer: {outcome.detail}"
        if self._gives_up and (outcome.kind == "refused" or work.silences > 1):
            self._unreachable = work.why

    def _waited(self, work: _Removal) -> bool:
        """Rest before the next look; False when there is no time for it."""
        pause = work.next_pause()
        if self._clock.monotonic() + pause > self._until:
            return False
        self._clock.sleep(pause)
        work.taken = work.taken and self._clock.monotonic() - work.since < _ASK_AGAIN
        return True


@dataclass(slots=True)
class _Removal:
    """How far one workload's removal has come. ``since`` is when its deletion was asked for or agreed to."""

    entry: Entry
    identities: list[str]
    since: float
    taken: bool = False
    why: str = "no time was left to delete it"
    silences: int = 0
    looks: int = 0
    told: bool = False
    was_there: bool = False
    stands: bool = False  # by the last answer
    ever_taken: bool = False

    def __post_init__(self) -> None:
        self.taken = self.ever_taken = self.entry.delete_taken

    def note(self, outcome: Answer | NoAnswer) -> None:
        """Take in whether the workload was seen: by a read, or because its deletion is what is answered."""
        self.stands = False
        if isinstance(outcome, Answer):
            found = 200 <= outcome.status < 300
            self.was_there = self.was_there or (found and not (self.taken and _is_deleted(outcome)))
            self.stands = (found and self.taken) or outcome.status in _STANDS

    def stayed(self, why: str) -> Removed:
        agreed = self.ever_taken and not self.stands
        words = f"the target had agreed to delete it, which was not seen done: {why}" if self.ever_taken else why
        return Removed(self.was_there, LeftBehind(self.id, self.entry.name, words, agreed))

    def tell(self, agreed: Callable[[], None]) -> None:
        """Call ``agreed`` the first time: a deletion that takes long is asked for, and agreed to, again."""
        if not self.told:
            self.told = True
            agreed()

    @property
    def id(self) -> str:
        return str(self.entry.id)

    def agreed(self, now: float) -> None:
        self.taken = self.ever_taken = True
        self.since, self.looks = now, 0

    def next_pause(self) -> float:
        """A look at a deletion under way comes soon again; a deletion that was refused is not asked for as often."""
        pauses = _LOOKS if self.taken else _ASKS
        pause = pauses[min(self.looks, len(pauses) - 1)]
        self.looks += 1
        return pause


def _belongs(name: str, intent: Entry) -> bool:
    return name.startswith(intent.name) if intent.prefix else name == intent.name


def _is_deleted(answer: Answer) -> bool:
    """A workload may stay readable after its deletion, as a record with ``deletedAt``; a leaving one is not gone."""
    body = answer.json()
    if body is NOT_JSON or not isinstance(body, dict):
        return False
    return bool(body.get("deletedAt")) and body.get("actualPhase") not in _LEAVING
