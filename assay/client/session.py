"""The session with a target: the one door through which every request of a run goes."""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from assay.client import auxiliary
from assay.client.budget import Budget, Limits, gpus_asked
from assay.client.cleanup import Swept, sweep
from assay.client.clock import SYSTEM, Clock
from assay.client.creation import Creations, is_doubtful
from assay.client.delivery import MAIN, OUTSIDER, Delivery
from assay.client.evidence import NOTHING_NAMED, Describer, Mask, Named
from assay.client.exchange import Answer, NoAnswer, Wire, to_wire
from assay.client.identity import Credentials, Identity
from assay.client.ledger import Ledger, LedgerEvents, MemoryLedger
from assay.client.network import TransportConfig
from assay.client.patience import LOST_AFTER, Patience
from assay.client.settings import Settings
from assay.client.transport import HttpTransport, Transport
from assay.client.usage import UsageFile
from assay.contract.documents import Contract
from assay.contract.operations import Kind
from assay.contract.request import Absent, Json, Request
from assay.errors import SettingsError

_UNNAMED: Final = "#"  # begins the ledger's stand-in for a creation whose body holds no usable name


class Session:
    """The control plane under test with everything that guards it. ``close`` it, after ``sweep``.

    Budget and ledger are kept whoever sends: a creation takes a slot and is on disk before it leaves, a deletion
    gives the slot back. ``waits`` counts the pauses taken, by cause: ``429``, ``503``, ``refused``. Safe to use from
    several threads.
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
        ledger: LedgerEvents | None = None,
        mask: Mask | None = None,
        patience: Patience | None = None,
        lost_after: int = LOST_AFTER,
        run_id: str = "",
        mark: str = "",
        clock: Clock = SYSTEM,
    ) -> None:
        self.settings = settings
        self.contract = contract
        self.budget = budget or Budget(Limits(live=None, gpu_devices=None), clock)
        self.ledger = ledger or MemoryLedger()
        self.mask = mask or Mask()
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
        )
        self._creations = Creations(self.budget, self.ledger)
        self._describer = Describer(transport.base_url, self.mask, insecure=settings.insecure)
        self._count = itertools.count(1)
        self._process = f"{os.getpid():x}"

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

    # --- requests -------------------------------------------------------------------------------------------

    def send(
        self,
        request: Request,
        *,
        auth: str | None = MAIN,
        headers: Mapping[str, str] | None = None,
        refused: bool = False,
        cleaning: bool = False,
    ) -> Answer | NoAnswer:
        """Send one request of the operations table, with budget and ledger kept.

        ``auth`` is ``"main"``, ``"outsider"``, None (no Authorization) or the value of the header itself.
        ``headers`` replace fields of the same name. ``refused``: the contract makes the target refuse this creation,
        so the GPUs it names count for nothing. ``cleaning``: outside the budget, and tried even when the target is
        lost. 429 and 503 are waited out; after the last pause they are returned as they are. A lost answer is never
        asked for again. Raises TargetLostError, LimitReached, CredentialsError, and ReportError: the ledger cannot
        be written.
        """
        kind = self.contract.operations[request.operation].kind
        if kind is Kind.CREATE:
            # Beside raw bytes, the body is what they are known to hold: its name must be on disk all the same.
            body = None if isinstance(request.body, Absent) else request.body
            gpus = 0 if refused else gpus_asked(body)
            return self._create(
                body, gpus, auth, lambda: self._delivery.send(request, auth=auth, headers=headers, admitted=True)
            )
        if kind is Kind.DELETE:
            return self._delete(request, auth, headers, cleaning)
        outcome = self._delivery.send(request, auth=auth, headers=headers, cleaning=cleaning)
        if kind is Kind.READ and isinstance(outcome, Answer) and outcome.status == 404:
            self._creations.not_found(request.path["workloadId"], auth)
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
            lambda: self._delivery.raw(method, path, headers=headers, content=content, auth=auth, admitted=True),
        )

    def get(self, target: str, *, auth: str | None = MAIN, cleaning: bool = False) -> Answer | NoAnswer:
        """GET a percent-encoded path (with query) beside the operations of the table."""
        return self._delivery.get(target, auth=auth, cleaning=cleaning)

    def find_by_name(
        self, name: str, *, prefix: bool = False, auth: str = MAIN, cleaning: bool = False
    ) -> list[dict[str, Json]] | None:
        """Live workloads of this exact name (``prefix``: whose name begins so); None: the target lacks the list."""
        return auxiliary.find_by_name(
            lambda target: self.get(target, auth=auth, cleaning=cleaning), name, prefix=prefix
        )

    def pods(self, workload_id: str) -> list[dict[str, Json]] | None:
        """The pods of a workload; None when the target has no such list or does not know the workload."""
        return auxiliary.pods(self.get, workload_id)

    def token(self, auth: str = MAIN) -> str:
        """A valid token of ``"main"`` or ``"outsider"``. Raises CredentialsError and TargetLostError."""
        return self._delivery.token(auth)

    # --- workloads ------------------------------------------------------------------------------------------

    def name(self, label: str = "w") -> str:
        """A name that no one else has: a DNS label of at most 63 characters that begins with the run's mark."""
        tail = f"{self._process}-{next(self._count)}"
        room = 63 - len(self.mark) - len(tail) - 2
        return f"{self.mark}-{label[:room].strip('-')}-{tail}" if room > 0 else f"{self.mark}-{tail}"

    def holds(self, workload_id: str) -> bool:
        """Whether this run created the workload and its deletion has not been agreed to yet."""
        return self._creations.holds(workload_id)

    def let_go(self, workload_id: str) -> None:
        """Give the slot back of a workload that the target does not know; the clean-up will look once more."""
        self._creations.release(workload_id)

    def sweep(self, deadline: float | None = None) -> Swept:
        """Remove what this run created; ``deadline`` in seconds, by default the setting ``delete_deadline``."""
        within = self.settings.delete_deadline if deadline is None else deadline
        return sweep(self._delivery, self.ledger, within, self.clock)

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
        return self._describer.curl(self._wire(request), auth, shell, named)

    def describe(self, request: Request | Wire, *, auth: str | None = MAIN) -> dict[str, Any]:
        """A request as evidence: {"method", "url", "headers", "body"}, masked, the body cut to 4,000 characters."""
        return self._describer.request(self._wire(request), auth)

    def describe_answer(self, answer: Answer | NoAnswer) -> dict[str, Any] | None:
        """An answer as evidence: {"status", "headers", "body"}, masked and cut; None when no answer came."""
        return None if isinstance(answer, NoAnswer) else self._describer.answer(answer)

    # --- the session's own life -----------------------------------------------------------------------------

    def check(self) -> None:
        """TargetLostError when the target is lost or the run was halted."""
        self._delivery.liveness.check()

    def halt(self, why: str) -> None:
        """Every further request but those of the clean-up raises TargetLostError: the run is being ended."""
        self._delivery.liveness.halt(why)

    def forgive(self) -> None:
        """Forget that the target was lost; the clean-up does so before it tries once more."""
        self._delivery.liveness.forgive()

    def close(self) -> None:
        self._delivery.close()
        self.ledger.close()

    def _wire(self, request: Request | Wire) -> Wire:
        return request if isinstance(request, Wire) else to_wire(self.contract, request)

    def _create(
        self, body: Json, gpus: int, auth: str | None, send: Callable[[], Answer | NoAnswer]
    ) -> Answer | NoAnswer:
        name, prefix = _name_in(body)
        if name is None:
            name = f"{_UNNAMED}{self._process}-{next(self._count)}"
        by = OUTSIDER if auth == OUTSIDER else MAIN
        self._delivery.admit(auth)
        pending = self._creations.begin(name, prefix=prefix, by=by, gpus=gpus, check=self.check)
        try:
            outcome = send()
            # An earlier attempt that was answered 503 may have stored its workload. Without a name there is nothing
            # to look for, and nothing that a target which demands a name would have stored.
            again = isinstance(outcome, Answer) and outcome.attempts > 1 and not name.startswith(_UNNAMED)
            kept = self._creations.finish(pending, outcome, again=again) is not None
            if not kept and is_doubtful(outcome):
                self._settle_lost(name, prefix, by)
            return outcome
        finally:
            self._creations.give_up(pending)

    def _settle_lost(self, name: str, prefix: bool, by: str) -> None:
        """Look at once for a workload whose creation got no usable answer, so that it does not outlive the budget."""
        if not name.startswith(self.mark) or (by == OUTSIDER and not self.has_outsider):
            return
        for entry in self.find_by_name(name, prefix=prefix, auth=by, cleaning=True) or ():
            self.ledger.created(name, str(entry["id"]), by=by)
            self.ledger.lost(name)  # another one may still come
            self.ledger.delete_sent(str(entry["id"]))
            answer = self._delivery.send(
                Request("delete", path={"workloadId": str(entry["id"])}), auth=by, cleaning=True
            )
            if isinstance(answer, Answer) and answer.status < 300:
                self.ledger.delete_taken(str(entry["id"]))

    def _delete(
        self, request: Request, auth: str | None, headers: Mapping[str, str] | None, cleaning: bool
    ) -> Answer | NoAnswer:
        workload_id = request.path["workloadId"]
        ours = self.holds(workload_id)
        if ours:
            self.ledger.delete_sent(workload_id)
        outcome = self._delivery.send(request, auth=auth, headers=headers, cleaning=cleaning)
        if ours and isinstance(outcome, Answer) and 200 <= outcome.status < 300:
            self.ledger.delete_taken(workload_id)
            self._creations.release(workload_id)
        return outcome


