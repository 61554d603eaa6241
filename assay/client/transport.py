"""One HTTP/1.1 exchange with the target: bytes out, an Answer or a NoAnswer back; its faults never raise."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Final, Protocol, TypeGuard

import httpcore
import httpx

from assay import __version__
from assay.client.encodings import unwrapped
from assay.client.exchange import Answer, Kind, NoAnswer
from assay.client.first_words import who_speaks
from assay.client.httpcore_internals import drop_when_spoilt
from assay.client.network import TransportConfig
from assay.client.proxy_gate import ProxyGate
from assay.client.stream import Network, SocketStream
from assay.client.trust import tls_words
from assay.clock import SYSTEM, Clock
from assay.errors import ProxyError

Field = tuple[bytes, bytes]

BODY_CAP: Final = 32 * 1024 * 1024
"""Bytes of an answer that are read. 1,000 samples of both metrics are about 100 kB; beyond 32 MB it is a fault."""

# Servers close idle connections (uvicorn after 5 s); a request that crosses such a close is lost. Idle connections
# are therefore given up well before.
_IDLE_SECONDS: Final = 2.0

LAY_IDLE: Final = 0.5
"""Seconds after which a connection lay idle. No server closes sooner what does, and any may (RFC 9112, 9.3.1): no
disturbance. What is cut off before was lost with the request: a proxy that drops 2 % of all requests does so on
connections that were in use a moment ago."""

_OWN: Final[list[Field]] = [
    (b"User-Agent", f"assay/{__version__}".encode()),
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", b"identity"),  # what is judged is what was sent, byte for byte
    (b"Connection", b"keep-alive"),
]
_FAULTS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})  # methods whose empty body is told by its length


class Transport(Protocol):
    """Exchanges with one target; safe to use from several threads."""

    base_url: str

    def exchange(
        self, method: str, target: bytes, headers: Iterable[Field] = (), content: bytes | None = None
    ) -> Answer | NoAnswer:
        """Send one request; ``target`` is the path (with query) below the base URL and goes out byte for byte.

        Raises ValueError when the request itself cannot be framed as HTTP/1.1.
        """
        ...

    def close(self) -> None: ...


class _Seen:
    """Sees whether a request makes a connection of its own, and the first bytes that came over that."""

    def __init__(self) -> None:
        self.connecting = False
        self._stream: SocketStream | None = None

    def __call__(self, event: str, told: Any) -> None:
        self.connecting = self.connecting or event == "connection.connect_tcp.started"
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._stream = told["return_value"]

    @property
    def first(self) -> bytes:
        return self._stream.first if self._stream is not None else b""


class HttpTransport:
    """A ``Transport`` on a pool of keep-alive connections. SettingsError: a file or the proxy cannot be used."""

    def __init__(self, config: TransportConfig, clock: Clock = SYSTEM) -> None:
        self.base_url = config.base_url.rstrip("/")
        self.timeout = config.timeout
        self._gate = ProxyGate(config)
        self._monotonic = clock.monotonic
        url = httpx.URL(config.base_url)
        self._own = [(b"Host", url.netloc), *_OWN, *own_fields(config)]
        self._url = partial(httpcore.URL, scheme=url.raw_scheme, host=url.raw_host, port=url.port)
        self._prefix = config.request_target(config.proxy).encode()
        self._limits = {"connect": self.timeout, "read": self.timeout, "write": self.timeout, "pool": None}
        self._network = Network(config, clock)
        # httpx would quote the path once more; its own engine sends what it is given, through a tunnel as well.
        self._pool = httpcore.ConnectionPool(
            ssl_context=config.context(),
            network_backend=self._network,
            max_connections=None,
            max_keepalive_connections=256,
            keepalive_expiry=_IDLE_SECONDS,
        )

    def exchange(
        self, method: str, target: bytes, headers: Iterable[Field] = (), content: bytes | None = None
    ) -> Answer | NoAnswer:
        """Send one request; ``target`` is the path (with query) below the base URL and goes out byte for byte.

        A GET or HEAD that met a connection closed while idle is sent once more (RFC 9110, 9.2.2); nothing else is.
        Raises ValueError when the request itself cannot be framed as HTTP/1.1.
        """
        outcome, idle = self._once(method, target, headers, content)
        if idle and method in {"GET", "HEAD"} and _is_silence(outcome):
            outcome, idle = self._once(method, target, headers, content)
        return replace(outcome, idle=True) if idle and _is_silence(outcome) else outcome

    def close(self) -> None:
        self._pool.close()

    def _once(
        self, method: str, target: bytes, headers: Iterable[Field], content: bytes | None
    ) -> tuple[Answer | NoAnswer, bool]:
        """The outcome, and whether the connection had lain idle before."""
        seen = _Seen()
        began = self._monotonic()
        try:
            outcome = self._sent(
                method.upper(),
                self._url(target=self._prefix + target),
                _completed(self._own, list(headers), method, content),
                content,
                {"timeout": self._limits, "trace": seen},
                began,
            )
        except httpcore.LocalProtocolError as error:
            raise ValueError(f"HTTP/1.1 cannot carry this request: {error}") from error
        except ProxyError as error:
            outcome = self._gate.closed(error, self._since(began))
        except _FAULTS as error:
            kind, detail = diagnose(error)
            who = who_speaks(seen.first)
            if who is not None:
                kind, detail = "protocol", f"what answers {who}"
            outcome = NoAnswer(kind, detail + self._gate.through, self._since(began))
        return self._gate.judge(outcome), not seen.connecting and self._network.quiet >= LAY_IDLE

    def _sent(
        self, method: str, url: httpcore.URL, headers: list[Field], content: bytes | None, more: Any, began: float
    ) -> Answer | NoAnswer:
        with self._pool.stream(method, url, headers=headers, content=content, extensions=more) as response:
            chunks, size = [], 0
            for chunk in response.iter_stream():
                chunks.append(chunk)
                size += len(chunk)
                if size > BODY_CAP:
                    return NoAnswer("protocol", f"the answer's body exceeds {BODY_CAP} bytes", self._since(began))
                # The pool limits the wait for each piece; this limits a body that drips for ever.
                if self._since(began) > self.timeout:
                    late = f"the body was not complete after {self.timeout:g} s"
                    return NoAnswer("timeout", late, self._since(began))
            drop_when_spoilt(response)
        whole = Answer(response.status, httpx.Headers(response.headers), b"".join(chunks), self._since(began))
        return unwrapped(whole, BODY_CAP)

    def _since(self, began: float) -> float:
        return self._monotonic() - began


_NOT_WHOLE: Final = "the answer is not whole HTTP/1.1"


def _is_silence(outcome: Answer | NoAnswer) -> TypeGuard[NoAnswer]:
    """Whether a connection was closed before anything of an answer came."""
    return isinstance(outcome, NoAnswer) and outcome.kind == "reset" and not outcome.detail.startswith(_NOT_WHOLE)


def diagnose(error: BaseException) -> tuple[Kind, str]:
    """The kind and a plain description of a transport error, taken from its deepest cause."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return "tls", getattr(cause, "verify_message", None) or tls_words(cause.reason or str(cause))
        if isinstance(cause, socket.gaierror):
            return "dns", f"the host name does not resolve: {cause.strerror}"
    if isinstance(error, httpcore.TimeoutException):
        doing = "connecting" if isinstance(error, httpcore.ConnectTimeout) else "waiting for the answer"
        return "timeout", f"time ran out while {doing}"
    if isinstance(error, httpcore.ConnectError):
        return "refused", _os_reason(causes) or str(error)
    if isinstance(error, httpcore.RemoteProtocolError) and "disconnected without" not in str(error):
        incomplete = "closed connection" in str(error)
        return ("reset" if incomplete else "protocol"), f"{_NOT_WHOLE}: {error}"
    if isinstance(error, httpcore.NetworkError | httpcore.RemoteProtocolError):
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


def _completed(own: list[Field], given: list[Field], method: str, content: bytes | None) -> list[Field]:
    """The fields of a request: ours, where no other of the name is given, and the given ones."""
    named = {name.lower() for name, _ in given}
    fields = [(name, value) for name, value in own if name.lower() not in named]
    if content is None and method.upper() in _WITH_BODY and not named & {b"content-length", b"transfer-encoding"}:
        fields.append((b"Content-Length", b"0"))
    return [*fields, *given]


def own_fields(config: TransportConfig) -> list[Field]:
    """The user's own headers, and what a proxy that forwards is told."""
    fields = [(name.encode(), value.encode()) for name, value in config.headers]
    told = config.proxy_field(config.proxy)
    return [*fields, (b"Proxy-Authorization", told.encode())] if told else fields
