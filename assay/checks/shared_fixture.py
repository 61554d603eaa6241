"""Shares live things (a workload, one that has served for a while) between the tests of a run.

Creating a workload for each of two hundred read-only cases would cost a shared cluster two hundred creations. The
first test that acquires a shared fixture has it made, later ones share it, and it is removed when the last one
releases it. Where things may stay idle (``RunState.keeps_idle``), the last thing released stays for whoever comes
next, until another one is released: tests that run one after the other share as those do that run at the same time.

A fixture is defined once, at the top of a module; what is alive of it stands in the run's state.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from assay.checks.sender import POLL_SECONDS
from assay.checks.target import LiveWorkload, TargetUnderTest
from assay.contract.request import Expectation, Json, Outcome
from assay.polling import wait_until

T = TypeVar("T")

Make = Callable[[TargetUnderTest, str], AbstractContextManager[T]]
"""Makes the thing for (target, id of the test that acquires it first) and removes it on exit."""

# 202 says "accepted": a workload may show a little after it, as records do that a second component writes.
_SHOWS_WITHIN: Final = 10.0  # seconds


@contextmanager
def readable(
    target: TargetUnderTest, test: str, spec: Mapping[str, Json] | None = None, **meta: Json
) -> Iterator[LiveWorkload]:
    """A live workload that can be read already; one that cannot be in time is handed out all the same."""
    with target.workload(test, spec, **meta) as workload:
        read = target.contract.reading.request(workload=workload.id)
        wait_until(
            lambda: target.send(read, test=test, expectation=Expectation(Outcome.OPEN)).status != 404,
            within=_SHOWS_WITHIN,
            every=POLL_SECONDS,
            clock=target.clock,
        )
        yield workload


@dataclass
class _Instance(Generic[T]):
    """One thing: ready when ``made`` is, removed by leaving ``context``."""

    context: AbstractContextManager[T]
    made: Future[T] = field(default_factory=Future)
    holders: int = 1
    removed: bool = False


class _Idle:
    """The one thing that stays although nobody holds it, and what removes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thing: object = None
        self._remove: Callable[[], None] | None = None

    def replace(self, thing: object, remove: Callable[[], None]) -> None:
        """Keep ``thing``; what was kept before is removed, unless it is the same."""
        with self._lock:
            before, self._remove = self._remove, remove
            is_same, self._thing = self._thing is thing, thing
        if before is not None and not is_same:
            before()

    def end(self) -> None:
        with self._lock:
            last, self._thing, self._remove = self._remove, None, None
        if last is not None:
            last()


@dataclass
class _Alive(Generic[T]):
    """What is alive of a fixture on one target."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    instance: _Instance[T] | None = None


class SharedFixture(Generic[T]):
    """Shares what ``make`` makes, one thing at a time for each target. Safe to use from several threads."""

    def __init__(self, make: Make[T]) -> None:
        self._make = make

    @contextmanager
    def acquire(self, target: TargetUnderTest, test: str) -> Iterator[T]:
        """The thing, for the block. Raises whatever making it raised, in every test that waited for it."""
        alive = self._alive(target)
        instance, is_first = self._take(alive, target, test)
        try:
            if is_first:
                _fill(alive, instance)
            thing = instance.made.result()
        except BaseException:
            _forget(alive, instance)
            raise
        try:
            yield thing
        finally:
            _release(alive, instance, _idle(target) if target.state.keeps_idle else None)

    def holders(self, target: TargetUnderTest) -> int:
        """How many hold the thing, or wait for it, at this moment."""
        alive = self._alive(target)
        with alive.lock:
            return 0 if alive.instance is None else alive.instance.holders

    def retire(self, target: TargetUnderTest) -> None:
        """Share another one from now on: the present one is no longer what it was made as."""
        alive = self._alive(target)
        with alive.lock:
            alive.instance = None

    def _alive(self, target: TargetUnderTest) -> _Alive[T]:
        return target.state.keep(self, _Alive[T])

    def _take(self, alive: _Alive[T], target: TargetUnderTest, test: str) -> tuple[_Instance[T], bool]:
        with alive.lock:
            if alive.instance is not None:
                alive.instance.holders += 1
                return alive.instance, False
            alive.instance = _Instance(self._make(target, test))
            return alive.instance, True


def _fill(alive: _Alive[T], instance: _Instance[T]) -> None:
    try:
        thing = instance.context.__enter__()
    except BaseException as error:
        _forget(alive, instance)
        instance.made.set_exception(error)
        raise
    instance.made.set_result(thing)


def _forget(alive: _Alive[Any], instance: _Instance[Any]) -> None:
    """Let the next holder start anew."""
    with alive.lock:
        if alive.instance is instance:
            alive.instance = None


def _release(alive: _Alive[Any], instance: _Instance[Any], idle: _Idle | None) -> None:
    with alive.lock:
        instance.holders -= 1
        if instance.holders:
            return
        is_shared = alive.instance is instance
    if idle is not None and is_shared:
        idle.replace(instance, lambda: _remove(alive, instance))
    else:
        _remove(alive, instance)


def _remove(alive: _Alive[Any], instance: _Instance[Any]) -> None:
    """Remove a thing that nobody holds; once."""
    with alive.lock:
        if instance.holders or instance.removed:
            return
        instance.removed = True
        if alive.instance is instance:
            alive.instance = None
    instance.context.__exit__(None, None, None)


# A pool at rest holds a slot for a live workload each; of ten slots two may rest, of less than five none.
_POOLED: Final = 2
_LEAST_SLOTS: Final = 5


class WorkloadPool(Generic[T]):
    """Live things that one holder at a time has to itself; some stay for the next one, until ``end_idle``."""

    def __init__(self, remove: Callable[[T], None]) -> None:
        self._remove = remove
        self._lock = threading.Lock()
        self._idle: list[T] = []

    def take(self) -> T | None:
        """One that nobody holds, if there is one."""
        with self._lock:
            return self._idle.pop() if self._idle else None

    def put_back(self, thing: T, *, max_live: int) -> None:
        """Keep it for the next holder, or remove it where ``max_live`` leaves no slot to spare."""
        with self._lock:
            if max_live >= _LEAST_SLOTS and len(self._idle) < _POOLED:
                self._idle.append(thing)
                return
        self._remove(thing)

    def end(self) -> None:
        """Remove what nobody holds."""
        with self._lock:
            idle, self._idle = self._idle, []
        for thing in idle:
            self._remove(thing)


def _idle(target: TargetUnderTest) -> _Idle:
    return target.state.keep("idle fixture", _Idle)


def end_idle(target: TargetUnderTest) -> None:
    """Remove what no test holds; nothing may stay idle any more."""
    target.state.keeps_idle = False
    _idle(target).end()
