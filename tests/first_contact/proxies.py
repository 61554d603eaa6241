"""Forward proxies: HTTP (absolute form and CONNECT) and SOCKS5, with credentials or without, and some that refuse."""

from __future__ import annotations

import base64
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.first_contact.listening import Addresses, Link, both_ways, connected
from tests.first_contact.wire import Call, Reply, page, read_call, read_reply

REFUSED = page(403, "<html><title>Access denied</title>Blocked by policy</html>", ("Server", "squid/6.6"))
WANTS_LOGIN = page(407, "who are you?", ("Proxy-Authenticate", 'Basic realm="corp"'), kind="text/plain")
SIGN_IN = page(200, "<html><title>Sign in</title>Wi-Fi terms of use</html>")
TO_SIGN_IN = Reply(302, (("Location", "http://portal.example.com/login"),))


@dataclass(frozen=True)
class ForwardProxy:
    """``knows`` maps ``host:port`` as a client names it to a server of the row; it connects nowhere else.

    ``login`` is ``user:password``. ``answers`` is what it says in place of forwarding and tunnelling.
    """

    knows: Mapping[str, str] = field(default_factory=dict)
    login: str | None = None
    answers: Reply | None = None

    async def talk(self, link: Link, addresses: Addresses) -> None:
        while (call := await read_call(link.reader, len(link.tally.requests) + 1)) is not None:
            link.tally.requests.append(f"{call.method} {call.target}")
            refusal = self.answers or self._login(call)
            place = self._place(call)
            if refusal is None and place not in self.knows:
                refusal = page(502, f"no such host: {place}", kind="text/plain")
            if refusal is not None:
                await link.send(refusal.encoded())
                if call.method == "CONNECT":
                    return
                continue
            await _pass_on(link, call, addresses[self.knows[place]])
            if call.method == "CONNECT":
                return

    def _login(self, call: Call) -> Reply | None:
        if self.login is None:
            return None
        wanted = f"Basic {base64.b64encode(self.login.encode()).decode()}"
        return None if call.field("proxy-authorization") == wanted else WANTS_LOGIN

    def _place(self, call: Call) -> str:
        if call.method == "CONNECT":
            return call.target
        parts = urlsplit(call.target)
        return f"{parts.hostname}:{parts.port or 80}"


async def _pass_on(link: Link, call: Call, address: str) -> None:
    if call.method == "CONNECT":
        await link.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await both_ways(link, address)
        return
    parts = urlsplit(call.target)
    path = call.target.partition(parts.netloc)[2] or "/"
    async with connected(address) as (reader, writer):
        onward = call.to(path).with_field("Proxy-Authorization", None)
        writer.write(onward.head + onward.body)
        await writer.drain()
        reply = await read_reply(reader, bodiless=call.method == "HEAD")
    if reply is not None:
        await link.send(reply.encoded(bodiless=call.method == "HEAD"))


@dataclass(frozen=True)
class SocksProxy:
    """SOCKS5 (RFC 1928, 1929): CONNECT alone, names and addresses, ``login`` as ``user:password``."""

    knows: Mapping[str, str] = field(default_factory=dict)
    login: str | None = None
    refuses: bool = False

    async def talk(self, link: Link, addresses: Addresses) -> None:
        _, count = await link.reader.readexactly(2)
        offered = await link.reader.readexactly(count)
        method = 0 if self.login is None else 2
        if method not in offered:
            await link.send(b"\x05\xff")
            return
        await link.send(bytes([5, method]))
        if self.login is not None and not await self._logged_in(link):
            return
        place = await _asked(link)
        link.tally.requests.append(f"SOCKS {place}")
        if self.refuses or place not in self.knows:
            await link.send(bytes([5, 2 if self.refuses else 4, 0, 1]) + bytes(6))
            return
        await link.send(bytes([5, 0, 0, 1]) + bytes(6))
        await both_ways(link, addresses[self.knows[place]])

    async def _logged_in(self, link: Link) -> bool:
        words = []
        await link.reader.readexactly(1)
        for _ in range(2):
            size = (await link.reader.readexactly(1))[0]
            words.append((await link.reader.readexactly(size)).decode())
        right = ":".join(words) == self.login
        await link.send(bytes([1, 0 if right else 1]))
        return right


async def _asked(link: Link) -> str:
    _, _, _, kind = await link.reader.readexactly(4)
    if kind == 3:
        size = (await link.reader.readexactly(1))[0]
        host = (await link.reader.readexactly(size)).decode()
    else:
        family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
        host = socket.inet_ntop(family, await link.reader.readexactly(size))
    return f"{host}:{int.from_bytes(await link.reader.readexactly(2), 'big')}"
