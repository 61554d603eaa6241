"""The shipped scenarios: what they vary, and how, so that a law can be fitted to it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from assay.client.budget import Budget, Limits
from assay.contract.documents import load
from assay.load.inputs import EVERY, SWEEPS, swept
from assay.load.names import Names
from assay.load.scaling_laws import UNITS
from assay.load.scenario import Call, Skip, load_scenario
from assay.load.world import Place, World

IDENTIFIER = "00000000-0000-4000-8000-%012d"


class Answered:
    """A creation that was taken."""

    status = 202
    content_type = "application/json"

    def __init__(self, number: int) -> None:
        self.body = b'{"workloadId":"%s"}' % (IDENTIFIER % number).encode()


class NoLedger:
    """Takes every note, keeps none."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class Numbered(Names):
    """Names out of nothing."""

    def __init__(self) -> None:
        self.ledger: Any = NoLedger()

    def take(self) -> str:
        return "name"


def world(most: int = 100) -> World:
    place = Place("1", IDENTIFIER % 1, "image")
    client: Any = type("Nobody", (), {"path": ""})()
    return World(load(), place, client, Budget(Limits(live=most, creates=None, gpu_devices=0)), Numbered())


def created(scenario: Any, place: World, number: int) -> Call | Skip:
    """One creation that succeeds; what the scenario gave up is gone at once."""
    call: Call | Skip = scenario.call(number)
    if isinstance(call, Call):
        scenario.after(call, Answered(number))
    while place.next_doomed() is not None:
        place.living -= 1
        place.budget.give_back()
    return call


def test_the_number_left_alive_goes_up_and_down_slowly() -> None:
    place = world()
    scenario = load_scenario("create")(place, {"keep": 3})
    left = []
    for number in range(48):
        created(scenario, place, number)
        left.append(place.living)
    assert left == [0] * 8 + [1] * 8 + [2] * 8 + [1] * 8 + [0] * 8 + [1] * 8
    scenario.end()
    assert place.next_doomed() is not None


def test_creations_tell_how_many_workloads_there_were() -> None:
    place = world()
    scenario = load_scenario("create")(place, {"keep": 3})
    calls = [created(scenario, place, number) for number in range(24)]
    levels = [dict(call.levels) for call in calls if isinstance(call, Call)]
    # Its own slot counts among those present.
    assert [level["live"] for level in levels[-3:]] == [2, 2, 2]
    assert all(level["present"] == level["live"] + 1 for level in levels)
    assert {name for level in levels for name in level} <= set(UNITS)


def test_a_full_budget_gives_up_one_and_not_all() -> None:
    place = world(most=3)
    scenario = load_scenario("create")(place, {"keep": 9})
    outcomes = [created(scenario, place, number) for number in range(60)]
    assert any(isinstance(outcome, Skip) for outcome in outcomes)
    assert place.living >= 2


@pytest.mark.parametrize("variable", SWEEPS)
def test_a_sweep_visits_each_value_as_often_in_no_fixed_rhythm(variable: str) -> None:
    key = {"samples": 20, "range": 3600.0, "sweep": variable}
    values = [levels[0][1] for number in range(EVERY * 400) for _, levels in [swept(number, key)] if levels]
    assert len(values) == 400
    assert set(Counter(values).values()) == {100}
    # In a fixed order every fourth one would be the same.
    assert max(Counter(values[::4]).values()) < 50
