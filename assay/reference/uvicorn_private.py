"""Everything that is built on parts of uvicorn and httptools that their makers do not promise to keep.

What is used: ``HttpToolsProtocol`` with ``data_received``, ``send_400_response``, ``_unset_keepalive_if_required``,
``parser`` and ``transport``; ``uvicorn.Server`` with ``startup``, ``capture_signals``, ``handle_exit`` and
``should_exit``. tests/reference/test_uvicorn_private.py fails first when an upgrade moves one of them.
"""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from assay.reference.http import encode, error_body

if TYPE_CHECKING:
    import socket

    from assay.reference.app import App

# A request line with a method that llhttp does not know: the server must say 405, not "not HTTP".
_REQUEST_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}) ([!-~]+) HTTP/1\.[01]\r?\n")
_PHRASES: Final = {400: b"Bad Request", 404: b"Not Found", 405: b"Method Not Allowed"}
_KNOWN_METHODS: Final = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE"})


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 on the wire: answers every malformed request with an Error body, and survives upgrades."""

    application: App  # set once by the server

    def data_received(self, data: bytes) -> None:
        self._received = data
        try:
            self._unset_keepalive_if_required()
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Nothing is upgraded here (RFC 9110, 7.8: the header may be ignored). The parser stops at an upgrade, so
            # a fresh one reads what follows on the connection.
            self.parser = httptools.HttpRequestParser(self)
            rest = data[upgrade.args[0] :]
            if rest:
                self.data_received(rest)
        except httptools.HttpParserError:
            self.send_400_response("the request is not valid HTTP/1.1")

    def send_400_response(self, msg: str) -> None:
        status, headers = 400, b""
        line = _REQUEST_LINE.match(self._received)
        if line is not None and line[1] not in _KNOWN_METHODS:
            allow = self.application.allowed(line[2].partition(b"?")[0])
            status, msg = (404, "there is nothing at this path") if allow is None else (405, f"only {allow.decode()}")
            headers = b"" if allow is None else b"allow: " + allow + b"\r\n"
        body = encode(error_body(status, msg))
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%sconnection: close\r\n\r\n%s"
            % (status, _PHRASES[status], len(body), headers, body)
        )
        self.transport.close()


class Server(uvicorn.Server):
    """uvicorn's server, which says when it listens, and ends with exit code 0 on SIGTERM and SIGINT."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[Server], None]) -> None:
        super().__init__(config)
        self._ready = ready

    def stop(self) -> None:
        """End the server as soon as what is under way is answered."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready(self)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT without raising them again afterwards: both are the usual way to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield
