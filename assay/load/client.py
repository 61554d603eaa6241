"""A lean HTTP/1.1 client for gevent: one connection pool, the C parser of geventhttpclient, no retries.

A retry would hide the very failures that a load test looks for. A connection that the server closed while it lay idle
is recognised before it is used again (one system call), which is the only case in which a retry would be fair.
"""

from __future__ import annotations

import errno
import select
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import gevent
import gevent.socket
import gevent.ssl
from geventhttpclient._parser import HTTPParseError, HTTPResponseParser

from assay import __version__
from assay.errors import SettingsError

IDLE_SECONDS: Final = 4.0
"""A connection idle for longer is not used again: common servers drop theirs after 5 s (uvicorn, Node)."""

_BLOCK: Final = 65536


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
        return self.headers.get("content-type", "").split(";", 1)[0].strip().lower()


_KEPT: Final = frozenset({"content-type", "retry-after"})


class _Parser(HTTPResponseParser):
    """Collects one answer after another from a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.begin()

    def begin(self) -> None:
        self.done = False
        self.fields: dict[str, str] = {}
        self.body = bytearray()
        self._name = ""
        self._value = ""

    def _on_status(self, text: str) -> None: ...

    def _on_message_begin(self) -> None: ...

    def _on_header_field(self, text: str) -> None:
        if self._value:
            self._keep()
        self._name += text

    def _on_header_value(self, text: str) -> None:
        self._value += text

    def _keep(self) -> None:
        name = self._name.lower()
        if name in _KEPT:
            self.fields[name] = self._value
        self._name = self._value = ""

    def _on_headers_complete(self) -> bool:
        self._keep()
        return False

    def _on_body(self, data: bytes) -> None:
        self.body += data

    def _on_message_complete(self) -> None:
        # An interim answer (1xx) is complete too, and the real one follows.
        self.done = self.get_code() >= 200


class _Connection:
    __slots__ = ("idle_since", "parser", "socket")

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.parser = _Parser()
        self.idle_since = 0.0


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
        self._idle: list[_Connection] = []
        self.answered = 0
        self.closed = 0  # answers after which the server closed the connection
        self._now = gevent.get_hub().loop.now
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
        deadline = time.monotonic() + self._timeout
        try:
            connection.socket.sendall(line + self._common + rest)
            answer = self._receive(connection, deadline)
        except BaseException as error:
            connection.socket.close()
            raise _failure(error) from error
        self.answered += 1
        if connection.parser.should_keep_alive():
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            self.closed += 1
            connection.socket.close()
        return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop().socket.close()

    def _receive(self, connection: _Connection, deadline: float) -> Answer:
        parser, socket = connection.parser, connection.socket
        parser.begin()
        asked = time.monotonic()
        data = socket.recv(_BLOCK)
        while True:
            # An empty block tells the parser that the connection has ended: some answers have no other end.
            parser.feed(data)
            if parser.done:
                break
            if not data:
                raise Failure("closed", "the connection was closed before the answer was complete")
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            socket.settimeout(left)
            data = socket.recv(_BLOCK)
            socket.settimeout(self._timeout)
        return Answer(parser.get_code(), parser.fields, bytes(parser.body), self._waited(asked))

    def _waited(self, asked: float) -> float:
        """Seconds since the event loop saw the bytes ready.

        When a stalled server wakes up, a thousand answers are ready at once and are read one after the other; those
        50 us each are the generator's, not the server's. The loop notes the time when it collects what is ready.
        """
        waited: float = min(time.time() - self._now(), time.monotonic() - asked)
        return max(waited, 0.0)

    def _take(self) -> _Connection:
        newest = time.monotonic() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since >= newest and not _readable(connection.socket):
                return connection
            connection.socket.close()
        return self._connect()

    def _connect(self) -> _Connection:
        try:
            socket = gevent.socket.create_connection((self.host, self.port), timeout=self._timeout)
            socket.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
            if self._context is not None:
                socket = self._context.wrap_socket(socket, server_hostname=self.host)
        except BaseException as error:
            raise _failure(error, connecting=True) from error
        return _Connection(socket)


def _readable(socket: Any) -> bool:
    """An idle connection has nothing to say: if it can be read, it was closed (or is out of step)."""
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return bool(poll.poll(0))


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
    if isinstance(error, ssl.SSLError):
        return Failure("tls", str(error))
    if isinstance(error, HTTPParseError):
        return Failure("protocol", str(error))
    if isinstance(error, gevent.socket.gaierror):
        return Failure("dns", str(error))
    if isinstance(error, OSError):
        return Failure(_KINDS.get(error.errno or 0, "unreachable" if connecting else "reset"), str(error))
    return error
