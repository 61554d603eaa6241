"""THROUGHPUT and LATENCY as functions of time, sampled on the grid that the caller asks for."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from assay.contract.request import Json
from assay.reference.lifecycle import Lifecycle
from assay.reference.scaling import SERVICE_SECONDS, Pod
from assay.reference.store import StoredWorkload
from assay.reference.times import SECOND, text

# Older measurements are no longer kept.
RETENTION: Final = 7 * 24 * 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Range:
    """What was asked for: both ends belong to it; moments in microseconds."""

    start: int
    end: int
    samples: int

    def grid(self) -> Iterator[int]:
        """At most ``samples`` different moments, evenly spaced from start to end; a single one is the end."""
        span = self.end - self.start
        if span < 0:
            return
        count = min(self.samples, span + 1)
        if count == 1:
            yield self.end
            return
        for number in range(count):
            yield self.start + span * number // (count - 1)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One series; ``values`` are (moment, value)."""

    type: str
    labels: dict[str, str]
    values: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Window:
    """The time for which there are measurements: from ``opens`` (None: never yet) to ``closes``."""

    opens: int | None
    closes: int

    def covers(self, moment: int) -> bool:
        return self.opens is not None and self.opens <= moment <= self.closes

    def lacks(self, wanted: Range) -> bool:
        """Whether a part of the range lies before the first measurement. The future is not a missing part."""
        return self.opens is None or wanted.start < self.opens


class Metrics:
    """Measures workloads and their pods."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle

    def window(self, workload: StoredWorkload, now: int, pod: Pod | None = None) -> Window:
        """When a workload, or one of its pods, was measured."""
        opens = self._lifecycle.serving_from(workload)
        closes = now if workload.deleted is None else min(now, workload.deleted)
        if pod is not None:
            opens = pod.started
            closes = closes if pod.ended is None else min(closes, pod.ended)
        if opens is None or opens > now:
            return Window(None, closes)
        return Window(max(opens, now - RETENTION), closes)

    def measure(
        self, workload: StoredWorkload, kinds: list[str], wanted: Range, window: Window, pod: Pod | None = None
    ) -> list[Measurement]:
        """One series for each kind, in the order asked for. Moments without a measurement are left out."""
        moments = [moment for moment in wanted.grid() if window.covers(moment)]
        labels = {"workloadId": workload.id} if pod is None else {"workloadId": workload.id, "podId": pod.id}
        read: dict[str, Callable[[StoredWorkload, int, Pod | None], float]] = {
            "THROUGHPUT": self.throughput,
            "LATENCY": self.latency,
        }
        return [
            Measurement(kind, labels, tuple((moment, read[kind](workload, moment, pod)) for moment in moments))
            for kind in kinds
        ]

    def throughput(self, workload: StoredWorkload, moment: int, pod: Pod | None = None) -> float:
        """Requests answered a second: what arrives, up to a fifth more than the replicas are meant to serve."""
        revision = self._lifecycle.revision(workload, moment)
        replicas = revision.replicas(moment)
        if replicas == 0:
            return 0.0
        rate = revision.traffic.rate(moment, revision.scaling)
        served = min(rate, 1.2 * replicas * revision.scaling.rate)
        return served if pod is None else served * _weight(pod, replicas, workload.id)

    def latency(self, workload: StoredWorkload, moment: int, pod: Pod | None = None) -> float:
        """Milliseconds a request takes: the service time, stretched as the replicas fill; 0 when nobody calls."""
        revision = self._lifecycle.revision(workload, moment)
        replicas = revision.replicas(moment)
        rate = revision.traffic.rate(moment, revision.scaling)
        if replicas == 0 or rate == 0:
            return 0.0
        fill = min(rate / (replicas * revision.scaling.rate), 2.0)
        milliseconds = SERVICE_SECONDS * 1000 * (1 + fill**3)
        return milliseconds if pod is None else milliseconds * (0.95 + 0.1 * _spread(pod.index, workload.id))


def _spread(index: int, workload_id: str) -> float:
    """Between 0 and 1, fixed for a workload and a replica: no two replicas are quite alike."""
    return 0.5 + 0.5 * math.sin(uuid.UUID(workload_id).int % 1009 + 2.4 * index)


def _weight(pod: Pod, replicas: int, workload_id: str) -> float:
    """A pod's share of the traffic; the shares of all serving pods add up to 1."""
    weights = [0.9 + 0.2 * _spread(index, workload_id) for index in range(max(replicas, pod.index + 1))]
    return weights[pod.index] / sum(weights[:replicas])


def as_json(measurements: list[Measurement], zone: str = "Z") -> Json:
    """The contract's MetricsResponse."""
    stamps = _stamps(measurements, zone)
    return {
        "measurements": [
            {
                "type": series.type,
                "labels": series.labels,
                "values": [{"value": f"{value:.3f}", "timestamp": stamps[at]} for at, value in series.values],
            }
            for series in measurements
        ]
    }


def _stamps(measurements: list[Measurement], zone: str) -> dict[int, str]:
    """Every moment as text, once: all series of an answer share their moments."""
    return {at: text(at, 6, zone) for at in {at for series in measurements for at, _ in series.values}}


def as_csv(measurements: list[Measurement], zone: str = "Z") -> bytes:
    """The same numbers as comma-separated values (RFC 4180); pods have their id in a fourth column."""
    pods = any("podId" in series.labels for series in measurements)
    lines = ["type,timestamp,value" + (",podId" if pods else "")]
    stamps = _stamps(measurements, zone)
    for series in measurements:
        tail = f",{series.labels['podId']}" if pods else ""
        lines.extend(f"{series.type},{stamps[at]},{value:.3f}{tail}" for at, value in series.values)
    return ("\r\n".join(lines) + "\r\n").encode()
