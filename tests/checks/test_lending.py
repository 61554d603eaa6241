"""Lending: made once for all who need it at the same time, removed once, and never handed on after a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import cast

import pytest

from assay.checks.lending import Lending
from assay.checks.probe import Probe


class Someone:
    """Stands for a probe, of which lending needs the identity only."""


def probe() -> Probe:
    return cast(Probe, Someone())


class Shop:
    """Counts what is made and removed."""

    def __init__(self, failures: int = 0) -> None:
        self.made = 0
        self.removed = 0
        self.failures = failures
        self.opened = threading.Event()

    @contextmanager
    def make(self, _: Probe, test: str) -> Iterator[str]:
        self.opened.wait(5)
        self.made += 1
        if self.made <= self.failures:
            raise LookupError(f"cannot make for {test}")
        try:
            yield f"thing {self.made}"
        finally:
            self.removed += 1


def test_borrowers_at_the_same_time_share_one_thing() -> None:
    shop, someone = Shop(), probe()
    lending = Lending(shop.make)
    together = threading.Barrier(8)

    def use(number: int) -> str:
        with lending.borrow(someone, f"test {number}") as thing:
            together.wait(5)  # all eight hold it
            assert shop.removed == 0
            return thing

    shop.opened.set()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(use, range(8))) == {"thing 1"}
    assert (shop.made, shop.removed) == (1, 1)


def test_a_later_borrower_gets_a_new_thing() -> None:
    shop, someone = Shop(), probe()
    lending = Lending(shop.make)
    shop.opened.set()
    for number in (1, 2):
        with lending.borrow(someone, "test") as thing:
            assert thing == f"thing {number}"
        assert shop.removed == number


def test_each_probe_has_its_own() -> None:
    shop = Shop()
    lending = Lending(shop.make)
    shop.opened.set()
    one, two = probe(), probe()
    with lending.borrow(one, "test") as first, lending.borrow(two, "test") as second:
        assert first != second


def test_a_failure_reaches_all_who_wait_and_the_next_starts_anew() -> None:
    shop, someone = Shop(failures=1), probe()
    lending = Lending(shop.make)

    def use(number: int) -> str:
        with lending.borrow(someone, f"test {number}") as thing:
            return thing

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(use, number) for number in range(4)]
        give_up = time.monotonic() + 5
        while lending.borrowers(someone) < 4 and time.monotonic() < give_up:
            time.sleep(0.01)
        shop.opened.set()
        assert [type(future.exception()) for future in waiting] == [LookupError] * 4
    assert use(9) == "thing 2"
    assert (shop.made, shop.removed) == (2, 1)


def test_an_error_in_the_block_still_gives_back() -> None:
    shop, someone = Shop(), probe()
    lending = Lending(shop.make)
    shop.opened.set()
    with pytest.raises(ZeroDivisionError), lending.borrow(someone, "test"):
        raise ZeroDivisionError
    assert shop.removed == 1
