"""What is at rest is lent again, makes room for the next thing, and is removed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import cast

from assay.checks.lending import Lending, end_rest, let_rest
from assay.checks.probe import Probe


class Someone:
    """Stands for a probe, of which lending needs the identity only."""


def make(events: list[str], name: str) -> Callable[[Probe, str], AbstractContextManager[str]]:
    @contextmanager
    def thing(_: Probe, __: str) -> Iterator[str]:
        events.append(f"{name} made")
        yield name
        events.append(f"{name} removed")

    return thing


def use(lending: Lending[str], probe: Probe) -> None:
    with lending.borrow(probe, "test"):
        pass


def test_one_after_the_other_shares_until_something_else_rests() -> None:
    events: list[str] = []
    cup, bowl, probe = Lending(make(events, "cup")), Lending(make(events, "bowl")), cast(Probe, Someone())
    let_rest(probe)
    use(cup, probe)
    use(cup, probe)
    assert events == ["cup made"]
    use(bowl, probe)
    assert events == ["cup made", "bowl made", "cup removed"]
    end_rest(probe)
    assert events[3:] == ["bowl removed"]
    use(bowl, probe)
    assert events[4:] == ["bowl made", "bowl removed"], "after the end nothing rests"


def test_what_somebody_holds_is_not_removed() -> None:
    events: list[str] = []
    cup, bowl, probe = Lending(make(events, "cup")), Lending(make(events, "bowl")), cast(Probe, Someone())
    let_rest(probe)
    use(cup, probe)
    with cup.borrow(probe, "again"):
        use(bowl, probe)
        assert events == ["cup made", "bowl made"]
    end_rest(probe)
    assert sorted(events[2:]) == ["bowl removed", "cup removed"]


def test_what_was_retired_does_not_rest() -> None:
    events: list[str] = []
    cup, probe = Lending(make(events, "cup")), cast(Probe, Someone())
    let_rest(probe)
    with cup.borrow(probe, "test"):
        cup.retire(probe)
    assert events == ["cup made", "cup removed"]
    end_rest(probe)
