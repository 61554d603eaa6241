"""Adds up the reports of all load processes: histograms, series, errors, health. Memory stays bounded.

Histograms merge exactly. The per-second series keeps its seconds as sparse histograms until no more answers can come
for them, then only as one row of numbers; time blocks (for comparisons) keep their counters, 60 blocks at most.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from assay.load.histogram import Histogram, Tally, merge, percentiles
from assay.load.recorder import Outcome, Report

MOST_BLOCKS: Final = 60
"""Time blocks of a run. A bootstrap needs some tens of them; 60 keep a 15 s run at 0.25 s to a block or more."""

_SERIES = (50.0, 95.0, 99.0)


@dataclass(slots=True)
class _Second:
    """One slot of one operation while answers may still come."""

    counts: dict[int, int] = field(default_factory=dict)
    requests: int = 0
    errors: int = 0


class Series:
    """Rows of (slot, requests, errors, p50, p95, p99 in ms), eight bytes a number: 24 h take 4 MB per operation."""

    WIDTH: Final = 6

    def __init__(self) -> None:
        self._numbers = array("d")

    def append(self, slot: int, second: _Second) -> None:
        self._numbers.extend((slot, second.requests, second.errors, *percentiles(second.counts, _SERIES)))

    def __len__(self) -> int:
        return len(self._numbers) // self.WIDTH

    def rows(self) -> Iterator[tuple[float, ...]]:
        for at in range(0, len(self._numbers), self.WIDTH):
            yield tuple(self._numbers[at : at + self.WIDTH])


class Collector:
    """Everything observed in one leg, by operation.

    ``measured`` says of each stage whether it counts; ``slot`` is the width of a series point and ``seconds`` the
    length of the leg. ``patience`` is how long an answer may take, so how long a second stays open.
    """

    def __init__(
        self, measured: tuple[bool, ...], *, seconds: float, slot: float = 1.0, patience: float = 30.0
    ) -> None:
        self.slot = slot
        self.latency: dict[tuple[str, Outcome, int], Histogram] = {}
        self.service: dict[tuple[str, Outcome, int], Histogram] = {}
        self.errors: Counter[tuple[str, int, str]] = Counter()
        self.skipped: Counter[tuple[str, int, str]] = Counter()
        self.lag = Histogram()
        self.loop = Histogram()
        self.starts = 0
        self.late_starts = 0
        self.in_flight: dict[int, int] = {}
        self.cpu: dict[str, list[float]] = {}
        self.levels: dict[tuple[str, str, int], dict[int, int]] = {}
        self.stalls: list[tuple[float, float]] = []
        self.crowd: dict[tuple[str, int], list[int]] = {}
        self.answered = 0
        self.closed = 0
        self.block_seconds = max(seconds / MOST_BLOCKS, slot)
        self._blocks: dict[str, dict[int, Tally]] = {}
        self._measured = measured
        self._open: dict[tuple[str, int], _Second] = {}
        self._series: dict[str, Series] = {}
        self._closed_before: int = 0
        self._patience = patience

    @property
    def operations(self) -> list[str]:
        seen = {key[0] for key in self.latency} | {key[0] for key in self.skipped}
        return sorted(seen)

    @property
    def blocks(self) -> dict[str, dict[int, dict[int, int]]]:
        """Right answers of the measured stages: operation -> time block -> sparse histogram of latency."""
        return {
            operation: {at: tally.sparse() for at, tally in blocks.items()}
            for operation, blocks in self._blocks.items()
        }

    def add(self, source: str, report: Report) -> None:
        """Add one report of the process ``source``."""
        for operation, outcome, stage, slot, index, counts in report["tracks"]:
            _histogram(self.latency, (operation, outcome, stage)).add_sparse(index, counts)
            if slot >= self._closed_before:
                self._add_to_slot(operation, outcome, slot, index, counts)
            if outcome == "ok" and self._measured[stage]:
                block = int(slot * self.slot / self.block_seconds)
                blocks = self._blocks.setdefault(operation, {})
                if block not in blocks:
                    blocks[block] = Tally()
                blocks[block].add_sparse(index, counts)
        for operation, outcome, stage, index, counts in report["service"]:
            _histogram(self.service, (operation, outcome, stage)).add_sparse(index, counts)
        for operation, stage, kind, count in report["errors"]:
            self.errors[operation, stage, kind] += count
        for operation, stage, reason, count in report["skipped"]:
            self.skipped[operation, stage, reason] += count
        self.lag.add_sparse(*report["lag"])
        self.loop.add_sparse(*report["loop"])
        self.starts += report["late"][0]
        self.late_starts += report["late"][1]
        for operation, variable, value, index, counts in report["levels"]:
            merge(self.levels.setdefault((operation, variable, value), {}), index, counts)
        for operation, crowd, right, wrong in report["crowd"]:
            row = self.crowd.setdefault((operation, crowd), [0, 0])
            row[0] += right
            row[1] += wrong
        self.stalls += [(start, end) for start, end in report["stalls"]]
        for slot, most in report["in_flight"]:
            self.in_flight[slot] = self.in_flight.get(slot, 0) + most
        self.cpu.setdefault(source, []).extend(share for _, share in report["cpu"])

    def _add_to_slot(self, operation: str, outcome: Outcome, slot: int, index: list[int], counts: list[int]) -> None:
        second = self._open.get((operation, slot))
        if second is None:
            second = self._open[operation, slot] = _Second()
        number = sum(counts)
        second.requests += number
        if outcome == "error":
            second.errors += number
        else:
            merge(second.counts, index, counts)

    def close_before(self, now: float) -> None:
        """Reduce every second that can get no more answers, ``now`` seconds into the leg, to its row."""
        self._close(math.floor((now - self._patience) / self.slot))

    def finish(self) -> None:
        """Close the last seconds; nothing is added afterwards."""
        self._close(max((slot for _, slot in self._open), default=-1) + 1)

    def _close(self, limit: int) -> None:
        if limit <= self._closed_before:
            return
        self._closed_before = limit
        for key in sorted(key for key in self._open if key[1] < limit):
            self._series.setdefault(key[0], Series()).append(key[1], self._open.pop(key))

    def series(self, operation: str) -> list[list[float | None]]:
        """Rows [second, requests, errors, p50, p95, p99] in order; percentiles None where no answer was right."""
        rows = self._series.get(operation)
        if rows is None:
            return []
        return [[None if math.isnan(number) else number for number in row] for row in rows.rows()]

    def merged(self, operation: str, outcome: Outcome, stages: set[int] | None = None) -> Histogram:
        """The latency histogram of the measured stages (or of ``stages``), merged."""
        whole = Histogram()
        for (name, kind, stage), part in self.latency.items():
            if name == operation and kind == outcome and (stage in stages if stages else self._measured[stage]):
                whole.add(part)
        return whole


def _histogram(where: dict[tuple[str, Outcome, int], Histogram], key: tuple[str, Outcome, int]) -> Histogram:
    histogram = where.get(key)
    if histogram is None:
        histogram = where[key] = Histogram()
    return histogram
