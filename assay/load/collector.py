"""Adds up at the master what all load processes have observed and handed over (see ``assay.load.recorder``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from assay.errors import InconclusiveError
from assay.load.latency import Latency
from assay.load.measures import Measure, NotStarted, Timeline
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
