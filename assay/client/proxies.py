"""Which proxy stands before a host, if any: the one of the setting, else the environment's, as curl and Go take it.

The environment's proxies are ``HTTPS_PROXY`` or ``HTTP_PROXY``, else ``ALL_PROXY``, in lower case first; upper-case
``HTTP_PROXY`` does not count in a CGI script, where whoever calls could set it. They never stand before a loopback
address, nor before what ``NO_PROXY`` names. A proxy of the setting stands before every host.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from assay.errors import SettingsError

_PORTS: Final = {
    "http": 80,
    "https": 443,
    "socks": 1080,
    "socks4": 1080,
    "socks4a": 1080,
    "socks5": 1080,
    "socks5h": 1080,
}
DIRECT: Final = "none"
"""The setting that switches the environment's proxies off."""

_MAPPED: Final = 96  # bits before the IPv4 address in ::ffff:10.0.0.1
_LONGEST_SOCKS_WORD: Final = 255  # bytes of a user name or password, RFC 1929
_FORMS: Final = "a proxy is [http|https|socks5h]://[user:password@]host:port, user and password percent-encoded"


@dataclass(frozen=True, slots=True)
class Proxy:
    """``origin`` is the setting or variable that names it; ``password`` is as it is sent, not percent-encoded.

    ``is_set``: a setting names it, and not the environment's variables, over which ``NO_PROXY`` has a say.
    """

    scheme: str
    host: str
    port: int
    origin: str
    user: str | None = None
    password: str = field(default="", repr=False)
    is_set: bool = True

    def __str__(self) -> str:
        return f"the proxy {self.scheme}://{self.address} ({self.origin})"

    @property
    def address(self) -> str:
        """Host and port, an IPv6 address in brackets."""
        return join(self.host, self.port)

    @property
    def way_round(self) -> str:
        """What makes requests go to the target directly."""
        return "use --proxy none" if self.is_set else "name its host in NO_PROXY, or use --proxy none"

    @property
    def place_of_login(self) -> str:
        """Where user name and password belong: never in a flag, which everybody sees who lists processes."""
        named = self.origin if not self.is_set and " " not in self.origin else "ASSAY_PROXY"
        instead = " in place of --proxy" if self.origin == "--proxy" else ""
        return f"{named}{instead}, percent-encoded: {self.scheme}://user:password@{self.address}"

    @property
    def secure(self) -> bool:
        """Whether it is spoken to by TLS."""
        return self.scheme == "https"

    @property
    def is_socks(self) -> bool:
        return self.scheme.startswith("socks")

    @property
    def authorization(self) -> str | None:
        """The value of Proxy-Authorization, a secret."""
        if self.user is None:
            return None
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


def join(host: str, port: int) -> str:
    """Host and port, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def find_proxy(
    tls: bool, host: str, port: int, env: Mapping[str, str], setting: str | None = None, origin: str = "proxy"
) -> Proxy | None:
    """The proxy for a host. SettingsError when its URL cannot be used, naming the variable or setting."""
    if setting is not None:
        return None if setting.strip().lower() == DIRECT else parse_proxy(setting, origin)
    named = _from_environment(tls, env)
    if named is None or is_loopback(host) or _exempting(env, host, port) is not None:
        return None
    return parse_proxy(named[1], named[0], is_set=False)


def why_direct(tls: bool, host: str, port: int, env: Mapping[str, str], setting: str | None = None) -> str | None:
    """Why no proxy stands before a host although the environment names one; None when it names none, or one does."""
    named = _from_environment(tls, env)
    if named is None:
        return None
    if setting is not None:
        return f"the setting is {DIRECT}, in spite of {named[0]}" if setting.strip().lower() == DIRECT else None
    if is_loopback(host):
        return f"a loopback target is never asked for through {named[0]}"
    variable = _exempting(env, host, port)
    return f"{variable} names it, so {named[0]} does not count" if variable is not None else None


def parse_proxy(url: str, origin: str, *, is_set: bool = True) -> Proxy:
    """Read a proxy's URL; without a scheme it is http. SettingsError, which never shows a password."""
    text = url.strip() if "://" in url else f"http://{url.strip()}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _unusable(text, origin, _without_value(error)) from None
    if parts.scheme not in _PORTS:
        raise _unusable(text, origin, f"no proxy is spoken to by {parts.scheme}")
    if not host or port == 0 or re.search(r"[\s\x00-\x1f]", text):
        raise _unusable(text, origin, "there is no host in it" if not host else "port or host is none")
    user, password = _credentials(parts)
    if parts.scheme.startswith("socks") and max(len(word.encode()) for word in (user or "", password)) > 255:
        raise _unusable(text, origin, f"SOCKS takes no user name or password beyond {_LONGEST_SOCKS_WORD} bytes")
    return Proxy(parts.scheme, host, port or _PORTS[parts.scheme], origin, user, password, is_set)


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    scheme, found, rest = url.rpartition("://")
    before, at, behind = rest.rpartition("@")
    return f"{scheme}{found}{'***' if at and before else ''}{at}{behind}"


