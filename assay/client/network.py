"""The way to a target: its address, the proxy in between, and whom to trust. What every transport is made from.

A proxy comes from the environment (``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``, in either case), as
httpx and curl take it, and never stands before a loopback target. An entry of ``NO_PROXY`` is ``*``, a domain (which
covers its subdomains; with a dot in front these alone), an address or a network such as ``10.0.0.0/8``, any of them
perhaps with a port.
"""

from __future__ import annotations

import base64
import ipaddress
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import certifi

from assay.client.settings import Settings
from assay.errors import SettingsError

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class HttpProxy:
    """A proxy that forwards http:// and tunnels https:// (CONNECT). ``secure``: it is spoken to by TLS.

    ``authorization`` is the value of Proxy-Authorization, a secret.
    """

    secure: bool
    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TransportConfig:
    """How a base URL is reached. ``timeout`` bounds connecting and answering, in seconds."""

    base_url: str
    timeout: float = 30.0
    ca_file: Path | None = None
    insecure: bool = False

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
        return cls(settings.base_url, timeout or settings.request_timeout, settings.ca_file, settings.insecure)

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
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def host_header(self) -> str:
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    @property
    def prefix(self) -> str:
        """The base URL's own path, before that of every request."""
        return urlsplit(self.base_url).path.rstrip("/")

    @property
    def proxy(self) -> HttpProxy | None:
        """The proxy of the environment. SettingsError when it speaks something else than HTTP."""
        return find_proxy(self.tls, self.host, self.port)

    def request_target(self, proxy: HttpProxy | None) -> str:
        """What stands before the path in the request line: a proxy that forwards is told the whole address."""
        return f"http://{self.host_header}{self.prefix}" if proxy is not None and not self.tls else self.prefix

    def context(self) -> ssl.SSLContext | None:
        """Whom to trust; None without TLS. SettingsError when the CA file is unusable."""
        return tls_context(self.ca_file, self.insecure) if self.tls else None


def find_proxy(tls: bool, host: str, port: int, given: Mapping[str, str] | None = None) -> HttpProxy | None:
    """The proxy for a host; ``given`` is what ``urllib.request.getproxies`` returns, which is asked without it."""
    proxies = urllib.request.getproxies() if given is None else given
    url = proxies.get("https" if tls else "http") or proxies.get("all")
    if not url or is_loopback(host) or any(_exempts(entry, host, port) for entry in proxies.get("no", "").split(",")):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in _PORTS or not parts.hostname:
        raise SettingsError(
            f"the proxy {parts.scheme}://{parts.netloc.rpartition('@')[2]} of the environment speaks no HTTP",
            hint="set HTTPS_PROXY and HTTP_PROXY to an http:// proxy, or name the target in NO_PROXY",
        )
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return HttpProxy(parts.scheme == "https", parts.hostname, parts.port or _PORTS[parts.scheme], authorization)


def _exempts(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY covers the host."""
    name = entry.strip().lower().rpartition("://")[2]
    if name in {"", "*"}:
        return name == "*"
    if _is_within(name, host):
        return True
    bare, colon, wanted = name.rpartition(":")
    if colon and wanted.isdigit() and "]" not in wanted and (":" not in bare or bare.endswith("]")):
        if int(wanted) != port:
            return False
        name = bare
    name = name.strip("[]")
    return _is_within(name, host) or host == name or host.endswith(name if name.startswith(".") else f".{name}")


def _is_within(network: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and loopback addresses."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def tls_context(ca_file: Path | None, insecure: bool) -> ssl.SSLContext:
    """Trust the system's authorities and certifi's, or only those of ``ca_file``; SettingsError if it is unusable."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"the CA file {ca_file} cannot be used: {getattr(error, 'strerror', None) or error}",
            hint="--ca-file takes the authority's certificate in PEM format",
        ) from None
    if ca_file is None:
        context.load_verify_locations(certifi.where())  # slim container images have no system store
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
