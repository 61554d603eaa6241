"""The journal of a run: one JSON line per event, flushed as it happens, so a killed run keeps what it saw.

Events (``t`` names the kind):

- ``exchange``  {operation, status|null, ms, expected, rules: [[rule, side]], keywords: [[place, side]], test}
- ``finding``   Finding.to_json()
- ``diagnosis`` {finding, cause, says, places}   experiments on a finding: those with the same ``cause`` have one
- ``test``      {id, outcome: passed|failed|error|skipped, seconds, message?}
- ``planned``   {total, tests?}    how many tests were selected, and their ids
- ``not_tested``{what, why}
- ``disturbances`` {requests, kinds: {what: how often}, asked_again, repeated, in_vain}   what passed
                                    (a gateway's 502)
- ``problem``   {what, code?, over?}   makes the run inconclusive (target lost, generator saturated ...); ``code`` 2:
                                    the user's side is at fault (an ended token), which the exit code then says;
                                    ``over``: no further part of the run makes sense
- ``withdrawn`` {status, operation|null, words, why}   findings in such answers had one cause, which ended the run
- ``resource``  {event: created|deleted|unconfirmed|left_behind, id, name?}   ``unconfirmed``: its deletion was agreed
                                    to, and nobody could see it done
- ``lost``      {name}             the answer to a creation was lost
- ``wait``      {cause, seconds}   a pause before a request was sent again: 429, 503, refused
- ``limit``     {name, allowed|null, used}     a limit of the run and how much of it was used
- ``load``      {operation, rate, requests, errors, latency_ms, slo, judged}
- ``series``    {operation, points: [[second, requests, errors, p50, p95, p99]]}
- ``note``      {text}             worth a line in the report, no more
- ``progress``  {attempt, stage, second, seconds, requests, due, total, rate, errors} or {text}: for those who watch

Every event also carries ``at``, the time of writing in seconds since 1970.
"""

from __future__ import annotations

import json
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from assay.clock import SYSTEM, Clock
from assay.errors import ReportError
from assay.findings.model import Finding


class Journal(ABC):
    """Takes the events of a run, wherever it keeps them."""

    @abstractmethod
    def write(self, kind: str, /, **event: Any) -> None:
        """Take one event; ReportError when it cannot be kept."""

    def finding(self, finding: Finding) -> None:
        self.write("finding", **finding.to_json())

    def close(self) -> None:  # noqa: B027 - a choice for those that hold something
        """Nothing is held, unless a subclass says so."""


class FileJournal(Journal):
    """Appends events to a JSON-lines file. Safe to use from several threads and, opened twice, from processes.

    A line leaves in one ``write`` to a file opened for appending, so lines of several processes never mix; a
    buffered file would split a line longer than its buffer (8 KB; a finding with its evidence is often longer).
    """

    def __init__(self, file: Path, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._file = file
        try:
            self._out = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise self._refused(error) from error

    def write(self, kind: str, /, **event: Any) -> None:
        """Append one event; ReportError when the disk refuses it."""
        record = {"t": kind, "at": round(self._clock.time(), 3), **event}
        line = (json.dumps(record, ensure_ascii=True) + "\n").encode("ascii")
        try:
            with self._lock:
                written = os.write(self._out, line)
        except OSError as error:
            raise self._refused(error) from error
        if written < len(line):
            raise self._refused("the disk is full")

    def close(self) -> None:
        """Close the file; closing twice is allowed."""
        with self._lock:
            if self._out >= 0:
                os.close(self._out)
                self._out = -1

    def _refused(self, cause: object) -> ReportError:
        return ReportError(
            f"the journal {self._file} cannot be written: {cause}", hint="free space there, or choose another --out"
        )


class LenientJournal(Journal):
    """Keeps in memory what another journal does not take, so that a full disk ends no clean-up and loses no event.

    ``unwritten`` are those events, in the form in which ``read`` yields them; the first is why.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.unwritten: list[Mapping[str, Any]] = []

    def write(self, kind: str, /, **event: Any) -> None:
        try:
            self._journal.write(kind, **event)
        except ReportError as error:
            if not self.unwritten:
                self.unwritten.append({"t": "problem", "what": error.message})
            self.unwritten.append({"t": kind, **event})

    def close(self) -> None:
        self._journal.close()


def read(file: Path) -> Iterator[Mapping[str, Any]]:
    """Yield every whole event; a last line that a killed process left half written is passed over.

    A damaged line before the last one becomes a ``problem``: a verdict must not rest on lost events.
    """
    if not file.exists():
        return
    damaged: int | None = None
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if damaged is not None:
                yield {"t": "problem", "what": f"line {damaged} of the journal {file} is damaged"}
            event = _event(line)
            damaged = number if event is None else None
            if event is not None:
                yield event


def _event(line: str) -> Mapping[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):  # ValueError also covers integers too long for Python to parse
        return None
    return event if isinstance(event, dict) and isinstance(event.get("t"), str) else None
