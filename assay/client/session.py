"""Opens the target: client, identities, budget and ledger as one door through which every request goes."""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from assay.client.budget import Budget, Limits, gpus_asked
from assay.client.cleanup import Swept, sweep
from assay.client.client import MAIN, OUTSIDER, Client
from assay.client.exchange import Answer, NoAnswer
from assay.client.identity import Credentials, Identity
from assay.client.ledger import Ledger
from assay.client.masking import Mask
from assay.client.patience import Patience
from assay.client.recognise import find_problem
from assay.client.settings import Settings
from assay.client.transport import Transport
from assay.contract.documents import Contract
from assay.contract.request import Absent, Json, Request
from assay.errors import SettingsError

Send = Callable[[], Answer | NoAnswer]

_UNNAMED: Final = "#"  # begins the ledger's stand-in for a creation whose body holds no usable name


class Notes(Protocol):
    """Where a run's events go (the journal)."""

    def write(self, kind: str, /, **event: Any) -> None: ...


@dataclass
class Target:
    """The control plane under test with everything that guards it. ``close`` it, after ``sweep``.

    ``send`` and ``raw`` keep budget and ledger: a creation takes a slot and is on disk before it leaves, a deletion
    gives the slot back. ``client`` bypasses both; only requests that create nothing may use it.
    """

    settings: Settings
    contract: Contract
    client: Client
    budget: Budget
    ledger: Ledger
    project: str
    cluster: str
    run_id: str
    mark: str
    _held: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)  # id: creator, GPU devices
    _deleted: dict[str, str] = field(default_factory=dict, repr=False)  # id: creator; deletion agreed, not seen gone

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._count = itertools.count(1)
        self._process = f"{os.getpid():x}"

    @property
    def has_outsider(self) -> bool:
        """Whether a second identity is set, for access checks."""
        return self.client.has_outsider

    def name(self, label: str = "w") -> str:
        """A name that no one else has: a DNS label of at most 63 characters that begins with the run's mark."""
        tail = f"{self._process}-{next(self._count)}"
        room = 63 - len(self.mark) - len(tail) - 2
        return f"{self.mark}-{label[:room].strip('-')}-{tail}" if room > 0 else f"{self.mark}-{tail}"

    def send(
        self,
        request: Request,
        *,
        auth: str | None = MAIN,
        headers: Mapping[str, str] | None = None,
        refused: bool = False,
    ) -> Answer | NoAnswer:
        """``Client.send`` with budget and ledger kept. Raises also ReportError: the ledger cannot be written.

        ``refused``: the contract makes the target refuse this creation, so the GPUs it names count for nothing.
        """
        match request.operation:
            case "create":
                # Beside raw bytes, the body is what they are known to hold: its name must be on disk all the same.
                body = None if isinstance(request.body, Absent) else request.body
                gpus = 0 if refused else gpus_asked(body)
                return self._create(
                    body, gpus, auth, lambda: self.client.send(request, auth=auth, headers=headers, admitted=True)
                )
            case "delete":
                return self._delete(request, auth, headers)
            case _:
                outcome = self.client.send(request, auth=auth, headers=headers)
                if isinstance(outcome, Answer) and outcome.status == 404 and request.operation == "read":
                    self._seen_gone(request.path["workloadId"], auth)
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
        """``Client.raw`` with budget and ledger kept; ``name`` is the one a POST body carries, if any."""
        if method.upper() != "POST":
            return self.client.raw(method, path, headers=headers, content=content, auth=auth)
        body = {"name": name} if name else None
        return self._create(
            body,
            0,
            auth,
            lambda: self.client.raw(method, path, headers=headers, content=content, auth=auth, admitted=True),
        )

    def preflight(self, notes: Notes, *, any_json: bool = False) -> bool:
        """True when a Run:ai API answers; else notes a ``problem`` that says what answers instead, and what to do.

        With ``any_json`` whatever answers a JSON object will do. Raises CredentialsError when the credentials are
        refused.
        """
        problem = find_problem(self.client, any_json=any_json)
        if problem is not None:
            notes.write("problem", what=problem)
        return problem is None

    def sweep(self, deadline: float | None = None) -> Swept:
        """Remove what this run created; ``deadline`` in seconds, by default the setting ``delete_deadline``."""
        return sweep(self.client, self.ledger, self.settings.delete_deadline if deadline is None else deadline)

    def close(self) -> None:
        self.client.close()
        self.ledger.close()

    def _create(self, body: Json, gpus: int, auth: str | None, send: Send) -> Answer | NoAnswer:
        name, prefix = _name_in(body)
        if name is None:
            name = f"{_UNNAMED}{self._process}-{next(self._count)}"
        by = OUTSIDER if auth == OUTSIDER else MAIN
        self.client.admit(auth)
        self.budget.take(1, gpus=gpus, check=self.client.check)
        kept = False
        try:
            self.ledger.intend(name, prefix=prefix, by=by)
            outcome = send()
            kept = self._note_creation(outcome, name, by, gpus)
            if not kept and _is_doubtful(outcome):
                self._settle_lost(name, prefix, by)
            return outcome
        finally:
            if not kept:
                self.budget.give_back(1, gpus=gpus)

    def _note_creation(self, outcome: Answer | NoAnswer, name: str, by: str, gpus: int) -> bool:
        """Write down what became of a creation; True when its workload lives and keeps the slot."""
        workload_id = _id_in(outcome)
        if workload_id is not None:
            self.ledger.created(name, workload_id, by=by)
            with self._lock:
                self._held[workload_id] = (by, gpus)
        # An earlier attempt that was answered 503 may have stored its workload. Without a name there is nothing to
        # look for, and nothing that a target which demands a name would have stored.
        again = isinstance(outcome, Answer) and outcome.attempts > 1 and not name.startswith(_UNNAMED)
        if _is_doubtful(outcome) or again:
            self.ledger.lost(name)
        elif workload_id is None:
            self.ledger.refused(name)
        return workload_id is not None

    def _settle_lost(self, name: str, prefix: bool, by: str) -> None:
        """Look at once for a workload whose creation got no usable answer, so that it does not outlive the budget."""
        if not name.startswith(self.mark) or (by == OUTSIDER and not self.has_outsider):
            return
        for entry in self.client.find_by_name(name, prefix=prefix, auth=by, cleaning=True) or ():
            self.ledger.created(name, entry["id"], by=by)
            self.ledger.lost(name)  # another one may still come
            self.ledger.delete_sent(entry["id"])
            path = {"workloadId": entry["id"]}
            answer = self.client.send(Request("delete", path=path), auth=by, cleaning=True)
            if isinstance(answer, Answer) and answer.status < 300:
                self.ledger.delete_taken(entry["id"])

    def _delete(self, request: Request, auth: str | None, headers: Mapping[str, str] | None) -> Answer | NoAnswer:
        workload_id = request.path["workloadId"]
        with self._lock:
            ours = workload_id in self._held
        if ours:
            self.ledger.delete_sent(workload_id)
        outcome = self.client.send(request, auth=auth, headers=headers)
        if ours and isinstance(outcome, Answer) and 200 <= outcome.status < 300:
            self.ledger.delete_taken(workload_id)
            self._release(workload_id)
        return outcome

    def holds(self, workload_id: str) -> bool:
        """Whether this run created the workload and its deletion has not been agreed to yet."""
        with self._lock:
            return workload_id in self._held

    def let_go(self, workload_id: str) -> None:
        """Give the slot back of a workload that the target does not know; the clean-up will look once more."""
        self._release(workload_id)

    def _seen_gone(self, workload_id: str, auth: str | None) -> None:
        """A 404 for its creator after a deletion that was agreed to: it is gone."""
        with self._lock:
            if auth is None or self._deleted.get(workload_id) != auth:
                return
            del self._deleted[workload_id]
        self.ledger.gone(workload_id)

    def _release(self, workload_id: str) -> None:
        with self._lock:
            by, gpus = self._held.pop(workload_id, ("", -1))
            if gpus >= 0:
                self._deleted[workload_id] = by
        if gpus >= 0:
            self.budget.give_back(1, gpus=gpus)


