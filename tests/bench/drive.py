"""Asks a server at a steady rate with assay's engine, and prints what it measured as one line of JSON.

``python -m tests.bench.drive PORT RATE SECONDS [PART OF BEGIN]``; BEGIN is the moment (``time.time()``) at which all
parts begin. A process of its own, because gevent patches its host.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from typing import Any  # noqa: E402

from assay.client.network import TransportConfig  # noqa: E402
from assay.load.arrivals import Ramp, Schedule  # noqa: E402
from assay.load.call import PreparedCall  # noqa: E402
from assay.load.client import RawTransport  # noqa: E402
from assay.load.dispatch import Dispatcher, Lane, follow  # noqa: E402
from assay.load.measures import Timeline  # noqa: E402
from assay.load.messages import encode  # noqa: E402
from assay.load.recorder import Recorder  # noqa: E402
from assay.load.scenario import Base  # noqa: E402

OPERATION = "fixed"
CALL = PreparedCall(OPERATION, "GET", b"GET /metrics HTTP/1.1\r\n", b"\r\n", frozenset({200}), b'"measurements"')


class Fixed(Base):
    """The same request over and over."""

    operation = "metrics"

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}

    def call(self, number: int) -> PreparedCall:  # noqa: ARG002 - one request fits all
        return CALL


def drive(port: int, rate: float, seconds: float, part: int = 0, of: int = 1, begin: float = 0.0) -> dict[str, Any]:
    """What was observed (in the form that travels), the CPU share of this process, why the target was lost."""
    client = RawTransport(TransportConfig(f"http://127.0.0.1:{port}", timeout=10.0))
    recorder = Recorder(Timeline((seconds,), (True,)))
    origin = time.monotonic() + max(begin - time.time(), 0.2)
    lane = Lane(client, recorder, origin, cap=5000, patience=10.0)
    schedule = Schedule((Ramp("steady", rate, rate, seconds),))
    before, began = time.process_time(), time.monotonic()
    lost = follow(lane, [Dispatcher(lane, Fixed(), OPERATION, schedule.arrivals(part, of))], timeout=15.0)
    share = (time.process_time() - before) / (time.monotonic() - began)
    client.close()
    return {"observations": encode(recorder.drain()), "share": share, "lost": lost}


if __name__ == "__main__":
    port, rate, seconds, *split = sys.argv[1:]
    json.dump(drive(int(port), float(rate), float(seconds), *map(int, split[:2]), *map(float, split[2:])), sys.stdout)
