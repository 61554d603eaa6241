"""One plain read clears all who waited for it; one that fails is traced to who did the harm."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from assay.checks import hostile
from assay.checks.exchange import Exchange
from assay.checks.hostile import Hostile, PlainReads, SharedRead
from assay.checks.run_state import RunState
from assay.client.exchange import Answer, NoAnswer
from assay.contract import documents
from assay.contract.request import Expectation, Outcome, Request

LIVE = "5b0a0f6e-0000-4000-8000-000000000001"


def read(status: int | None) -> Exchange:
    answer = Answer(status, {}, b"{}") if status is not None else NoAnswer("reset", "closed", 0.1)
    return Exchange(Request("read"), Expectation(Outcome.OPEN), answer)


def test_those_who_come_during_a_read_share_the_next_one() -> None:
    shared, begun, go = PlainReads(), threading.Event(), threading.Event()
    sent: list[str] = []

    def slow() -> Exchange:
        begun.set()
        assert go.wait(10)
        sent.append("first")
        return read(200)

    def quick() -> Exchange:
        sent.append("second")
        return read(200)

    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(shared.share, "live", slow)
        assert begun.wait(10)
        later = [pool.submit(shared.share, "live", quick) for _ in range(5)]
        while shared._open.get("live", SharedRead()).members < 5:
            threading.Event().wait(0.01)
        go.set()
        assert first.result()[1]
        rounds = [future.result() for future in later]
    assert sent == ["first", "second"], "a read that had begun clears nobody who came later"
    assert {id(found) for found, _ in rounds} == {id(rounds[0][0])}
    assert sum(mine for _, mine in rounds) == 1


def test_a_read_that_raises_does_so_in_everybody() -> None:
    shared = PlainReads()

    def fail() -> Exchange:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        shared.share("live", fail)
    assert shared.share("live", lambda: read(200))[0].members == 1


class Server:
    """Serves nothing any more once ``poison`` was sent, until the next ``cure``."""

    def __init__(self) -> None:
        self.poisoned = False

    def send(self, *_: Any, **__: Any) -> Exchange:
        poisoned, self.poisoned = self.poisoned, False
        return read(None if poisoned else 200)

    def poison(self) -> None:
        self.poisoned = True


def judge(server: Server, name: str, again: Callable[[], object], members: int) -> set[str]:
    state = RunState()
    target: Any = SimpleNamespace(send=server.send, state=state, contract=documents.load())
    shared = state.keep("plain reads", PlainReads)
    broken = SharedRead(members=members)
    broken.read.set_result(read(None))
    shared.share = lambda *_: (broken, False)  # type: ignore[method-assign]
    found = hostile.next_request(target, "t", Hostile(name, f"the {name}"), read(400), LIVE, again)
    return {item.check for item in found.deviations}


def test_the_culprit_is_found_by_sending_each_again() -> None:
    server = Server()
    assert judge(server, "poison", server.poison, 3) == {"hostile-poison-next-request"}
    assert judge(server, "bystander", lambda: None, 3) == set()


def test_who_was_alone_with_the_read_is_the_culprit() -> None:
    assert judge(Server(), "once", lambda: None, 1) == {"hostile-once-next-request"}
