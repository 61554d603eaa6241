"""Time as something that is handed in: the system's, one that moves only when told, and one that skips its waits."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Final, Protocol


class Clock(Protocol):
    """What a class that waits or measures needs of time. All values are seconds."""

    def monotonic(self) -> float:
        """A moment that never goes back; only differences mean something."""
        ...

    def time(self) -> float:
        """Seconds since 1970."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return when so much time has passed."""
        ...

    def cpu(self) -> float:
        """CPU time that this process has used; only differences mean something."""
        ...


class SystemClock:
    """The machine's own time. Where gevent has patched the process, ``sleep`` lets other greenlets run."""

    # The functions themselves, not methods around them: a request under load asks six times.
    monotonic = staticmethod(time.monotonic)
    cpu = staticmethod(time.process_time)
    time = staticmethod(time.time)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class VirtualClock:
    """Time that passes only when somebody sleeps; safe to use from several threads.

    ``now`` is the moment in seconds since 1970; ``slept`` lists the sleeps asked for, in order.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += max(seconds, 0.0)

    def cpu(self) -> float:
        return 0.0


class SkippingClock:
    """The machine's time and whatever has been slept: who waits on it returns at once, and finds the time passed."""

    def __init__(self) -> None:
        self._slept = 0.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return time.monotonic() + self._slept

    def time(self) -> float:
        return time.time() + self._slept

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._slept += max(seconds, 0.0)

    def cpu(self) -> float:
        return time.process_time()


class ShiftedClock:
    """Another clock whose time of day is ``ahead`` by so many seconds; waiting and measuring stay the same."""

    def __init__(self, clock: Clock, ahead: float) -> None:
        self._clock = clock
        self._ahead = ahead
        self.monotonic = clock.monotonic
        self.sleep = clock.sleep
        self.cpu = clock.cpu

    def time(self) -> float:
        return self._clock.time() + self._ahead


SYSTEM: Final[Clock] = SystemClock()


def utc(clock: Clock = SYSTEM) -> datetime:
    """The moment of ``clock``, in UTC."""
    return datetime.fromtimestamp(clock.time(), UTC)


def clock_time(moment: float, now: float) -> str:
    """``09:12:03 UTC``, with the date when that is another one than that of ``now``."""
    then, today = (datetime.fromtimestamp(each, UTC) for each in (moment, now))
    return then.strftime("%H:%M:%S UTC" if then.date() == today.date() else "%Y-%m-%d %H:%M:%S UTC")
