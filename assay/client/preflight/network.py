"""Name, connection and TLS: everything below HTTP."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from assay.client.preflight.steps import Step, ok, unusable, usage, warn
from assay.client.transport import is_loopback, tls_context

# What OpenSSL says (X509_V_ERR_*) in words, and what to do.
_CERTIFICATES: Final = {
    9: ("is not valid yet", "check this machine's clock; if it is right, the certificate was issued for later"),
    10: ("has expired", "have it renewed; --insecure tests without checking it"),
    18: ("is self-signed", "give the certificate itself with --ca-file, or test without checking with --insecure"),
    19: ("comes from an authority that nobody here knows", "give that authority's certificate with --ca-file"),
    20: ("comes from an authority that nobody here knows", "give that authority's certificate with --ca-file"),
    21: (
        "comes without its chain",
        "have the server send its intermediate certificates, or give them with --ca-file",
    ),
    62: ("is for another host name", "use the host name that the certificate is for, or have it reissued"),
    64: ("is not for this IP address", "use the host name that the certificate is for"),
}
_NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)


class Place:
    """Scheme, host and port of a base URL."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self.base_url = base_url
        self.tls = parts.scheme == "https"
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if self.tls else 80)
        self.address = f"{self.host}:{self.port}"

    def swapped(self) -> str:
        """The same URL with the other scheme, its port written out."""
        path = urlsplit(self.base_url).path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'http' if self.tls else 'https'}://{host}:{self.port}{path}"


def check_network(base_url: str, *, timeout: float, ca_file: Path | None, insecure: bool) -> Iterator[Step]:
    """The steps ``name``, ``connection`` and ``tls``; the first failure is the last step. Times out in seconds."""
    place = Place(base_url)
    proxy = _proxy(place)
    if proxy is not None:
        yield ok("name", f"requests go through the proxy {proxy} (from the environment), which resolves {place.host}")
        return
    step, found = _resolve(place)
    yield step
    if not found:
        return
    connection, step = _connect(place, timeout)
    yield step
    if connection is None:
        return
    with closing(connection):
        if place.tls:
            yield _handshake(place, connection, tls_context(ca_file, insecure), insecure)
        elif not is_loopback(place.host):
            yield warn(
                "tls", "http:// sends the token over the network in clear", "use https:// if the target has it"
            )


def speaks_tls(base_url: str, timeout: float) -> bool:
    """True when TLS can be shaken hands on at the URL's port, whatever its scheme says."""
    place = Place(base_url)
    connection, _ = _connect(place, timeout)
    if connection is None:
        return False
    context = tls_context(None, insecure=True)
    with closing(connection):
        try:
            with context.wrap_socket(connection, server_hostname=place.host):
                return True
        except OSError:
            return False


def other_scheme(base_url: str) -> str:
    """The URL with http and https swapped and the port kept."""
    return Place(base_url).swapped()


def _proxy(place: Place) -> str | None:
    if is_loopback(place.host) or urllib.request.proxy_bypass(place.host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get("https" if place.tls else "http") or proxies.get("all")
    # A proxy's URL may carry a password.
    return None if proxy is None else proxy.rpartition("@")[2]


def _resolve(place: Place) -> tuple[Step, bool]:
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        todo = "check the spelling; if it is right, this machine may need a VPN or another DNS server"
        return unusable("name", f"the host name {place.host} does not resolve: {reason}", todo), False
    addresses = sorted({str(entry[4][0]) for entry in found})
    if addresses == [place.host]:
        return ok("name", f"{place.host} is an address, no name to resolve"), True
    return ok("name", f"{place.host} resolves to {', '.join(addresses[:4])}"), True


def _connect(place: Place, timeout: float) -> tuple[socket.socket | None, Step]:
    name = "connection"
    try:
        connection = socket.create_connection((place.host, place.port), timeout=timeout)
    except ConnectionRefusedError:
        todo = "check the port; if it is right, the control plane is down or listens elsewhere"
        return None, unusable(name, f"nothing listens at {place.address}: connection refused", todo)
    except TimeoutError:
        todo = "a firewall may drop the packets, or a VPN be missing"
        return None, unusable(name, f"{place.address} did not accept a connection within {timeout:g} s", todo)
    except OSError as error:
        todo = "check the network between this machine and the target (VPN, route, firewall)"
        return None, unusable(name, f"{place.address} is unreachable: {error.strerror or error}", todo)
    return connection, ok(name, f"{place.address} accepts connections")


def _handshake(place: Place, connection: socket.socket, context: ssl.SSLContext, insecure: bool) -> Step:
    try:
        with context.wrap_socket(connection, server_hostname=place.host) as secure:
            version = secure.version() or "TLS"
    except ssl.SSLCertVerificationError as error:
        wrong, todo = _CERTIFICATES.get(
            error.verify_code, (f"is not accepted: {error.verify_message}", "give its authority with --ca-file")
        )
        return unusable("tls", f"the certificate of {place.address} {wrong} ({error.verify_message})", todo)
    except ssl.SSLError as error:
        return _no_tls(place, error)
    except OSError as error:
        why = "it said nothing in time" if isinstance(error, TimeoutError) else "it closed the connection"
        todo = f"if the port speaks plain HTTP, use {place.swapped()}; else look at the server's TLS settings"
        return unusable("tls", f"{place.address} did not answer the TLS handshake: {why}", todo)
    if insecure:
        return warn("tls", f"{version}, but the certificate is not checked (--insecure)", "--ca-file is safer")
    return ok("tls", f"{version}, and the certificate is good")


def _no_tls(place: Place, error: ssl.SSLError) -> Step:
    if error.reason in _NOT_TLS:
        text = f"{place.address} does not speak TLS; it seems to be plain HTTP"
        return usage("tls", text, f"use {place.swapped()}, or the port that speaks TLS")
    todo = "the server may want a client certificate, or only know versions of TLS that are given up elsewhere"
    return unusable("tls", f"the TLS handshake with {place.address} failed: {error.reason or error}", todo)
