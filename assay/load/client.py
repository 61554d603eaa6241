"""A lean HTTP/1.1 client for gevent: one connection pool, the C parser of geventhttpclient, no retries.

A retry would hide the very failures that a load test looks for. A connection that the server closed while it lay idle
is recognised before it is used again (one system call), which is the only case in which a retry would be fair.
"""

from __future__ import annotations

import errno
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import gevent.socket
import gevent.ssl
from gevent import monkey
from geventhttpclient._parser import HTTPParseError

from assay import __version__
from assay.errors import SettingsError
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
class Answer:
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


class Client:
    """Sends prepared requests to one host. ``timeout`` bounds connecting and answering, in seconds."""

    def __init__(self, base_url: str, *, timeout: float, verify: bool | str = True) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(
                f"{base_url!r} is no http or https address", hint="for example https://runai.example.com"
            )
        self.host = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.path = parts.path.rstrip("/")
        self.host_header = parts.netloc.rpartition("@")[2]
        self._timeout = timeout
        self._context = _context(verify) if parts.scheme == "https" else None
        self._idle: list[Connection] = []
        self._deadlines = Deadlines()
        self._addresses: list[tuple[int, Any]] = []
        self._resolved = 0.0
        self.answered = 0
        self.closed = 0  # answers after which the server closed the connection
        self.authorize("")

    def authorize(self, token: str) -> None:
        """Use ``token`` from the next request on; empty sends none."""
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._common = (
            f"Host: {self.host_header}\r\nUser-Agent: assay/{__version__}\r\n"
            f"Accept: application/json\r\nAccept-Encoding: identity\r\n{authorization}"
        ).encode("latin-1")

    def send(self, line: bytes, rest: bytes = b"\r\n") -> Answer:
        """Send a request line, the common headers and ``rest`` (own headers, blank line, body); raises Failure."""
        connection = self._take()
        asked = time.monotonic()
        try:
            connection.exchange(line + self._common + rest, asked + self._timeout)
        except BaseException as error:
            connection.close()
            raise _failure(error) from error
        self.answered += 1
        parser = connection.parser
        if parser.should_keep_alive():
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            self.closed += 1
            connection.close()
        return Answer(parser.get_code(), parser.fields, parser.body, connection.waited)

    def close(self) -> None:
        """Close what is idle; the client is not used again."""
        while self._idle:
            self._idle.pop().close()
        self._deadlines.close()

    def _take(self) -> Connection:
        newest = time.monotonic() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since >= newest and connection.usable():
                return connection
            connection.close()
        return self._connect()

    def _connect(self) -> Connection:
        try:
            socket = self._open()
            socket.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
            if self._context is not None:
                socket = self._context.wrap_socket(socket, server_hostname=self.host)
            else:
                # The plain socket beneath: from here on gevent's would only add its own layer to each call.
                socket = _plain_socket(fileno=socket.detach())
        except BaseException as error:
            raise _failure(error, connecting=True) from error
        return Connection(socket, self._deadlines)

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
        raise failure or OSError(f"{self.host} has no address")

    def _resolve(self) -> list[tuple[int, Any]]:
        """The addresses of the host; asked for anew after RESOLVE_SECONDS, and after none of them answered."""
        now = time.monotonic()
        if not self._addresses or now - self._resolved > RESOLVE_SECONDS:
            found = gevent.socket.getaddrinfo(self.host, self.port, type=gevent.socket.SOCK_STREAM)
            self._addresses = [(entry[0], entry[4]) for entry in found]
            self._resolved = now
        return self._addresses


def _context(verify: bool | str) -> Any:
    try:
        context = gevent.ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"the certificate file {verify} cannot be used: {error}") from error
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


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