def open_session(
    settings: Settings,
    contract: Contract,
    *,
    run_id: str | None = None,
    process: int = 0,
    processes: int = 1,
    env: Mapping[str, str] = os.environ,
    clock: Clock = SYSTEM,
) -> Session:
    """Open a session with the target of the settings; ``base_url`` must be set (embedded: ``with_embedded``).

    ``process`` of ``processes`` takes its share of the budget and joins the run's ledger. Sends nothing yet.
    Raises SettingsError (project or cluster missing), CredentialsError and ReportError (ledger).
    """
    base_url, project = _place(settings)
    run_id = run_id or f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
    mark = f"{settings.name_prefix}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"
    budget = budget_of(settings, process, processes, clock)
    return _opened(
        settings,
        contract,
        lambda: Ledger.open(run_id, base_url, project=project, mark=mark, embedded=settings.embedded, env=env),
        budget=budget,
        run_id=run_id,
        mark=mark,
        clock=clock,
    )


def reopen_session(settings: Settings, contract: Contract, ledger: LedgerEvents, *, clock: Clock = SYSTEM) -> Session:
    """A session that cleans up what an earlier run's ``ledger`` lists; project and cluster may be missing.

    Raises SettingsError and CredentialsError.
    """
    header = ledger.state().header
    run_id, mark = str(header.get("run") or ""), str(header.get("mark") or "")
    return _opened(settings, contract, lambda: ledger, run_id=run_id, mark=mark, clock=clock)


