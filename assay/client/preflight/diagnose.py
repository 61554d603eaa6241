"""The questions to a target before anything is judged, from the host name to the second identity.

`assay doctor` prints every answer. A run begins with the same questions and ends at the first answer that is a no.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from assay.client.delivery import MAIN
from assay.client.network import TransportConfig
from assay.client.opening import open_session
from assay.client.patience import Patience
from assay.client.preflight.access import Access
from assay.client.preflight.api import Api
from assay.client.preflight.capabilities import check_capabilities
from assay.client.preflight.network import check_network
from assay.client.preflight.readiness import BRIEFLY, READY_WITHIN
from assay.client.preflight.steps import Check, Step, follow, ok, usage, warn
from assay.client.session import Session
from assay.client.settings import Settings
from assay.client.tokens import read_claims
from assay.client.transport import HttpTransport
from assay.contract.documents import Contract
from assay.errors import CredentialsError
from assay.wording import plural


def preflight(session: Session, *, judged: bool = True) -> Iterator[Step]:
    """Ask all questions in an opened session; one plain workload is created, within its budget, and deleted.

    Without ``judged`` (load alone) a stand-in for the API will do, the second identity is not needed, and metrics are
    not waited for. A target with nothing wrong is sent 17 requests, one with a wrong place 4. Raises ReportError
    (ledger).
    """
    api, access = Api(session, any_json=not judged), Access(session)
    work = _work(lambda: access, judged=judged, patience=BRIEFLY if judged else None)
    return follow([*_reach(session, api, access), *work])


def tells(session: Session, lacking: Sequence[str]) -> str:
    """The line about a preflight that lets a run begin, though perhaps the steps ``lacking`` limit it."""
    with_limits = f", with {plural(len(lacking), 'limitation')} ({', '.join(lacking)})" if lacking else ""
    return f"preflight: the target can be tested{with_limits}, {plural(session.budget.requests, 'request')}"


def outside(session: Session) -> Iterator[Step]:
    """The questions that need no credentials either."""
    return follow(_reach(session, Api(session), Access(session))[:2])


def reach(session: Session) -> Iterator[Step]:
    """The questions that need no place: network, API and credentials. Nothing is created."""
    return follow(_reach(session, Api(session), Access(session))[:3])


def reach_own(session: Session, *, reached: bool) -> Iterator[Step]:
    """The questions before a clean-up: those of ``reach`` (unless ``reached``), and whether we see what a run left.

    That is asked with a creation that must be refused, and only when the first workload of the ledger is not seen.
    """
    access = Access(session, dry=True)
    asked = [] if reached else _reach(session, Api(session), access)[:3]
    own = next((each for each, entry in session.ledger.live().items() if entry.by == MAIN), None)
    if own is not None and session.project:
        asked.append(("project", lambda: access.check_own(own)))
    return follow(asked)


def _reach(session: Session, api: Api, access: Access) -> list[tuple[str, Check]]:
    return [
        ("network", lambda: check_network(TransportConfig.of(session.settings))),
        ("api", api.check_api),
        ("credentials", lambda: chain(access.check_credentials(), api.confirm(session))),
        ("clock", lambda: api.check_clock(read_claims(session.token(MAIN)))),
    ]


def _work(
    access: Callable[[], Access], *, judged: bool = True, patience: float | None = READY_WITHIN["gate"]
) -> list[tuple[str, Check]]:
    """What is asked of one plain workload, from its creation to its deletion; ``access`` is known by then.

    ``patience``: seconds that its metrics are waited for; None: not at all.
    """
    return [
        *([("outsider", lambda: access().check_identities())] if judged else []),
        ("project", lambda: access().check_place()),
        ("rights", lambda: access().check_rights()),
        *([("outsider", lambda: access().check_outsider())] if judged else []),
        ("gpus", lambda: access().check_gpus()),
        ("capabilities", lambda: check_capabilities(access().session, access().workload, patience=patience)),
        ("deletion", lambda: access().check_deletion()),
    ]


def diagnose(
    settings: Settings, contract: Contract, env: Mapping[str, str] = os.environ, *, dry: bool = False
) -> Iterator[Step]:
    """Yield the steps as they are done. ``settings.base_url`` must be set. Raises ReportError (ledger).

    ``dry``: creates nothing, so that rights in the project are probed with a creation that must be refused.
    """
    doctor = _Doctor(settings, contract, env, dry)
    try:
        yield from follow(
            [
                ("network", doctor.network),
                ("api", doctor.api.check_api),
                ("settings", doctor.settings_complete),
                ("credentials", doctor.credentials),
                ("clock", doctor.clock),
                *_work(lambda: doctor.access),
            ]
        )
        yield from doctor.tidy()
    finally:
        doctor.close()


class _Doctor:
    """Opens its session when credentials are looked at: what is wrong before is told without them."""

    def __init__(self, settings: Settings, contract: Contract, env: Mapping[str, str], dry: bool) -> None:
        self.settings = settings
        self.contract = contract
        self.env = env
        self.dry = dry
        self.config = TransportConfig.of(settings)
        self.transport = HttpTransport(self.config)
        # One short pause: who asks a doctor wants to know, not to wait.
        self.api = Api(Session(settings, contract, self.transport, patience=Patience(cap=1.0, tries=1)))
        self._session: Session | None = None

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
        try:
            self._session = open_session(self.settings, self.contract, env=self.env)
        except CredentialsError as error:
            yield usage("credentials", error.message, error.hint or "set them")
            return
        self.access = Access(self._session, dry=self.dry)
        yield from self.access.check_credentials()
        yield from self.api.confirm(self._session)

    def clock(self) -> Iterator[Step]:
        return self.api.check_clock(read_claims(self.session.token(MAIN)))

    def tidy(self) -> Iterator[Step]:
        """See the plain workload gone, and what else a probe may have created; a step only when that failed."""
        swept = self._session.sweep() if self._session else None
        for entry in (*swept.left_behind, *swept.unconfirmed) if swept else ():
            named = f"{entry.name} ({entry.id or 'id unknown'})"
            yield warn("clean-up", f"{named} was created by a probe and stayed: {entry.why}", "run `assay cleanup`")

    def close(self) -> None:
        """Let go of connections and ledger."""
        if self._session is not None:
            self._session.close()
        self.transport.close()

    @property
    def session(self) -> Session:
        assert self._session is not None
        return self._session
