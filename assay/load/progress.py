"""How far a leg has come, for those who watch: counted from the reports that load processes send once a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from assay.load.profiles import Profile, Step

LEAST_SECONDS: Final = 1.0
MOST_EVENTS: Final = 2000
"""Events of one leg at most: a second apart up to half an hour, 43 s apart in a day (so a day's take 400 KB)."""

Watch = Callable[[Mapping[str, Any]], None]
"""Hears how far a leg has come; see ``Meter.event``."""


def ignore(event: Mapping[str, Any]) -> None:
    """A watch that does nothing."""


class Meter:
    """Counts the requests of one leg. ``leg`` is its number, ``steps`` and ``profile`` what it is asked to do."""

    def __init__(self, watch: Watch, profile: Profile, steps: tuple[Step, ...], leg: int) -> None:
        self._watch = watch
        self._profile = profile
        self._steps = steps
        self._leg = leg
        self._seconds = sum(step.seconds for step in steps)
        self._every = max(LEAST_SECONDS, self._seconds / MOST_EVENTS)
        self._told = 0.0
        self._told_done = 0
        self._done = 0
        self._errors = 0

    def add(self, report: Mapping[str, Any]) -> None:
        """Count the requests of one process's report (``assay.load.recorder.Report``)."""
        for _, outcome, _, _, _, counts in report["tracks"]:
            number = sum(counts)
            self._done += number
            if outcome == "error":
                self._errors += number

    def tell(self, at: float) -> None:
        """Tell the watch when it is time again; ``at`` is in seconds since the leg began."""
        if at - self._told >= self._every:
            self._tell(at)

    def finish(self, at: float) -> None:
        """Tell the final figures."""
        self._tell(max(at, self._told))

    def _tell(self, at: float) -> None:
        self._watch(self.event(at))
        self._told, self._told_done = at, self._done

    def event(self, at: float) -> dict[str, Any]:
        """The figures ``at`` seconds into the leg.

        ``requests`` answered and ``due`` by now of ``total``, ``errors`` among them, ``rate`` answered per second
        since the last time, the ``stage`` under way, ``second`` of ``seconds``, and the leg's number.
        """
        moment = min(max(at, 0.0), self._seconds)
        since = at - self._told
        return {
            "leg": self._leg,
            "stage": self._stage(moment),
            "second": round(moment, 1),
            "seconds": self._seconds,
            "requests": self._done,
            "due": round(asked(self._profile, self._steps, moment)),
            "total": round(asked(self._profile, self._steps, self._seconds)),
            "rate": round((self._done - self._told_done) / since, 1) if since > 0 else 0.0,
            "errors": self._errors,
        }

    def _stage(self, moment: float) -> str:
        end = 0.0
        for step in self._steps:
            end += step.seconds
            if moment < end:
                return step.name
        return self._steps[-1].name


def asked(profile: Profile, steps: tuple[Step, ...], seconds: float) -> float:
    """How many requests are due in the first ``seconds`` of ``steps``, all scenarios together (Poisson: expected)."""
    return sum(load.rate for load in profile.loads) * sum(_areas(steps, seconds))


def _areas(steps: tuple[Step, ...], seconds: float) -> Iterator[float]:
    """The integral of the factor over each step, as far as ``seconds`` reach into it."""
    for step in steps:
        part = min(max(seconds, 0.0), step.seconds)
        seconds -= part
        if step.seconds:
            at_end = step.start + (step.end - step.start) * part / step.seconds
            yield (step.start + at_end) / 2 * part
