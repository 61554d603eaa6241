"""A lean HTTP/1.1 client for gevent: one connection pool, the C parser of geventhttpclient, no retries.

A retry would hide the very failures that a load test looks for. A connection that the server closed while it lay idle
is recognised before it is used again (one system call), which is the only case in which a retry would be fair.
"""

from __future__ import annotations

import errno
import ssl
from codecs import BOM_UTF8
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import gevent.socket
from gevent import monkey
from geventhttpclient._parser import HTTPParseError

from assay import __version__
from assay.client.dial import dial, secure
from assay.client.encodings import unwrapped
from assay.client.exchange import Answer, Kind, NoAnswer
from assay.client.network import TransportConfig
from assay.client.proxy_gate import ProxyGate
from assay.client.transport import BODY_CAP, LAY_IDLE, Field, own_fields
from assay.clock import Clock
from assay.errors import ProxyError, UsageError
from assay.load.clock import GEVENT
from assay.load.connection import Closed, Connection, Deadlines

IDLE_SECONDS: Final = 4.0
"""A connection idle for longer is not used again: common servers drop theirs after 5 s (uvicorn, Node)."""

RESOLVE_SECONDS: Final = 30.0
"""How long the host's addresses are remembered: looking them up costs more than a request (0.3 ms, measured)."""

_plain_socket: Any = monkey.get_original("socket", "socket")


class Failure(Exception):  # noqa: N818 - an outcome of an exchange, not a fault of this program
    """No whole answer came. ``kind``: refused, dns, tls, timeout, reset, closed, protocol or proxy.

    ``fault``: the user's side is at fault, and the target has not been asked.
    """

    def __init__(self, kind: str, detail: str = "", fault: UsageError | None = None) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.fault = fault