def open_target(
    settings: Settings,
    contract: Contract,
    *,
    run_id: str | None = None,
    process: int = 0,
    processes: int = 1,
    env: Mapping[str, str] = os.environ,
) -> Target:
    """Open the target that the settings name; ``settings.base_url`` must be set (embedded: ``with_embedded``).

    ``process`` of ``processes`` takes its share of the budget and joins the run's ledger. Sends nothing yet.
    Raises SettingsError (project or cluster missing), CredentialsError and ReportError (ledger).
    """
    base_url, project, cluster = _place(settings)
    run_id = run_id or f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
    mark = f"{settings.name_prefix}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"
    limits = limits_of(settings).share(process, processes)
    budget = Budget(limits)
    client = open_client(settings, contract, budget=budget)
    ledger = Ledger.open(run_id, base_url, project=project, mark=mark, embedded=settings.embedded, env=env)
    return Target(settings, contract, client, budget, ledger, project, cluster, run_id, mark)


def open_client(settings: Settings, contract: Contract, *, budget: Budget | None = None) -> Client:
    """The client alone, without ledger: for reading and for clean-ups. Raises SettingsError and CredentialsError."""
    if settings.base_url is None:
        raise SettingsError("no target: --base-url is missing and no embedded control plane was started")
    mask = Mask()
    transport = Transport(
        settings.base_url, timeout=settings.request_timeout, ca_file=settings.ca_file, insecure=settings.insecure
    )
    patience = Patience(cap=settings.retry_cap)
    main, second = credentials_of(settings)
    return Client(
        transport,
        contract,
        main=Identity(transport, main, mask, patience),
        outsider=Identity(transport, second, mask, patience) if second.given else None,
        budget=budget,
        mask=mask,
        patience=patience,
        insecure=settings.insecure,
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


def _place(settings: Settings) -> tuple[str, str, str]:
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
    assert settings.base_url is not None
    assert settings.project is not None
    assert settings.cluster is not None
    return settings.base_url, settings.project, settings.cluster


def _name_in(body: Json) -> tuple[str | None, bool]:
    if not isinstance(body, dict):
        return None, False
    name = body.get("name")
    return (name if isinstance(name, str) and name else None), body.get("useGivenNameAsPrefix") is True


def _id_in(outcome: Answer | NoAnswer) -> str | None:
    if isinstance(outcome, NoAnswer) or not 200 <= outcome.status < 300:
        return None
    body = outcome.json()
    workload_id = body.get("workloadId") if isinstance(body, dict) else None
    return workload_id if isinstance(workload_id, str) and workload_id else None


def _is_doubtful(outcome: Answer | NoAnswer) -> bool:
    """No usable answer to a creation: none at all, a server error, or a success that names no workload."""
    if isinstance(outcome, NoAnswer):
        return outcome.kind not in {"refused", "dns", "tls"}  # these end before anything is sent
    return outcome.status >= 500 or (outcome.status < 400 and _id_in(outcome) is None)
