"""One HTTP/1.1 exchange with the target: bytes out, an Answer or a NoAnswer back; its faults never raise."""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import certifi
import httpx

from assay import __version__
from assay.client.exchange import Answer, Kind, NoAnswer
from assay.errors import SettingsError

Field = tuple[bytes, bytes]

BODY_CAP: Final = 32 * 1024 * 1024
"""Bytes of an answer that are read. 1,000 samples of both metrics are about 100 kB; beyond 32 MB it is a fault."""

# Servers close idle connections (uvicorn after 5 s); a request that crosses such a close is lost. Idle connections
# are therefore given up well before.
_IDLE_SECONDS: Final = 2.0


class Transport:
    """A pool of keep-alive connections to one base URL; safe to use from several threads."""

    def __init__(
        self, base_url: str, *, timeout: float = 30.0, ca_file: Path | None = None, insecure: bool = False
    ) -> None:
        parts = urlsplit(base_url)
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        self._prefix = parts.path.rstrip("/").encode()
        self._client = httpx.Client(
            verify=tls_context(ca_file, insecure) if parts.scheme == "https" else False,
            # The environment's proxies are honoured, but never for a loopback target.
            trust_env=not is_loopback(parts.hostname or ""),
            timeout=httpx.Timeout(timeout, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=256, keepalive_expiry=_IDLE_SECONDS),
            http2=False,
        )
        self._client.headers = httpx.Headers()

    def exchange(
        self, method: str, target: bytes, headers: Iterable[Field] = (), content: bytes | None = None
    ) -> Answer | NoAnswer:
        """Send one request; ``target`` is the path (with query) below the base URL and goes out byte for byte.

        A GET or HEAD that met a connection closed while idle is sent once more (RFC 9110, 9.2.2); nothing else is.
        Raises ValueError when the request itself cannot be framed as HTTP/1.1.
        """
        outcome, reused = self._once(method, target, headers, content)
        if reused and method in {"GET", "HEAD"} and isinstance(outcome, NoAnswer) and outcome.kind == "reset":
            outcome, _ = self._once(method, target, headers, content)
        return outcome

    def close(self) -> None:
        self._client.close()

    def _once(
        self, method: str, target: bytes, headers: Iterable[Field], content: bytes | None
    ) -> tuple[Answer | NoAnswer, bool]:
        fresh = threading.Event()

        def trace(event: str, _: Any) -> None:
            if event == "connection.connect_tcp.started":
                fresh.set()

        began = time.perf_counter()
        try:
            request = httpx.Request(
                method,
                self.base_url,
                headers=[*_own(headers), *headers],
                content=content,
                extensions={
                    "target": self._prefix + target,
                    "timeout": self._client.timeout.as_dict(),
                    "trace": trace,
                },
            )
            outcome = self._read(request, began)
        except httpx.LocalProtocolError as error:
            raise ValueError(f"HTTP/1.1 cannot carry this request: {error}") from error
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
            kind, detail = diagnose(error)
            outcome = NoAnswer(kind, detail, time.perf_counter() - began)
        return outcome, not fresh.is_set()

    def _read(self, request: httpx.Request, began: float) -> Answer | NoAnswer:
        response = self._client.send(request, stream=True)
        try:
            chunks, size = [], 0
            for chunk in response.iter_raw():
                chunks.append(chunk)
                size += len(chunk)
                if size > BODY_CAP:
                    return NoAnswer("protocol", f"the answer's body exceeds {BODY_CAP} bytes", _since(began))
                # httpx limits the wait for each piece; this limits a body that drips for ever.
                if _since(began) > self.timeout:
                    return NoAnswer("timeout", f"the body was not complete after {self.timeout:g} s", _since(began))
        finally:
            response.close()
        return Answer(response.status_code, response.headers, b"".join(chunks), _since(began))


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


def diagnose(error: BaseException) -> tuple[Kind, str]:
    """The kind and a plain description of a transport error, taken from its deepest cause."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return "tls", getattr(cause, "verify_message", None) or cause.reason or str(cause)
        if isinstance(cause, socket.gaierror):
            return "dns", f"the host name does not resolve: {cause.strerror}"
    if isinstance(error, httpx.TimeoutException):
        doing = "connecting" if isinstance(error, httpx.ConnectTimeout) else "waiting for the answer"
        return "timeout", f"time ran out while {doing}"
    if isinstance(error, httpx.ConnectError):
        return "refused", _os_reason(causes) or str(error)
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected without" not in str(error):
        incomplete = "closed connection" in str(error)
        return ("reset" if incomplete else "protocol"), f"the answer is not whole HTTP/1.1: {error}"
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return "reset", _os_reason(causes) or "the connection was closed without an answer"
    return "protocol", f"{type(error).__name__}: {error}"


def _causes(error: BaseException | None) -> Iterable[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _os_reason(causes: list[BaseException]) -> str | None:
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno is not None:
            if cause.errno == errno.ECONNREFUSED:
                return "connection refused"
            return (cause.strerror or str(cause)).lower()
    return None


def _own(headers: Iterable[Field]) -> list[Field]:
    given = {name.lower() for name, _ in headers}
    own = [
        (b"User-Agent", f"assay/{__version__}".encode()),
        (b"Accept", b"application/json"),
        (b"Accept-Encoding", b"identity"),  # what is judged is what was sent, byte for byte
        (b"Connection", b"keep-alive"),
    ]
    return [(name, value) for name, value in own if name.lower() not in given]


def _since(began: float) -> float:
    return time.perf_counter() - began
