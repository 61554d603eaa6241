"""Time that is handed in, and the one loop that waits for something."""

from __future__ import annotations

import time

import pytest

from assay.clock import SYSTEM, SkippingClock, VirtualClock
from assay.polling import growing, wait_until


def test_virtual_time_passes_only_when_somebody_sleeps() -> None:
    clock = VirtualClock(100.0)
    clock.sleep(2.5)
    clock.sleep(-1.0)
    assert (clock.monotonic(), clock.time(), clock.slept) == (102.5, 102.5, [2.5, -1.0])


def test_skipped_time_has_passed() -> None:
    clock = SkippingClock()
    before, now = clock.monotonic(), clock.time()
    clock.sleep(3600.0)
    assert clock.monotonic() - before >= 3600.0
    assert clock.time() - now >= 3600.0
    assert abs(SYSTEM.time() - time.time()) < 3600.0


def test_what_is_true_at_once_is_not_waited_for() -> None:
    clock = VirtualClock()
    assert wait_until(lambda: True, within=0.0, every=1.0, clock=clock)
    assert clock.slept == []


def test_a_wait_in_vain_ends_on_time_with_a_last_look() -> None:
    clock = VirtualClock(0.0)
    looks: list[float] = []
    assert not wait_until(lambda: looks.append(clock.now), within=2.5, every=1.0, clock=clock)
    assert looks == [0.0, 1.0, 2.0, 2.5]


def test_pauses_may_grow_and_the_last_is_repeated() -> None:
    clock = VirtualClock(0.0)
    assert wait_until(lambda: clock.now >= 9.0, within=60.0, every=growing(1.0, 3.0), clock=clock)
    assert clock.slept == [1.0, 2.0, 3.0, 3.0]


def test_what_the_condition_raises_ends_the_wait() -> None:
    def broken() -> bool:
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        wait_until(broken, within=60.0, every=1.0, clock=VirtualClock())
