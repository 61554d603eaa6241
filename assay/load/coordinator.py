"""Leads the load processes through a run by messages, adds up their reports, and notices when one is lost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gevent.queue import Empty, Queue

from assay import __version__
from assay.errors import AssayError, InconclusiveError
from assay.load.agent import READY_SECONDS, RECOVER_SECONDS
from assay.load.collector import Collector
from assay.load.plan import JOIN_SECONDS, profile_to_json, steps_to_json
from assay.load.profiles import Profile, Step
from assay.load.progress import Meter, Watch, ignore

Send = Callable[[str, dict[str, Any], str], None]
"""Sends a message (kind, content) to one load process."""

START_DELAY: Final = 0.3
"""Seconds between the order and the start of a leg, so that all processes start together."""

_ABSENT_SECONDS: Final = 2.0
"""Locust forgets a worker for an instant when its users are stopped (in the web UI); a lost one stays away."""

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
    interrupted: str | None = None
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
    """``present`` tells which load processes are alive; ``members`` are those that take part, in order.

    ``watch`` hears how far each leg has come. A member that is lost stays lost: what it sends when it can be reached
    again counts no more, and it is told to clean up.
    """

    def __init__(self, send: Send, present: Callable[[], set[str]], watch: Watch = ignore) -> None:
        self._send = send
        self.members: list[str] = []
        self._present = present
        self.watch = watch
        self._inbox: Any = Queue()
        self._reports: dict[str, int] = {}
        self._last_report: dict[str, float] = {}
        self._absent_since: dict[str, float] = {}
        self._legs = 0
        self.lost: dict[str, str] = {}
        self._dismissed: set[str] = set()
        self._why_stopped: str | None = None

    def hear(self, kind: str, source: str, data: Mapping[str, Any]) -> None:
        """Take a message from a load process."""
        self._inbox.put((kind, source, data))

    def interrupt(self, why: str = "the load part was interrupted") -> None:
        """End the run early: no more requests, then the clean-up."""
        self._why_stopped = self._why_stopped or why
        self._inbox.put(("interrupt", "", {}))

    @property
    def interrupted(self) -> str | None:
        """Why the run was ended early; None when it was not."""
        return self._why_stopped

    def gather(self, number: int, look: Callable[[], None] = lambda: None, seconds: float = JOIN_SECONDS) -> None:
        """Wait until ``number`` load processes have announced themselves; they become the members, in that order.

        ``look`` is called now and then and may raise. InconclusiveError when they do not come.
        """
        deadline = time.monotonic() + seconds
        while len(self.members) < number:
            kind, source, data = self._next()
            if self._why_stopped:
                raise Interrupted
            if kind == "assay_here" and source not in self.members:
                _same_version(source, data)
                self.members.append(source)
            look()
            self.members = [member for member in self.members if member in self._present()]
            if time.monotonic() > deadline:
                raise InconclusiveError(
                    f"{len(self.members)} of {number} load processes joined within {seconds:.0f} s",
                    hint="start the others with: assay benchmark --worker --master-host HOST --master-port PORT",
                )

    def prepare(self, profile: Profile, *, run: str, stem: str, seed: int, **more: Any) -> list[str]:
        """Have every process reach the target and make its workloads; returns notes.

        ``more`` goes along: the target, and the ledger's header. Raises what the first process raised:
        CredentialsError, SettingsError, InconclusiveError ...
        """
        for part, member in enumerate(self.members):
            content = {
                "profile": profile_to_json(profile),
                "run": run,
                "stem": stem,
                "seed": seed,
                "part": part,
                "of": len(self.members),
                **more,
            }
            self._send("assay_prepare", content, member)
        notes: list[str] = []
        for source, data in self._gather("assay_ready", READY_SECONDS + profile.timeout * 2 + _GRACE):
            if data["problem"]:
                raise _as_error(data, f"load process {source}: " if more else "")
            notes += [note for note in data["notes"] if note not in notes]
            self._reports[source] = 0
        if self.lost:
            raise InconclusiveError(f"a load process was lost during set-up: {'; '.join(self.lost.values())}")
        return notes

    def leg(self, profile: Profile, steps: tuple[Step, ...], *, slot: float = 1.0, recover: bool = False) -> Leg:
        """Run ``steps`` once in all processes and return what was observed; Interrupted only before it starts.

        With ``recover`` every process first waits until the target answers quickly.
        """
        if self._why_stopped:
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
        meter = Meter(self.watch, leg.profile, leg.steps, self._legs)
        self._last_report = {}
        cuts: dict[str, float] = {}
        deadline = began + seconds + RECOVER_SECONDS + 2 * (leg.profile.timeout + leg.profile.patience) + _GRACE
        while waiting:
            kind, source, data = self._next()
            at = time.monotonic() - began
            if self._why_stopped and not told:
                told, leg.interrupted = True, self._why_stopped
                leg.cut_at = min(leg.cut_at, at)
                for member in self._alive():
                    self._send("assay_halt", {}, member)
            if source in self.lost:
                self._dismiss(source)
            elif kind == "assay_report":
                self._take_report(leg, meter, source, data, at)
            elif kind == "assay_done" and data["number"] == self._legs:
                waiting.discard(source)
                cuts[source] = math.inf if data["cut_at"] is None else float(data["cut_at"])
                self._check_complete(leg, source, data)
            self._notice_losses(leg, waiting, at)
            leg.collector.close_before(at)
            meter.tell(at)
            if time.monotonic() > deadline:
                leg.problems.append(f"load processes did not end in time: {', '.join(sorted(waiting))}")
                break
        # The measured time goes as far as the last process that sent; one that stopped before is told as a problem.
        leg.cut_at = min(leg.cut_at, max(cuts.values(), default=math.inf))
        if not self._alive():
            # Nobody was left to send: the measured time ends where the last one was heard of.
            leg.cut_at = min(leg.cut_at, max(self._last_report.values(), default=0.0))
        meter.finish(time.monotonic() - began)

    def _take_report(self, leg: Leg, meter: Meter, source: str, data: Mapping[str, Any], at: float) -> None:
        self._reports[source] = self._reports.get(source, 0) + 1
        if data["number"] == self._legs:
            self._last_report[source] = at
            leg.collector.add(source, data["report"])
            meter.add(data["report"])

    def _dismiss(self, source: str) -> None:
        """A lost member is back. Its part of the figures is closed; it shall stop and remove what it created."""
        if source not in self._dismissed:
            self._dismissed.add(source)
            self._send("assay_finish", {"seconds": _GRACE}, source)

    def _check_complete(self, leg: Leg, source: str, data: Mapping[str, Any]) -> None:
        if data["problem"] and data["problem"] not in leg.problems:
            leg.problems.append(data["problem"])
        answered, closed = data.get("connections", (0, 0))
        leg.collector.answered += answered
        leg.collector.closed += closed
        if data.get("stopped") and not leg.interrupted:
            leg.problems.append(
                f"load process {source} was stopped after {data['cut_at']:.0f} s: from then on the figures hold only "
                "the parts of the others"
            )
        if data["reports"] != self._reports.get(source, 0):
            leg.problems.append(
                f"{data['reports'] - self._reports.get(source, 0)} reports of load process {source} were lost"
            )

    def _notice_losses(self, leg: Leg, waiting: set[str], at: float) -> None:
        for member in self._gone():
            waiting.discard(member)
            heard = self._last_report.get(member, 0.0)
            self.lost[member] = f"load process {member} was lost after {at:.0f} s"
            leg.problems.append(
                f"{self.lost[member]}: what it did after second {heard:.0f} is not in the figures, and from then on "
                f"they hold only {len(self._alive())} of {len(self.members)} parts of the asked rate"
            )

    def _gone(self) -> list[str]:
        """Members that are lost since the last look: absent for a while, not only for an instant."""
        present, now = self._present(), time.monotonic()
        for member in present:
            self._absent_since.pop(member, None)
        absent = [member for member in self._alive() if member not in present]
        return [member for member in absent if now - self._absent_since.setdefault(member, now) >= _ABSENT_SECONDS]

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
            if self._why_stopped and stoppable:
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


def _same_version(source: str, data: Mapping[str, Any]) -> None:
    version = data.get("version")
    if version != __version__:
        raise InconclusiveError(
            f"load process {source} runs assay {version}, and this one {__version__}",
            hint="install the same version everywhere: their messages and figures need not agree",
        )


def _as_error(data: Mapping[str, Any], place: str) -> AssayError:
    error = AssayError(f"{place}{data['problem']}", hint=data["hint"])
    error.exit_code = int(data["exit"])
    return error
