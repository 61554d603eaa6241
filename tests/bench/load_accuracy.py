"""Percentiles against servers of known latency, at several rates, with one and two processes; plain Locust beside.

Takes about four minutes. Each line shows the worst percentile: by how much it misses, as a share of what is promised
(3 % and 3 ms; 1.0 is the limit).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figure import Figure
from tests.bench.plain_locust import USERS
from tests.bench.truth import Reading, finish, readings, server, start
from tests.bench.truth_server import freeze_truth

RATES = (50.0, 200.0, 1000.0)
SECONDS = 10.0
KEPT_SECONDS = 30.0


def figures() -> Iterator[Figure]:
    for kind in ("freeze", "lognormal"):
        for rate in RATES:
            for processes in (1, 2):
                yield accuracy(kind, rate, processes)
    yield plain_locust(200.0)
    yield kept_rate(1000.0)


def accuracy(kind: str, rate: float, processes: int) -> Figure:
    with server(kind, rate, SECONDS) as port:
        collector, _ = finish(start(port, rate, SECONDS, processes), SECONDS)
    worst = max(readings(collector, kind), key=lambda reading: abs(reading.measured - reading.true) / reading.allowed)
    share = abs(worst.measured - worst.true) / worst.allowed
    name = f"{kind} at {rate:.0f}/s, {processes} process{'es' if processes > 1 else ''}: {_told(worst)}"
    return Figure(name, share, "", 1.0, at_least=False)


def _told(reading: Reading) -> str:
    return f"p{reading.percentile:g} {reading.measured:.1f} for {reading.true:.1f} ms"


def plain_locust(rate: float) -> Figure:
    """The p95 that Locust's own users report of the freezing server; the truth is 750 ms."""
    with server("freeze", rate, SECONDS) as port:
        command = [sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("plain_locust.py"))]
        command += ["--headless", "-u", str(USERS), "-r", str(USERS), "-t", "10s", "--json", "--skip-log-setup"]
        command += ["--host", f"http://127.0.0.1:{port}"]
        done = subprocess.run(
            command, env={**os.environ, "BENCH_RATE": str(rate)}, capture_output=True, text=True, check=True
        )
    (entry,) = json.loads(done.stdout)
    p95 = _percentile({float(key): count for key, count in entry["response_times"].items()}, 0.95)
    return Figure(
        f"plain Locust, closed users, freeze at {rate:.0f}/s: p95 (true {freeze_truth(95):.0f} ms)", p95, "ms"
    )


def _percentile(counts: dict[float, int], share: float) -> float:
    left = share * sum(counts.values())
    for value, count in sorted(counts.items()):
        left -= count
        if left <= 0:
            return value
    return max(counts)


def kept_rate(rate: float) -> Figure:
    """By how many per cent the started requests miss the asked rate over 30 s, in the worst second."""
    with server("lognormal", rate, KEPT_SECONDS) as port:
        collector, _ = finish(start(port, rate, KEPT_SECONDS, 2), KEPT_SECONDS)
    rows = [row for row in collector.series("fixed") if row[0] is not None and row[0] < KEPT_SECONDS]
    worst = max(abs((row[1] or 0.0) - rate) / rate * 100 for row in rows)
    return Figure(
        f"asked rate kept over {KEPT_SECONDS:.0f} s at {rate:.0f}/s: worst second off by", worst, "%", 0.5, False
    )
