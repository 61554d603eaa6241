"""One connection of the load client: it sends a request and waits for the whole answer, in as few steps as can be.

gevent's own ``sendall`` and ``recv`` cost a timer, a waiter and a caught exception each. Here the event loop watches
the socket for as long as it is open and reads from it itself; the greenlet that asked is switched to once, when its
answer is complete. ``Deadlines`` keeps the time limits of all connections with one timer.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import Any, Final

import gevent
import gevent.socket
from gevent import monkey
from geventhttpclient._parser import HTTPParseError, HTTPResponseParser

from assay.clock import Clock

# What is looked at: what tells of the body, where to go, how long to wait, and who answered.
_KEPT: Final = frozenset(
    {
        "cf-mitigated",
        "cf-ray",
        "content-encoding",
        "content-type",
        "location",
        "proxy-status",
        "retry-after",
        "server",
        "via",
        "x-amz-cf-id",
        "x-envoy-upstream-service-time",
        "x-squid-error",
    }
)


class Parser(HTTPResponseParser):
    """One answer after another: ``begin``, then ``feed`` until ``done``.

    ``fields`` holds the headers that are looked at, names in lower case; ``body`` is whole when ``done``. ``heard``:
    something of the answer came; ``extra``: behind it came what nobody has asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begin()

    def begin(self) -> None:
        """Forget the last answer."""
        self.done = self.heard = self.extra = False
        self.status = 0
        self.fields: dict[str, str] = {}
        self.body = b""
        self._name = ""
        self._value = ""

    def _on_status(self, text: str) -> None: ...

    def _on_message_begin(self) -> None:
        self.heard = True
        self.extra = self.done

    def _on_header_field(self, text: str) -> None:
        if self._value:
            self._keep()
        self._name += text

    def _on_header_value(self, text: str) -> None:
        self._value += text

    def _keep(self) -> None:
        name = self._name.lower()
        if name in _KEPT and not self.extra:
            self.fields[name] = self._value
        self._name = self._value = ""

    def _on_headers_complete(self) -> bool:
        self._keep()
        return False

    def _on_body(self, data: bytes) -> None:
        # Most bodies come in one piece, which is then not copied.
        if self.extra:
            return
        self.body = self.body + data if self.body else bytes(data)

    def _on_message_complete(self) -> None:
        # An interim answer (1xx) is complete too, and the real one follows.
        if not self.done:
            self.status = self.get_code()
            self.done = self.status >= 200


BLOCK: Final = 65536

DEADLINE_TICK: Final = 0.05
"""Seconds between two looks at the time limits: a request that times out does so at most this much late."""

