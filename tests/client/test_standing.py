"""A 401 is asked about before anybody is blamed: once for all threads that meet it, anew for each later one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from assay.client.exchange import Answer
from assay.client.standing import Standing
from assay.clock import VirtualClock

REFUSED = Answer(401)


def test_threads_that_meet_it_together_all_hear_the_end() -> None:
    asked: list[str] = []
    together = threading.Barrier(3)

    def ask(token: str) -> Answer:
        asked.append(token)
        return REFUSED

    standing = Standing(ask, VirtualClock())

    def meet(_: int) -> Answer | None:
        together.wait(10)
        return standing.refusal("old")

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(meet, range(3))) == [REFUSED] * 3
    assert asked == ["old"]


def test_a_token_that_was_fine_is_asked_about_again() -> None:
    answers = [None, REFUSED]
    standing = Standing(lambda _: answers.pop(0), VirtualClock())
    assert [standing.refusal("old"), standing.refusal("old")] == [None, REFUSED]


def test_who_sends_hundreds_a_second_asks_now_and_then() -> None:
    clock = VirtualClock()
    answers = [None, REFUSED]
    standing = Standing(lambda _: answers.pop(0), clock)
    assert [standing.refusal("old", 5.0), standing.refusal("old", 5.0)] == [None, None]
    clock.now += 5.0
    assert standing.refusal("old", 5.0) is REFUSED
