"""The journal of a run: one JSON line per event, flushed as it happens, so a killed run keeps what it saw.

Events (``t`` names the kind):

- ``exchange``  {operation, status|null, ms, expected, rules: [[rule, side]], keywords: [[place, side]], test}
- ``finding``   Finding.to_json()
- ``test``      {id, outcome: passed|failed|error|skipped, seconds, message?}
- ``planned``   {total}            how many tests were selected
- ``not_tested``{what, why}
- ``problem``   {what}             makes the run inconclusive (target lost, generator saturated ...)
- ``resource``  {event: created|deleted|left_behind, id, name}
- ``load``      {operation, rate, requests, errors, latency_ms, slo}
- ``series``    {operation, points: [[second, requests, errors, p50, p95, p99]]}
- ``note``      {text}             worth a line in the report, no more
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from assay.errors import ReportError
from assay.findings.model import Finding


class Journal:
    """Appends events to a JSON-lines file. Safe to use from several threads and, opened twice, from processes."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._file = file
        try:
            self._out: TextIO = file.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise ReportError(f"the journal {file} cannot be written: {error}") from error

    def write(self, kind: str, **event: Any) -> None:
        """Append one event; ReportError when the disk refuses it."""
        line = json.dumps({"t": kind, **event}, ensure_ascii=True) + "\n"
        try:
            with self._lock:
                self._out.write(line)
        except OSError as error:
            raise ReportError(f"the journal {self._file} cannot be written: {error}") from error

    def finding(self, finding: Finding) -> None:
        self.write("finding", **finding.to_json())

    def close(self) -> None:
        self._out.close()


def read(file: Path) -> Iterator[Mapping[str, Any]]:
    """Yield every whole event; a last line that a killed process left half written is passed over."""
    if not file.exists():
        return
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue
