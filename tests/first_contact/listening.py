"""Servers on loopback, on one event loop in a thread of its own; each counts what it is asked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar

from tests.first_contact.wire import LONGEST_HEAD

T = TypeVar("T")
Addresses = Mapping[str, str]
"""The name of a server of a row to its ``host:port``."""

# A server of a test answers at once; what takes longer hangs for ever, and the test must say so.
PATIENCE = 30.0


@dataclass
class Tally:
    """What arrived at a server: connections, and requests as ``METHOD target``."""

    connections: int = 0
    requests: list[str] = field(default_factory=list)


class Service(Protocol):
    """What is done with a connection. ``addresses`` are the servers that were started before."""

    async def talk(self, link: Link, addresses: Addresses) -> None: ...


@dataclass
class Link:
    """One connection of a client, and the tally of the server that it came to."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tally: Tally

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection by RST, as a crashed peer or a firewall does."""
        found: socket.socket = self.writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    address: str
    tally: Tally


class Stage:
    """The event loop, and the servers that were started on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    @contextlib.contextmanager
    def serving(
        self, service: Service, addresses: Addresses, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> Iterator[Running]:
        """Serve for the length of a ``with`` block."""
        listener = Listener(service, addresses)
        port = self._do(listener.open(host, tls))
        try:
            yield Running(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", listener.tally)
        finally:
            self._do(listener.close())

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)


class Listener:
    """Accepts connections and keeps track of them, so that all end with the server."""

    def __init__(self, service: Service, addresses: Addresses) -> None:
        self.tally = Tally()
        self._service = service
        self._addresses = addresses
        self._talks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, host: str, tls: ssl.SSLContext | None) -> int:
        self._server = await asyncio.start_server(self._accept, host, 0, ssl=tls, limit=LONGEST_HEAD)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tally.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        # A client that breaks off, or sends what is no HTTP, is what some rows are about.
        with contextlib.suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError, asyncio.CancelledError):
            try:
                await self._service.talk(Link(reader, writer, self.tally), self._addresses)
            finally:
                writer.close()


@contextlib.asynccontextmanager
async def connected(address: str) -> Any:
    """A connection to ``host:port``."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), limit=LONGEST_HEAD)
    try:
        yield reader, writer
    finally:
        writer.close()


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass bytes on until the source ends."""
    with contextlib.suppress(OSError):
        while block := await source.read(65536):
            sink.write(block)
            await sink.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if sink.can_write_eof():
            sink.write_eof()
        else:
            sink.close()


async def both_ways(link: Link, address: str) -> None:
    """Join a client's connection with one to ``address`` until both ends are done."""
    async with connected(address) as (reader, writer):
        await asyncio.gather(pump(link.reader, writer), pump(reader, link.writer))


Talk = Callable[[Link], Awaitable[None]]


@dataclass(frozen=True)
class Raw:
    """A server of one function."""

    script: Talk

    async def talk(self, link: Link, addresses: Addresses) -> None:
        del addresses
        await self.script(link)
