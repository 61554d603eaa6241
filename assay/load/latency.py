"""Latency: histograms by operation and stage, a series by second, blocks of time for comparisons.

A request costs three appends while it is recorded; bucketing happens when a report is drained. Histograms merge
exactly, and memory stays bounded: a second of the series is kept as a sparse histogram until no more answers can come
for it, then only as one row of numbers; of time blocks there are 60 at most.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from assay.load.histogram import Counters, Histogram, merge, percentiles, sparse
from assay.load.measures import EndedRequest, Measure, Outcome, Timeline

MOST_BLOCKS: Final = 60
"""Time blocks of a run. A bootstrap needs some tens of them; 60 keep a 15 s run at 0.25 s to a block or more."""

_POINTS: Final = (50.0, 95.0, 99.0)


class SlotRow(NamedTuple):
    """Latencies from the intended start of the requests that were due in one slot, as a sparse histogram."""

    operation: str
    outcome: Outcome
    stage: int
    slot: int
    at: list[int]
    counts: list[int]


class ServiceRow(NamedTuple):
    """Latencies from the first byte sent, as a sparse histogram."""

    operation: str
    outcome: Outcome
    stage: int
    at: list[int]
    counts: list[int]


class LatencySection(NamedTuple):
    """What one load process reports of its latencies."""

    latency: list[SlotRow]
    service: list[ServiceRow]


class _Track:
    __slots__ = ("intended", "latency", "service")

    def __init__(self) -> None:
        self.intended = array("d")
        self.latency = array("d")
        self.service = array("d")


@dataclass(slots=True)
class _Second:
    """One slot of one operation while answers may still come."""

    counts: dict[int, int] = field(default_factory=dict)
    requests: int = 0
    errors: int = 0


class _Rows:
    """Rows of (slot, requests, errors, p50, p95, p99 in ms), eight bytes a number: 24 h take 4 MB per operation."""

    WIDTH: Final = 6

    def __init__(self) -> None:
        self._numbers = array("d")

    def append(self, slot: int, second: _Second) -> None:
        self._numbers.extend((slot, second.requests, second.errors, *percentiles(second.counts, _POINTS)))

    def __iter__(self) -> Iterator[tuple[float, ...]]:
        for at in range(0, len(self._numbers), self.WIDTH):
            yield tuple(self._numbers[at : at + self.WIDTH])


_Key = tuple[str, Outcome, int]


class Latency(Measure[LatencySection]):
    """Latencies of right and wrong answers. ``requests`` and ``errors`` count all stages, the warm-up included."""

    name = "latency"
    form = TypeAdapter(LatencySection)

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(timeline)
        self._ends = np.asarray(timeline.ends, dtype=np.float64)
        self._tracks: dict[tuple[str, Outcome], _Track] = {}
        self.requests = 0
        self.errors = 0
        self.latency: dict[_Key, Histogram] = {}
        self.service: dict[_Key, Histogram] = {}
        self.block_seconds = max(timeline.seconds / MOST_BLOCKS, timeline.slot)
        self._blocks: dict[str, dict[int, Counters]] = {}
        self._open: dict[tuple[str, int], _Second] = {}
        self._series: dict[str, _Rows] = {}
        self._closed_before = 0

    # in a load process -------------------------------------------------------------------------------------------

    def ended(self, request: EndedRequest) -> None:
        operation, due, begun, ended, error, _, _ = request
        key: tuple[str, Outcome] = (operation, "error" if error else "ok")
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = _Track()
        track.intended.append(due)
        track.latency.append(ended - due)
        track.service.append(ended - begun)

    def drain(self) -> LatencySection:
        tracks, self._tracks = self._tracks, {}
        section = LatencySection([], [])
        for (operation, outcome), track in tracks.items():
            intended = np.frombuffer(track.intended)
            stages = np.minimum(np.searchsorted(self._ends, intended, side="right"), len(self._ends) - 1)
            slots = (intended / self.timeline.slot).astype(np.int64)
            latency, service = (_microseconds(times) for times in (track.latency, track.service))
            for stage, slot in sorted(set(zip(stages.tolist(), slots.tolist(), strict=True))):
                here = sparse(latency[(stages == stage) & (slots == slot)])
                section.latency.append(SlotRow(operation, outcome, stage, slot, *here))
            for stage in sorted(set(stages.tolist())):
                section.service.append(ServiceRow(operation, outcome, stage, *sparse(service[stages == stage])))
        return section

    # at the master -----------------------------------------------------------------------------------------------

    def add(self, source: str, section: LatencySection) -> None:  # noqa: ARG002 - the sum is of all processes
        for row in section.latency:
            number = sum(row.counts)
            self.requests += number
            self.errors += number if row.outcome == "error" else 0
            _histogram(self.latency, (row.operation, row.outcome, row.stage)).add_sparse(row.at, row.counts)
            if row.slot >= self._closed_before:
                self._add_to_slot(row, number)
            if row.outcome == "ok" and self.timeline.measured[row.stage]:
                self._add_to_block(row)
        for row_ in section.service:
            _histogram(self.service, (row_.operation, row_.outcome, row_.stage)).add_sparse(row_.at, row_.counts)

    def _add_to_slot(self, row: SlotRow, number: int) -> None:
        second = self._open.get((row.operation, row.slot))
        if second is None:
            second = self._open[row.operation, row.slot] = _Second()
        second.requests += number
        if row.outcome == "error":
            second.errors += number
        else:
            merge(second.counts, row.at, row.counts)

    def _add_to_block(self, row: SlotRow) -> None:
        block = int(row.slot * self.timeline.slot / self.block_seconds)
        blocks = self._blocks.setdefault(row.operation, {})
        if block not in blocks:
            blocks[block] = Counters()
        blocks[block].add_sparse(row.at, row.counts)

    def close_before(self, now: float) -> None:
        """Reduce every second that can get no more answers, ``now`` seconds into the run, to its row."""
        self._close(math.floor((now - self.timeline.patience) / self.timeline.slot))

    def finish(self) -> None:
        """Close the last seconds; nothing is added afterwards."""
        self._close(max((slot for _, slot in self._open), default=-1) + 1)

    def _close(self, limit: int) -> None:
        if limit <= self._closed_before:
            return
        self._closed_before = limit
        for key in sorted(key for key in self._open if key[1] < limit):
            self._series.setdefault(key[0], _Rows()).append(key[1], self._open.pop(key))

    # what was measured -------------------------------------------------------------------------------------------

    @property
    def operations(self) -> set[str]:
        """The operations that were answered."""
        return {operation for operation, _, _ in self.latency}

    @property
    def blocks(self) -> dict[str, dict[int, dict[int, int]]]:
        """Right answers of the measured stages: operation -> time block -> sparse histogram of latency."""
        return {
            operation: {at: counters.sparse() for at, counters in blocks.items()}
            for operation, blocks in self._blocks.items()
        }

    def series(self, operation: str) -> list[list[float | None]]:
        """Rows [second, requests, errors, p50, p95, p99] in order; percentiles None where no answer was right."""
        return [[None if math.isnan(n) else n for n in row] for row in self._series.get(operation, ())]

    def merged(self, operation: str, outcome: Outcome, stages: set[int] | None = None) -> Histogram:
        """The latency histogram of the measured stages (or of ``stages``), merged."""
        return self._merged(self.latency, operation, outcome, stages)

    def service_times(self, operation: str) -> Histogram:
        """From the first byte sent: right answers of the measured stages, merged."""
        return self._merged(self.service, operation, "ok", None)

    def _merged(
        self, parts: dict[_Key, Histogram], operation: str, outcome: Outcome, stages: set[int] | None
    ) -> Histogram:
        whole = Histogram()
        for (name, kind, stage), part in parts.items():
            wanted = stage in stages if stages else self.timeline.measured[stage]
            if name == operation and kind == outcome and wanted:
                whole.add(part)
        return whole


def _microseconds(seconds: array[float]) -> NDArray[np.float64]:
    return np.frombuffer(seconds) * 1e6


def _histogram(where: dict[_Key, Histogram], key: _Key) -> Histogram:
    histogram = where.get(key)
    if histogram is None:
        histogram = where[key] = Histogram()
    return histogram