def has_password(url: str) -> bool:
    return "@" in url


def _credentials(parts: SplitResult) -> tuple[str | None, str]:
    return (None if parts.username is None else unquote(parts.username)), unquote(parts.password or "")


def _unusable(url: str, origin: str, why: str) -> SettingsError:
    return SettingsError(f"{origin}: the proxy {without_password(url)} cannot be used: {why}", hint=_FORMS)


def _without_value(error: ValueError) -> str:
    """What urlsplit found, without the piece of the URL that it quotes: that may be half a password."""
    text = str(error)
    return "its port is no number from 1 to 65535" if text.startswith("Port") else text.partition(":")[0].lower()


def _from_environment(tls: bool, env: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable and its value."""
    for name in ("https_proxy" if tls else "http_proxy", "all_proxy"):
        found, value = _value(env, name)
        if value:
            return found, value
    if any(name.lower().endswith("_proxy") for name in env):
        return None
    system = urllib.request.getproxies()  # macOS and Windows keep proxies elsewhere, too
    value = system.get("https" if tls else "http", "")
    return ("the system's settings", value) if value else None


def _value(env: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable in lower case, else in upper case; empty when neither is set."""
    if name in env:
        return name, env[name]
    upper = name.upper()
    return upper, "" if upper == "HTTP_PROXY" and "REQUEST_METHOD" in env else env.get(upper, "")


def _exempting(env: Mapping[str, str], host: str, port: int) -> str | None:
    """The variable that keeps proxies from the host. curl heeds the one in lower case first and Go the other, so both
    count: what either of them reaches directly is reached directly."""
    return next((name for name in ("no_proxy", "NO_PROXY") if exempts(env.get(name, ""), host, port)), None)


def exempts(no_proxy: str, host: str, port: int) -> bool:
    """Whether the value of ``NO_PROXY`` covers the host. Its entries stand between commas or spaces.

    An entry is ``*``, a domain (which covers its subdomains; with ``*.`` in front these alone), an address or a
    network such as ``10.0.0.0/8`` or ``fd00::/8``; domains and addresses perhaps with a port. Every form is one that
    curl or Go takes; with a dot in front, a domain is left out by Go and not by curl.
    """
    return any(_covers(entry.lower(), host, port) for entry in re.split(r"[\s,]+", no_proxy) if entry)


def _covers(entry: str, host: str, port: int) -> bool:
    name = entry.rpartition("://")[2].rstrip("/")
    if name == "*":
        return True
    with_port = re.fullmatch(r"(\[.*\]|[^:]+):(\d+)", name)
    if with_port is not None:
        if int(with_port[2]) != port:
            return False
        name = with_port[1]
    network = _network(name)
    if network is not None:
        address = _address(host)
        return address is not None and address in network
    below = name.startswith("*.")
    domain = _ascii(name.removeprefix("*").removeprefix(".")).rstrip(".")
    named = _ascii(host.lower()).rstrip(".")
    return bool(domain) and (named.endswith(f".{domain}") or (named == domain and not below))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        network = ipaddress.ip_network(text.replace("[", "").replace("]", "").partition("%")[0], strict=False)
    except ValueError:
        return None
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _ascii(name: str) -> str:
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and loopback addresses."""
    address = _address(host)
    name = host.lower().rstrip(".")
    return address.is_loopback if address is not None else name == "localhost" or name.endswith(".localhost")
