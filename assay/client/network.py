"""The way to a target: its address, the proxy in between, whom to trust. What every transport is made from."""

from __future__ import annotations

import os
import shlex
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from assay.client.proxies import DIRECT, Proxy, find_proxy, has_password, join, why_direct
from assay.client.settings import Settings
from assay.client.trust import present_certificate, tls_context
from assay.errors import SettingsError

_PORTS: Final = {"http": 80, "https": 443}


def secret_words(settings: Settings) -> Iterator[str]:
    """What the way to the target holds that nobody may see: values of headers, the password of the proxy."""
    for value in settings.headers.values():
        yield value.get_secret_value()
    proxy = TransportConfig.of(settings).proxy if settings.base_url is not None else None
    if proxy is not None and proxy.authorization is not None:
        yield from (proxy.password, proxy.authorization.removeprefix("Basic "))


def curl_options(settings: Settings) -> Iterator[str]:
    """Words of a shell that let curl go the same way; what the environment says, curl heeds by itself."""
    files = {"--cacert": settings.ca_file, "--cert": settings.client_cert, "--key": settings.client_key}
    for option, file in files.items():
        if file is not None:
            yield from (option, shlex.quote(str(file)))
    url = settings.proxy.get_secret_value() if settings.proxy is not None else None
    if url is not None and url.lower() == DIRECT:
        yield from ("--noproxy", "'*'")
    elif url is not None:
        yield from ("--proxy", '"$ASSAY_PROXY"' if has_password(url) else shlex.quote(url))


@dataclass(frozen=True, slots=True)
class TransportConfig:
    """How a base URL is reached. ``timeout`` bounds connecting and answering, in seconds.

    ``proxy_url`` is the setting, which ``proxy_origin`` gave; without it the environment's proxies count.
    ``headers`` go with every request.
    """

    base_url: str
    timeout: float = 30.0
    ca_file: Path | None = None
    insecure: bool = False
    client_cert: Path | None = None
    client_key: Path | None = None
    key_password: SecretStr | None = field(default=None, repr=False)
    proxy_url: SecretStr | None = field(default=None, repr=False)
    proxy_origin: str = "proxy"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise SettingsError(
                f"{self.base_url!r} is no http or https address", hint="for example https://runai.example.com"
            )

    @classmethod
    def of(cls, settings: Settings, timeout: float | None = None) -> Self:
        """Of the settings; ``timeout`` overrides ``request_timeout``. SettingsError without a base URL."""
        if settings.base_url is None:
            raise SettingsError("no target: --base-url is missing and no embedded control plane was started")
        return cls(
            settings.base_url,
            timeout or settings.request_timeout,
            settings.ca_file,
            settings.insecure,
            settings.client_cert,
            settings.client_key,
            settings.client_key_password,
            settings.proxy,
            settings.origin("proxy"),
            tuple((name, value.get_secret_value()) for name, value in settings.headers.items()),
        )

    @property
    def tls(self) -> bool:
        return urlsplit(self.base_url).scheme == "https"

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.base_url)
        return parts.port or _PORTS[parts.scheme]

    @property
    def address(self) -> str:
        """Host and port, an IPv6 address in brackets."""
        return join(self.host, self.port)

    @property
    def host_header(self) -> str:
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    @property
    def prefix(self) -> str:
        """The base URL's own path, before that of every request."""
        return urlsplit(self.base_url).path.rstrip("/")

    @property
    def proxy(self) -> Proxy | None:
        """The proxy of the setting, else of the environment. SettingsError when its URL cannot be used."""
        return find_proxy(self.tls, self.host, self.port, os.environ, self._proxy_setting, self.proxy_origin)

    @property
    def why_direct(self) -> str | None:
        """Why a proxy of the environment does not stand before the target; None when there is none to speak of."""
        return why_direct(self.tls, self.host, self.port, os.environ, self._proxy_setting)

    @property
    def _proxy_setting(self) -> str | None:
        return self.proxy_url.get_secret_value() if self.proxy_url is not None else None

    def tunnels(self, proxy: Proxy | None) -> bool:
        """Whether the proxy connects us through; else it forwards our requests."""
        return proxy is not None and (self.tls or proxy.is_socks)

    def request_target(self, proxy: Proxy | None) -> str:
        """What stands before the path in the request line: a proxy that forwards is told the whole address."""
        forwards = proxy is not None and not self.tunnels(proxy)
        return f"http://{self.host_header}{self.prefix}" if forwards else self.prefix

    def proxy_field(self, proxy: Proxy | None) -> str | None:
        """Proxy-Authorization for every request, a secret; a proxy that tunnels is told when the tunnel is dug."""
        return proxy.authorization if proxy is not None and not self.tunnels(proxy) else None

    def context(self) -> ssl.SSLContext | None:
        """Whom to trust and what to show; None without TLS. SettingsError when a file is unusable."""
        if not self.tls:
            return None
        context = tls_context(self.ca_file, self.insecure)
        if self.client_cert is not None:
            password = self.key_password.get_secret_value() if self.key_password is not None else None
            present_certificate(context, self.client_cert, self.client_key, password)
        return context

    def proxy_context(self, proxy: Proxy | None) -> ssl.SSLContext | None:
        """Whom to trust at an https:// proxy, whose certificate is always checked. SettingsError."""
        return tls_context(self.ca_file, insecure=False) if proxy is not None and proxy.secure else None