_READ: Final = 1
_HOLD: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""What a socket that does not block raises when it has nothing to give or can take no more."""

_poll, _POLLIN = monkey.get_original("select", ["poll", "POLLIN"])
# The system's own poll: gevent's goes through its event loop, which costs more than a whole request.


class Closed(Exception):  # noqa: N818 - an outcome of an exchange, not a fault of this program
    """The connection ended before the answer was complete."""


class Deadlines:
    """The time limits of the exchanges under way: all of equal length, so the oldest one always ends first."""

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._ends: dict[Connection, float] = {}
        self._timer: Any = gevent.get_hub().loop.timer(DEADLINE_TICK, DEADLINE_TICK)
        self._ticking = False

    def add(self, connection: Connection, end: float) -> None:
        """Have ``connection`` expire at the moment ``end`` unless it is removed before."""
        if not self._ticking:
            self._ticking = True
            self._timer.start(self._look)
        self._ends[connection] = end

    def remove(self, connection: Connection) -> None:
        """Its answer is there."""
        self._ends.pop(connection, None)

    def close(self) -> None:
        """Stop looking."""
        self._timer.stop()
        self._timer.close()

    def _look(self) -> None:
        now = self._monotonic()
        over = []
        for connection, end in self._ends.items():
            if end > now:
                break
            over.append(connection)
        for connection in over:
            self.remove(connection)
            connection.expire()
        if not self._ends:
            self._ticking = False
            self._timer.stop()


class Connection:
    """An open ``socket`` (connected, and shaken hands with when it is TLS); it does not block from here on.

    ``idle_since`` is a moment of ``clock.monotonic()``. ``waited`` is how long, in seconds, the last bytes of the
    answer lay ready before this process came to read them.
    """

    __slots__ = (
        "_asked",
        "_deadlines",
        "_error",
        "_greenlet",
        "_hub",
        "_idle",
        "_loop_time",
        "_monotonic",
        "_time",
        "_watcher",
        "dead",
        "idle_since",
        "parser",
        "socket",
        "waited",
    )

    def __init__(self, socket: Any, deadlines: Deadlines, clock: Clock) -> None:
        self.socket = socket
        self.parser = Parser()
        self.idle_since = self.waited = self._asked = 0.0
        self.dead = False
        self._deadlines = deadlines
        self._greenlet: Any = None
        self._error: Exception | None = None
        self._hub: Any = gevent.get_hub()
        self._monotonic, self._time = clock.monotonic, clock.time
        self._loop_time = self._hub.loop.now
        socket.settimeout(0.0)
        poll = _poll()
        poll.register(socket.fileno(), _POLLIN)
        self._idle = poll.poll
        self._watcher = self._hub.loop.io(socket.fileno(), _READ)
        self._watcher.start(self._readable)

    def exchange(self, request: bytes, deadline: float) -> None:
        """Send ``request`` and wait until ``parser`` holds its answer, until the moment ``deadline``.

        Raises OSError (TimeoutError among them), Closed, HTTPParseError.
        """
        self.parser.begin()
        self._error = None
        sent = self._send_some(request)
        if sent < len(request):
            self._send_rest(memoryview(request)[sent:], deadline)
        self._asked = self._monotonic()
        self._greenlet = gevent.getcurrent()
        self._deadlines.add(self, deadline)
        try:
            while not self.parser.done and self._error is None:
                self._hub.switch()
        finally:
            self._deadlines.remove(self)
            self._greenlet = None
        if self._error is not None:
            raise self._error

    def expire(self) -> None:
        """The time for the answer is over. Called by the event loop."""
        self._wake(TimeoutError())

    def usable(self) -> bool:
        """True when nothing came while it lay idle: that could only be its end (or an answer out of step)."""
        return not self.dead and not self._idle(0)

    def close(self) -> None:
        """Let go of the socket."""
        self.dead = True
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
            self.socket.close()

    def _send_some(self, data: bytes | memoryview) -> int:
        try:
            return int(self.socket.send(data))
        except _HOLD:
            return 0

    def _send_rest(self, rest: memoryview, deadline: float) -> None:
        """Send on as the socket takes it; what comes in meanwhile is read afterwards."""
        self._watcher.stop()
        while rest:
            left = deadline - self._monotonic()
            if left <= 0:
                raise TimeoutError
            gevent.socket.wait_write(self.socket.fileno(), timeout=left, timeout_exc=TimeoutError())
            rest = rest[self._send_some(rest) :]
        self._watcher.start(self._readable)

    def _readable(self) -> None:
        """The event loop saw bytes: read them, and wake who asked when the answer is complete."""
        if self._greenlet is None:
            # Idle: this can only be the end of the connection.
            self.dead = True
            self._watcher.stop()
            return
        # When a stalled server wakes up, a thousand answers are ready at once and are read one after the other; those
        # 50 us each are the generator's, not the server's. The loop notes the time when it collects what is ready.
        now = self._monotonic()
        self.waited = max(min(self._time() - self._loop_time(), now - self._asked), 0.0)
        try:
            self._read()
        except _HOLD:
            return
        except Exception as error:  # noqa: BLE001 - it belongs to the greenlet that asked, not to the event loop
            self._wake(error)
            return
        self._wake(None if self.parser.done else Closed())

    def _read(self) -> None:
        """Read all there is: TLS holds back what it has deciphered already, and the loop would not tell of it."""
        parser, receive = self.parser, self.socket.recv
        while not parser.done:
            data = receive(BLOCK)
            if not data:
                # The parser is told of the end, for some answers have no other; in the midst of one it complains.
                with contextlib.suppress(HTTPParseError):
                    parser.feed(data)
                return
            try:
                parser.feed(data)
            except HTTPParseError:
                if not parser.done:
                    raise
                parser.extra = True  # the answer was whole, and what came behind it is none

    def _wake(self, error: Exception | None) -> None:
        if self._greenlet is not None:
            self._error = error
            self._greenlet.switch()
