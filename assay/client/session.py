"""The session with a target: the one door through which every request of a run goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from assay.client import auxiliary
from assay.client.budget import Budget, Limits, gpus_asked
from assay.client.cleanup import Remover, Swept, sweep
from assay.client.confirmation import Disturbances, Fate
from assay.client.creation import Creations, Pending, Trace, is_doubtful
from assay.client.delivery import MAIN, OUTSIDER, Delivery
from assay.client.events import NOWHERE, EventLog, JournaledLedger, tell
from assay.client.evidence import NOTHING_NAMED, Describer, Mask, Named
from assay.client.exchange import Answer, NoAnswer, Wire, to_wire
from assay.client.identity import Identity
from assay.client.ledger import Entry, LedgerWriter, MemoryLedger
from assay.client.naming import RunNames, name_in
from assay.client.network import curl_options, secret_words
from assay.client.patience import LOST_AFTER, Patience
from assay.client.settings import Settings
from assay.client.transport import Transport
from assay.clock import SYSTEM, Clock, ShiftedClock
from assay.contract.documents import Contract
from assay.contract.operations import Kind
from assay.contract.request import Absent, Json, Request
from assay.errors import AssayError


class Session:
    """The control plane under test with everything that guards it. ``close`` it, after ``sweep``.

    Budget and ledger are kept whoever sends: a creation takes a slot and is on disk before it leaves, a deletion
    gives the slot back. ``waits`` counts the pauses taken, by cause: ``429``, ``503``, ``refused``. ``events`` (the
    run's journal) hears of pauses, lost creations and what becomes of workloads. Safe to use from several threads.
    """

    def __init__(
        self,
        settings: Settings,
        contract: Contract,
        transport: Transport,
        *,
        main: Identity | None = None,
        outsider: Identity | None = None,
        budget: Budget | None = None,
        ledger: LedgerWriter | None = None,
        mask: Mask | None = None,
        patience: Patience | None = None,
        lost_after: int = LOST_AFTER,
        run_id: str = "",
        mark: str = "",
        clock: Clock = SYSTEM,
        events: EventLog = NOWHERE,
    ) -> None:
        self.settings = settings
        self.contract = contract
        self.budget = budget or Budget(Limits(live=None, gpu_devices=None), clock)
        self.ledger = JournaledLedger(ledger or MemoryLedger(), events)
        self.mask = mask or Mask()
        for word in secret_words(settings):
            self.mask.add(word)
        self.project = settings.project or ""
        self.cluster = settings.cluster or ""
        self.run_id = run_id
        self.mark = mark
        self.clock = clock
        self._delivery = Delivery(
            transport,
            contract,
            self.budget,
            main=main,
            outsider=outsider,
            patience=patience,
            lost_after=lost_after,
            clock=clock,
            events=events,
        )
        self._events = events
        self._creations = Creations(self.budget, self.ledger)
        self._remover = Remover(self._delivery, self.ledger, clock, gives_up=False)
        self._describer = Describer(
            transport.base_url,
            self.mask,
            insecure=settings.insecure,
            extra=tuple(settings.headers),
            way=tuple(curl_options(settings)),
        )
        self._names = RunNames(mark)
        self.offer = settings.offer

    @property
    def base_url(self) -> str:
        return self._delivery.transport.base_url

    @property
    def has_outsider(self) -> bool:
        """Whether a second identity is set, for access checks."""
        return self._delivery.has_outsider

    @property
    def waits(self) -> Counter[str]:
        return self._delivery.waits

    @property
    def disturbances(self) -> Disturbances:
        """What was of the moment, and did not repeat when it was asked about again."""
        return self._delivery.disturbances

    # --- requests -------------------------------------------------------------------------------------------

    def send(
        self,
        request: Request,
        *,
        auth: str | None = MAIN,
        headers: Mapping[str, str] | None = None,
        refused: bool = False,
        cleaning: bool = False,
        begun: bool = False,
    ) -> Answer | NoAnswer:
        """Send one request of the operations table, with budget and ledger kept.

        ``auth`` is ``"main"``, ``"outsider"``, None (no Authorization) or the value of the header itself.
        ``headers`` replace fields of the same name. ``refused``: the contract makes the target refuse this creation,
        so the GPUs it names count for nothing; ``begun``: ``begin`` has let it pass, and ``finish`` will follow.
        ``cleaning``: outside the budget, and tried even when the target is lost. 429 and 503 are waited out; after
        the last pause they are returned as they are. What may be of the moment is confirmed by asking again
        (``assay.client.confirmation``): a creation only after it was looked for by its name, and not at all when it
        ``begun``. What is found is deleted, and the outcome says that it was ``stored``. Raises TargetLostError,
        LimitReached, CredentialsError, and ReportError: the ledger cannot be written.
        """
        operation = self.contract.operations[request.operation]
        if operation.kind is Kind.CREATE and not begun:
            # Beside raw bytes, the body is what they are known to hold: its name must be on disk all the same.
            body = None if isinstance(request.body, Absent) else request.body
            gpus = 0 if refused else gpus_asked(body)
            return self._create(
                body, gpus, auth, partial(self._delivery.send, request, auth=auth, headers=headers, admitted=True)
            )
        if operation is self.contract.deletion:
            return self._delete(request, auth, headers, cleaning)
        outcome = self._delivery.send(request, auth=auth, headers=headers, cleaning=cleaning)
        if operation is self.contract.reading and isinstance(outcome, Answer) and outcome.status == 404:
            self._creations.not_found(str(self.contract.main_id_in(request)), auth)
        return outcome

    def raw(
        self,
        method: str,
        path: str | bytes,
        *,
        headers: Iterable[tuple[str | bytes, str | bytes]] = (),
        content: bytes | None = None,
        auth: str | None = MAIN,
        name: str | None = None,
    ) -> Answer | NoAnswer:
        """Send what no contract knows; ``path`` goes out as it is (below the base URL's own path).

        ``name`` is the one that a POST body carries, if any. Silence here does not make the target count as lost,
        since a server may cut off nonsense. Raises ValueError for what HTTP/1.1 cannot carry (a path that is not
        visible ASCII, a header name that is no token).
        """
        if method.upper() != "POST":
            return self._delivery.raw(method, path, headers=headers, content=content, auth=auth)
        body = {"name": name} if name else None
        return self._create(
            body,
            0,
            auth,
            partial(self._delivery.raw, method, path, headers=headers, content=content, auth=auth, admitted=True),
        )

    def get(self, target: str, *, auth: str | None = MAIN, cleaning: bool = False) -> Answer | NoAnswer:
        """GET a percent-encoded path (with query) beside the operations of the table."""
        return self._delivery.get(target, auth=auth, cleaning=cleaning)

    def find_by_name(
        self, name: str, *, prefix: bool = False, auth: str = MAIN, cleaning: bool = False
    ) -> list[dict[str, Json]] | None:
        """Live workloads of this exact name (``prefix``: whose name begins so); None: the target lacks the list."""
        if self.offer.workload_list is False:
            return None
        return auxiliary.find_by_name(
            lambda target: self.get(target, auth=auth, cleaning=cleaning), name, prefix=prefix
        )

    def pods(self, workload_id: str, *, cleaning: bool = False) -> list[dict[str, Json]] | None:
        """The pods of a workload; None when the target has no such list or does not know the workload."""
        if self.offer.pod_list is False:
            return None
        return auxiliary.pods(lambda target: self.get(target, cleaning=cleaning), workload_id)

    def token(self, auth: str = MAIN) -> str:
        """A valid token of ``"main"`` or ``"outsider"``. Raises CredentialsError and TargetLostError."""
        return self._delivery.token(auth)

    def describe_token(self, auth: str = MAIN) -> str:
        """The token of an identity in words: ``a token of 300 s from /api/v1/token``."""
        return self._delivery.describe_token(auth)

    def renewed(self, refused: str) -> str | None:
        """Another token of the main identity than one that was answered 401, or None. CredentialsError: it ended."""
        return self._delivery.renewed(refused)

    @property
    def there(self) -> Clock:
        """The target's clock, as far as it was compared with ours; for whatever is asked or judged by time of day."""
        return ShiftedClock(self.clock, self.offer.skew or 0.0)

    def learn(self, **found: Any) -> None:
        """Note in ``offer`` what was found out."""
        self.offer = self.offer.model_copy(update=found)

    # --- creations that another hand sends --------------------------------------------------------------------

    def begin(self, name: str, *, gpus: int = 0, noted: bool = False) -> Pending:
        """Take a slot for a creation and note its intent (``noted``: it is on disk already); it may now be sent.

        Does not wait for a slot. ``finish`` must follow. Raises LimitReached and ReportError.
        """
        return self._creations.begin(name, gpus=gpus, patience=0.0, noted=noted)

    def finish(self, pending: Pending, outcome: Answer | NoAnswer) -> str | None:
        """Note what became of a creation: the id of its workload, which now has the slot, or None.

        Without a usable answer the workload may exist: the slot stays taken until ``look_for``.
        """
        workload_id = self._creations.finish(pending, outcome)
        if not is_doubtful(outcome):
            self._creations.give_up(pending)
        return workload_id

    def look_for(self, pending: Pending) -> list[str] | None:
        """Look for a creation whose answer was lost, once it must have happened; None: the target cannot tell.

        The ids of what was found keep the slot; without any it is free again.
        """
        found = self._found(pending)
        if found is None:
            return None
        self.ledger.searched(pending.name)
        for workload_id in found:
            self.ledger.created(pending.name, workload_id, by=pending.by)
        self._creations.adopt(pending, found)
        return found

    def remove(self, workload_id: str, name: str, agreed: Callable[[], None] = lambda: None) -> str | None:
        """Delete a workload of this run outside the budget and wait until it is gone, however long that takes.

        ``agreed`` is called when the target takes the deletion; the slot is free when the workload is gone. Returns
        why it stayed, or None. Raises ReportError.
        """
        left = self._remover.remove(Entry(name, by=MAIN, id=workload_id), agreed).left
        if left is None:
            self._creations.release(workload_id)
        return None if left is None else left.why

    # --- workloads ------------------------------------------------------------------------------------------

    def name(self, label: str = "w") -> str:
        """A name that no one else has: a DNS label of at most 63 characters that begins with the run's mark."""
        return self._names.name(label)

    def renamed(self, request: Request) -> Request | None:
        """The same creation under another name that no one else has; None when its name is not one of this run's."""
        return self._names.renamed(request)

    def holds(self, workload_id: str) -> bool:
        """Whether this run created the workload and its deletion has not been agreed to yet."""
        return self._creations.holds(workload_id)

    def let_go(self, workload_id: str) -> None:
        """Give the slot back of a workload that the target does not know; the clean-up will look once more."""
        self._creations.release(workload_id)

    def conclude(self) -> bool:
        """Mark the ledger complete when nothing is left and no creation is in doubt; returns whether it did."""
        if self.ledger.live() or self.ledger.unresolved():
            return False
        self.ledger.finish()
        return True

    def sweep(self, deadline: float | None = None, *, last: bool = True) -> Swept:
        """Remove what this run created; ``deadline`` in seconds, by default the setting ``delete_deadline``.

        The ``last`` sweep of a run tells the journal what is left behind, and which deletions nobody saw done.
        """
        within = self.settings.delete_deadline if deadline is None else deadline
        for workload_id, entry in self.ledger.live().items():
            # Who created it may have been killed before the journal heard of it; said twice, it counts once.
            tell(self._events, "resource", event="created", id=workload_id, name=entry.name)
        swept = sweep(self._delivery, self.ledger, within, self.clock)
        for item in (*swept.left_behind, *swept.unconfirmed) if last else ():
            event = "unconfirmed" if item.agreed else "left_behind"
            tell(self._events, "resource", event=event, id=item.id or item.name, name=item.name)
        return swept

    # --- evidence -------------------------------------------------------------------------------------------

    def curl(
        self,
        request: Request | Wire,
        *,
        auth: str | None = MAIN,
        shell: str | None = None,
        named: Named = NOTHING_NAMED,
    ) -> str:
        """A curl line that works as pasted with ``$ASSAY_TOKEN`` (``$ASSAY_OUTSIDER_TOKEN``) set.

        ``shell`` spells an Authorization header made from a token, as a word for inside double quotes, for example
        ``Bearer ${ASSAY_TOKEN%?}x``; without it an explicit header value is written out, its secrets masked.
        Texts of ``named`` are replaced by their shell variables.
        """
        return self._describer.curl(self.wire(request), auth, shell, named)

    def describe(self, request: Request | Wire, *, auth: str | None = MAIN) -> dict[str, Any]:
        """A request as evidence: {"method", "url", "headers", "body"}, masked, the body cut to 4,000 characters."""
        return self._describer.request(self.wire(request), auth)

    def describe_answer(self, answer: Answer | NoAnswer) -> dict[str, Any] | None:
        """An answer as evidence: {"status", "headers", "body"}, masked and cut; None when no answer came."""
        return None if isinstance(answer, NoAnswer) else self._describer.answer(answer)

    # --- the session's own life -----------------------------------------------------------------------------

    def check(self) -> None:
        """TargetLostError when the target is lost or the run was halted; what has ended the main identity."""
        self._delivery.check()

    @property
    def ended(self) -> AssayError | None:
        """What has ended the main identity: the target takes no token of ours any more, or none is to be had."""
        return self._delivery.ended

    @property
    def halted(self) -> str | None:
        """Why the run is being ended, if it is."""
        return self._delivery.liveness.halted

    def halt(self, why: str) -> None:
        """Every further request but those of the clean-up raises TargetLostError: the run is being ended."""
        self._delivery.liveness.halt(why)

    def forgive(self) -> None:
        """Forget that the target was lost; the clean-up does so before it tries once more."""
        self._delivery.liveness.forgive()

    def close(self) -> None:
        self.budget.close()
        self._delivery.close()
        self.ledger.close()

    def wire(self, request: Request | Wire) -> Wire:
        """What is sent for a request."""
        return request if isinstance(request, Wire) else to_wire(self.contract, request)

    def _create(
        self, body: Json, gpus: int, auth: str | None, send: Callable[..., Answer | NoAnswer]
    ) -> Answer | NoAnswer:
        name, prefix = name_in(body)
        name = name or self._names.unnamed()
        by = OUTSIDER if auth == OUTSIDER else MAIN
        self._delivery.admit(auth)
        pending = self._creations.begin(name, prefix=prefix, by=by, gpus=gpus, check=self.check)
        try:
            outcome = self._traced(pending, send)
            # An earlier sending may have stored a workload that did not show yet.
            again = isinstance(outcome, Answer) and outcome.attempts > 1
            kept = self._creations.finish(pending, outcome, again=again) is not None
            in_doubt = outcome.stored is True or (outcome.stored is False and is_doubtful(outcome))
            if not kept and pending.is_named and in_doubt:
                outcome = replace(outcome, stored=self._settle_lost(pending, outcome))
            return outcome
        finally:
            self._creations.give_up(pending)

    def _traced(self, pending: Pending, send: Callable[..., Answer | NoAnswer]) -> Answer | NoAnswer:
        """Send a creation; its intent is withdrawn when that raises before anything can have come of it."""
        trace = Trace()
        try:
            return send(settle=lambda _: self._fate(pending), trace=trace)
        except BaseException:
            if not trace.may_have_happened:
                self._creations.withdraw(pending)
            raise

    def _fate(self, pending: Pending) -> Fate:
        """What became of a creation whose answer was lost, or says that the target failed."""
        if not pending.is_named:
            return Fate.ABSENT
        found = self._found(pending)
        if found is None:
            return Fate.UNKNOWN
        return Fate.STORED if found else Fate.ABSENT

    def _settle_lost(self, pending: Pending, outcome: Answer | NoAnswer) -> bool | None:
        """Delete at once what a creation without a usable answer made, so that it does not outlive the budget.

        Returns whether there was anything; None: nobody can tell.
        """
        found = self._found(pending)
        for workload_id in found or ():
            self.ledger.created(pending.name, workload_id, by=pending.by)
            self.ledger.lost(pending.name)  # another one may still come
            self.ledger.delete_sent(workload_id)
            request = self.contract.deletion.request({self.contract.main_resource: workload_id})
            answer = self._delivery.send(request, auth=pending.by, cleaning=True)
            if isinstance(answer, Answer) and answer.status < 300:
                self.ledger.delete_taken(workload_id)
        return outcome.stored if found is None else bool(found)

    def _found(self, pending: Pending) -> list[str] | None:
        """The ids of live workloads that a lost creation made; None when nobody can tell."""
        if pending.by == OUTSIDER and not self.has_outsider:
            return None
        listed = self.find_by_name(pending.name, prefix=pending.prefix, auth=pending.by, cleaning=True)
        if listed is None:
            return None
        found = [str(entry["id"]) for entry in listed if not self._creations.knows(str(entry["id"]))]
        # What has a name that others may give as well may be a stranger's.
        return found if not found or pending.name.startswith(self.mark) else None

    def _delete(
        self, request: Request, auth: str | None, headers: Mapping[str, str] | None, cleaning: bool
    ) -> Answer | NoAnswer:
        workload_id = str(self.contract.main_id_in(request))
        ours = self.holds(workload_id)
        if ours:
            self.ledger.delete_sent(workload_id)
        outcome = self._delivery.send(request, auth=auth, headers=headers, cleaning=cleaning)
        if isinstance(outcome, Answer) and outcome.earlier and outcome.status in self.contract.deletion.row.gone:
            outcome = replace(outcome, gone=True)  # the lost answer was the one that agreed
        if ours and isinstance(outcome, Answer) and (200 <= outcome.status < 300 or outcome.gone):
            self.ledger.delete_taken(workload_id)
            self._creations.release(workload_id)
        return outcome
