"""What a run remembers of its target, all of it in one place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar

from assay.checks.exchange import Exchange, Suspect
from assay.contract.request import Request
from assay.findings.model import Finding
from assay.generation.cases import PlannedCase

T = TypeVar("T")

# An update is documented as 202: it may take a while to show. Controllers reconcile in seconds.
LONGEST_WAIT: Final = 10.0
# After so many waits in vain a wait is cut to a few times the longest that was worth it.
_IN_VAIN: Final = 3
_MARGIN: Final = 3.0
_LEAST_SECONDS: Final = 0.5
_OF_REQUESTS: Final = frozenset({"accepts-valid", "ordinary-accepted", "schema-enforced", "rule-enforced"})
"""Checks that tell of a request which is refused, or taken."""


class LearnedWait:
    """How long it is worth waiting for something: a target that loses it would otherwise cost a whole wait each time.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_vain = 0
        self.longest = 0.0
        """The longest wait, in seconds, at whose end it was there."""

    @property
    def patience(self) -> float:
        """Seconds after which to give up."""
        if self._in_vain < _IN_VAIN:
            return LONGEST_WAIT
        return min(LONGEST_WAIT, max(_LEAST_SECONDS, _MARGIN * self.longest))

    def note(self, seconds: float, *, in_vain: bool) -> None:
        """Learn from a wait of ``seconds``."""
        with self._lock:
            self._in_vain += in_vain
            if not in_vain:
                self.longest = max(self.longest, seconds)


class Belongings:
    """What belonged to the workloads of a run, by which whoever repeats a request finds the like anew."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}
        """Ids of workloads by the ids of what they have, such as pods."""
        self.serving: dict[str, datetime] = {}
        """Since when a workload was known to serve, by its id."""
        self.concurrent: dict[str, tuple[Request, ...]] = {}
        """What left at one moment, by the test that sent it; of creations each stands for one under its own name."""

    def belongs(self, workload: str, *found: str) -> None:
        """Remember whose ``found`` are."""
        self.owners |= dict.fromkeys(found, workload)

    def served(self, workload: str, since: datetime, pods: Iterable[str]) -> None:
        """Remember since when a workload serves, and with which pods."""
        self.serving[workload] = since
        self.belongs(workload, *pods)


class RunState:
    """The memory of a run about one target, made with the session. Safe to use from several threads.

    ``keeps_idle``: a shared fixture that no test holds stays for the next one, and keeps its slots.
    """

    def __init__(self, *, keeps_idle: bool = False) -> None:
        self.keeps_idle = keeps_idle
        self.updates = LearnedWait()
        """What was learned about the time after which an accepted update shows."""
        self.never_shown = 0
        """Created workloads that answered 404 to the end."""
        self.found = Belongings()
        self.unready: str | None = None
        """Why the first workload whose metrics were waited for had none in time; empty once one had them."""
        self.planned: tuple[PlannedCase, ...] | None = None
        """The cases that the tests of the run hold, for none but these share a request; None: all there are."""
        self.suspects: dict[str, Suspect] = {}
        """What experiments may take apart, by the id of the finding."""
        self.gpus_gone = ""
        """Why no request for a GPU can be judged any more; empty as long as they can."""
        self._lock = threading.Lock()
        self._seen: set[tuple[str, str]] = set()
        self._kept: dict[Hashable, Any] = {}
        self._making: dict[Hashable, threading.Lock] = {}

    def is_new(self, kind: str, value: str) -> bool:
        """Whether this ``value`` of a ``kind`` (``finding``, ``workload``) was not asked about before."""
        with self._lock:
            known = (kind, value) in self._seen
            self._seen.add((kind, value))
            return not known

    def suspect(self, finding: Finding, exchange: Exchange) -> None:
        """Remember the first exchange of a finding that is about what a request holds."""
        if finding.check in _OF_REQUESTS:
            self.suspects.setdefault(finding.id, Suspect(finding, exchange))

    def waited_for_metrics(self, problem: str | None) -> None:
        """Remember why metrics were waited for in vain: where none has any, only the first is waited for."""
        with self._lock:
            if problem is None:
                self.unready = ""
            elif self.unready is None:
                self.unready = problem

    def keep(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` made when ``key`` was first asked for. Others that ask meanwhile wait.

        Raises what ``make`` raises, and keeps nothing then.
        """
        with self._lock:
            lock = self._making.setdefault(key, threading.Lock())
        with lock:
            if key not in self._kept:
                self._kept[key] = make()
            made: T = self._kept[key]
            return made
