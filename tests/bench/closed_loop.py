"""Asks as fast as answers come, with assay's client: ``python -m tests.bench.closed_loop PORT N SECONDS``.

N greenlets share one client; each judges status, content type and body of its answer before it asks again. Prints the
requests per second. A process of its own, because gevent patches its host.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402

from assay.client.network import TransportConfig  # noqa: E402
from assay.load.client import RawTransport  # noqa: E402
from tests.bench.drive import CALL  # noqa: E402


def rate(port: int, connections: int, seconds: float) -> float:
    """Requests per second; raises when an answer is not right."""
    client = RawTransport(TransportConfig(f"http://127.0.0.1:{port}", timeout=10.0))
    began = time.monotonic()

    def ask() -> int:
        done = 0
        while time.monotonic() < began + seconds:
            wrong = CALL.wrong_with(client.send(CALL.line, CALL.rest))
            if wrong is not None:
                raise AssertionError(f"a wrong answer: {wrong}")
            done += 1
        return done

    greenlets = [gevent.spawn(ask) for _ in range(connections)]
    gevent.joinall(greenlets, raise_error=True)
    total: int = sum(greenlet.value for greenlet in greenlets)
    elapsed = time.monotonic() - began
    client.close()
    return total / elapsed


if __name__ == "__main__":
    sys.stdout.write(f"{rate(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))}\n")
