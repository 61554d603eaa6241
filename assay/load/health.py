"""Whether the generator itself was the bottleneck: late starts, its own CPU, the lag of its event loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from assay.load.histogram import Histogram
from assay.load.recorder import LATE_SECONDS, Recorder
from assay.load.stalls import TICK

CPU_LIMIT: Final = 0.90
"""Share of one core, on average over the run: above it a process queues its own work (Locust warns there too)."""

LATE_LIMIT: Final = 0.05
"""Share of starts that were late. Below it no percentile up to p95 can be the generator's own lateness."""

LOOP_LIMIT_MS: Final = 100.0
"""The event loop's lag at its 99th percentile. Disk syncs and garbage collection stay below 20 ms (measured)."""


def watch(recorder: Callable[[], tuple[Recorder, float] | None], sleep: Callable[[float], None]) -> None:
    """Sample loop lag 20 times and CPU once a second into the current recorder, for ever.

    ``recorder`` gives the recorder and the leg's origin, or None between legs.
    """
    cpu_at, cpu = time.monotonic(), time.process_time()
    while True:
        before = time.monotonic()
        sleep(TICK)
        now = time.monotonic()
        current = recorder()
        if current is not None:
            current[0].loop_lag(max(now - before - TICK, 0.0), now - current[1])
        if now - cpu_at >= 1.0:
            used = time.process_time()
            if current is not None:
                current[0].cpu(now - current[1], (used - cpu) / (now - cpu_at))
            cpu_at, cpu = now, used


def saturation(
    *, starts: int, late: int, lag: Histogram, loop: Histogram, cpu: Mapping[str, Sequence[float]]
) -> list[str]:
    """Why the generator was the bottleneck, each reason with what to change; empty when it was not."""
    reasons = []
    for source, shares in sorted(cpu.items()):
        mean = sum(shares) / len(shares) if shares else 0.0
        if mean > CPU_LIMIT:
            reasons.append(
                f"load process {source} used {mean:.0%} of a core on average (limit {CPU_LIMIT:.0%}): "
                "use more --processes or a lower rate"
            )
    if starts and late / starts > LATE_LIMIT:
        reasons.append(
            f"{late / starts:.1%} of {starts} requests started more than {LATE_SECONDS * 1000:.0f} ms late "
            f"(p99 {lag.percentiles([99.0])[0]:.0f} ms, limit {LATE_LIMIT:.0%}): "
            "give the generator its own cores, use more --processes or a lower rate"
        )
    if loop.count and loop.percentiles([99.0])[0] > LOOP_LIMIT_MS:
        reasons.append(
            f"the generator's event loop was held up for {loop.percentiles([99.0])[0]:.0f} ms at its 99th percentile "
            f"(limit {LOOP_LIMIT_MS:.0f} ms): the machine is overloaded; stop what else runs on it"
        )
    return reasons
