"""The whole diagnosis of a target, from the host name to the second identity."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from assay.client.delivery import MAIN
from assay.client.identity import read_claims
from assay.client.network import TransportConfig
from assay.client.opening import credentials_of, open_session
from assay.client.patience import Patience
from assay.client.preflight.access import Access, missing_credentials
from assay.client.preflight.api import Api, check_auxiliary
from assay.client.preflight.network import check_network
from assay.client.preflight.steps import Step, follow, ok, usage, warn
from assay.client.session import Session
from assay.client.settings import Settings
from assay.client.transport import HttpTransport
from assay.contract.documents import Contract


def diagnose(settings: Settings, contract: Contract, env: Mapping[str, str] = os.environ) -> Iterator[Step]:
    """Yield the steps as they are done. ``settings.base_url`` must be set. Raises ReportError (ledger)."""
    doctor = _Doctor(settings, contract, env)
    try:
        yield from follow(
            [
                ("network", doctor.network),
                ("api", doctor.api.check_api),
                ("settings", doctor.settings_complete),
                ("credentials", doctor.credentials),
                ("clock", doctor.clock),
                ("project", doctor.place),
                ("outsider", doctor.outsider),
                ("neighbours", doctor.auxiliary),
            ]
        )
        yield from doctor.tidy()
    finally:
        doctor.close()


class _Doctor:
    def __init__(self, settings: Settings, contract: Contract, env: Mapping[str, str]) -> None:
        self.settings = settings
        self.contract = contract
        self.env = env
        self.config = TransportConfig.of(settings)
        self.transport = HttpTransport(self.config)
        # One short pause: who asks a doctor wants to know, not to wait.
        self.patience = Patience(cap=1.0, tries=1)
        self.api = Api(Session(settings, contract, self.transport, patience=self.patience))
        self._session: Session | None = None
        self._access: Access | None = None

    def network(self) -> Iterator[Step]:
        return check_network(self.config)

    def settings_complete(self) -> Iterator[Step]:
        """Project and cluster are given; whether they are right comes later, with a token."""
        for name, value, what in (
            ("project", self.settings.project, "the id of a project to create workloads in"),
            ("cluster", self.settings.cluster, "the UUID of the cluster to create them on"),
        ):
            if value is None:
                flag, variable = f"--{name}", f"ASSAY_{name.upper()}"
                yield usage("settings", f"{flag} is not given", f"give {flag} or set {variable}: {what}")
                return
        yield ok("settings", f"project {self.settings.project}, cluster {self.settings.cluster}")

    def credentials(self) -> Iterator[Step]:
        main, outsider = credentials_of(self.settings)
        missing = missing_credentials(main) or (missing_credentials(outsider) if outsider.given else None)
        if missing is not None:
            yield missing
            return
        self._session = open_session(self.settings, self.contract, env=self.env)
        self._access = Access(self._session)
        yield from self._access.check_credentials()

    def clock(self) -> Iterator[Step]:
        return self.api.check_clock(read_claims(self._open.token(MAIN)))

    def place(self) -> Iterator[Step]:
        return self._opened.check_place()

    def outsider(self) -> Iterator[Step]:
        return self._opened.check_outsider()

    def auxiliary(self) -> Iterator[Step]:
        return check_auxiliary(self._open, self._open.name("doctor"))

    def tidy(self) -> Iterator[Step]:
        """Take back what a probe may have created against all expectation; a step only when that failed."""
        for entry in self._session.sweep().left_behind if self._session else ():
            named = f"{entry.name} ({entry.id or 'id unknown'})"
            yield warn("clean-up", f"{named} was created by a probe and stayed: {entry.why}", "run `assay cleanup`")

    def close(self) -> None:
        """Let go of connections and ledger."""
        if self._session is not None:
            self._session.close()
        self.transport.close()

    @property
    def _open(self) -> Session:
        assert self._session is not None
        return self._session

    @property
    def _opened(self) -> Access:
        assert self._access is not None
        return self._access
