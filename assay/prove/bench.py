"""One control plane, one target on it, and what the target finds: everything in memory."""

from __future__ import annotations

from typing import Any, Final

from assay.checks.target import TargetUnderTest
from assay.client.budget import Budget, Limits
from assay.client.evidence import Mask
from assay.client.identity import Identity
from assay.client.layers import load_settings
from assay.client.ledger import MemoryLedger
from assay.client.opening import credentials_of
from assay.client.patience import Patience
from assay.client.session import Session
from assay.client.settings import Settings
from assay.clock import SkippingClock
from assay.contract.documents import Contract
from assay.contract.oracle import Oracle
from assay.findings.journal import Journal
from assay.prove.inprocess import URL, InProcess
from assay.reference import tenant
from assay.reference.app import App
from assay.reference.behaviour import Behaviour
from assay.run.plan import plan

# Longer than any answer of a control plane in this process takes on a crowded machine: with a load of 10, and at the
# lowest priority, one in 10,000 took more than 10 s, and a defect must not count as caught for that.
_TIMEOUT: Final = 120.0
_MAIN, _OUTSIDER = tenant.CLIENT_PROJECTS


class Notebook(Journal):
    """A journal in memory: counts the exchanges and keeps the first finding of each id."""

    def __init__(self) -> None:
        self.requests = 0
        self.findings: dict[str, dict[str, Any]] = {}
        self.lost: str | None = None  # why no further test makes sense

    def write(self, kind: str, /, **event: Any) -> None:
        if kind == "exchange":
            self.requests += 1
        elif kind == "finding":
            self.findings.setdefault(event["id"], event)


class Bench:
    """A target on a control plane of the given behaviour. ``notebook`` holds what was found."""

    def __init__(
        self,
        contract: Contract,
        behaviour: Behaviour,
        oracle: Oracle | None = None,
        *,
        profile: str = "gate",
        seed: int = 1,
    ) -> None:
        self.clock = SkippingClock()
        self.plane = behaviour.build(contract, self.clock.time, seed=seed)
        self.notebook = Notebook()
        settings = self._settings(seed)
        transport = InProcess(App(self.plane), self.clock, _TIMEOUT)
        # No limit of live workloads: nobody else's GPUs are at stake, and a defect that keeps workloads alive would
        # make every later creation wait for a slot.
        requests = plan(profile, ()).defaults_for(contract)["max_requests"]
        budget = Budget(Limits(live=None, requests=requests, gpu_devices=None), self.clock)
        self.target = TargetUnderTest(
            self._session(transport, contract, settings, budget), oracle or Oracle(contract), self.notebook, profile
        )

    def _settings(self, seed: int) -> Settings:
        clients = self.plane.identity.clients
        return load_settings({"seed": seed}, env={}).with_embedded(
            URL,
            next(iter(tenant.PROJECTS)),
            tenant.CLUSTER_ID,
            client_id=_MAIN,
            client_secret=clients[_MAIN].secret,
            outsider_client_id=_OUTSIDER,
            outsider_client_secret=clients[_OUTSIDER].secret,
        )

    def _session(self, transport: InProcess, contract: Contract, settings: Settings, budget: Budget) -> Session:
        mask, patience = Mask(), Patience(cap=settings.retry_cap)
        main, outsider = (
            Identity(transport, given, mask, patience, self.clock) for given in credentials_of(settings)
        )
        # The ledger is in memory: the workloads end with the control plane they live in.
        return Session(
            settings,
            contract,
            transport,
            main=main,
            outsider=outsider,
            budget=budget,
            ledger=MemoryLedger(),
            mask=mask,
            patience=patience,
            run_id="prove",
            mark="assay-prove",
            clock=self.clock,
        )
