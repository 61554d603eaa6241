"""What one load process observed, gathered cheaply and handed over once a second.

A request costs three appends here; bucketing happens when a report is drained. Reports are plain lists and numbers,
so they travel in Locust's worker messages; the collector adds them up exactly.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np

from assay.load.crowd import Crowd
from assay.load.histogram import sparse
from assay.load.stalls import StallWatch

Outcome = Literal["ok", "error"]
Report = dict[str, Any]
"""
{"tracks": [[operation, outcome, stage, slot, index, counts]],      latency from the intended start
 "service": [[operation, outcome, stage, index, counts]],           from the first byte sent
 "errors": [[operation, stage, kind, count]],
 "skipped": [[operation, stage, reason, count]],                    due but not started
 "lag": [index, counts], "late": [starts, late starts], "loop": [index, counts],
 "in_flight": [[slot, most at once]], "cpu": [[slot, share of one core]],
 "levels": [[operation, variable, value, index, counts]],           right answers in measured stages
 "stalls": [[start, end]],                                          measured stages; seconds since the leg began
 "crowd": [[operation, most at once, right, wrong]]}                by how many requests were under way with it
"""

MOST_CROWD: Final = 1000
"""Requests at once beyond this are counted together, so that a cap of 100,000 does not cost memory."""

LATE_SECONDS: Final = 0.025
"""A start later than this counts as late. An idle generator starts within 4 ms of the due time at the 99th
percentile on a busy two-core machine (timerfd, measured); six times that is no scheduling noise."""


class _Track:
    __slots__ = ("intended", "latency", "service")

    def __init__(self) -> None:
        self.intended = array("d")
        self.latency = array("d")
        self.service = array("d")


class Recorder:
    """Records against the stages of one leg. All times are seconds since the start of the leg.

    ``stage_ends`` are the ends of the stages in order; a request belongs to the stage in which it was *due*. ``slot``
    is the width of the series' points in seconds. ``measured`` says which stages count (without it: all).
    """

    def __init__(
        self, stage_ends: Sequence[float], slot: float = 1.0, *, measured: Sequence[bool] | None = None
    ) -> None:
        self._ends = np.asarray(stage_ends, dtype=np.float64)
        self._slot = slot
        self._measured = tuple(measured) if measured is not None else (True,) * len(stage_ends)
        self._reset()
        self._in_flight = 0
        self._stalls = StallWatch()
        self._crowding = Crowd()

    def _reset(self) -> None:
        self._tracks: dict[tuple[str, Outcome], _Track] = {}
        self._errors: Counter[tuple[str, int, str]] = Counter()
        self._skipped: Counter[tuple[str, int, str]] = Counter()
        self._lag = array("d")
        self._loop = array("d")
        self._most: dict[int, int] = {}
        self._cpu: list[tuple[int, float]] = []
        self._levels: dict[tuple[str, str, int], array[float]] = {}
        self._crowd: dict[tuple[str, int], list[int]] = {}

    def started(self, due: float, now: float, *, waited: bool = False) -> None:
        """A request left at ``now`` that was due at ``due``; one that ``waited`` for the cap is not late."""
        if not waited:
            self._lag.append(now - due)
        self._in_flight += 1
        self._stalls.started(now, self._in_flight)
        self._crowding.started(now, self._in_flight)
        slot = int(now / self._slot)
        if self._in_flight > self._most.get(slot, 0):
            self._most[slot] = self._in_flight

    def ended(
        self,
        operation: str,
        due: float,
        start: float,
        end: float,
        error: str | None,
        levels: Iterable[tuple[str, int]] = (),
    ) -> None:
        """Its answer was there at ``end``; ``error`` is a status or a kind of failure, None when it was right."""
        self._stalls.ended(end, self._in_flight)
        row = self._crowd.setdefault((operation, min(self._crowding.most_since(start), MOST_CROWD)), [0, 0])
        row[1 if error else 0] += 1
        self._in_flight -= 1
        key: tuple[str, Outcome] = (operation, "error" if error else "ok")
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = _Track()
        track.intended.append(due)
        track.latency.append(end - due)
        track.service.append(end - start)
        if error:
            self._errors[operation, self.stage(due), error] += 1
        elif levels and self._measured[self.stage(due)]:
            for level in levels:
                self._levels.setdefault((operation, *level), array("d")).append(end - due)

    def skipped(self, operation: str, due: float, reason: str) -> None:
        """A request was due and could not be started."""
        self._skipped[operation, self.stage(due), reason] += 1

    def loop_lag(self, seconds: float, now: float | None = None) -> None:
        """The event loop woke this much later than asked, at ``now``."""
        self._loop.append(seconds)
        if now is not None:
            self._stalls.tick(now)

    def cpu(self, at: float, share: float) -> None:
        """The share of one core that this process used in the second before ``at``."""
        self._cpu.append((int(at / self._slot), share))

    def stage(self, due: float) -> int:
        """The number of the stage in which ``due`` lies; what is due at the very end belongs to the last."""
        return min(int(np.searchsorted(self._ends, due, side="right")), len(self._ends) - 1)

    def drain(self) -> Report:
        """Hand over everything recorded since the last call, and forget it."""
        tracks: list[Any] = []
        service: list[Any] = []
        for (operation, outcome), track in self._tracks.items():
            intended = np.frombuffer(track.intended)
            stages = np.minimum(np.searchsorted(self._ends, intended, side="right"), len(self._ends) - 1)
            slots = (intended / self._slot).astype(np.int64)
            latency = np.frombuffer(track.latency) * 1e6
            for stage, slot in sorted(set(zip(stages.tolist(), slots.tolist(), strict=True))):
                here = (stages == stage) & (slots == slot)
                tracks.append([operation, outcome, stage, slot, *sparse(latency[here])])
            taken = np.frombuffer(track.service) * 1e6
            service += [
                [operation, outcome, stage, *sparse(taken[stages == stage])] for stage in sorted(set(stages.tolist()))
            ]
        lag = np.frombuffer(self._lag) if self._lag else np.empty(0)
        report: Report = {
            "tracks": tracks,
            "service": service,
            "errors": _rows(self._errors),
            "skipped": _rows(self._skipped),
            "lag": list(sparse(lag * 1e6)),
            "late": [len(lag), int((lag > LATE_SECONDS).sum())],
            "loop": list(sparse(np.array(self._loop) * 1e6)),
            "in_flight": [[slot, most] for slot, most in sorted(self._most.items())],
            "cpu": [[slot, share] for slot, share in self._cpu],
            "levels": [[*key, *sparse(np.frombuffer(values) * 1e6)] for key, values in self._levels.items()],
            "stalls": [[start, end] for start, end in self._stalls.drain() if self._measured[self.stage(start)]],
            "crowd": [[*key, *row] for key, row in self._crowd.items()],
        }
        self._reset()
        return report

    @property
    def in_flight(self) -> int:
        return self._in_flight


def _rows(counts: Mapping[tuple[str, int, str], int]) -> list[list[Any]]:
    return [[*key, count] for key, count in counts.items()]
