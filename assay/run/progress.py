"""Shows how a run goes: one live line on a terminal, plain lines at a calm pace in CI."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.status import Status
from rich.text import Text

from assay.clock import SYSTEM, Clock
from assay.wording import plural

# In CI a line every 10 s keeps "no output" watchdogs quiet and the log short.
_PLAIN_SECONDS: Final = 10.0

_BAR: Final = 20


class Progress:
    """Follows the journal of a run and tells what it reads."""

    def __init__(self, console: Console, journal: Path, clock: Clock = SYSTEM) -> None:
        self._console = console
        self._journal = journal
        self._clock = clock
        self._read_to = 0  # bytes of the journal
        self._counts: Counter[str] = Counter()
        self._findings: set[str] = set()
        self._planned = 0
        self._load: Mapping[str, Any] = {}
        self._part = ""
        self._began = self._clock.monotonic()
        self._said = self._clock.monotonic()
        self._status: Status | None = None

    def start(self, part: str, note: str) -> None:
        """Begin a part; ``note`` says in a few words what it does."""
        self.stop()
        self._part, self._began, self._said = part, self._clock.monotonic(), self._clock.monotonic()
        if self._console.is_terminal:
            self._status = self._console.status(Text.assemble((part, "bold"), f" {note}"))
            self._status.start()
        else:
            self._console.print(f"{part}: {note}", highlight=False)

    def stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def done(self) -> None:
        """End the part with one line that stays."""
        self.follow()
        self.stop()
        seconds = self._clock.monotonic() - self._began
        self._console.print(f"{self._part}: {self._state()}, {seconds:.0f} s", highlight=False, soft_wrap=True)

    def follow(self) -> None:
        """Read what the journal has gained and show it."""
        self._read()
        if self._status is not None:
            self._status.update(Text.assemble((self._part, "bold"), f" {self._state()}"))
        elif not self._console.is_terminal and self._clock.monotonic() - self._said > _PLAIN_SECONDS:
            self._said = self._clock.monotonic()
            self._console.print(f"{self._part}: {self._state()}", highlight=False, soft_wrap=True)

    def _state(self) -> str:
        if self._part == "load":
            return self._load_state()
        tests = (
            f"{self._counts['test']}/{self._planned} tests" if self._planned else plural(self._counts["test"], "test")
        )
        return (
            f"{tests}, {plural(self._counts['exchange'], 'request')}, {plural(len(self._findings), 'finding')} so far"
        )

    def _load_state(self) -> str:
        findings = f"{plural(len(self._findings), 'finding')} so far"
        now = self._load
        if not now or self._counts["load"]:
            return f"{plural(self._counts['load_requests'], 'request')}, {findings}"
        attempt = f"try {now['attempt']}, " if now["attempt"] > 1 else ""
        return (
            f"{_bar(now['second'], now['seconds'])} {attempt}{now['stage']}, second {now['second']:.0f} of "
            f"{now['seconds']:.0f}, {now['requests']:,} of {now['total']:,} requests, {now['rate']:.0f}/s, "
            f"{plural(now['errors'], 'error')}, {findings}"
        )

    def _read(self) -> None:
        """Count the whole lines that have come; a half-written one waits for its rest."""
        if not self._journal.exists():
            return
        with self._journal.open("rb") as journal:
            journal.seek(self._read_to)
            whole, newline, _ = journal.read().rpartition(b"\n")
        self._read_to += len(whole) + len(newline)
        for line in whole.splitlines():
            self._count(line)

    def _count(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            return
        kind = event.get("t")
        self._counts[kind] += 1
        if kind == "finding":
            self._findings.add(event.get("id", ""))
        elif kind == "planned":
            self._planned += int(event.get("total", 0))
        elif kind == "progress" and "text" in event:
            self._console.print(f"{self._part}: {event['text']}", highlight=False, soft_wrap=True)
        elif kind == "progress":
            self._load = event
        elif kind == "load":
            self._counts["load_requests"] += int(event.get("requests", 0))


def _bar(done: float, whole: float) -> str:
    filled = round(_BAR * min(done / whole, 1.0)) if whole else _BAR
    return "━" * filled + "╌" * (_BAR - filled)
