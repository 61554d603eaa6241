"""Conforming changes to metrics: which moments are measured, and how a table of them is written."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Final

from assay.reference.behaviour import Behaviour, Change
from assay.reference.http import CSV, IncomingRequest, Reply
from assay.reference.metrics import Measurement, Metrics, Range, Window
from assay.reference.plane import Plane
from assay.reference.scaling import Pod
from assay.reference.store import StoredWorkload
from assay.reference.times import SECOND
from assay.reference.variants.answers import after

Rows = list[list[str]]


class _WholeSeconds(Range):
    """As many samples as were asked for, each at the whole second before its moment."""

    def grid(self) -> Iterator[int]:
        span = self.end - self.start
        if span < 0:
            return
        for number in range(self.samples):
            at = self.end if self.samples == 1 else self.start + span * number // (self.samples - 1)
            yield at // SECOND * SECOND


class _MeasuresSeconds(Metrics):
    def measure(
        self, workload: StoredWorkload, kinds: list[str], wanted: Range, window: Window, pod: Pod | None = None
    ) -> list[Measurement]:
        seconds = _WholeSeconds(wanted.start, wanted.end, wanted.samples)
        return super().measure(workload, kinds, seconds, window, pod)


def each_second(behaviour: Behaviour) -> Behaviour:
    """There is one measurement a second; what lies between two is told by the earlier one, so several may be one."""
    return behaviour.mixing(_MeasuresSeconds)


def table(change: Callable[[Rows], bytes]) -> Change:
    """A behaviour that writes the rows of its CSV, heading first, in its own way."""

    def each(plane: Plane, call: IncomingRequest, answer: Reply) -> Reply:
        if plane.measures(call) and answer.kind == CSV and isinstance(answer.content, bytes):
            answer.content = change(list(csv.reader(io.StringIO(answer.content.decode(), newline=""))))
        return answer

    return after(each)


_TYPE, _TIME, _VALUE = 0, 1, 2  # of the reference's columns


def wide(rows: Rows) -> bytes:
    """One row a moment, one column a type."""
    kinds = list(dict.fromkeys(row[_TYPE] for row in rows[1:]))
    moments: dict[str, dict[str, str]] = {}
    for row in rows[1:]:
        moments.setdefault(row[_TIME], {})[row[_TYPE]] = row[_VALUE]
    lines = [",".join(["time", *kinds])]
    lines += [",".join([at, *(values.get(kind, "") for kind in kinds)]) for at, values in moments.items()]
    return "\n".join(lines).encode()


_MARK: Final = "\ufeff"


def for_spreadsheets(rows: Rows) -> bytes:
    """Every cell in quotes, a byte order mark, values of two decimals, no line break at the end."""
    printed = [
        [f"{float(cell):.2f}" if number and place == _VALUE else cell for place, cell in enumerate(row)]
        for number, row in enumerate(rows)
    ]
    return (_MARK + "\n".join(",".join(f'"{cell}"' for cell in row) for row in printed)).encode()
