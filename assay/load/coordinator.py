"""Leads the load processes through a run by messages, adds up their reports, and notices when one is lost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gevent.queue import Empty, Queue

from assay.errors import AssayError, InconclusiveError
from assay.load.agent import READY_SECONDS, RECOVER_SECONDS
from assay.load.collector import Collector
from assay.load.plan import profile_to_json, steps_to_json
from assay.load.profiles import Profile, Step

Send = Callable[[str, dict[str, Any], str], None]
"""Sends a message (kind, content) to one load process."""

START_DELAY: Final = 0.3
"""Seconds between the order and the start of a leg, so that all processes start together."""

JOIN_SECONDS: Final = 60.0
"""How long worker processes may take to start and connect: 2 s on idle cores, measured; CI machines are not idle."""

_GRACE: Final = 10.0


class Interrupted(Exception):  # noqa: N818 - a request of the user, not a fault
    """The user asked the run to stop."""


@dataclass(slots=True)
class Leg:
    """What one leg gave: everything observed, and what makes it inconclusive."""

    profile: Profile
    steps: tuple[Step, ...]
    collector: Collector
    problems: list[str] = field(default_factory=list)
    interrupted: bool = False
    cut_at: float = math.inf

    @property
    def measured_seconds(self) -> float:
        """How long the measured stages lasted, up to where the leg was cut short."""
        total = begun = 0.0
        for step in self.steps:
            ended = begun + step.seconds
            if step.measured:
                total += max(min(ended, self.cut_at) - begun, 0.0)
            begun = ended
        return total


class Coordinator:
    """``present`` tells which load processes are alive; ``members`` are those that take part, in order."""

    def __init__(self, send: Send, present: Callable[[], set[str]]) -> None:
        self._send = send
        self.members: list[str] = []
        self._present = present
        self._inbox: Any = Queue()
        self._reports: dict[str, int] = {}
        self._legs = 0
        self.lost: dict[str, str] = {}
        self._stop = False

    def hear(self, kind: str, source: str, data: Mapping[str, Any]) -> None:
        """Take a message from a load process."""
        self._inbox.put((kind, source, data))

    def interrupt(self) -> None:
        """End the run early: no more requests, then the clean-up."""
        self._stop = True
        self._inbox.put(("interrupt", "", {}))

    @property
    def interrupted(self) -> bool:
        return self._stop

    def gather(self, number: int, look: Callable[[], None] = lambda: None, seconds: float = JOIN_SECONDS) -> None:
        """Wait until ``number`` load processes have announced themselves; they become the members, in that order.

        ``look`` is called now and then and may raise. InconclusiveError when they do not come.
        """
        deadline = time.monotonic() + seconds
        while len(self.members) < number:
            kind, source, _ = self._next()
            if self._stop:
                raise Interrupted
            if kind == "assay_here" and source not in self.members:
                self.members.append(source)
            look()
            if time.monotonic() > deadline:
                raise InconclusiveError(
                    f"{len(self.members)} of {number} load processes joined within {seconds:.0f} s",
                    hint="start the others with: python -m assay.load --stay --worker HOST:PORT",
                )

    def prepare(self, profile: Profile, *, run: str, stem: str, seed: int) -> list[str]:
        """Have every process reach the target and make its workloads; returns notes.

        Raises what the first process raised: CredentialsError, SettingsError, InconclusiveError ...
        """
        for part, member in enumerate(self.members):
            content = {
                "profile": profile_to_json(profile),
                "run": run,
                "stem": stem,
                "seed": seed,
                "part": part,
                "of": len(self.members),
            }
            self._send("assay_prepare", content, member)
        notes: list[str] = []
        for source, data in self._gather("assay_ready", READY_SECONDS + profile.timeout * 2 + _GRACE):
            if data["problem"]:
                raise _as_error(data)
            notes += [note for note in data["notes"] if note not in notes]
            self._reports[source] = 0
        if self.lost:
            raise InconclusiveError(f"a load process was lost during set-up: {'; '.join(self.lost.values())}")
        return notes

    def leg(self, profile: Profile, steps: tuple[Step, ...], *, slot: float = 1.0, recover: bool = False) -> Leg:
        """Run ``steps`` once in all processes and return what was observed; Interrupted only before it starts.

        With ``recover`` every process first waits until the target answers quickly.
        """
        if self._stop:
            raise Interrupted
        self._legs += 1
        seconds = sum(step.seconds for step in steps)
        collector = Collector(
            tuple(step.measured for step in steps),
            seconds=seconds,
            slot=slot,
            patience=profile.timeout + profile.patience,
        )
        leg = Leg(profile, steps, collector)
        content = {
            "number": self._legs,
            "profile": profile_to_json(profile),
            "steps": steps_to_json(steps),
            "slot": slot,
            "recover": recover,
            "begin": time.time() + START_DELAY,
        }
        for member in self._alive():
            self._send("assay_leg", content, member)
        self._collect(leg, time.monotonic() + START_DELAY, seconds)
        collector.finish()
        return leg

    def finish(self, seconds: float) -> int:
        """Have every process delete what it created; returns how many workloads are left (the ledger knows them)."""
        for member in self._alive():
            self._send("assay_finish", {"seconds": seconds}, member)
        return sum(int(data["left"]) for _, data in self._gather("assay_finished", seconds + _GRACE, stoppable=False))

    # waiting -----------------------------------------------------------------------------------------------------

    def _collect(self, leg: Leg, began: float, seconds: float) -> None:
        waiting = set(self._alive())
        told = False
        deadline = began + seconds + RECOVER_SECONDS + 2 * (leg.profile.timeout + leg.profile.patience) + _GRACE
        while waiting:
            kind, source, data = self._next()
            if self._stop and not told:
                told = leg.interrupted = True
                leg.cut_at = min(leg.cut_at, time.monotonic() - began)
                for member in self._alive():
                    self._send("assay_halt", {}, member)
            if kind == "assay_report":
                self._take_report(leg, source, data)
            elif kind == "assay_done" and data["number"] == self._legs:
                waiting.discard(source)
                leg.cut_at = min(leg.cut_at, float(data["cut_at"] or math.inf))
                self._check_complete(leg, source, data)
            self._notice_losses(leg, waiting, time.monotonic() - began)
            leg.collector.close_before(time.monotonic() - began)
            if time.monotonic() > deadline:
                leg.problems.append(f"load processes did not end in time: {', '.join(sorted(waiting))}")
                return

    def _take_report(self, leg: Leg, source: str, data: Mapping[str, Any]) -> None:
        self._reports[source] = self._reports.get(source, 0) + 1
        if data["number"] == self._legs:
            leg.collector.add(source, data["report"])

    def _check_complete(self, leg: Leg, source: str, data: Mapping[str, Any]) -> None:
        if data["problem"] and data["problem"] not in leg.problems:
            leg.problems.append(data["problem"])
        answered, closed = data.get("connections", (0, 0))
        leg.collector.answered += answered
        leg.collector.closed += closed
        if data["reports"] != self._reports.get(source, 0):
            leg.problems.append(
                f"{data['reports'] - self._reports.get(source, 0)} reports of load process {source} were lost"
            )

    def _notice_losses(self, leg: Leg, waiting: set[str], at: float) -> None:
        for member in self._gone():
            waiting.discard(member)
            self.lost[member] = f"load process {member} was lost after {at:.0f} s"
            leg.problems.append(
                f"{self.lost[member]}: from then on only {len(self._alive())} of {len(self.members)} parts of the "
                "asked rate were sent, and its last second is missing"
            )

    def _gone(self) -> list[str]:
        present = self._present()
        return [member for member in self._alive() if member not in present]

    def _alive(self) -> list[str]:
        return [member for member in self.members if member not in self.lost]

    def _next(self) -> tuple[str, str, Mapping[str, Any]]:
        try:
            message: tuple[str, str, Mapping[str, Any]] = self._inbox.get(timeout=0.25)
        except Empty:
            return "", "", {}
        return message

    def _gather(self, kind: str, seconds: float, *, stoppable: bool = True) -> list[tuple[str, Mapping[str, Any]]]:
        """One message of this kind from every process that is alive, within ``seconds``."""
        answers: dict[str, Mapping[str, Any]] = {}
        deadline = time.monotonic() + seconds
        while missing := set(self._alive()) - set(answers):
            got, source, data = self._next()
            if self._stop and stoppable:
                raise Interrupted
            if got == kind:
                answers[source] = data
            for member in self._gone():
                self.lost[member] = f"load process {member} was lost"
            if time.monotonic() > deadline:
                raise InconclusiveError(
                    f"no {kind} from load process {', '.join(sorted(missing))} within {seconds:.0f} s"
                )
        return sorted(answers.items())


def _as_error(data: Mapping[str, Any]) -> AssayError:
    error = AssayError(str(data["problem"]), hint=data["hint"])
    error.exit_code = int(data["exit"])
    return error