@dataclass(slots=True)
class RawAnswer:
    """A whole answer. ``headers`` only holds those that are looked at, names in lower case.

    ``waited`` is how long, in seconds, its last bytes lay ready before this process came to read them.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    waited: float = 0.0

    @property
    def content_type(self) -> str:
        """The media type in lower case, without its parameters."""
        return self.headers.get("content-type", "").split(";", 1)[0].strip().lower()


class RawTransport:
    """Sends prepared requests to one host, directly or through a proxy.

    ``send`` is for requests whose lines are prepared, and as fast as can be; ``exchange`` makes it a
    ``assay.client.transport.Transport``. ``path`` stands before the path in the request line.
    """

    def __init__(self, config: TransportConfig, clock: Clock = GEVENT) -> None:
        self._clock = clock
        self._monotonic = clock.monotonic
        self.base_url = config.base_url
        self.host = config.host
        self.port = config.port
        self._proxy = config.proxy
        self._config = config
        self._trust = config.proxy_context(self._proxy)
        self._gate = ProxyGate(config)
        self.path = config.request_target(self._proxy)
        self.host_header = config.host_header
        self._timeout = config.timeout
        self._context = config.context()
        self._idle: list[Connection] = []
        self._deadlines = Deadlines(clock)
        self._addresses: list[tuple[int, Any]] = []
        self._resolved = 0.0
        self.answered = 0
        self.closed = 0  # answers after which the server closed the connection
        self.cut = 0  # connections in use that broke under a request, which was answered when sent again
        self._common_fields = (
            f"Host: {self.host_header}\r\nUser-Agent: assay/{__version__}\r\n"
            f"Accept: application/json\r\nAccept-Encoding: identity\r\n"
        ).encode("latin-1") + b"".join(b"%s: %s\r\n" % field for field in own_fields(config))
        self.authorize("")

    def authorize(self, token: str) -> None:
        """Use ``token`` from the next request on; empty sends none."""
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._common = self._common_fields + authorization.encode("latin-1")

    def exchange(
        self, method: str, target: bytes, headers: Iterable[Field] = (), content: bytes | None = None
    ) -> Answer | NoAnswer:
        """Send one request as any other transport does. Of the answer's headers only those that are looked at."""
        fields = b"".join(b"%s: %s\r\n" % field for field in headers)
        length = b"" if content is None else b"Content-Length: %d\r\n" % len(content)
        line = b"%s %s%s HTTP/1.1\r\n" % (method.encode(), self.path.encode(), target)
        began = self._monotonic()
        try:
            answer = self._exchange(line + self._common_fields + fields + length + b"\r\n" + (content or b""))
        except Failure as failure:
            kind = _NO_ANSWER.get(failure.kind, "reset")
            missing = NoAnswer(kind, str(failure), self._monotonic() - began, fault=failure.fault)
            outcome = self._gate.judge(missing)
            assert isinstance(outcome, NoAnswer)
            return outcome
        return Answer(answer.status, answer.headers, answer.body, self._monotonic() - began)

    def send(self, line: bytes, rest: bytes = b"\r\n") -> RawAnswer:
        """Send a request line, the common headers and ``rest`` (own headers, blank line, body); raises Failure."""
        return self._exchange(line + self._common + rest)

    def _exchange(self, request: bytes) -> RawAnswer:
        connection, reused = self._take()
        lay = self._monotonic() - connection.idle_since
        try:
            return self._exchanged(connection, request)
        except Failure as failure:
            # A server may close a connection just as it is used again. Nothing of an answer came, so the request is
            # sent on a new one; but for a creation, which may have happened.
            stale = reused and failure.kind in {"reset", "closed"} and not connection.parser.heard
            if not stale or request.startswith(b"POST "):
                raise
        answer = self._exchanged(self._connect(), request)
        self.cut += lay < LAY_IDLE
        return answer

    def _exchanged(self, connection: Connection, request: bytes) -> RawAnswer:
        try:
            connection.exchange(request, self._monotonic() + self._timeout)
        except BaseException as error:
            connection.close()
            raise _failure(error) from error
        self.answered += 1
        parser = connection.parser
        if parser.should_keep_alive() and not parser.extra:
            connection.idle_since = self._monotonic()
            self._idle.append(connection)
        else:
            self.closed += 1
            connection.close()
        answer = RawAnswer(parser.status, parser.fields, parser.body, connection.waited)
        if "content-encoding" in parser.fields or parser.body[:3] == BOM_UTF8:
            answer.body = unwrapped(Answer(answer.status, answer.headers, answer.body), BODY_CAP).body
        if self._proxy is not None:
            self._heed_proxy(answer)
        return answer

    def close(self) -> None:
        """Close what is idle; the client is not used again."""
        while self._idle:
            self._idle.pop().close()
        self._deadlines.close()

    def _take(self) -> tuple[Connection, bool]:
        """A connection, and whether it was used before."""
        newest = self._monotonic() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since >= newest and connection.usable():
                return connection, True
            connection.close()
        return self._connect(), False

    def _connect(self) -> Connection:
        socket: Any = None
        try:
            socket = dial(self._config, self._proxy, self._trust, self._timeout, self._open)
            if self._context is not None:
                socket = secure(socket, self._context, self.host, self._timeout)
            elif self._trust is None:
                # The plain socket beneath: from here on gevent's would only add its own layer to each call.
                socket = _plain_socket(fileno=socket.detach())
        except ProxyError as error:
            raise self._closed(error) from error
        except BaseException as error:
            if socket is not None:
                socket.close()
            raise _failure(error, connecting=True) from error
        return Connection(socket, self._deadlines, self._clock)

    def _heed_proxy(self, answer: RawAnswer) -> None:
        """Failure when it is the proxy that answered."""
        outcome = self._gate.judge(Answer(answer.status, answer.headers))
        if isinstance(outcome, NoAnswer):
            raise Failure(outcome.kind, outcome.detail, outcome.fault)

    def _closed(self, error: ProxyError) -> Failure:
        outcome = self._gate.closed(error)
        return Failure(outcome.kind, outcome.detail, outcome.fault)

    def _open(self, host: str, port: int) -> Any:
        """Connect to the first address that answers; the last failure is raised when none does."""
        failure: OSError | None = None
        for family, address in self._resolve(host, port):
            socket = gevent.socket.socket(family, gevent.socket.SOCK_STREAM)
            socket.settimeout(self._timeout)
            try:
                socket.connect(address)
            except BaseException as error:
                socket.close()
                if not isinstance(error, OSError):
                    raise
                failure = error
            else:
                return socket
        self._addresses = []
        raise failure or OSError(f"{host} has no address")

    def _resolve(self, host: str, port: int) -> list[tuple[int, Any]]:
        """The addresses of whom we connect to; asked for anew after RESOLVE_SECONDS, and when none answered."""
        now = self._monotonic()
        if not self._addresses or now - self._resolved > RESOLVE_SECONDS:
            found = gevent.socket.getaddrinfo(host, port, type=gevent.socket.SOCK_STREAM)
            self._addresses = [(entry[0], entry[4]) for entry in found]
            self._resolved = now
        return self._addresses


_NO_ANSWER: Final[dict[str, Kind]] = {
    "refused": "refused",
    "unreachable": "refused",
    "timeout": "timeout",
    "protocol": "protocol",
    "dns": "dns",
    "tls": "tls",
    "proxy": "proxy",
}
_KINDS: Final = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.EMFILE: "too many open files here",
}


def _failure(error: BaseException, *, connecting: bool = False) -> BaseException:
    """Map what went wrong to a Failure; what is no failure of the exchange (a killed greenlet) stays itself."""
    if isinstance(error, Failure) or not isinstance(error, Exception):
        return error
    if isinstance(error, TimeoutError):
        return Failure("timeout", "connecting" if connecting else "")
    if isinstance(error, Closed):
        return Failure("closed", "the connection was closed before the answer was complete")
    if isinstance(error, ssl.SSLError):
        return Failure("tls", str(error))
    if isinstance(error, HTTPParseError):
        return Failure("protocol", str(error))
    if isinstance(error, gevent.socket.gaierror):
        return Failure("dns", str(error))
    if isinstance(error, OSError):
        return Failure(_KINDS.get(error.errno or 0, "unreachable" if connecting else "reset"), str(error))
    return error
