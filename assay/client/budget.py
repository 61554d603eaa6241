"""The hard limits of a run. They are what stands between a test suite and other people's GPUs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from assay.client.settings import flag
from assay.client.usage import Usage, UsageFile
from assay.clock import SYSTEM, Clock
from assay.contract.request import Json
from assay.errors import BudgetExhausted
from assay.polling import wait_until

# A slot comes free when another test deletes its workload. Tests delete at their end, and none runs longer than a
# minute; after two, nobody will. Once that has been seen, waiting as long again for each test would only hide that
# the target does not delete.
SLOT_PATIENCE: Final = 120.0
_NO_HOPE: Final = 1.0

# Seconds between two looks for a free slot. Eight threads that all wait use 0.2 % of a core so, and a gate, whose
# creations seldom wait, loses nothing that could be measured.
_LOOK: Final = 0.01


class LimitReached(BudgetExhausted):
    """A limit was reached; ``limit`` is the setting's name, such as ``max_requests``."""

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message, hint=f"{flag(limit)} raises the limit")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers; None is unlimited. ``gpu_devices`` counts devices that live workloads ask for together."""

    live: int | None = 10
    creates: int | None = None
    requests: int | None = None
    rps: float | None = None
    gpu_devices: int | None = 0
    seconds: float | None = None

    def left(self, used: Usage) -> Limits:
        """What earlier parts of the run, one after the other, have left of these limits."""
        return replace(
            self,
            creates=None if self.creates is None else max(0, self.creates - used.creates),
            requests=None if self.requests is None else max(0, self.requests - used.requests),
            seconds=None if self.seconds is None else max(0.0, self.seconds - used.seconds),
        )

    def share(self, index: int, processes: int) -> Limits:
        """This process's part (``index`` from 0) when ``processes`` run at once; the parts sum up to the whole.

        Raises LimitReached when there are fewer live workloads to share out than processes.
        """

        def part(total: int | None) -> int | None:
            return None if total is None else total // processes + (index < total % processes)

        if self.live is not None and self.live < processes:
            raise LimitReached(
                "max_live", f"{processes} processes cannot share {self.live} live workloads: each needs one"
            )
        rps = None if self.rps is None else self.rps / processes
        return Limits(
            part(self.live), part(self.creates), part(self.requests), rps, part(self.gpu_devices), self.seconds
        )


@dataclass
class Budget:
    """Counts what a run uses up; safe to use from several threads. Time starts when the budget is made.

    ``limits`` are those of this process: its share of what the run has left. ``whole`` are those of the run, for
    messages. ``file`` keeps the counts where they outlive the process.
    """

    limits: Limits = field(default_factory=Limits)
    clock: Clock = field(default=SYSTEM, repr=False)
    whole: Limits = field(default_factory=Limits, repr=False)
    file: UsageFile | None = field(default=None, repr=False)
    requests: int = 0
    creates: int = 0
    live: int = 0
    gpus: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._began = self.clock.monotonic()
        self._next_send = self._began
        self._in_vain = False
        self._most_live = self._most_gpus = 0
        self._second, self._in_second, self._busiest = 0, 0, 0  # of the requests
        if self.whole == Limits():
            self.whole = self.limits

    @property
    def usage(self) -> Usage:
        """What this process has used so far."""
        seconds = self.clock.monotonic() - self._began
        return Usage(self.requests, self.creates, self._most_live, self._most_gpus, float(self._busiest), seconds)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the run's time is up (0 when it is), None without a limit."""
        seconds = self.limits.seconds
        return None if seconds is None else max(0.0, seconds - (self.clock.monotonic() - self._began))

    @property
    def requests_left(self) -> int | None:
        return None if self.limits.requests is None else max(0, self.limits.requests - self.requests)

    def request(self) -> None:
        """Let one request pass: wait for its turn, or raise LimitReached (time or number of requests)."""
        with self._lock:
            self._check_time()
            if self.limits.requests is not None and self.requests >= self.limits.requests:
                raise LimitReached("max_requests", f"the run has sent all of its {self.whole.requests} requests")
            self.requests += 1
            self._count_second()
            self._keep()
            turn = self._turn()
        if turn > 0:
            self.clock.sleep(turn)

    def try_request(self, patience: float) -> str | None:
        """Let one request pass if its turn comes within ``patience`` seconds; else the limit that is in the way.

        For requests by the thousand a second: what a killed process has counted last may lack up to 15 of them.
        """
        limits, turn = self.limits, 0.0
        with self._lock:
            if limits.seconds is not None and self.seconds_left == 0.0:
                return "max_seconds"
            if limits.requests is not None and self.requests >= limits.requests:
                return "max_requests"
            if limits.rps is not None:
                before, turn = self._next_send, self._turn()
                if turn > patience:
                    self._next_send = before
                    return "max_rps"
            self.requests += 1
            self._count_second()
            if self.requests & 15 == 0:
                self._keep()
        if turn > 0:
            self.clock.sleep(turn)
        return None

    def not_sent(self) -> None:
        """Take back what ``try_request`` counted: there was nothing to send."""
        with self._lock:
            self.requests -= 1
            self._in_second -= 1

    def take(
        self,
        workloads: int = 1,
        *,
        gpus: int = 0,
        patience: float = SLOT_PATIENCE,
        check: Callable[[], None] | None = None,
    ) -> None:
        """Take slots for workloads about to be created, all at once; waits until others are given back.

        ``check`` is called while waiting and may raise (the target is lost, the run interrupted). Raises
        LimitReached when slots can never be had, or were not within ``patience`` seconds; after one wait in vain
        the next ones are short, until a slot is given back.
        """
        with self._lock:
            self._check_possible(workloads, gpus)
            waits = min(patience, _NO_HOPE) if self._in_vain else patience
        within = min(waits, self._time_left())
        if wait_until(lambda: self._taken(workloads, gpus, check), within=within, every=_LOOK, clock=self.clock):
            return
        with self._lock:
            self._check_time()
            self._in_vain = True
            raise LimitReached(
                "max_live",
                f"no slot for {workloads} more live workloads came free within {patience:g} s "
                f"({self.live} live, at most {self.limits.live}; {self.gpus} GPU devices asked for)",
            )

    def give_back(self, workloads: int = 1, *, gpus: int = 0) -> None:
        """Give slots back: the workloads were refused or deleted."""
        with self._lock:
            self.live -= workloads
            self.gpus -= gpus
            self._in_vain = False

    @contextmanager
    def slot(self, workloads: int = 1, *, gpus: int = 0, patience: float = SLOT_PATIENCE) -> Iterator[None]:
        """Hold slots while the block runs."""
        self.take(workloads, gpus=gpus, patience=patience)
        try:
            yield
        finally:
            self.give_back(workloads, gpus=gpus)

    def allows_gpus(self, devices: int) -> bool:
        """True when a workload asking for that many GPU devices may be sent at all."""
        return self.limits.gpu_devices is None or devices <= self.limits.gpu_devices

    def close(self) -> None:
        """Write down the last counts."""
        with self._lock:
            self._keep()

    def check_live(self, workloads: int) -> None:
        """LimitReached unless so many workloads may live at once."""
        with self._lock:
            self._check_possible(workloads, 0)

    def _check_possible(self, workloads: int, gpus: int) -> None:
        self._check_time()
        limits = self.limits
        if limits.creates is not None and self.creates + workloads > limits.creates:
            raise LimitReached("max_creates", f"the run has used up its {self.whole.creates} creations")
        if limits.live is not None and workloads > limits.live:
            raise LimitReached("max_live", f"{workloads} workloads at once exceed the {limits.live} that may live")
        if limits.gpu_devices is not None and gpus > limits.gpu_devices:
            raise LimitReached(
                "max_gpu_devices", f"a workload asks for {gpus} GPU devices; the run may ask for {limits.gpu_devices}"
            )

    def _taken(self, workloads: int, gpus: int, check: Callable[[], None] | None) -> bool:
        """Take the slots if they are free; else see whether waiting for them still makes sense."""
        with self._lock:
            if self._fits(workloads, gpus):
                self._check_possible(workloads, gpus)
                self.creates += workloads
                self.live += workloads
                self.gpus += gpus
                self._most_live = max(self._most_live, self.live)
                self._most_gpus = max(self._most_gpus, self.gpus)
                self._keep()
                return True
        if check is not None:
            check()
        return False

    def _fits(self, workloads: int, gpus: int) -> bool:
        limits = self.limits
        return (limits.live is None or self.live + workloads <= limits.live) and (
            limits.gpu_devices is None or gpus == 0 or self.gpus + gpus <= limits.gpu_devices
        )

    def _turn(self) -> float:
        """Seconds until this request's turn at ``rps``; at most a tenth of a second's worth goes in a burst."""
        if self.limits.rps is None:
            return 0.0
        now = self.clock.monotonic()
        gap = 1.0 / self.limits.rps
        self._next_send = max(self._next_send, now - 0.1) + gap
        return max(0.0, self._next_send - gap - now)

    def _count_second(self) -> None:
        """Note how many requests the busiest second had."""
        second = int(self.clock.monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        if self._in_second > self._busiest:
            self._busiest = self._in_second

    def _keep(self) -> None:
        if self.file is not None:
            self.file.count(self.requests, self.creates, self._most_live, self._most_gpus, float(self._busiest))

    def _time_left(self) -> float:
        left = self.seconds_left
        return float("inf") if left is None else left

    def _check_time(self) -> None:
        if self.seconds_left == 0.0:
            raise LimitReached("max_seconds", f"the run's {self.whole.seconds:g} s are over")


def gpus_asked(body: Json) -> int:
    """GPU devices that a creation asks for if the target takes it: devices of one replica times the most replicas.

    A share of a device (portion, memory, MIG profile) counts as one. Any JSON value is understood.
    """
    spec = body.get("spec") if isinstance(body, dict) else None
    if not isinstance(spec, dict):
        return 0
    compute = spec.get("compute")
    if not isinstance(compute, dict):
        return 0
    devices = _whole(compute.get("gpuDevicesRequest"))
    shares = ("gpuPortionRequest", "gpuPortionLimit", "gpuMemoryRequest", "gpuMemoryLimit", "migProfile")
    if devices == 0 and any(compute.get(name) not in (None, 0, "", "0") for name in shares):
        devices = 1
    autoscaling = spec.get("autoscaling")
    replicas = 1
    if isinstance(autoscaling, dict):
        names = ("minReplicas", "maxReplicas", "initialReplicas", "activationReplicas")
        replicas = max(1, *(_whole(autoscaling.get(name)) for name in names))
    return devices * replicas


def _whole(value: Json) -> int:
    return max(0, int(value)) if isinstance(value, int | float) and abs(value) < 1e9 else 0
