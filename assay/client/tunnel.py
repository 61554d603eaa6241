"""Has a proxy connect us through to a host: HTTP's CONNECT, SOCKS 4, 4a and 5; over whatever socket leads to it."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Final, Protocol

import socksio
from socksio import socks4, socks5

from assay.client.proxies import Proxy, join
from assay.clock import SYSTEM, Clock
from assay.errors import ProxyError
from assay.legible import quoted

_LONGEST_HEAD: Final = 65_536  # bytes of an answer to CONNECT
_SHOWN: Final = 80  # characters of an answer that a message quotes

_RULES: Final = "ask who runs the proxy to let this host and port through"
_BEYOND: Final = "check host and port"
_NO_PROXY: Final = "check scheme, host and port of the proxy: something else seems to listen there"

# What a SOCKS5 proxy says (RFC 1928, 6), and what to do.
_SOCKS5: Final = {
    1: ("general failure", "check host and port; the proxy's own log may say more"),
    2: ("its rules do not allow that", _RULES),
    3: ("network unreachable", "the proxy has no route there: check the host, or go through another proxy"),
    4: ("host unreachable", "check the host's spelling, and that it is up"),
    5: ("connection refused", "check the port; if it is right, the control plane is down or listens elsewhere"),
    6: ("time ran out", "check host and port; a firewall behind the proxy may drop the packets"),
    7: ("it does not know that command", "go through another proxy: this one connects nobody through"),
    8: (
        "it does not know that kind of address",
        "let the proxy look the name up (socks5h://), or this machine (socks5://)",
    ),
}
_NO_IPV4: Final = "check the host's spelling, or use socks5h:// if the proxy knows it"
_FORBIDDEN: Final = 2
_GRANTED: Final = 0x5A
_NOBODY: Final = "assay"  # SOCKS 4 asks for some user; proxies that check it are told one in the URL
_BAD_GATEWAY: Final = 502


class Line(Protocol):
    """What leads to the proxy: a socket, gevent's or a plain one, perhaps with TLS."""

    def sendall(self, data: bytes, /) -> None: ...

    def recv(self, size: int, /) -> bytes: ...

    def settimeout(self, seconds: float, /) -> None: ...


def open_tunnel(line: Line, proxy: Proxy, host: str, port: int, timeout: float, clock: Clock = SYSTEM) -> None:
    """Have ``proxy`` connect ``line`` through to the host within ``timeout`` seconds. ProxyError when it does not."""
    talk = _Talk(line, proxy, timeout, clock)
    try:
        _PROTOCOLS[proxy.scheme](talk, proxy, host, port)
    except TimeoutError:
        raise ProxyError(f"{proxy} did not answer within {timeout:g} s", hint=_NO_PROXY, again=True) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ProxyError(f"{proxy} broke the connection off: {why}", hint=_NO_PROXY, again=True) from None
    except socksio.ProtocolError:
        raise ProxyError(f"{proxy} does not speak SOCKS", hint=_NO_PROXY) from None


def unreachable(proxy: Proxy, error: OSError, timeout: float) -> ProxyError:
    """No connection to the proxy itself."""
    if isinstance(error, socket.gaierror | UnicodeError):
        why = "its host name does not resolve"
    elif isinstance(error, ConnectionRefusedError):
        why = "it refuses the connection"
    elif isinstance(error, TimeoutError):
        why = f"it accepted no connection within {timeout:g} s"
    else:
        why = (error.strerror or str(error)).lower()
    todo = f"check {proxy.origin}; if the target needs no proxy, {proxy.way_round}"
    return ProxyError(f"{proxy} cannot be reached: {why}", hint=todo, again=True)


def refused_to_forward(proxy: Proxy, status: int, reason: str, what: str, logins: str = "") -> ProxyError:
    """What the proxy's answer to ``what`` means, with its status and reason; ``logins`` is its Proxy-Authenticate."""
    said = f"{status} {reason}".strip()
    if status == 407:
        hint = _login(proxy) if proxy.user is None else f"user name and password in {proxy.origin} are not accepted"
        if logins and not re.search(r"(?i)\bbasic\b", logins):
            wanted = quoted(re.split(r"[\s,]", logins)[0], 20)
            hint = f"it wants {wanted}, and assay knows Basic alone: go through a local proxy that knows it"
        return ProxyError(f"{proxy} refuses {what}: {said or 'Proxy Authentication Required'}", hint=hint)
    if status >= _BAD_GATEWAY:
        return ProxyError(
            f"{proxy} cannot do {what}: {said}", hint=_or_directly(proxy, _BEYOND), again=True, beyond=True
        )
    return ProxyError(f"{proxy} refuses {what}: {said}", hint=_or_directly(proxy, _RULES))


def _login(proxy: Proxy) -> str:
    return f"give user name and password in {proxy.place_of_login}"


def _or_directly(proxy: Proxy, todo: str) -> str:
    return f"{todo}; if this machine reaches the target without a proxy, {proxy.way_round}"


