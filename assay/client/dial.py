"""Opens the way to a target: a connection, through the proxy if there is one, up to where the target answers.

What httpcore, the load part's sockets and the diagnosis connect with. TLS with the target comes after.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

from assay.client.network import TransportConfig
from assay.client.proxies import Proxy
from assay.client.tunnel import open_tunnel, unreachable
from assay.errors import ProxyError

_RECORD: Final = 16_384  # bytes of a TLS record
_LOOK: Final = 1.0  # seconds until a socket that takes nothing is tried again
_HOLD: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

Connect = Callable[[str, int], Any]
"""Opens a TCP connection to host and port; raises OSError."""


def plainly(timeout: float) -> Connect:
    """Connects by the standard library."""
    return lambda host, port: socket.create_connection((host, port), timeout)


def dial(
    config: TransportConfig, proxy: Proxy | None, trust: ssl.SSLContext | None, timeout: float, by: Connect
) -> Any:
    """A socket to the target, or to the proxy that forwards to it. ``trust`` is for TLS with the proxy.

    Raises OSError when there is no proxy, else ProxyError.
    """
    if proxy is None:
        return _prompt(by(config.host, config.port))
    try:
        line = _prompt(by(proxy.host, proxy.port))
    except (OSError, UnicodeError) as error:
        raise unreachable(proxy, error if isinstance(error, OSError) else OSError(str(error)), timeout) from error
    try:
        if proxy.secure and trust is not None:
            line = _secured(line, proxy, trust, timeout)
        if config.tunnels(proxy):
            open_tunnel(line, proxy, config.host, config.port, timeout)
    except BaseException:
        line.close()
        raise
    return line


def secure(line: Any, context: ssl.SSLContext, host: str, timeout: float) -> Any:
    """Shake hands with the target over ``line``, perhaps inside TLS with a proxy. Raises ssl.SSLError and OSError."""
    line.settimeout(timeout)
    if isinstance(line, ssl.SSLSocket):
        return NestedTls(line, context, host)
    return context.wrap_socket(line, server_hostname=host)


def _prompt(line: Any) -> Any:
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line


def _secured(line: Any, proxy: Proxy, trust: ssl.SSLContext, timeout: float) -> Any:
    try:
        return secure(line, trust, proxy.host, timeout)
    except ssl.SSLCertVerificationError as error:
        todo = "give the authority of the proxy's certificate with --ca-file or SSL_CERT_FILE"
        raise ProxyError(f"the certificate of {proxy} is not accepted: {error.verify_message}", hint=todo) from None
    except OSError as error:
        why = getattr(error, "reason", None) or error.strerror or str(error)
        todo = f"if the proxy speaks plain HTTP, write http:// in {proxy.origin}"
        raise ProxyError(f"the TLS handshake with {proxy} failed: {why}", hint=todo) from None


class NestedTls:
    """TLS with the target inside TLS with a proxy: as much of a socket as the transports use.

    The standard library wraps no TLS socket once more. Blocking or not, as the socket below is.
    """

    def __init__(self, below: ssl.SSLSocket, context: ssl.SSLContext, host: str) -> None:
        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            else:
                self._flush()
                return

    def recv(self, size: int, /) -> bytes:
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def send(self, data: Any, /) -> int:
        sent = self._tls.write(data)
        self._flush()
        return sent

    def sendall(self, data: bytes, /) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self.send(rest) :]

    def settimeout(self, seconds: float | None, /) -> None:
        self._below.settimeout(seconds)

    def fileno(self) -> int:
        return self._below.fileno()

    def pending(self) -> int:
        return self._tls.pending() + self._incoming.pending + self._below.pending()

    def selected_alpn_protocol(self) -> str | None:
        return self._tls.selected_alpn_protocol()

    def version(self) -> str | None:
        return self._tls.version()

    def close(self) -> None:
        self._below.close()

    def _fill(self) -> None:
        data = self._below.recv(_RECORD)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        """Whatever TLS has to say goes out before anything else, for the caller could not know of a rest."""
        rest = self._outgoing.read()
        while rest:
            try:
                rest = rest[self._below.send(rest) :]
            except _HOLD:
                select.select([], [self._below], [], _LOOK)
