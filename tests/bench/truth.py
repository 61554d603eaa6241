"""Runs the engine against servers of known latency and says how far its percentiles are from the truth."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assay.load.collector import Collector
from tests.bench.truth_server import freeze_truth, lognormal_truth

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
RELATIVE, ABSOLUTE_MS = 0.03, 3.0
"""What the engine promises: within 3 % and 3 ms of the truth."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One percentile: what was measured and what is true, in milliseconds."""

    percentile: float
    measured: float
    true: float

    @property
    def allowed(self) -> float:
        return self.true * RELATIVE + ABSOLUTE_MS

    @property
    def right(self) -> bool:
        return abs(self.measured - self.true) <= self.allowed


@contextlib.contextmanager
def server(kind: str, rate: float, seconds: float) -> Iterator[int]:
    """A truth server; yields its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.truth_server", kind, str(rate), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def start(port: int, rate: float, seconds: float, processes: int = 1) -> list[subprocess.Popen[bytes]]:
    """Start the load processes; ``finish`` waits for them."""
    command = [sys.executable, "-m", "tests.bench.drive", str(port), str(rate), str(seconds)]
    return [
        subprocess.Popen([*command, str(part), str(processes)], stdout=subprocess.PIPE) for part in range(processes)
    ]


def finish(processes: list[subprocess.Popen[bytes]], seconds: float) -> tuple[Collector, list[dict[str, Any]]]:
    """The merged observations, and the report of each process."""
    collector = Collector((True,), seconds=seconds, patience=20.0)
    reports = []
    for number, process in enumerate(processes):
        text, _ = process.communicate(timeout=seconds + 60)
        reports.append(json.loads(text))
        collector.add(str(number), reports[-1])
    collector.finish()
    return collector, reports


def readings(collector: Collector, kind: str) -> list[Reading]:
    """Each percentile beside the truth."""
    truth = freeze_truth if kind == "freeze" else lognormal_truth
    measured = collector.merged("fixed", "ok").percentiles(PERCENTILES)
    return [Reading(p, value, truth(p)) for p, value in zip(PERCENTILES, measured, strict=True)]
