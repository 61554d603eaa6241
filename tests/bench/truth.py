"""Runs the engine against servers of known latency and says how far its percentiles are from the truth."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from assay.load.collector import Collector
from assay.load.latency import Latency
from assay.load.measures import Timeline
from assay.load.messages import decode
from assay.load.recorder import Observations
from tests.bench.truth_server import freeze_truth, lognormal_truth

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
RELATIVE, ABSOLUTE_MS = 0.03, 3.0
"""What the engine promises: within 3 % or 3 ms of the truth, whichever is more."""


START_SECONDS = 3.0
"""How long the load processes have to start, so that their parts of the schedule begin together."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One percentile: what was measured and what is true, in milliseconds."""

    percentile: float
    measured: float
    true: float

    @property
    def allowed(self) -> float:
        return max(self.true * RELATIVE, ABSOLUTE_MS)

    @property
    def right(self) -> bool:
        return abs(self.measured - self.true) <= self.allowed


@dataclass(slots=True)
class Running:
    """A truth server: its port, and after its end when each request arrived (in seconds, on its own clock)."""

    port: int
    arrivals: list[float] = field(default_factory=list)


@contextlib.contextmanager
def server(kind: str, rate: float, seconds: float) -> Iterator[Running]:
    """A truth server for the length of a ``with`` block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.truth_server", kind, str(rate), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    running = Running(int(process.stdout.readline()))
    try:
        yield running
    finally:
        said, _ = process.communicate(timeout=10)
        running.arrivals = json.loads(said)


def start(port: int, rate: float, seconds: float, processes: int = 1) -> list[subprocess.Popen[bytes]]:
    """Start the load processes; ``finish`` waits for them."""
    command = [sys.executable, "-m", "tests.bench.drive", str(port), str(rate), str(seconds)]
    begin = str(time.time() + START_SECONDS)
    return [
        subprocess.Popen([*command, str(part), str(processes), begin], stdout=subprocess.PIPE)
        for part in range(processes)
    ]


def finish(processes: list[subprocess.Popen[bytes]], seconds: float) -> tuple[Collector, list[dict[str, Any]]]:
    """The merged observations, and the report of each process."""
    collector = Collector(Timeline((seconds,), (True,), patience=20.0))
    reports = []
    for number, process in enumerate(processes):
        text, _ = process.communicate(timeout=seconds + 60)
        reports.append(json.loads(text))
        collector.add(str(number), decode(Observations, reports[-1]["observations"]))
    collector[Latency].finish()
    return collector, reports


def true_percentile(kind: str, percentile: float) -> float:
    """What is true of a server, in milliseconds."""
    return (freeze_truth if kind == "freeze" else lognormal_truth)(percentile)


def readings(collector: Collector, kind: str) -> list[Reading]:
    """Each percentile beside the truth."""
    measured = collector[Latency].merged("fixed", "ok").percentiles(PERCENTILES)
    return [Reading(p, value, true_percentile(kind, p)) for p, value in zip(PERCENTILES, measured, strict=True)]
