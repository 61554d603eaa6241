"""Waiting for something to become true, and doing something again and again: the loops that look and sleep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import TypeVar

from assay.clock import SYSTEM, Clock

T = TypeVar("T")


def wait_until(
    condition: Callable[[], object],
    *,
    within: float,
    every: float | Iterable[float],
    clock: Clock = SYSTEM,
) -> bool:
    """Call ``condition`` until what it returns is true; False when ``within`` seconds have passed without.

    ``every`` is the pause between two looks in seconds, or the pauses one after the other, the last of which is
    repeated. The condition is called at least once, and once more at the very end of the time. What it raises ends
    the wait.
    """
    until = clock.monotonic() + within
    for pause in _pauses(every):
        if condition():
            return True
        left = until - clock.monotonic()
        if left <= 0:
            return False
        clock.sleep(min(pause, left))
    raise AssertionError("the pauses never end")


def every(seconds: float, clock: Clock = SYSTEM) -> Iterator[None]:
    """Sleep and yield, again and again: for what is done in the background until it is ended."""
    while True:
        clock.sleep(seconds)
        yield


def growing(first: float, last: float) -> list[float]:
    """Pauses that double from ``first`` to ``last``, both in seconds."""
    pauses = [first]
    while pauses[-1] < last:
        pauses.append(min(pauses[-1] * 2, last))
    return pauses


def _pauses(every: float | Iterable[float]) -> Iterable[float]:
    if isinstance(every, int | float):
        return repeat(float(every))
    given = list(every)
    return chain(given, repeat(given[-1]))


def look_until(
    look: Callable[[], T],
    done: Callable[[T], object],
    *,
    within: float,
    every: float | Iterable[float],
    clock: Clock = SYSTEM,
) -> T:
    """Call ``look`` as ``wait_until`` calls its condition, until ``done`` says so of what it gives; the last."""
    seen: list[T] = []

    def looks_done() -> object:
        seen[:] = [look()]
        return done(seen[0])

    wait_until(looks_done, within=within, every=every, clock=clock)
    return seen[0]
