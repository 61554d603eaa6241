"""Name, connection and TLS: everything below HTTP."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any, Final

from assay.client.dial import dial, plainly, secure
from assay.client.network import TransportConfig
from assay.client.preflight.steps import Step, ok, unusable, usage, warn
from assay.client.proxies import is_loopback
from assay.client.trust import DISLIKES_CERTIFICATE, NO_HTTP1, NOT_TLS, WANTS_CERTIFICATE, tls_context
from assay.errors import ProxyError

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
_REASON: Final = re.compile(r"\b[A-Z0-9]+(?:_[A-Z0-9]+)+\b")
# Whom to trust and which name to ask for are the user's settings; what a certificate says of its time is not.
_OF_AUTHORITIES: Final = frozenset({18, 19, 20, 21})
_OF_NAMES: Final = frozenset({62, 63, 64})
_OTHER_PROTOCOL: Final = "assay speaks HTTP/1.1, and this port perhaps HTTP/2 alone: give an address that speaks both"


def check_network(config: TransportConfig) -> Iterator[Step]:
    """The steps ``name`` or ``proxy``, ``connection`` and ``tls``; the first failure is the last step."""
    if config.proxy is None:
        step, found = _resolve(config)
        yield step if found else _directly(config, step)
        if not found:
            return
    connection, step = _connect(config)
    yield _directly(config, step)
    if connection is None:
        return
    with closing(connection):
        if config.tls:
            yield _handshake(config, connection)
        elif not is_loopback(config.host):
            yield warn(
                "tls", "http:// sends the token over the network in clear", "use https:// if the target has it"
            )


def _directly(config: TransportConfig, step: Step) -> Step:
    """The step, which also says why a proxy that the environment names was not taken."""
    why = config.why_direct
    return replace(step, text=f"{step.text} (directly: {why})") if why else step


def speaks_tls(config: TransportConfig) -> bool:
    """True when TLS can be shaken hands on at the URL's port, whatever its scheme says."""
    if config.proxy is not None and not config.tunnels(config.proxy):
        return False  # what forwards requests can tell nothing of the port
    connection, _ = _connect(config)
    if connection is None:
        return False
    context = tls_context(None, insecure=True)
    with closing(connection):
        try:
            with closing(secure(connection, context, config.host, config.timeout)):
                return True
        except OSError:
            return False


def offers_http2_alone(config: TransportConfig) -> bool:
    """True when the port agrees on HTTP/2 in TLS; asked after it gave no answer to HTTP/1.1."""
    connection, _ = _connect(config)
    if connection is None:
        return False
    context = tls_context(None, insecure=True)
    context.set_alpn_protocols(["h2"])
    with (
        closing(connection),
        suppress(OSError),
        closing(secure(connection, context, config.host, config.timeout)) as line,
    ):
        return bool(line.selected_alpn_protocol() == "h2")
    return False


def other_scheme(config: TransportConfig) -> str:
    """The URL with http and https swapped, its port written out."""
    return f"{'http' if config.tls else 'https'}://{config.address}{config.prefix}"


def _resolve(config: TransportConfig) -> tuple[Step, bool]:
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        todo = "check the spelling; if it is right, this machine may need a VPN or another DNS server"
        return unusable("name", f"the host name {config.host} does not resolve: {reason}", todo), False
    addresses = sorted({str(entry[4][0]) for entry in found})
    if addresses == [config.host]:
        return ok("name", f"{config.host} is an address, no name to resolve"), True
    return ok("name", f"{config.host} resolves to {', '.join(addresses[:4])}"), True


def _connect(config: TransportConfig) -> tuple[Any, Step]:
    name, proxy = "connection", config.proxy
    try:
        connection = dial(config, proxy, config.proxy_context(proxy), config.timeout, plainly(config.timeout))
    except ProxyError as error:
        return None, usage("proxy", error.message, error.hint or "")
    except ConnectionRefusedError:
        todo = "check the port; if it is right, the control plane is down or listens elsewhere"
        return None, unusable(name, f"nothing listens at {config.address}: connection refused", todo)
    except TimeoutError:
        todo = "a firewall may drop the packets, or a VPN be missing"
        return None, unusable(name, f"{config.address} did not accept a connection within {config.timeout:g} s", todo)
    except OSError as error:
        todo = "check the network between this machine and the target (VPN, route, firewall)"
        return None, unusable(name, f"{config.address} is unreachable: {error.strerror or error}", todo)
    if proxy is not None:
        does = f"connects to {config.address}" if config.tunnels(proxy) else "accepts connections"
        return connection, ok("proxy", f"{proxy} {does}")
    return connection, ok(name, f"{config.address} accepts connections")


def _handshake(config: TransportConfig, connection: Any) -> Step:
    context = config.context()
    assert context is not None
    try:
        with closing(secure(connection, context, config.host, config.timeout)) as line:
            version = line.version() or "TLS"
    except ssl.SSLCertVerificationError as error:
        wrong, todo = _CERTIFICATES.get(
            error.verify_code, (f"is not accepted: {error.verify_message}", "give its authority with --ca-file")
        )
        if config.proxy is not None and error.verify_code in _OF_AUTHORITIES:
            todo = f"{todo}; {config.proxy} may put a certificate of its own in place of the target's"
        text = f"the certificate of {config.address} {wrong} ({error.verify_message})"
        is_setting = error.verify_code in _OF_AUTHORITIES | _OF_NAMES
        return usage("tls", text, todo) if is_setting else unusable("tls", text, todo)
    except ssl.SSLError as error:
        return judge_tls(config, error.reason or str(error))
    except OSError as error:
        why = "it said nothing in time" if isinstance(error, TimeoutError) else "it closed the connection"
        todo = f"if the port speaks plain HTTP, use {other_scheme(config)}; else look at the server's TLS settings"
        return unusable("tls", f"{config.address} did not answer the TLS handshake: {why}", todo)
    if config.insecure:
        return warn("tls", f"{version}, but the certificate is not checked (--insecure)", "--ca-file is safer")
    return ok("tls", f"{version}, and the certificate is good")


def judge_tls(config: TransportConfig, reason: str) -> Step:
    """The step for a reason of OpenSSL's why no connection came about, whatever words stand around it."""
    before = reason.partition(" (through ")[0]
    named = _REASON.search(before)
    reason = named[0] if named is not None else before
    if reason in NOT_TLS:
        text = f"{config.address} does not speak TLS; it seems to be plain HTTP"
        return usage("tls", text, f"use {other_scheme(config)}, or the port that speaks TLS")
    if reason in NO_HTTP1:
        return unusable("tls", f"{config.address} agrees on no HTTP/1.1 ({reason})", _OTHER_PROTOCOL)
    if reason in WANTS_CERTIFICATE or (config.client_cert is not None and reason in DISLIKES_CERTIFICATE):
        if config.client_cert is None:
            text = f"{config.address} wants a client certificate ({reason})"
            return usage("tls", text, "give one with --client-cert, and its key with --client-key")
        text = f"{config.address} does not accept the client certificate {config.client_cert} ({reason})"
        return usage("tls", text, "ask who runs the control plane which authority must have signed it")
    todo = "the server may want a client certificate, or only know versions of TLS that are given up elsewhere"
    return unusable("tls", f"the TLS handshake with {config.address} failed: {reason}", todo)
