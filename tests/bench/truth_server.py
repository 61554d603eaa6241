"""A server of known latency: ``python -m tests.bench.truth_server freeze|lognormal RATE SECONDS``.

``freeze`` stops for one second in every five; whoever asks at a steady rate has a true p90/p95/p99 of 500/750/950 ms.
Its freezes begin up to 20 ms later each time, for at 50/s every fifth second would find the same 50 waiting times,
20 ms apart, and their percentiles would be off by up to those 20 ms whoever measures.
``lognormal`` delays each answer; the delays of a run are the evenly spaced quantiles of the distribution in random
order, so that the sample's percentiles are the distribution's. It prints its port and serves until its input ends;
then it prints when each request arrived, in seconds, as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import statistics
import sys
from collections.abc import Callable, Iterator

CYCLE, FROZEN = 5.0, 1.0
DRIFT, GOLDEN = 0.020, 0.6180339887
MEDIAN, SIGMA = 0.040, 0.6
"""Log-normal service time: a median of 40 ms, p99 of 162 ms."""

_BODY = b'{"measurements":[]}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY) + _BODY

Delay = Callable[[float], float]
"""From the moment a request arrived (seconds) to how long its answer waits."""


def freeze_delay(now: float) -> float:
    shift = DRIFT * (now // CYCLE * GOLDEN % 1.0)
    within = now % CYCLE - shift
    return FROZEN - within if 0 <= within < FROZEN else 0.0


def lognormal_quantile(share: float) -> float:
    """The service time in seconds that ``share`` (0 to 1) of all requests stay below."""
    return MEDIAN * math.exp(SIGMA * statistics.NormalDist().inv_cdf(share))


def lognormal_delay(requests: int, seed: int = 1) -> Delay:
    delays = [lognormal_quantile((number + 0.5) / requests) for number in range(requests)]
    random.Random(seed).shuffle(delays)

    def forever() -> Iterator[float]:
        while True:
            yield from delays

    following = forever()
    return lambda _: next(following)


def freeze_truth(percentile: float) -> float:
    """The true percentile in milliseconds: a fifth of all requests wait, evenly between 0 and 1 s."""
    share = FROZEN / CYCLE
    return max(0.0, (percentile / 100 - (1 - share)) / share) * FROZEN * 1000


def lognormal_truth(percentile: float) -> float:
    return lognormal_quantile(percentile / 100) * 1000


class Later:
    """Answers together what is due in the same millisecond: a thousand timers at once would take 50 ms to fire."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[int, list[Callable[[], None]]] = {}

    def call(self, delay: float, answer: Callable[[], None]) -> None:
        moment = self._loop.time() + delay
        slot = math.ceil(moment * 1000)
        if slot not in self._due:
            self._due[slot] = []
            self._loop.call_at(moment, self._fire, slot)
        self._due[slot].append(answer)

    def _fire(self, slot: int) -> None:
        for answer in self._due.pop(slot):
            answer()


class _Protocol(asyncio.Protocol):
    def __init__(self, delay: Delay, later: Later, arrivals: list[float]) -> None:
        self._delay = delay
        self._later = later
        self._arrivals = arrivals

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):
            now = self._loop.time()
            self._arrivals.append(now)
            delay = self._delay(now)
            if delay > 0:
                self._later.call(delay, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)


async def serve(delay: Delay) -> None:
    loop = asyncio.get_running_loop()
    later = Later(loop)
    arrivals: list[float] = []
    server = await loop.create_server(lambda: _Protocol(delay, later, arrivals), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    json.dump([round(moment, 6) for moment in arrivals], sys.stdout)


def main(kind: str, rate: str = "200", seconds: str = "10") -> None:
    asyncio.run(serve(freeze_delay if kind == "freeze" else lognormal_delay(round(float(rate) * float(seconds)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
