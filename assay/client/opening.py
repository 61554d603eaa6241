"""Opens sessions: transport, identities, budget and ledger as the settings say."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from assay.client.budget import Budget, Limits
from assay.client.events import NOWHERE, EventLog
from assay.client.evidence import Mask
from assay.client.handover import handed_over
from assay.client.identities import Identities
from assay.client.ledger import Ledger, LedgerWriter
from assay.client.network import TransportConfig
from assay.client.patience import Patience
from assay.client.session import Session
from assay.client.settings import IDENTITY, Settings
from assay.client.transport import HttpTransport
from assay.client.usage import UsageFile
from assay.clock import SYSTEM, Clock, utc
from assay.contract.documents import Contract
from assay.errors import SettingsError


def open_session(
    settings: Settings,
    contract: Contract,
    *,
    run_id: str | None = None,
    process: int = 0,
    processes: int = 1,
    env: Mapping[str, str] = os.environ,
    clock: Clock = SYSTEM,
    events: EventLog = NOWHERE,
) -> Session:
    """Open a session with the target of the settings; ``base_url`` must be set (embedded: ``with_embedded``).

    ``process`` of ``processes`` takes its share of the budget and joins the run's ledger; ``events`` is
    the run's journal. Sends nothing yet.
    Raises SettingsError (project or cluster missing), CredentialsError and ReportError (ledger).
    """
    base_url, project = _place(settings)
    run_id = run_id or f"{utc(clock):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    mark = f"{settings.name_prefix}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"
    budget = budget_of(settings, process, processes, clock)
    return _opened(
        settings,
        contract,
        lambda: Ledger.open(
            run_id, base_url, project=project, mark=mark, embedded=settings.embedded, env=env, clock=clock
        ),
        budget=budget,
        run_id=run_id,
        mark=mark,
        clock=clock,
        taken=handed_over(env),  # the command that hands over has asked for a token, and tried it
        events=events,
    )


def reopen_session(settings: Settings, contract: Contract, ledger: LedgerWriter, *, clock: Clock = SYSTEM) -> Session:
    """A session that cleans up what an earlier run's ``ledger`` lists; project and cluster may be missing.

    Raises SettingsError and CredentialsError.
    """
    header = ledger.state().header
    run_id, mark = str(header.get("run") or ""), str(header.get("mark") or "")
    session = _opened(settings, contract, lambda: ledger, run_id=run_id, mark=mark, clock=clock)
    session.project = str(header.get("project") or session.project)
    return session


def _opened(
    settings: Settings,
    contract: Contract,
    ledger: Callable[[], LedgerWriter],
    *,
    clock: Clock,
    taken: bool = False,
    **more: Any,
) -> Session:
    mask = Mask()
    patience = Patience(cap=settings.retry_cap)
    transport = HttpTransport(TransportConfig.of(settings), clock)
    main, outsider = Identities(settings, transport, mask, patience, clock, taken=taken).both()
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


def check_embedded(settings: Settings) -> None:
    """SettingsError when the embedded control plane is about to be used although a target was described.

    A project, a cluster or credentials without a base URL come from a variable that was left empty. A pass of the
    embedded control plane would be taken for one of that target.
    """
    given = [settings.origin(name) for name in ("project", "cluster", *IDENTITY) if settings.was_given(name)]
    if given and settings.base_url is None:
        raise SettingsError(
            f"these settings need a base URL: {', '.join(given)}",
            hint="give --base-url or set ASSAY_BASE_URL; without these settings the embedded control plane is used",
        )


def name_target(settings: Settings, contract: Contract) -> str:
    """The line that begins what a command says: which target, by which contract."""
    what = "embedded control plane" if settings.embedded else contract.version
    return f"target: {settings.base_url} ({what})"


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