class _Talk:
    """The line, with one time limit for all that is said."""

    def __init__(self, line: Line, proxy: Proxy, timeout: float, clock: Clock) -> None:
        self._line = line
        self._proxy = proxy
        self._monotonic = clock.monotonic
        self._ends = self._monotonic() + timeout

    def say(self, data: bytes) -> None:
        self._line.settimeout(self._left())
        self._line.sendall(data)

    def hear(self, most: int) -> bytes:
        """At least one byte; ProxyError at the end of the connection."""
        self._line.settimeout(self._left())
        data = self._line.recv(most)
        if not data:
            raise ProxyError(f"{self._proxy} closed the connection without an answer", hint=_NO_PROXY, again=True)
        return data

    def hear_exactly(self, size: int) -> bytes:
        heard = b""
        while len(heard) < size:
            heard += self.hear(size - len(heard))
        return heard

    def _left(self) -> float:
        left = self._ends - self._monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _connect(talk: _Talk, proxy: Proxy, host: str, port: int) -> None:
    address = join(host, port)
    field = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    talk.say(f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n{field}\r\n".encode("latin-1"))
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
        head += talk.hear(4096)
        if not b"HTTP/1.".startswith(head[:7]):
            break
    status = re.match(rb"HTTP/1\.\d (\d{3})([^\r\n]*)", head)
    if status is None:
        shown = ascii(head[:_SHOWN].decode("latin-1"))
        raise ProxyError(f"{proxy} answers CONNECT with something that is no HTTP: {shown}", hint=_NO_PROXY)
    code, reason = int(status[1]), status[2].decode("latin-1").strip()[:_SHOWN]
    if not 200 <= code < 300:
        offers = re.findall(rb"(?im)^proxy-authenticate:[ \t]*([^\r\n]*)", head)
        logins = ", ".join(offer.decode("latin-1") for offer in offers)
        raise refused_to_forward(proxy, code, reason, f"CONNECT {address}", logins)
    _no_page(head, proxy)


def _no_page(head: bytes, proxy: Proxy) -> None:
    """A tunnel begins with silence. Captive portals say 200 and send their page."""
    fields, _, rest = head.partition(b"\r\n\r\n")
    if rest or re.search(rb"(?im)^content-(type:\s*text/html|length:\s*[1-9])", fields):
        page = "an HTML page" if re.search(rb"(?i)text/html|<html|<!doctype", head) else "a page"
        todo = "a login page of the network may be in the way: open any web page in a browser first"
        raise ProxyError(f"{proxy} answers CONNECT with {page} instead of a tunnel", hint=todo)


def _socks5(talk: _Talk, proxy: Proxy, host: str, port: int) -> None:
    methods = [socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED]
    if proxy.user is not None:
        methods.append(socks5.SOCKS5AuthMethod.USERNAME_PASSWORD)
    talk.say(socks5.SOCKS5AuthMethodsRequest(methods).dumps())
    version, method = talk.hear_exactly(2)
    if version != 5:
        raise socksio.ProtocolError
    if method == 0xFF:
        hint = _login(proxy) if proxy.user is None else "another way to log in is wanted"
        raise ProxyError(f"{proxy} refuses this client: no way to log in that both know", hint=hint)
    if method == 2:
        _log_in(talk, proxy)
    address = (_here(host) if proxy.scheme == "socks5" else host), port
    talk.say(socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, address).dumps())
    _, code, _, kind = talk.hear_exactly(4)
    if code != 0:
        _refuse_socks(
            proxy, host, port, code, *_SOCKS5.get(code, (f"code {code}", _BEYOND)), beyond=code != _FORBIDDEN
        )
    talk.hear_exactly({1: 4, 4: 16}.get(kind) or talk.hear_exactly(1)[0])
    talk.hear_exactly(2)


def _log_in(talk: _Talk, proxy: Proxy) -> None:
    user, password = (proxy.user or "").encode(), proxy.password.encode()
    talk.say(socks5.SOCKS5UsernamePasswordRequest(user, password).dumps())
    if talk.hear_exactly(2)[1] != 0:
        raise ProxyError(f"{proxy} refuses the login", hint=f"check user name and password in {proxy.origin}")


def _socks4(talk: _Talk, proxy: Proxy, host: str, port: int) -> None:
    address = _here(host, only_ipv4=True) if proxy.scheme == "socks4" else host
    named = re.fullmatch(r"[\d.]+", address) is None
    if ":" in address or (named and proxy.scheme == "socks4"):
        raise ProxyError(
            f"{proxy} knows IPv4 addresses alone, and {host} has none here", hint=_or_directly(proxy, _NO_IPV4)
        )
    form = socks4.SOCKS4ARequest if named else socks4.SOCKS4Request
    talk.say(form.from_address(socks4.SOCKS4Command.CONNECT, (address, port)).dumps((proxy.user or _NOBODY).encode()))
    zero, code = talk.hear_exactly(8)[:2]
    if zero != 0:
        raise socksio.ProtocolError
    if code != _GRANTED:
        _refuse_socks(proxy, host, port, code, "rejected or failed", _BEYOND, beyond=True)


def _refuse_socks(proxy: Proxy, host: str, port: int, code: int, why: str, todo: str, *, beyond: bool) -> None:
    hint = _or_directly(proxy, todo)
    said = f"{proxy} does not connect to {join(host, port)}: {why} (SOCKS code {code})"
    raise ProxyError(said, hint=hint, again=beyond, beyond=beyond)


def _here(host: str, *, only_ipv4: bool = False) -> str:
    """The host's address as this machine knows it; the name itself when it knows none, for the proxy may."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET if only_ipv4 else 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return host
    # Few networks carry IPv6 only, and a proxy on one takes a name as well (socks5h).
    return str(min(found, key=lambda entry: entry[0] != socket.AF_INET)[4][0])


_PROTOCOLS: Final[dict[str, Callable[[_Talk, Proxy, str, int], None]]] = {
    "http": _connect,
    "https": _connect,
    "socks": _socks5,
    "socks4": _socks4,
    "socks4a": _socks4,
    "socks5": _socks5,
    "socks5h": _socks5,
}
