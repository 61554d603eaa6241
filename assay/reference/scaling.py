"""Replica autoscaling, simulated from ``autoscaling`` and a traffic curve that the workload's id determines.

Everything is a pure function of the workload and the time; what has been computed is only remembered.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from assay.contract.request import Json
from assay.reference.times import SECOND

# The simulated cluster has room for so many replicas of one workload; maxReplicas may ask for two billion.
MOST_REPLICAS: Final = 16
# Seconds one request occupies a replica that is not overloaded: what turns a concurrency into a rate.
SERVICE_SECONDS: Final = 0.05
# Requests a second that one replica serves when the scaling metric says nothing about a rate.
USUAL_RATE: Final = 20.0
# A wave of traffic and a ripple on it; in seconds. Long enough to see, short enough to be seen in a test run.
_WAVE_SECONDS: Final = 300.0
_RIPPLE_SECONDS: Final = 47.0
# Below this share of the peak nobody calls: the idle spells that scale-to-zero needs.
_IDLE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """``spec.autoscaling`` with the documented defaults applied. ``rate`` is the target of one replica (1/s)."""

    minimum: int = 1
    maximum: int = 1
    initial: int = 1
    activation: int = 1
    rate: float = USUAL_RATE
    retention: int = 0  # seconds
    delay: int = 0  # seconds

    @classmethod
    def read(cls, section: Json) -> Autoscaling:
        """Apply the defaults that the descriptions of AutoScaling state; bounded by the cluster's room."""
        values: Mapping[str, Json] = section if isinstance(section, Mapping) else {}

        def count(name: str, default: int) -> int:
            value = values.get(name)
            return default if value is None else min(int(value), MOST_REPLICAS)

        minimum = count("minReplicas", 1)
        at_least_one = max(minimum, 1)
        return cls(
            minimum=minimum,
            maximum=max(count("maxReplicas", at_least_one), at_least_one),
            initial=count("initialReplicas", at_least_one),
            activation=count("activationReplicas", at_least_one),
            rate=_target_rate(values),
            retention=int(values.get("scaleToZeroRetentionSeconds") or 0),
            delay=int(values.get("scaleDownDelaySeconds") or 0),
        )


def _target_rate(values: Mapping[str, Json]) -> float:
    threshold = values.get("metricThreshold")
    metric = values.get("metric")
    if threshold is None or metric not in {"throughput", "concurrency"}:
        return USUAL_RATE
    percentage = values.get("metricThresholdPercentage")
    target = float(threshold) * (70.0 if percentage is None else float(percentage)) / 100.0
    return max(target if metric == "throughput" else target / SERVICE_SECONDS, 0.1)


class Traffic:
    """Requests a second that callers send to a workload: a wave with a ripple and idle spells."""

    def __init__(self, workload_id: str, pace: float) -> None:
        seed = uuid.UUID(workload_id).int
        self._phase = (seed & 0xFFFF) / 0xFFFF * math.tau
        self._ripple = ((seed >> 16) & 0xFFFF) / 0xFFFF * math.tau
        # Never 0: `--pace 0` makes phases instant, but traffic still needs a period.
        self._pace = max(pace, 0.01) * SECOND

    def share(self, moment: int) -> float:
        """The load at ``moment`` as a share of the peak, between 0 and 1."""
        seconds = moment / self._pace
        wave = 0.5 + 0.45 * math.sin(math.tau * seconds / _WAVE_SECONDS + self._phase)
        ripple = 0.05 * math.sin(math.tau * seconds / _RIPPLE_SECONDS + self._ripple)
        share = wave + ripple
        return share if share >= _IDLE else 0.0

    def rate(self, moment: int, scaling: Autoscaling) -> float:
        """Requests a second; the peak is what one replica more than the maximum could serve."""
        return self.share(moment) * scaling.rate * (scaling.maximum + 0.5)


@dataclass(slots=True)
class Pod:
    """One replica's time in service; moments in microseconds, ``ended`` None while it serves."""

    id: str
    index: int
    started: int
    ended: int | None = None


@dataclass(slots=True)
class Revision:
    """A stretch of a workload's life under one ``autoscaling``. Computed step by step, as far as was asked for."""

    workload_id: str
    number: int
    since: int
    scaling: Autoscaling
    traffic: Traffic
    step: int  # microseconds between two decisions of the autoscaler
    until: int | None = None
    _counts: bytearray = field(default_factory=bytearray)  # replicas after each decision
    _serving: list[Pod] = field(default_factory=list)
    _ended: list[Pod] = field(default_factory=list)
    _lower_since: int | None = None  # the decision from which on fewer replicas were wanted
    _wanted: int = 0  # the most that was wanted since then

    def replicas(self, moment: int) -> int:
        """Replicas at ``moment``; 0 outside this revision's time."""
        if moment < self.since or (self.until is not None and moment >= self.until):
            return 0
        decision = (moment - self.since) // self.step
        self._advance(decision)
        return self._counts[decision]

    def pods(self, moment: int) -> list[Pod]:
        """Every pod that this revision had up to ``moment``, gone ones first, each by its start."""
        if moment < self.since:
            return []
        last = moment if self.until is None else min(moment, self.until)
        self._advance((last - self.since) // self.step)
        if self.until is not None:
            for pod in self._serving:
                pod.ended = self.until
        return [*self._ended, *self._serving]

    def _advance(self, decision: int) -> None:
        while len(self._counts) <= decision:
            number = len(self._counts)
            self._scale(number, self._decide(number))

    def _decide(self, number: int) -> int:
        """The autoscaler: up at once, down after the delay, to zero after the retention on top."""
        scaling = self.scaling
        if number == 0:
            return scaling.initial if self.number == 0 else max(scaling.minimum, 1)
        now = self._counts[-1]
        wanted = self._desired(number)
        if wanted >= now:
            self._lower_since, self._wanted = None, 0
            return max(wanted, scaling.activation) if now == 0 and wanted else wanted
        if self._lower_since is None:
            self._lower_since = number
        self._wanted = max(self._wanted, wanted)
        waited = (number - self._lower_since) * self.step
        patience = scaling.delay + (scaling.retention if self._wanted == 0 else 0)
        if waited < patience * SECOND:
            # Only the last replica outlives the delay while a decision to go to zero is retained.
            return 1 if waited >= scaling.delay * SECOND else now
        lower, self._lower_since, self._wanted = self._wanted, None, 0
        return lower

    def _desired(self, number: int) -> int:
        moment = self.since + number * self.step
        needed = math.ceil(self.traffic.rate(moment, self.scaling) / self.scaling.rate)
        return min(max(needed, self.scaling.minimum), self.scaling.maximum)

    def _scale(self, number: int, count: int) -> None:
        moment = self.since + number * self.step
        while len(self._serving) > count:
            pod = self._serving.pop()
            pod.ended = moment
            self._ended.append(pod)
        while len(self._serving) < count:
            index = len(self._serving)
            self._serving.append(Pod(self._pod_id(index, number), index, moment))
        self._counts.append(count)

    def _pod_id(self, index: int, number: int) -> str:
        return str(uuid.uuid5(uuid.UUID(self.workload_id), f"{self.number}/{index}/{number}"))
