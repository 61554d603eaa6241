"""How a load process reaches the target: settings, token, contract, ledger and its share of the budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.contract.documents import Contract, load
from assay.contract.strategies.samples import PLAIN_IMAGE
from assay.errors import SettingsError
from assay.load.client import Client
from assay.load.names import Names
from assay.load.world import Place, World
from assay.target.budget import Budget, Limits
from assay.target.identity import Credentials, Identity
from assay.target.ledger import Ledger
from assay.target.settings import Settings
from assay.target.transport import Transport


class Site:
    """One target, seen from one load process. ``timeout`` bounds one answer, in seconds."""

    def __init__(self, settings: Settings, *, run: str, timeout: float) -> None:
        if settings.base_url is None or settings.project is None or settings.cluster is None:
            raise SettingsError(
                "the load part needs a base URL, a project and a cluster",
                hint="--base-url URL --project ID --cluster UUID",
            )
        self.settings = settings
        self.contract: Contract = load(settings.contract, settings.corrections)
        self._place = Place(settings.project, settings.cluster, settings.image or PLAIN_IMAGE)
        self._transport = Transport(
            settings.base_url, timeout=timeout, ca_file=settings.ca_file, insecure=settings.insecure
        )
        self._identity = Identity(
            self._transport, Credentials("ASSAY_", settings.token, settings.client_id, settings.client_secret)
        )
        verify: bool | str = str(settings.ca_file) if settings.ca_file else not settings.insecure
        self.client = Client(settings.base_url, timeout=timeout, verify=verify)
        self.token = ""
        self.renew_token()
        self.ledger = Ledger.open(run, settings.base_url, project=settings.project, embedded=settings.embedded)

    def world(self, data: Mapping[str, Any]) -> World:
        """The world of process ``part`` of ``of``: its share of the budget, its own names."""
        settings, part, of = self.settings, int(data["part"]), int(data["of"])
        limits = Limits(live=settings.max_live, creates=settings.max_creates, gpu_devices=0).share(part, of)
        names = Names(self.ledger, str(data["stem"]), part)
        return World(
            self.contract, self._place, self.client, Budget(limits), names, part=part, seed=int(data["seed"])
        )

    def renew_token(self) -> None:
        """Take over a new token when the old one is about to expire; CredentialsError, TargetLostError."""
        token = self._identity.token()
        if token != self.token:
            self.token = token
            self.client.authorize(token)

    def close(self) -> None:
        self.client.close()
        self._transport.close()
        self.ledger.close()
