"""Makes the identities of a session from the settings: each with its one way to a token."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from assay.client.credentials import Credentials
from assay.client.evidence import Mask
from assay.client.identity import Identity
from assay.client.network import TransportConfig
from assay.client.patience import Patience
from assay.client.settings import Settings
from assay.client.token_endpoint import V1, Discovered, Place, TokenEndpoint, places
from assay.client.token_sources import GivenToken, TokenCommand, TokenFile, TokenSource
from assay.client.transport import HttpTransport, Transport
from assay.clock import SYSTEM, Clock


def credentials_of(settings: Settings) -> tuple[Credentials, Credentials]:
    """The main identity's credentials and the outsider's (perhaps none).

    The outsider's tokens come from where the main identity's do, unless a setting says otherwise.
    """
    return _credentials(settings, ""), _credentials(settings, "outsider_")


def _credentials(settings: Settings, kind: str) -> Credentials:
    def given(name: str) -> object:
        return getattr(settings, kind + name)

    command = settings.outsider_token_command if kind else settings.token_command
    url = (settings.outsider_token_url if kind else None) or settings.token_url
    ways = {name: given(name) for name in ("token", "client_id", "client_secret", "token_file")}
    return Credentials(
        f"ASSAY_{kind.upper()}",
        **ways,  # type: ignore[arg-type]
        token_command=command.line if command else None,
        folder=command.folder if command else None,
        token_url=url,
        scope=settings.token_scope,
        audience=settings.token_audience,
    )


@dataclass
class Identities:
    """Makes identities that share a mask and what was found out about token endpoints.

    ``transport`` reaches the target; None: tokens have one of their own, made for whatever an answer may be.
    """

    settings: Settings
    transport: Transport | None
    mask: Mask
    patience: Patience
    clock: Clock = SYSTEM
    taken: bool = False
    """Whether the target has taken the credentials before: a refusal is then the target's change, no mistake."""
    _discovered: dict[str | None, Discovered] = field(default_factory=dict)

    def main(self) -> Identity:
        """The main identity. CredentialsError."""
        return self.make(credentials_of(self.settings)[0])

    def both(self) -> tuple[Identity, Identity | None]:
        """The main identity, and the outsider if it is given. CredentialsError."""
        main, outsider = credentials_of(self.settings)
        return self.make(main), self.make(outsider) if outsider.given else None

    def make(self, credentials: Credentials) -> Identity:
        """The identity with these credentials; sends nothing yet. CredentialsError when they cannot be right."""
        credentials.check()
        return Identity(self._source(credentials), credentials, self.mask, self.clock, was_taken=self.taken)

    def _source(self, given: Credentials) -> TokenSource:
        if given.token is not None:
            return GivenToken(f"{given.prefix}TOKEN", given.token, self.mask, self.clock)
        if given.token_file is not None:
            return TokenFile(f"{given.prefix}TOKEN_FILE", given.token_file, self.clock)
        if given.token_command is not None:
            setting = f"{given.prefix.removeprefix('ASSAY_').lower()}token_command"  # from wherever it came
            return TokenCommand(setting, given.token_command, given.folder, self.mask, self.clock)
        return self._endpoint(given)

    def _endpoint(self, given: Credentials) -> TokenEndpoint:
        discovered = self._discovered.setdefault(given.token_url, Discovered())
        parts = urlsplit(given.token_url or "")
        owned = self.transport is None or bool(parts.netloc)
        transport = self._open(f"{parts.scheme}://{parts.netloc}" if parts.netloc else None)
        where = places(transport.base_url)
        if given.token_url is not None:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            is_v1 = parts.path.endswith(V1)
            where = (Place(transport.base_url + target, target.encode(), json=is_v1, chosen=True),)
        return TokenEndpoint(
            transport, where, given, self.mask, self.patience, self.clock, discovered, owned, granted=self.taken
        )

    def _open(self, origin: str | None) -> Transport:
        """A transport to the target, or to another server: by the same proxies, with the same trust."""
        if origin is None and self.transport is not None:
            return self.transport
        config = TransportConfig.of(self.settings)
        if origin is not None:
            there = replace(config, base_url=origin)
            # What is for the target's own gateway must not be told to a stranger.
            config = (
                there if there.address == config.address and there.tls == config.tls else replace(there, headers=())
            )
        return HttpTransport(config, self.clock)
