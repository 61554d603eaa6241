"""HTTP/1.1 as bytes: reads requests and answers whole, and writes answers, also those that no server should give."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Self

Fields = tuple[tuple[str, str], ...]
Ending = Literal["keep", "close", "reset"]

# What a head may take: the suite's own longest is 64 kB of one header.
LONGEST_HEAD = 4 * 1024 * 1024


@dataclass(frozen=True)
class Call:
    """A request as it arrived: ``head`` up to and with the empty line, ``body`` as it was framed on the wire.

    ``number`` counts the requests of a server from 1.
    """

    number: int
    head: bytes
    body: bytes = b""

    @property
    def method(self) -> str:
        return self.head.partition(b" ")[0].decode("latin-1")

    @property
    def target(self) -> str:
        """The request target as sent: a path with its query, or a whole address to a proxy."""
        words = self.head.partition(b"\r\n")[0].split(b" ")
        return words[1].decode("latin-1") if len(words) > 1 else ""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def field(self, name: str) -> str:
        """The value of a header field, empty without it."""
        wanted = name.lower().encode()
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == wanted:
                return value.strip().decode("latin-1")
        return ""

    def to(self, target: str) -> Self:
        """The same request for another target."""
        method, _, rest = self.head.partition(b" ")
        _, _, rest = rest.partition(b" ")
        return replace(self, head=b" ".join((method, target.encode("latin-1"), rest)))

    def with_field(self, name: str, value: str | None) -> Self:
        """The same request with a header field replaced, or without it (None)."""
        wanted = name.lower().encode()
        lines = [line for line in self.head.split(b"\r\n") if line.partition(b":")[0].strip().lower() != wanted]
        if value is not None:
            lines.insert(1, f"{name}: {value}".encode("latin-1"))
        return replace(self, head=b"\r\n".join(lines))


@dataclass(frozen=True)
class Reply:
    """An answer, and what becomes of the connection. ``wire`` is sent as it is, in place of everything else.

    ``extra`` are bytes that nobody asked for, behind the answer; ``cut`` leaves off as many bytes of the body.
    """

    status: int = 200
    fields: Fields = ()
    body: bytes = b""
    then: Ending = "keep"
    wire: bytes | None = None
    extra: bytes = b""
    cut: int = 0

    def field(self, name: str) -> str:
        return next((value for key, value in self.fields if key.lower() == name.lower()), "")

    def encoded(self, *, bodiless: bool = False) -> bytes:
        """The bytes on the wire; ``bodiless`` after a HEAD."""
        if self.wire is not None:
            return self.wire
        named = [pair for pair in self.fields if pair[0].lower() not in {"content-length", "transfer-encoding"}]
        length = [("Content-Length", str(len(self.body)))] if self.status not in {204, 304} else []
        lines = [f"HTTP/1.1 {self.status} X", *(f"{name}: {value}" for name, value in [*named, *length])]
        body = b"" if bodiless else self.body[: len(self.body) - self.cut]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body + self.extra


NOTHING = Reply(wire=b"", then="close")
RESET = Reply(wire=b"", then="reset")


async def read_call(reader: asyncio.StreamReader, number: int) -> Call | None:
    """The next request of a connection; None at its end. ValueError for what is no request."""
    head = await _head(reader)
    if head is None:
        return None
    call = Call(number, head)
    return replace(call, body=await _framed(reader, call.field("transfer-encoding"), call.field("content-length")))


async def read_reply(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Reply | None:
    """The next answer of a connection, interim ones (1xx) passed over; None when it ended without one."""
    while (head := await _head(reader)) is not None:
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        if 100 <= status < 200:
            continue
        fields = tuple((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        empty = Reply(status, fields)
        if bodiless or status in {204, 304}:
            return empty
        coding, length = empty.field("transfer-encoding"), empty.field("content-length")
        body = await (_framed(reader, coding, length) if coding or length else reader.read())
        then: Ending = "close" if empty.field("connection").lower() == "close" else "keep"
        return replace(empty, body=unchunked(body) if coding else body, then=then)
    return None


async def _head(reader: asyncio.StreamReader) -> bytes | None:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None


async def _framed(reader: asyncio.StreamReader, coding: str, length: str) -> bytes:
    if not coding:
        return await reader.readexactly(int(length)) if length.isdigit() else b""
    parts = []
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        parts += [line, await reader.readexactly(size + 2)]
        if size == 0:
            return b"".join(parts)


def unchunked(body: bytes) -> bytes:
    """The content of a chunked body."""
    parts = []
    while body:
        line, _, rest = body.partition(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        parts.append(rest[:size])
        body = rest[size + 2 :]
    return b"".join(parts)


def page(status: int, text: str, *fields: tuple[str, str], kind: str = "text/html") -> Reply:
    """An answer that is text."""
    return Reply(status, (("Content-Type", kind), *fields), text.encode())


def joined(fields: Iterable[tuple[str, str]], **more: str) -> Fields:
    """Header fields with some replaced; the names of ``more`` are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in more.items()}
    dropped = {name.lower() for name in named}
    return (*((key, value) for key, value in fields if key.lower() not in dropped), *named.items())
