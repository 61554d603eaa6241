"""When requests are due: a schedule of rates that never waits for answers.

The rate is piecewise linear in time. With L(t) the requests due by t, arrival k happens where L(t) = k - 1/2
(constant spacing) or where L(t) reaches the k-th point of a unit Poisson process. Splitting over N processes gives
process i every N-th arrival, so the union over all processes is the schedule itself.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ramp:
    """A stretch of time in which the rate moves in a straight line; rates in requests/s, length in seconds.

    ``measured`` is False for a warm-up: its requests are sent and recorded apart, and never judged.
    """

    name: str
    start_rate: float
    end_rate: float
    seconds: float
    measured: bool = True

    @property
    def requests(self) -> float:
        """How many requests fall due in it."""
        return (self.start_rate + self.end_rate) / 2 * self.seconds

    def when(self, due: float) -> float:
        """The time within the ramp, in seconds, by which ``due`` requests are due (0 <= due <= requests)."""
        slope = (self.end_rate - self.start_rate) / self.seconds
        # The root of start*t + slope/2*t^2 = due, in the form that stays exact for a slope of zero.
        root = math.sqrt(max(self.start_rate**2 + 2 * slope * due, 0.0))
        denominator = self.start_rate + root
        return min(2 * due / denominator, self.seconds) if denominator > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Ramps one after the other. ``seed`` makes Poisson arrivals repeatable; constant spacing needs none.

    With ``burst`` above 1 so many requests fall due at the same moment, and such moments are that much rarer.
    """

    ramps: tuple[Ramp, ...]
    poisson: bool = False
    seed: int = 0
    burst: int = 1

    @property
    def seconds(self) -> float:
        return sum(ramp.seconds for ramp in self.ramps)

    @property
    def requests(self) -> float:
        """How many requests fall due, the warm-up included; on average, for Poisson arrivals."""
        return sum(ramp.requests for ramp in self.ramps)

    @property
    def measured_requests(self) -> float:
        return sum(ramp.requests for ramp in self.ramps if ramp.measured)

    @property
    def measured_seconds(self) -> float:
        return sum(ramp.seconds for ramp in self.ramps if ramp.measured)

    def arrivals(self, part: int = 0, of: int = 1) -> Iterator[float]:
        """Yield the due times of process ``part`` (0-based) of ``of``, in seconds from the start, in order."""
        points = self._poisson_points() if self.poisson else (k + 0.5 for k in itertools.count())
        times = self._times(points)
        if self.burst > 1:
            times = itertools.chain.from_iterable(itertools.repeat(time, self.burst) for time in times)
        return itertools.islice(times, part, None, of)

    def _poisson_points(self) -> Iterator[float]:
        source = random.Random(self.seed)
        point = 0.0
        while True:
            point += source.expovariate(1.0)
            yield point

    def _times(self, points: Iterator[float]) -> Iterator[float]:
        due_before = 0.0
        began = 0.0
        point = next(points)
        for ramp in self.ramps:
            while point * self.burst < due_before + ramp.requests:
                yield began + ramp.when(point * self.burst - due_before)
                point = next(points)
            due_before += ramp.requests
            began += ramp.seconds
