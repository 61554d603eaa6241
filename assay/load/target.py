"""How a load process reaches the target: a session whose transport is the raw one, so that it can be measured by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from assay.client.events import NOWHERE, EventLog
from assay.client.evidence import Mask
from assay.client.identities import Identities
from assay.client.ledger import Ledger, LedgerWriter
from assay.client.network import TransportConfig
from assay.client.opening import budget_of, limits_of
from assay.client.patience import Patience
from assay.client.session import Session
from assay.client.settings import Settings
from assay.clock import Clock
from assay.contract.documents import load
from assay.errors import SettingsError
from assay.load.client import RawTransport
from assay.load.clock import GEVENT
from assay.load.context import ScenarioContext
from assay.load.intents import Names, RelayedLedger
from assay.load.messages import GivenTarget, Message


def open_context(
    settings: Settings,
    *,
    run: str,
    mark: str,
    timeout: float,
    part: int = 0,
    of: int = 1,
    seed: int = 0,
    master: Mapping[str, Any] | None = None,
    tell: Callable[[Message], None] | None = None,
    clock: Clock = GEVENT,
    events: EventLog = NOWHERE,
) -> ScenarioContext:
    """The target as process ``part`` of ``of`` sees it, with its share of the budget and names of its own.

    ``timeout`` bounds one answer, in seconds; ``mark`` begins the name of every workload that the run ``run``
    creates. ``master`` is the header of the master's ledger: when that is not this process's own file, ``tell``
    relays what is noted. ``events`` is the run's journal. Raises SettingsError, CredentialsError, TargetLostError,
    LimitReached and ReportError.
    """
    if settings.base_url is None or settings.project is None or settings.cluster is None:
        raise SettingsError(
            "the load part needs a base URL, a project and a cluster",
            hint="--base-url URL --project ID --cluster UUID",
        )
    transport = RawTransport(TransportConfig.of(settings, timeout), clock)
    mask, patience = Mask(), Patience(cap=settings.retry_cap)
    budget = budget_of(settings, part, of, clock)
    identity = Identities(settings, None, mask, patience, clock).main()
    transport.authorize(identity.token())
    ledger = _ledger(settings, run, mark, master, tell, clock)
    session = Session(
        settings,
        load(settings.contract, settings.corrections),
        transport,
        main=identity,
        budget=budget,
        ledger=ledger,
        mask=mask,
        patience=patience,
        run_id=run,
        mark=mark,
        clock=clock,
        events=events,
    )
    return ScenarioContext(session, transport, Names(ledger, mark, part), part=part, seed=seed)


def _ledger(
    settings: Settings,
    run: str,
    mark: str,
    master: Mapping[str, Any] | None,
    tell: Callable[[Message], None] | None,
    clock: Clock,
) -> LedgerWriter:
    own = Ledger.open(
        run,
        str(settings.base_url),
        project=settings.project or "",
        mark=mark,
        embedded=settings.embedded,
        clock=clock,
    )
    if master is None or tell is None or dict(own.state().header) == master:
        return own
    return RelayedLedger(own, tell)


def given_target(settings: Settings) -> GivenTarget:
    """The target of these settings for load processes elsewhere."""
    credentials = {
        name: secret.get_secret_value()
        for name in ("client_id", "client_secret")
        if settings.embedded and (secret := getattr(settings, name)) is not None
    }
    return GivenTarget(
        base_url=settings.base_url,
        project=settings.project,
        cluster=settings.cluster,
        image=settings.image,
        limits=limits_of(settings),
        used=settings.used,
        embedded=settings.embedded,
        credentials=credentials,
    )


def at_target(settings: Settings, target: GivenTarget) -> Settings:
    """The settings of a load process for the target that its master named.

    Credentials, certificate checks and CA file stay this machine's own. A base URL that this machine was given must
    be the master's: nobody who merely claims to be the master shall have our credentials sent elsewhere.
    """
    if settings.base_url is not None and settings.base_url != target.base_url:
        raise SettingsError(
            f"this load process may test {settings.base_url} ({settings.origin('base_url')}), and the master asks "
            f"for {target.base_url}",
            hint="give both the same --base-url",
        )
    limits = {"image": target.image} | {
        f"max_{each.name}": getattr(target.limits, each.name) for each in fields(target.limits)
    }
    where = {name: getattr(target, name) for name in ("base_url", "project", "cluster")}
    if target.embedded:
        there = settings.with_embedded(**{name: str(value) for name, value in where.items()}, **target.credentials)
    else:
        there = settings.model_copy(update=where)
    return there.model_copy(update=limits).counting(target.used, None)
