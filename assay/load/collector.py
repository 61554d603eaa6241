"""What the load processes have handed over, added up at the master: observations, and how far the run has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from assay.errors import InconclusiveError
from assay.load.latency import Latency
from assay.load.measures import Measure, NotStarted, Timeline
from assay.load.profiles import Profile, Stage
from assay.load.recorder import MEASURES, VERSION, Observations

_Kind = TypeVar("_Kind", bound=Measure[Any])


class Collector:
    """Everything observed in one run of stages: ``collector[Latency]`` is that measure with the sums of all."""

    def __init__(self, timeline: Timeline, measures: Sequence[type[Measure[Any]]] = MEASURES) -> None:
        self._measures = {kind: kind(timeline) for kind in measures}

    def __getitem__(self, kind: type[_Kind]) -> _Kind:
        return cast(_Kind, self._measures[kind])

    @property
    def operations(self) -> list[str]:
        """The operations that were asked for, or due and not started."""
        skipped = {operation for operation, _, _ in self[NotStarted].counts}
        return sorted(self[Latency].operations | skipped)

    def add(self, source: str, observations: Observations) -> None:
        """Add what the load process ``source`` has observed; InconclusiveError when it speaks another version."""
        if observations.version != VERSION:
            raise InconclusiveError(
                f"load process {source} reports in version {observations.version}, and this one reads {VERSION}",
                hint="install the same version everywhere",
            )
        for measure in self._measures.values():
            measure.add(source, measure.form.validate_python(observations.sections[measure.name]))


LEAST_SECONDS: Final = 1.0
MOST_EVENTS: Final = 2000
"""Events of one run at most: a second apart up to half an hour, 43 s apart in a day (so a day's take 400 KB)."""

Watch = Callable[[Mapping[str, Any]], None]
"""Hears how far a run of stages has come; see ``Meter.event``."""


def ignore(event: Mapping[str, Any]) -> None:
    """A watch that does nothing."""


class Meter:
    """Tells how far one run of stages has come. ``attempt`` is its number, ``profile`` what it is asked to do."""

    def __init__(self, watch: Watch, profile: Profile, attempt: int) -> None:
        self._watch = watch
        self._profile = profile
        self._attempt = attempt
        self._every = max(LEAST_SECONDS, profile.seconds / MOST_EVENTS)
        self._told = 0.0
        self._told_done = 0
        self._done = 0
        self._errors = 0

    def tell(self, at: float, requests: int, errors: int) -> None:
        """Tell the watch when it is time again: ``at`` in seconds since the start, and what was answered so far."""
        self._done, self._errors = requests, errors
        if at - self._told >= self._every:
            self._tell(at)

    def finish(self, at: float, requests: int, errors: int) -> None:
        """Tell the final figures."""
        self._done, self._errors = requests, errors
        self._tell(max(at, self._told))

    def _tell(self, at: float) -> None:
        self._watch(self.event(at))
        self._told, self._told_done = at, self._done

    def event(self, at: float) -> dict[str, Any]:
        """The figures ``at`` seconds into the run.

        ``requests`` answered and ``due`` by now of ``total``, ``errors`` among them, ``rate`` answered per second
        since the last time, the ``stage`` under way, ``second`` of ``seconds``, and the number of the attempt.
        """
        moment = min(max(at, 0.0), self._profile.seconds)
        since = at - self._told
        return {
            "attempt": self._attempt,
            "stage": self._stage(moment),
            "second": round(moment, 1),
            "seconds": self._profile.seconds,
            "requests": self._done,
            "due": round(asked(self._profile, moment)),
            "total": round(asked(self._profile, self._profile.seconds)),
            "rate": round((self._done - self._told_done) / since, 1) if since > 0 else 0.0,
            "errors": self._errors,
        }

    def _stage(self, moment: float) -> str:
        end = 0.0
        for stage in self._profile.stages:
            end += stage.seconds
            if moment < end:
                return stage.name
        return self._profile.stages[-1].name


def asked(profile: Profile, seconds: float) -> float:
    """How many requests are due in the first ``seconds``, all scenarios together (Poisson: expected)."""
    return sum(load.rate for load in profile.loads) * sum(_areas(profile.stages, seconds))


def _areas(stages: tuple[Stage, ...], seconds: float) -> Iterator[float]:
    """The integral of the factor over each stage, as far as ``seconds`` reach into it."""
    for stage in stages:
        part = min(max(seconds, 0.0), stage.seconds)
        seconds -= part
        if stage.seconds:
            at_end = stage.start + (stage.end - stage.start) * part / stage.seconds
            yield (stage.start + at_end) / 2 * part