def _opened(
    settings: Settings, contract: Contract, ledger: Callable[[], LedgerEvents], *, clock: Clock, **more: Any
) -> Session:
    mask = Mask()
    patience = Patience(cap=settings.retry_cap)
    transport = HttpTransport(TransportConfig.of(settings))
    given, second = credentials_of(settings)
    main = Identity(transport, given, mask, patience, clock)
    outsider = Identity(transport, second, mask, patience, clock) if second.given else None
    return Session(
        settings,
        contract,
        transport,
        main=main,
        outsider=outsider,
        ledger=ledger(),
        mask=mask,
        patience=patience,
        clock=clock,
        **more,
    )


def credentials_of(settings: Settings) -> tuple[Credentials, Credentials]:
    """The main identity's credentials and the outsider's (perhaps none)."""
    return (
        Credentials("ASSAY_", settings.token, settings.client_id, settings.client_secret),
        Credentials(
            "ASSAY_OUTSIDER_",
            settings.outsider_token,
            settings.outsider_client_id,
            settings.outsider_client_secret,
        ),
    )


def budget_of(settings: Settings, process: int = 0, processes: int = 1, clock: Clock = SYSTEM) -> Budget:
    """The share that ``process`` of ``processes`` has of what the run has left. LimitReached, ReportError."""
    whole = limits_of(settings)
    file = UsageFile(settings.usage_folder) if settings.usage_folder is not None else None
    return Budget(whole.left(settings.used).share(process, processes), clock, whole, file)


def limits_of(settings: Settings) -> Limits:
    """The budget's limits as the settings give them."""
    return Limits(
        live=settings.max_live,
        creates=settings.max_creates,
        requests=settings.max_requests,
        rps=settings.max_rps,
        gpu_devices=settings.gpu_limit,
        seconds=settings.max_seconds,
    )


def _place(settings: Settings) -> tuple[str, str]:
    """Base URL and project; SettingsError when one of them, or the cluster, is missing."""
    missing = [
        f"{flag} ({what})"
        for flag, what, value in (
            ("--base-url", "the control plane", settings.base_url),
            ("--project", "the id of the project to create workloads in", settings.project),
            ("--cluster", "the UUID of the cluster to create workloads on", settings.cluster),
        )
        if value is None
    ]
    if missing:
        raise SettingsError(
            f"a target needs {' and '.join(missing)}",
            hint="give the flags, set ASSAY_BASE_URL, ASSAY_PROJECT and ASSAY_CLUSTER, or write them into assay.toml",
        )
    return str(settings.base_url), str(settings.project)


def _name_in(body: Json) -> tuple[str | None, bool]:
    if not isinstance(body, dict):
        return None, False
    name = body.get("name")
    return (name if isinstance(name, str) and name else None), body.get("useGivenNameAsPrefix") is True
