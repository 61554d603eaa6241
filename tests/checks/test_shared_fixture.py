"""A shared fixture: made once for all who need it at a time, removed once, never handed on after a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import cast

import pytest

from assay.checks.run_state import RunState
from assay.checks.shared_fixture import SharedFixture, end_idle
from assay.checks.target import TargetUnderTest
from assay.polling import wait_until


class Someone:
    """Stands for a target, of which a shared fixture needs the state only."""

    def __init__(self, *, keeps_idle: bool = False) -> None:
        self.state = RunState(keeps_idle=keeps_idle)


def target(*, keeps_idle: bool = False) -> TargetUnderTest:
    return cast(TargetUnderTest, Someone(keeps_idle=keeps_idle))


class Shop:
    """Counts what is made and removed."""

    def __init__(self, failures: int = 0) -> None:
        self.made = 0
        self.removed = 0
        self.failures = failures
        self.opened = threading.Event()

    @contextmanager
    def make(self, _: TargetUnderTest, test: str) -> Iterator[str]:
        self.opened.wait(5)
        self.made += 1
        if self.made <= self.failures:
            raise LookupError(f"cannot make for {test}")
        try:
            yield f"thing {self.made}"
        finally:
            self.removed += 1


def test_holders_at_the_same_time_share_one_thing() -> None:
    shop, someone = Shop(), target()
    fixture = SharedFixture(shop.make)
    together = threading.Barrier(8)

    def use(number: int) -> str:
        with fixture.acquire(someone, f"test {number}") as thing:
            together.wait(5)  # all eight hold it
            assert shop.removed == 0
            return thing

    shop.opened.set()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(use, range(8))) == {"thing 1"}
    assert (shop.made, shop.removed) == (1, 1)


def test_a_later_holder_gets_a_new_thing() -> None:
    shop, someone = Shop(), target()
    fixture = SharedFixture(shop.make)
    shop.opened.set()
    for number in (1, 2):
        with fixture.acquire(someone, "test") as thing:
            assert thing == f"thing {number}"
        assert shop.removed == number


def test_each_target_has_its_own() -> None:
    shop = Shop()
    fixture = SharedFixture(shop.make)
    shop.opened.set()
    one, two = target(), target()
    with fixture.acquire(one, "test") as first, fixture.acquire(two, "test") as second:
        assert first != second


def test_a_failure_reaches_all_who_wait_and_the_next_starts_anew() -> None:
    shop, someone = Shop(failures=1), target()
    fixture = SharedFixture(shop.make)

    def use(number: int) -> str:
        with fixture.acquire(someone, f"test {number}") as thing:
            return thing

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(use, number) for number in range(4)]
        assert wait_until(lambda: fixture.holders(someone) == 4, within=5, every=0.01)
        shop.opened.set()
        assert [type(future.exception()) for future in waiting] == [LookupError] * 4
    assert use(9) == "thing 2"
    assert (shop.made, shop.removed) == (2, 1)


def test_an_error_in_the_block_still_releases() -> None:
    shop, someone = Shop(), target()
    fixture = SharedFixture(shop.make)
    shop.opened.set()
    with pytest.raises(ZeroDivisionError), fixture.acquire(someone, "test"):
        raise ZeroDivisionError
    assert shop.removed == 1


def make(events: list[str], name: str) -> Callable[[TargetUnderTest, str], AbstractContextManager[str]]:
    @contextmanager
    def thing(_: TargetUnderTest, __: str) -> Iterator[str]:
        events.append(f"{name} made")
        yield name
        events.append(f"{name} removed")

    return thing


def use(fixture: SharedFixture[str], someone: TargetUnderTest) -> None:
    with fixture.acquire(someone, "test"):
        pass


def test_one_after_the_other_shares_until_something_else_is_idle() -> None:
    events: list[str] = []
    cup, bowl = SharedFixture(make(events, "cup")), SharedFixture(make(events, "bowl"))
    someone = target(keeps_idle=True)
    use(cup, someone)
    use(cup, someone)
    assert events == ["cup made"]
    use(bowl, someone)
    assert events == ["cup made", "bowl made", "cup removed"]
    end_idle(someone)
    assert events[3:] == ["bowl removed"]
    use(bowl, someone)
    assert events[4:] == ["bowl made", "bowl removed"], "after the end nothing stays idle"


def test_what_somebody_holds_is_not_removed() -> None:
    events: list[str] = []
    cup, bowl = SharedFixture(make(events, "cup")), SharedFixture(make(events, "bowl"))
    someone = target(keeps_idle=True)
    use(cup, someone)
    with cup.acquire(someone, "again"):
        use(bowl, someone)
        assert events == ["cup made", "bowl made"]
    end_idle(someone)
    assert sorted(events[2:]) == ["bowl removed", "cup removed"]


def test_what_was_retired_does_not_stay() -> None:
    events: list[str] = []
    cup, someone = SharedFixture(make(events, "cup")), target(keeps_idle=True)
    with cup.acquire(someone, "test"):
        cup.retire(someone)
    assert events == ["cup made", "cup removed"]
    end_idle(someone)
