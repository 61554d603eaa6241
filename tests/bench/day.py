"""A soak run's memory: 24 hours at 1,000 requests/s through recorder and collector, in simulated time.

``python -m tests.bench.day [SECONDS [FRESH]]`` runs one and prints what it counted and the process's peak memory as
JSON. Every one of the 86,400 seconds is merged and closed on its own. With FRESH each second has 1,000 latencies of
its own, recorded one by one (86.4 million values, some ten minutes). Without it the reports of 32 seconds take turns,
their latencies rounded to 0.1 ms, so that the collector alone is at work and ends within 20 s on an idle machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from assay.load.collector import Collector
from assay.load.latency import Latency
from assay.load.measures import Timeline
from assay.load.recorder import Observations, Recorder
from tests.bench.figure import Figure

ON_REQUEST: Final = True
DAY: Final = 86_400
RATE: Final = 1_000
OPERATION: Final = "get"
DIFFERENT: Final = 32
LIMIT_MB: Final = 300.0


def figures() -> Iterator[Figure]:
    """Peak memory of a process that did nothing else, every value fresh."""
    result = run(DAY, fresh=True)
    yield Figure("values recorded and merged, of 86.4 million", result["values"] / 1e6, "M", DAY * RATE / 1e6)
    yield Figure("peak memory of the process", result["peak_mb"], "MB", LIMIT_MB, at_least=False)


def _peak_kib() -> int:
    """The largest resident size of this process. Not ru_maxrss, which begins at that of the process it came from."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


def run(seconds: int, *, fresh: bool) -> dict[str, Any]:
    """What a process of its own says."""
    command = [sys.executable, "-m", "tests.bench.day", str(seconds), *(["fresh"] if fresh else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def feed(seconds: int, *, fresh: bool) -> Collector:
    """A run of so many seconds; a second's answers are drained one second later, as the reports of a run are."""
    chance = np.random.default_rng(1)
    timeline = Timeline((float(seconds),), (True,), patience=20.0)
    collector, recorder = Collector(timeline), Recorder(timeline)
    latency = collector[Latency]
    kept = [] if fresh else [_second(recorder, chance, 0, digits=4) for _ in range(DIFFERENT)]
    for second in range(seconds):
        report = _second(recorder, chance, second) if fresh else _moved(kept[second % DIFFERENT], second)
        collector.add("one", report)
        latency.close_before(float(second))
    latency.finish()
    return collector


def _second(recorder: Recorder, chance: np.random.Generator, second: int, digits: int = 9) -> Observations:
    """One second of evenly spaced requests with log-normal latencies around 5 ms, recorded one after the other."""
    latencies = chance.lognormal(np.log(0.005), 0.3, RATE).round(digits)
    for number, latency in enumerate(latencies.tolist()):
        due = second + number / RATE
        recorder.started(due, due)
        recorder.ended(OPERATION, due, due, due + latency, None)
    recorder.cpu(float(second), 0.2)
    recorder.awake(0.0001, float(second))
    return recorder.drain()


def _moved(report: Observations, second: int) -> Observations:
    """The same report, ``second`` seconds later."""
    latency = report.sections["latency"]
    moved = {
        "latency": latency._replace(latency=[row._replace(slot=second) for row in latency.latency]),
        "in_flight": [(second, most) for _, most in report.sections["in_flight"]],
    }
    return Observations({**report.sections, **moved})


def main(seconds: str = str(DAY), fresh: str = "") -> None:
    latency = feed(int(seconds), fresh=bool(fresh))[Latency]
    result = {
        "values": latency.merged(OPERATION, "ok").count,
        "rows": len(latency.series(OPERATION)),
        "blocks": len(latency.blocks[OPERATION]),
        "p50_ms": latency.merged(OPERATION, "ok").percentiles([50.0])[0],
        "peak_mb": _peak_kib() / 1024,
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
