"""An HTTP relay before another server: passes requests on byte for byte, with behaviours in between.

A behaviour is given a request and the way onward, as middleware is: it may answer by itself, change the request,
change the answer, or break the connection. They stand one behind the other, the first one nearest to the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tests.first_contact.listening import Addresses, Link, connected
from tests.first_contact.wire import NOTHING, Call, Reply, read_call, read_reply

Onward = Callable[[Call], Awaitable[Reply]]
Behaviour = Callable[[Call, Onward], Awaitable[Reply]]


@dataclass(frozen=True)
class Relay:
    """In front of the server that the row calls ``to``. One connection onward for each that comes."""

    behaviours: Sequence[Behaviour] = ()
    to: str = "plane"

    async def talk(self, link: Link, addresses: Addresses) -> None:
        async with connected(addresses[self.to]) as (reader, writer):
            onward: Onward = partial(_exchange, reader, writer)
            for behaviour in reversed(self.behaviours):
                onward = _behind(behaviour, onward)
            while (call := await read_call(link.reader, len(link.tally.requests) + 1)) is not None:
                link.tally.requests.append(f"{call.method} {call.target}")
                if not await _answer(link, call, await onward(call)):
                    return


def _behind(behaviour: Behaviour, onward: Onward) -> Onward:
    return lambda call: behaviour(call, onward)


async def _answer(link: Link, call: Call, reply: Reply) -> bool:
    """Send the answer; True when the connection lives on."""
    await link.send(reply.encoded(bodiless=call.method == "HEAD"))
    if reply.then == "reset":
        link.reset()
    return reply.then == "keep" and call.field("connection").lower() != "close"


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: Call) -> Reply:
    writer.write(call.head + call.body)
    await writer.drain()
    return await read_reply(reader, bodiless=call.method == "HEAD") or NOTHING


@dataclass(frozen=True)
class Alone:
    """A server that nothing stands behind: the behaviour answers everything."""

    behaviour: Callable[[Call], Reply]

    async def talk(self, link: Link, addresses: Addresses) -> None:
        del addresses
        while (call := await read_call(link.reader, len(link.tally.requests) + 1)) is not None:
            link.tally.requests.append(f"{call.method} {call.target}")
            if not await _answer(link, call, self.behaviour(call)):
                return
