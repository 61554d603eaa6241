"""Starts requests when they are due, whatever earlier ones are doing.

One greenlet a scenario follows the schedule; each request runs in a greenlet of its own. Only the cap on requests in
flight can hold one back: it then waits its turn (its latency counts from when it was due), and what waited longer
than the profile's patience is counted as not started.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

import gevent
from gevent.event import Event

from assay.client.budget import Budget, Limits
from assay.client.patience import BUSY
from assay.clock import Clock
from assay.load.call import PreparedCall, Skip
from assay.load.client import Failure, RawAnswer, RawTransport
from assay.load.clock import GEVENT
from assay.load.measures import BUDGET, IN_FLIGHT, STOPPED
from assay.load.options import WAITS
from assay.load.recorder import Recorder
from assay.load.scaling_laws import POSITION
from assay.load.scenario import Base
from assay.load.way import BY, FEW, kind_of

_LOST_FAILURES: Final = 20
"""A target is lost after this many failures in a row without any answer of its API for ``Waits.target_lost`` seconds;
one answer of any status resets both."""

_HUNG_TIMEOUTS: Final = 2.5
"""One that accepts connections and lets requests time out may be drowning; it is lost after so many timeouts."""


class Listener(Protocol):
    """Hears of each finished request (for Locust's statistics and web UI)."""

    def __call__(self, method: str, name: str, milliseconds: float, length: int, error: str | None) -> None: ...


def no_listener(method: str, name: str, milliseconds: float, length: int, error: str | None) -> None:
    """A listener that does nothing."""


_FORBIDDEN: Final = "403"
_LOST_FORBIDDEN: Final = 100
"""So many in a row, and our role there was taken away, which is not the target's doing."""

_BUSY: Final = frozenset(map(str, BUSY))
"""What a target may answer to everything while it is overloaded."""


_NOBODY: Final = frozenset({"refused", "unreachable", "dns"})
"""Failures to connect at all."""


@dataclass(slots=True)
class TargetPulse:
    """Whether the target is still there. ``timeout`` bounds one answer, in seconds."""

    timeout: float = 10.0
    silence: float = WAITS.target_lost
    failures: int = 0
    last_answer: float = field(default_factory=GEVENT.monotonic)
    last_failure: str = ""
    heard: int = 0  # answers and failures
    wrong: str | None = None  # what was wrong with the last answer
    alike: int = 0  # answers in a row with which the same was wrong
    alike_since: float = 0.0
    operations: set[str] = field(default_factory=set)  # of these answers

    def answered(self, now: float, error: str | None = None, operation: str = "") -> None:
        """An answer came; ``error`` is what was wrong with it, as ``PreparedCall.wrong_with`` says."""
        self.heard += 1
        self.failures = 0
        self.last_answer = now
        if error is None or error != self.wrong:
            self.wrong, self.alike, self.alike_since = error, 0, now
            self.operations.clear()
        self.alike += error is not None
        self.operations.add(operation)

    def failed(self, kind: str) -> None:
        self.heard += 1
        self.failures += 1
        self.last_failure = kind

    def lost(self, now: float) -> str | None:
        """Why the target counts as lost; None while it does not."""
        if self.wrong == _FORBIDDEN and self.alike >= _LOST_FORBIDDEN:
            return f"each of the last {self.alike} requests was answered {_FORBIDDEN}"
        if self._answers_everything(now):
            told = f"every request was answered {self.wrong}"
            return f"for {now - self.alike_since:.0f} s {told} ({self.alike} in a row)"
        silent = now - self.last_answer
        patience = self.timeout * _HUNG_TIMEOUTS if self.last_failure == "timeout" else self.silence
        if self.failures < _LOST_FAILURES or silent < patience:
            return None
        if BY in self.last_failure:
            told = f"every request was answered {self.last_failure}, not by the API"
            return f"for {silent:.0f} s {told} ({self.failures} in a row)"
        return f"no answer for {silent:.0f} s, {self.failures} failures in a row, the last one: {self.last_failure}"

    def _answers_everything(self, now: float) -> bool:
        """Whether one wrong status is all that comes, whatever is asked: a figure of it measures nothing.

        One operation that fails is a defect of it. Longer than the silence after which a target is lost, for one that
        is restarted answers so for a moment.
        """
        status = self.wrong is not None and self.wrong.isdigit() and self.wrong not in _BUSY
        lasting = self.alike >= _LOST_FAILURES and now - self.alike_since >= self.silence
        return status and lasting and len(self.operations) > 1

    def lost_at_the_end(self) -> str | None:
        """Why a target whose schedule is over counts as lost though it was too short for ``lost``.

        Nobody listened at its end, where an API that is merely overloaded does. Or a gateway answered most of it,
        the last request too, without one answer of the API in between: one that is overloaded answers now and then.
        """
        if self.last_failure in _NOBODY and self.failures > FEW:
            return f"the last {self.failures} requests met nobody: {self.last_failure}"
        if BY not in self.last_failure or self.failures <= FEW or 2 * self.failures < self.heard:
            return None
        which = "every request" if self.failures == self.heard else f"each of the last {self.failures} requests"
        return f"{which} was answered {self.last_failure}, not by the API"


class Due(NamedTuple):
    """A request of the schedule: when it is due, and the how-many-th it is of those due at the same moment."""

    at: float
    position: int = 1


def _unlimited() -> Budget:
    return Budget(Limits(live=None, gpu_devices=None))


def _no_other(refused: str) -> bool:
    """There is no other token than the one that was refused."""
    del refused
    return False


@dataclass(slots=True)
class Lane:
    """What the requests of one process share: clock, cap, client, recorder.

    ``origin`` is the start of the run of stages on ``clock.monotonic()``. ``token`` is what its requests carry;
    ``renew`` gets another one than that which was refused, if there is one, and raises what ends the run.
    """

    client: RawTransport
    recorder: Recorder
    origin: float
    cap: int
    patience: float
    listener: Listener = no_listener
    in_flight: int = 0
    waiting: deque[tuple[Dispatcher, Due]] = field(default_factory=deque)
    pulse: TargetPulse = field(default_factory=TargetPulse)
    halt: Event = field(default_factory=Event)
    idle: Event = field(default_factory=Event)
    budget: Budget = field(default_factory=_unlimited)
    token: str = ""
    renew: Callable[[str], bool] = _no_other
    fault: Exception | None = None
    cut_at: float | None = None
    clock: Clock = GEVENT
    monotonic: Callable[[], float] = field(init=False)

    def __post_init__(self) -> None:
        self.monotonic = self.clock.monotonic
        self.idle.set()

    def now(self) -> float:
        return self.monotonic() - self.origin

    def stop(self) -> None:
        """Start nothing more; what is under way may end. ``cut_at`` tells when, in seconds since the origin."""
        if not self.halt.is_set():
            self.cut_at = self.now()
        self.halt.set()
        for dispatcher, due in self.waiting:
            self.recorder.skipped(dispatcher.operation, due.at, STOPPED)
        self.waiting.clear()


class Dispatcher:
    """One scenario of one process: ``arrivals`` are due times in seconds since the lane's origin."""

    def __init__(self, lane: Lane, scenario: Base, operation: str, arrivals: Iterator[float]) -> None:
        self.operation = operation
        self._lane = lane
        self._scenario = scenario
        self._arrivals = arrivals
        self._number = 0
        self._bursts = False  # set once several are due at the same moment

    def end(self) -> None:
        """The run is over: let the scenario discard what it still holds."""
        self._scenario.end()

    def run(self) -> None:
        """Follow the schedule to its end or until the lane halts."""
        lane = self._lane
        timer = sleeper(lane.clock)
        try:
            last, position = -1.0, 1
            for due in self._arrivals:
                if due == last:
                    position += 1
                    self._bursts = True
                else:
                    last, position = due, 1
                    timer.until(lane.origin + due)
                if lane.halt.is_set():
                    return
                self.launch(due, position)
        finally:
            timer.close()

    def launch(self, at: float, position: int = 1) -> None:
        """Start the request that was due at ``at``, or queue it when the cap is reached."""
        lane, due = self._lane, Due(at, position)
        if lane.in_flight >= lane.cap:
            lane.waiting.append((self, due))
            return
        lane.in_flight += 1
        lane.idle.clear()
        gevent.spawn(_serve, lane, self, due)

    def one(self, request: Due, *, waited: bool) -> None:
        """Prepare, send, judge and record one request."""
        lane, due = self._lane, request.at
        number, self._number = self._number, self._number + 1
        limit = lane.budget.try_request(lane.patience)
        if limit is not None:
            lane.recorder.skipped(self.operation, due, f"{BUDGET}{limit}")
            return
        call = self._scenario.call(number)
        if isinstance(call, Skip):
            lane.budget.not_sent()
            lane.recorder.skipped(call.operation, due, call.reason)
            return
        begun = lane.now()
        lane.recorder.started(due, begun, waited=waited)
        answer: RawAnswer | None = None
        try:
            used = lane.token
            answer = lane.client.send(call.line, call.rest)
            if answer.status == 401 and lane.renew(used) and lane.budget.try_request(0.0) is None:
                answer = lane.client.send(call.line, call.rest)  # the token had ended, which is nobody's answer
            ended = lane.now() - answer.waited
            error = call.wrong_with(answer)
            maker = None if error is None else kind_of(answer)
            error = maker or error
            if maker is None:
                lane.pulse.answered(ended + lane.origin, error, call.operation)
            else:
                lane.pulse.failed(maker)
        except Failure as failure:
            if failure.fault is not None:
                raise failure.fault from failure  # the target was not asked, and the next request will fare no better
            ended = lane.now()
            error = failure.kind
            lane.pulse.failed(error)
        levels = (*call.levels, (POSITION, request.position)) if self._bursts else call.levels
        lane.recorder.ended(call.operation, due, begun, ended, error, levels)
        self._tell(call, (ended - due) * 1000, answer, error)
        self._scenario.after(call, answer)

    def _tell(self, call: PreparedCall, milliseconds: float, answer: RawAnswer | None, error: str | None) -> None:
        length = len(answer.body) if answer else 0
        self._lane.listener(call.method, call.operation, milliseconds, length, error)


def _serve(lane: Lane, dispatcher: Dispatcher, due: Due) -> None:
    """Serve one request, then those that wait for its place."""
    waited = False
    try:
        while True:
            dispatcher.one(due, waited=waited)
            following = _next_waiting(lane)
            if following is None:
                return
            dispatcher, due = following
            waited = True
    except Exception as error:  # noqa: BLE001 - whatever a scenario raises ends the run: follow() raises it
        lane.fault = error
    finally:
        lane.in_flight -= 1
        if lane.in_flight == 0:
            lane.idle.set()


def _next_waiting(lane: Lane) -> tuple[Dispatcher, Due] | None:
    while lane.waiting:
        dispatcher, due = lane.waiting.popleft()
        if lane.now() - due.at <= lane.patience:
            return dispatcher, due
        lane.recorder.skipped(dispatcher.operation, due.at, IN_FLIGHT)
    return None


def follow(lane: Lane, dispatchers: list[Dispatcher], timeout: float) -> str | None:
    """Run the dispatchers to the end of their schedules and wait for the last answers.

    Returns why the target counts as lost, or None. ``timeout`` bounds the wait for the last answers, in seconds.
    What a scenario raises is raised here.
    """
    greenlets = [gevent.spawn(dispatcher.run) for dispatcher in dispatchers]
    lost: str | None = None
    try:
        while not all(greenlet.ready() for greenlet in greenlets):
            gevent.joinall(greenlets, timeout=0.5)
            lost = lane.pulse.lost(lane.monotonic())
            if lost or lane.fault or lane.halt.is_set():
                lane.stop()
                break
        lane.idle.wait(timeout=timeout)
        lost = lost or lane.pulse.lost_at_the_end()
    finally:
        gevent.killall(greenlets)
    for greenlet in greenlets:
        if greenlet.exception is not None:
            raise greenlet.exception
    if lane.fault is not None:
        raise lane.fault
    return lost


# waking up on time -------------------------------------------------------------------------------------------

_CLOCK_MONOTONIC: Final = 1
_NONBLOCK_CLOEXEC: Final = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_ABSOLUTE: Final = 1


class Sleeper(Protocol):
    """Sleeps the calling greenlet until a moment of ``clock.monotonic()``; returns at once when it is past.

    libev rounds a wait up to whole milliseconds: gevent.sleep wakes 0.7 ms late in the median and 1.1 ms at p90
    (measured). A Linux timerfd wakes 0.1 ms late, so that is used where there is one; elsewhere gevent.sleep.
    """

    def until(self, moment: float) -> None: ...

    def close(self) -> None: ...


class _Plain:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def until(self, moment: float) -> None:
        wait = moment - self._clock.monotonic()
        if wait > 0:
            self._clock.sleep(wait)

    def close(self) -> None:
        """Nothing is held."""


class _TimerFd:
    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        hub: Any = gevent.get_hub()
        self._hub = hub
        self._watcher = hub.loop.io(self._fd, 1)

    def until(self, moment: float) -> None:
        if moment <= self._monotonic():
            return
        seconds = int(moment)
        # A value of zero would disarm the timer.
        setting = struct.pack("qqqq", 0, 0, seconds, max(int((moment - seconds) * 1e9), 1))
        self._libc.timerfd_settime(self._fd, _ABSOLUTE, setting, None)
        self._hub.wait(self._watcher)
        os.read(self._fd, 8)

    def close(self) -> None:
        self._watcher.close()
        os.close(self._fd)


def sleeper(clock: Clock) -> Sleeper:
    """A sleeper for one greenlet; call ``close`` when done."""
    if sys.platform == "linux":
        try:
            return _TimerFd(clock)
        except (OSError, AttributeError):
            return _Plain(clock)
    return _Plain(clock)
