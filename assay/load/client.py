"""A lean HTTP/1.1 client for gevent: one connection pool, the C parser of geventhttpclient, no retries.

A retry would hide the very failures that a load test looks for. A connection that the server closed while it lay idle
is recognised before it is used again (one system call), which is the only case in which a retry would be fair.
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import gevent.socket
from gevent import monkey
from geventhttpclient._parser import HTTPParseError

from assay import __version__
from assay.client.exchange import Answer, Kind, NoAnswer
from assay.client.network import HttpProxy, TransportConfig
from assay.client.transport import Field
from assay.clock import Clock
from assay.errors import SettingsError
from assay.load.clock import GEVENT
from assay.load.connection import Closed, Connection, Deadlines

IDLE_SECONDS: Final = 4.0
"""A connection idle for longer is not used again: common servers drop theirs after 5 s (uvicorn, Node)."""

RESOLVE_SECONDS: Final = 30.0
"""How long the host's addresses are remembered: looking them up costs more than a request (0.3 ms, measured)."""

_plain_socket: Any = monkey.get_original("socket", "socket")


class Failure(Exception):  # noqa: N818 - an outcome of an exchange, not a fault of this program
    """No whole answer came. ``kind``: refused, dns, tls, timeout, reset, closed or protocol."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


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
    """Sends prepared requests to one host, directly or through the environment's proxy.

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
        if self._proxy is not None and self._proxy.secure:
            raise SettingsError(
                f"the load part cannot speak TLS to the proxy {self._proxy.address}",
                hint="name an http:// proxy, or the target in NO_PROXY",
            )
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
        self._common_fields = (
            f"Host: {self.host_header}\r\nUser-Agent: assay/{__version__}\r\n"
            f"Accept: application/json\r\nAccept-Encoding: identity\r\n{self._proxy_field()}"
        ).encode("latin-1")
        self.authorize("")

    def authorize(self, token: str) -> None:
        """Use ``token`` from the next request on; empty sends none."""
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._common = self._common_fields + authorization.encode("latin-1")

    def _proxy_field(self) -> str:
        """What a proxy that forwards is told; one that tunnels is told when the tunnel is dug."""
        given = self._proxy.authorization if self._proxy is not None and self._context is None else None
        return f"Proxy-Authorization: {given}\r\n" if given else ""

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
            return NoAnswer(_NO_ANSWER.get(failure.kind, "reset"), str(failure), self._monotonic() - began)
        return Answer(answer.status, answer.headers, answer.body, self._monotonic() - began)

    def send(self, line: bytes, rest: bytes = b"\r\n") -> RawAnswer:
        """Send a request line, the common headers and ``rest`` (own headers, blank line, body); raises Failure."""
        return self._exchange(line + self._common + rest)

    def _exchange(self, request: bytes) -> RawAnswer:
        connection = self._take()
        asked = self._monotonic()
        try:
            connection.exchange(request, asked + self._timeout)
        except BaseException as error:
            connection.close()
            raise _failure(error) from error
        self.answered += 1
        parser = connection.parser
        if parser.should_keep_alive():
            connection.idle_since = self._monotonic()
            self._idle.append(connection)
        else:
            self.closed += 1
            connection.close()
        return RawAnswer(parser.get_code(), parser.fields, parser.body, connection.waited)

    def close(self) -> None:
        """Close what is idle; the client is not used again."""
        while self._idle:
            self._idle.pop().close()
        self._deadlines.close()

    def _take(self) -> Connection:
        newest = self._monotonic() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since >= newest and connection.usable():
                return connection
            connection.close()
        return self._connect()

    def _connect(self) -> Connection:
        socket: Any = None
        try:
            socket = self._open()
            socket.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
            if self._context is not None:
                if self._proxy is not None:
                    dig_tunnel(socket, f"{self.host}:{self.port}", self._proxy)
                socket = self._context.wrap_socket(socket, server_hostname=self.host)
            else:
                # The plain socket beneath: from here on gevent's would only add its own layer to each call.
                socket = _plain_socket(fileno=socket.detach())
        except BaseException as error:
            if socket is not None:
                socket.close()
            raise _failure(error, connecting=True) from error
        return Connection(socket, self._deadlines, self._clock)

    def _open(self) -> Any:
        """Connect to the first address that answers; the last failure is raised when none does."""
        failure: OSError | None = None
        for family, address in self._resolve():
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
        raise failure or OSError(f"{self._next_hop[0]} has no address")

    @property
    def _next_hop(self) -> tuple[str, int]:
        """Whom to connect to: the proxy, if there is one."""
        return (self._proxy.host, self._proxy.port) if self._proxy is not None else (self.host, self.port)

    def _resolve(self) -> list[tuple[int, Any]]:
        """The addresses of the next hop; asked for anew after RESOLVE_SECONDS, and after none of them answered."""
        now = self._monotonic()
        if not self._addresses or now - self._resolved > RESOLVE_SECONDS:
            found = gevent.socket.getaddrinfo(*self._next_hop, type=gevent.socket.SOCK_STREAM)
            self._addresses = [(entry[0], entry[4]) for entry in found]
            self._resolved = now
        return self._addresses


def dig_tunnel(socket: Any, address: str, proxy: HttpProxy) -> None:
    """Have the proxy connect ``socket`` through to ``address``; Failure when it does not."""
    field = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    socket.sendall(f"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n{field}\r\n".encode("latin-1"))
    said = b""
    while b"\r\n\r\n" not in said:
        # Byte by byte at the end would be slow, and a whole block could take what belongs to the TLS handshake; a
        # proxy says nothing more before it is spoken to, so a block holds its answer and nothing else.
        block = socket.recv(4096)
        if not block or len(said) > _LONGEST_GREETING:
            raise Failure("refused", f"the proxy {proxy.address} closed the connection")
        said += block
    status = said.split(b"\r\n", 1)[0].decode("latin-1")
    if status.split(" ", 2)[1:2] != ["200"]:
        raise Failure("refused", f"the proxy {proxy.address} opens no tunnel: {status[:80]}")


_LONGEST_GREETING: Final = 16_384
_NO_ANSWER: Final[dict[str, Kind]] = {
    "refused": "refused",
    "unreachable": "refused",
    "timeout": "timeout",
    "protocol": "protocol",
    "dns": "dns",
    "tls": "tls",
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
