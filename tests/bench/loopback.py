"""A lean HTTP/1.1 client in a process of its own: what it costs must not count as the server's.

``python -m tests.bench.loopback`` reads one job as JSON from standard input and writes its result as JSON. A job:
{"host", "port", "connections", "seconds", "rate" (requests/s on schedule; null: as fast as answers come),
"requests": [text]}. In a request the ten digits ``0000000000`` are replaced by a number that never repeats.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from itertools import cycle
from typing import Any, cast

import uvloop

PLACE = b"0000000000"


class Connection(asyncio.Protocol):
    """Sends one request at a time and hands each answer's status to whoever waits for it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._data = b""
        self._waiting: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def request(self, message: bytes) -> asyncio.Future[int]:
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(message)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._data += data
        head = self._data.find(b"\r\n\r\n")
        if head < 0:
            return
        lower = self._data[:head].lower()
        at = lower.index(b"content-length:") + 15
        length = int(lower[at : lower.find(b"\r\n", at) if b"\r\n" in lower[at:] else len(lower)])
        if len(self._data) < head + 4 + length:
            return
        status = int(self._data[9:12])
        self._data = b""
        assert self._waiting is not None
        self._waiting.set_result(status)


async def run(job: dict[str, Any]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    pool: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(job["connections"]):
        _, connection = await loop.create_connection(Connection, job["host"], job["port"])
        pool.put_nowait(connection)
    templates = cycle([text.encode() for text in job["requests"]])
    numbers = iter(range(int(time.time() * 1000) % 10**7 * 1000, 10**10))
    statuses: Counter[int] = Counter()
    latencies: list[float] = []

    async def one(connection: Connection, intended: float) -> None:
        message = next(templates).replace(PLACE, b"%010d" % next(numbers))
        statuses[await connection.request(message)] += 1
        latencies.append(time.perf_counter() - intended)

    begin = time.perf_counter()
    end = begin + job["seconds"]
    if job["rate"] is None:

        async def closed(connection: Connection) -> None:
            while time.perf_counter() < end:
                await one(connection, time.perf_counter())

        await asyncio.gather(*(closed(pool.get_nowait()) for _ in range(job["connections"])))
    else:

        async def scheduled(intended: float) -> None:
            connection = await pool.get()
            await one(connection, intended)
            pool.put_nowait(connection)

        tasks = []
        for number in range(int(job["rate"] * job["seconds"])):
            intended = begin + number / job["rate"]
            await asyncio.sleep(max(0.0, intended - time.perf_counter()))
            tasks.append(asyncio.create_task(scheduled(intended)))
        await asyncio.gather(*tasks)
    seconds = time.perf_counter() - begin
    ordered = sorted(latencies)
    quantiles = {
        str(q): ordered[min(len(ordered) - 1, int(q * len(ordered)))] * 1000 for q in (0.5, 0.9, 0.99, 0.999)
    }
    return {
        "rate": len(ordered) / seconds,
        "statuses": dict(statuses),
        "latency_ms": {**quantiles, "max": ordered[-1] * 1000},
    }


if __name__ == "__main__":
    json.dump(uvloop.run(run(json.load(sys.stdin))), sys.stdout)
