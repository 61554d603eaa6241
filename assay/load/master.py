"""Leads the load processes through a run by messages, adds up their reports, and notices when one is lost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from gevent.queue import Empty, Queue

from assay import __version__
from assay.clock import Clock
from assay.errors import EXIT_INCONCLUSIVE, AssayError, InconclusiveError
from assay.load.clock import GEVENT
from assay.load.collector import Collector, Meter, Watch, ignore
from assay.load.engine import READY_SECONDS
from assay.load.latency import Latency
from assay.load.messages import (
    Done,
    Finish,
    Finished,
    Halt,
    Here,
    Message,
    Prepare,
    Problem,
    Ready,
    Report,
    RunStages,
)
from assay.load.options import JOIN_SECONDS, WAITS
from assay.load.profiles import Profile, Stage
from assay.load.worker import RECOVER_SECONDS, TARGET_LOST, timeline_of

START_DELAY: Final = 0.3
"""Seconds between the order and the start of the stages, so that all processes start together."""

_LOOK_SECONDS: Final = 0.25
_GRACE: Final = 10.0

_Kind = TypeVar("_Kind", bound=Message)


class Interrupted(Exception):  # noqa: N818 - a request of the user, not a fault
    """The user asked the run to stop."""


@dataclass(slots=True)
class StageRun:
    """What one run of stages gave: everything observed, and what makes it inconclusive."""

    profile: Profile
    collector: Collector
    problems: list[str] = field(default_factory=list)
    code: int = EXIT_INCONCLUSIVE  # 2: one of the problems is the user's to solve
    interrupted: str | None = None
    cut_at: float = math.inf

    @property
    def stages(self) -> tuple[Stage, ...]:
        return self.profile.stages

    @property
    def target_lost(self) -> bool:
        """Whether the target, or the way to it, ended during the run."""
        return any(problem.startswith(TARGET_LOST) for problem in self.problems)

    @property
    def measured_seconds(self) -> float:
        """How long the measured stages lasted, up to where the run was cut short."""
        total = begun = 0.0
        for stage in self.stages:
            ended = begun + stage.seconds
            if stage.measured:
                total += max(min(ended, self.cut_at) - begun, 0.0)
            begun = ended
        return total


class Master:
    """Leads ``members``, the load processes that take part, in order.

    ``send`` takes a message to one load process; ``present`` tells which are alive; ``watch`` hears
    how far each run of stages has come. A member that is lost (absent for ``absent_seconds``)
    stays lost: what it sends when it can be reached again counts no more, and it is told to clean up.
    """

    def __init__(
        self,
        send: Callable[[Message, str], None],
        present: Callable[[], set[str]],
        watch: Watch = ignore,
        *,
        absent_seconds: float = WAITS.absent,
        look_seconds: float = _LOOK_SECONDS,
        clock: Clock = GEVENT,
    ) -> None:
        self._send = send
        self._present = present
        self._clock = clock
        self._now = clock.monotonic
        self._absent_seconds = absent_seconds
        self._look_seconds = look_seconds
        self.members: list[str] = []
        self.watch = watch
        self._inbox: Any = Queue()
        self._reports: dict[str, int] = {}
        self._last_report: dict[str, float] = {}
        self._absent_since: dict[str, float] = {}
        self._orders = 0
        self.lost: dict[str, str] = {}
        self._dismissed: set[str] = set()
        self._why_stopped: str | None = None

    def hear(self, source: str, message: Message) -> None:
        """Take a message from a load process."""
        self._inbox.put((source, message))

    def interrupt(self, why: str = "the load part was interrupted") -> None:
        """End the run early: no more requests, then the clean-up."""
        self._why_stopped = self._why_stopped or why
        self._inbox.put(("", None))

    @property
    def interrupted(self) -> str | None:
        """Why the run was ended early; None when it was not."""
        return self._why_stopped

    def gather(self, number: int, look: Callable[[], None] = lambda: None, seconds: float = JOIN_SECONDS) -> None:
        """Wait until ``number`` load processes have announced themselves; they become the members, in that order.

        ``look`` is called now and then and may raise. InconclusiveError when they do not come.
        """
        deadline = self._now() + seconds
        while len(self.members) < number:
            source, message = self._next()
            if self._why_stopped:
                raise Interrupted
            if isinstance(message, Here) and source not in self.members:
                _same_version(source, message)
                self.members.append(source)
            look()
            self.members = [member for member in self.members if member in self._present()]
            if self._now() > deadline:
                raise InconclusiveError(
                    f"{len(self.members)} of {number} load processes joined within {seconds:.0f} s",
                    hint="start the others with: assay benchmark --worker --master-host HOST --master-port PORT",
                )

    def prepare(self, order: Prepare) -> list[str]:
        """Have every process reach the target and make its workloads; returns notes.

        ``order`` is sent to each with its own part. Raises what the first process raised: CredentialsError,
        SettingsError, InconclusiveError ...
        """
        for part, member in enumerate(self.members):
            self._send(replace(order, part=part, of=len(self.members)), member)
        notes: list[str] = []
        for source, ready in self._gather(Ready, READY_SECONDS + order.profile.timeout * 2 + _GRACE):
            if ready.problem:
                raise _as_error(ready.problem, f"load process {source}: " if order.target else "")
            notes += [note for note in ready.notes if note not in notes]
            self._reports[source] = 0
        if self.lost:
            raise InconclusiveError(f"a load process was lost during set-up: {'; '.join(self.lost.values())}")
        return notes

    def run_stages(self, profile: Profile, *, slot: float = 1.0, recover: bool = False) -> StageRun:
        """Run the profile's stages once in all processes; Interrupted only before they start.

        With ``recover`` every process first waits until the target answers quickly.
        """
        if self._why_stopped:
            raise Interrupted
        self._orders += 1
        run = StageRun(profile, Collector(timeline_of(profile, slot)))
        order = RunStages(self._orders, profile.stages, self._clock.time() + START_DELAY, slot, recover)
        for member in self._alive():
            self._send(order, member)
        self._collect(run, self._now() + START_DELAY)
        run.collector[Latency].finish()
        return run

    def finish(self, seconds: float) -> int:
        """Have every process delete what it created; returns how many workloads are left (the ledger knows them)."""
        for member in self._alive():
            self._send(Finish(seconds), member)
        return sum(finished.left for _, finished in self._gather(Finished, seconds + _GRACE, stoppable=False))

    # waiting -----------------------------------------------------------------------------------------------------

    def _collect(self, run: StageRun, began: float) -> None:
        waiting = set(self._alive())
        meter = Meter(self.watch, run.profile, self._orders)
        self._last_report = {}
        cuts: dict[str, float] = {}
        patience = run.profile.timeout + run.profile.patience
        deadline = began + run.profile.seconds + RECOVER_SECONDS + 2 * patience + _GRACE
        while waiting:
            source, message = self._next()
            at = self._now() - began
            self._pass_on_interruption(run, at)
            if source in self.lost:
                self._dismiss(source)
            elif isinstance(message, Report):
                self._take_report(run, source, message, at)
            elif isinstance(message, Done) and message.number == self._orders:
                waiting.discard(source)
                cuts[source] = math.inf if message.cut_at is None else message.cut_at
                self._check_complete(run, source, message)
            self._notice_losses(run, waiting, at)
            latency = run.collector[Latency]
            latency.close_before(at)
            meter.tell(at, latency.requests, latency.errors)
            if self._now() > deadline:
                run.problems.append(f"load processes did not end in time: {', '.join(sorted(waiting))}")
                break
        # The measured time goes as far as the last process that sent; one that stopped before is told as a problem.
        run.cut_at = min(run.cut_at, max(cuts.values(), default=math.inf))
        if not self._alive():
            # Nobody was left to send: the measured time ends where the last one was heard of.
            run.cut_at = min(run.cut_at, max(self._last_report.values(), default=0.0))
        meter.finish(self._now() - began, run.collector[Latency].requests, run.collector[Latency].errors)

    def _pass_on_interruption(self, run: StageRun, at: float) -> None:
        if self._why_stopped and not run.interrupted:
            run.interrupted = self._why_stopped
            run.cut_at = min(run.cut_at, at)
            for member in self._alive():
                self._send(Halt(), member)

    def _take_report(self, run: StageRun, source: str, report: Report, at: float) -> None:
        self._reports[source] = self._reports.get(source, 0) + 1
        if report.number == self._orders:
            self._last_report[source] = at
            run.collector.add(source, report.observations)

    def _dismiss(self, source: str) -> None:
        """A lost member is back. Its part of the figures is closed; it shall stop and remove what it created."""
        if source not in self._dismissed:
            self._dismissed.add(source)
            self._send(Finish(_GRACE), source)

    def _check_complete(self, run: StageRun, source: str, done: Done) -> None:
        if done.problem and done.problem not in run.problems:
            run.problems.append(done.problem)
            run.code = min(run.code, done.code)
        if done.stopped and not run.interrupted:
            run.problems.append(
                f"load process {source} was stopped after {done.cut_at:.0f} s: from then on the figures hold only "
                "the parts of the others"
            )
        missing = done.reports - self._reports.get(source, 0)
        if missing:
            run.problems.append(f"{missing} reports of load process {source} were lost")

    def _notice_losses(self, run: StageRun, waiting: set[str], at: float) -> None:
        for member in self._gone():
            waiting.discard(member)
            heard = self._last_report.get(member, 0.0)
            self.lost[member] = f"load process {member} was lost after {at:.0f} s"
            run.problems.append(
                f"{self.lost[member]}: what it did after second {heard:.0f} is not in the figures, and from then on "
                f"they hold only {len(self._alive())} of {len(self.members)} parts of the asked rate"
            )

    def _gone(self) -> Iterator[str]:
        """Members that are lost since the last look: absent for a while, not only for an instant."""
        present, now = self._present(), self._now()
        for member in present:
            self._absent_since.pop(member, None)
        for member in self._alive():
            if member not in present and now - self._absent_since.setdefault(member, now) >= self._absent_seconds:
                yield member

    def _alive(self) -> list[str]:
        return [member for member in self.members if member not in self.lost]

    def _next(self) -> tuple[str, Message | None]:
        try:
            message: tuple[str, Message | None] = self._inbox.get(timeout=self._look_seconds)
        except Empty:
            return "", None
        return message

    def _gather(self, kind: type[_Kind], seconds: float, *, stoppable: bool = True) -> list[tuple[str, _Kind]]:
        """One message of this kind from every process that is alive, within ``seconds``."""
        answers: dict[str, _Kind] = {}
        deadline = self._now() + seconds
        while missing := set(self._alive()) - set(answers):
            source, message = self._next()
            if self._why_stopped and stoppable:
                raise Interrupted
            if isinstance(message, kind):
                answers[source] = message
            for member in self._gone():
                self.lost[member] = f"load process {member} was lost"
            if self._now() > deadline:
                raise InconclusiveError(
                    f"no {kind.__name__} from load process {', '.join(sorted(missing))} within {seconds:.0f} s"
                )
        return sorted(answers.items(), key=lambda answer: answer[0])


def _same_version(source: str, here: Here) -> None:
    if here.version != __version__:
        raise InconclusiveError(
            f"load process {source} runs assay {here.version}, and this one {__version__}",
            hint="install the same version everywhere: their messages and figures need not agree",
        )


def _as_error(problem: Problem, place: str) -> AssayError:
    error = AssayError(f"{place}{problem.what}", hint=problem.hint)
    error.exit_code = problem.exit_code
    return error
