"""How a load process reaches the target: settings, token, contract, ledger and its share of the budget."""

from __future__ import annotations

from assay.client.budget import Budget, Limits
from assay.client.identity import Credentials, Identity
from assay.client.ledger import Ledger
from assay.client.network import TransportConfig
from assay.client.settings import Settings
from assay.client.transport import HttpTransport
from assay.contract.documents import Contract, load
from assay.errors import SettingsError
from assay.generation.samples import PLAIN_IMAGE
from assay.load.client import Client
from assay.load.messages import GivenTarget
from assay.load.names import Book, Names
from assay.load.world import Place, World


class Site:
    """One target, seen from one load process. ``timeout`` bounds one answer, in seconds.

    ``stem`` begins the name of every workload that the run ``run`` creates.
    """

    def __init__(self, settings: Settings, *, run: str, stem: str, timeout: float) -> None:
        if settings.base_url is None or settings.project is None or settings.cluster is None:
            raise SettingsError(
                "the load part needs a base URL, a project and a cluster",
                hint="--base-url URL --project ID --cluster UUID",
            )
        self.settings = settings
        self.contract: Contract = load(settings.contract, settings.corrections)
        self._place = Place(settings.project, settings.cluster, settings.image or PLAIN_IMAGE)
        config = TransportConfig.of(settings, timeout)
        self._transport = HttpTransport(config)
        self._identity = Identity(
            self._transport, Credentials("ASSAY_", settings.token, settings.client_id, settings.client_secret)
        )
        self.client = Client(config)
        self.token = ""
        self.renew_token()
        self.ledger = Ledger.open(
            run, settings.base_url, project=settings.project, mark=stem, embedded=settings.embedded
        )
        self._stem = stem

    def world(self, *, part: int, of: int, seed: int, book: Book | None = None) -> World:
        """The world of process ``part`` of ``of``: its share of the budget, its own names.

        ``book`` is where creations are noted, when that is more than this process's ledger.
        """
        settings = self.settings
        limits = Limits(live=settings.max_live, creates=settings.max_creates, gpu_devices=0).share(part, of)
        names = Names(book or self.ledger, self._stem, part)
        return World(self.contract, self._place, self.client, Budget(limits), names, part=part, seed=seed)

    def renew_token(self) -> None:
        """Take over a new token when the old one is about to expire; CredentialsError, TargetLostError."""
        token = self._identity.token()
        if token != self.token:
            self.token = token
            self.client.authorize(token)

    def conclude(self, left: int) -> bool:
        """Mark the ledger complete when nothing is ``left`` and no creation is in doubt; returns whether it did."""
        if left or self.ledger.live() or self.ledger.unresolved():
            return False
        self.ledger.finish()
        return True

    def close(self) -> None:
        self.client.close()
        self._transport.close()
        self.ledger.close()


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
        max_live=settings.max_live,
        max_creates=settings.max_creates,
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
    limits = {"image": target.image, "max_live": target.max_live, "max_creates": target.max_creates}
    if target.embedded:
        place = {name: str(getattr(target, name)) for name in ("base_url", "project", "cluster")}
        return settings.with_embedded(**place, **target.credentials).model_copy(update=limits)
    place_ = {name: getattr(target, name) for name in ("base_url", "project", "cluster")}
    return settings.model_copy(update={**place_, **limits})
