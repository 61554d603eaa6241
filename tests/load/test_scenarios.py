"""The shipped scenarios: what they vary, and how, so that a law can be fitted to it."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from assay.client.budget import Budget, Limits
from assay.client.exchange import Answer
from assay.client.layers import load_settings
from assay.client.session import Session
from assay.contract.documents import load
from assay.errors import InconclusiveError
from assay.load.call import PreparedCall, Skip
from assay.load.context import ScenarioContext
from assay.load.inputs import EVERY, SWEEPS, swept
from assay.load.intents import Names
from assay.load.scaling_laws import UNITS
from assay.load.scenario import load_scenario

IDENTIFIER = "00000000-0000-4000-8000-%012d"


class Answered:
    """A creation that was taken."""

    status = 202
    content_type = "application/json"

    def __init__(self, number: int) -> None:
        self.body = b'{"workloadId":"%s"}' % (IDENTIFIER % number).encode()


def a_context(most: int = 100) -> ScenarioContext:
    """A context whose transport is never used; at most so many workloads live."""
    settings = load_settings({"base_url": "http://h", "project": "1", "cluster": IDENTIFIER % 1}, env={})
    transport: Any = SimpleNamespace(path="", base_url="http://h")
    session = Session(settings, load(), transport, budget=Budget(Limits(live=most, gpu_devices=0)), mark="name")
    return ScenarioContext(session, transport, Names(session.ledger, "name"))


def created(scenario: Any, context: ScenarioContext, number: int) -> PreparedCall | Skip:
    """One creation that succeeds; what the scenario gave up is gone at once."""
    call: PreparedCall | Skip = scenario.call(number)
    if isinstance(call, PreparedCall):
        scenario.after(call, Answered(number))
    while (workload := context.next_discarded()) is not None:
        context.living -= 1
        context.session.let_go(workload.id)
    return call


def test_the_number_left_alive_goes_up_and_down_slowly() -> None:
    context = a_context()
    scenario = load_scenario("create")(context, {"keep": 3})
    left = []
    for number in range(48):
        created(scenario, context, number)
        left.append(context.living)
    assert left == [0] * 8 + [1] * 8 + [2] * 8 + [1] * 8 + [0] * 8 + [1] * 8
    scenario.end()
    assert context.next_discarded() is not None


def test_creations_tell_how_many_workloads_there_were() -> None:
    context = a_context()
    scenario = load_scenario("create")(context, {"keep": 3})
    calls = [created(scenario, context, number) for number in range(24)]
    levels = [dict(call.levels) for call in calls if isinstance(call, PreparedCall)]
    # Its own slot counts among those present.
    assert [level["live"] for level in levels[-3:]] == [2, 2, 2]
    assert all(level["present"] == level["live"] + 1 for level in levels)
    assert {name for level in levels for name in level} <= set(UNITS)


def test_a_full_budget_gives_up_one_and_not_all() -> None:
    context = a_context(most=3)
    scenario = load_scenario("create")(context, {"keep": 9})
    outcomes = [created(scenario, context, number) for number in range(60)]
    assert any(isinstance(outcome, Skip) for outcome in outcomes)
    assert context.living >= 2


@pytest.mark.parametrize("variable", SWEEPS)
def test_a_sweep_visits_each_value_as_often_in_no_fixed_rhythm(variable: str) -> None:
    key = {"samples": 20, "range": 3600.0, "sweep": variable}
    values = [levels[0][1] for number in range(EVERY * 400) for _, levels in [swept(number, key)] if levels]
    assert len(values) == 400
    assert set(Counter(values).values()) == {100}
    # In a fixed order every fourth one would be the same.
    assert max(Counter(values[::4]).values()) < 50


class Refused:
    """A creation that was refused."""

    content_type = "application/json"

    def __init__(self, status: int) -> None:
        self.status = status
        self.body = b'{"code":%d,"message":"quota exceeded: 8 of 8 used"}' % status


def refuse(context: ScenarioContext, scenario: Any, status: int, times: int) -> None:
    for number in range(times):
        call = scenario.call(number)
        assert isinstance(call, PreparedCall)
        scenario.after(call, Refused(status))


@pytest.mark.parametrize(("read", "what"), [(404, "every creation is refused"), (400, "every request is answered")])
def test_creations_that_are_all_refused_end_the_run(read: int, what: str) -> None:
    context = a_context()
    context.session.send = lambda *_, **__: Answer(read)  # type: ignore[method-assign]
    scenario = load_scenario("create")(context, {})
    refuse(context, scenario, 400, 9)
    created(scenario, context, 1)  # one that is taken, and all counts anew
    refuse(context, scenario, 400, 9)
    with pytest.raises(InconclusiveError, match=f"{what} with 400: quota exceeded: of used"):
        refuse(context, scenario, 400, 1)


def test_a_failure_that_answers_everything_ends_the_run() -> None:
    context = a_context()
    context.session.send = lambda *_, **__: Answer(404)  # type: ignore[method-assign]
    scenario = load_scenario("create")(context, {})
    refuse(context, scenario, 500, 19)
    context.session.send = lambda *_, **__: Answer(500)  # type: ignore[method-assign]
    with pytest.raises(InconclusiveError, match="every request is answered with 500"):
        refuse(context, scenario, 500, 1)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_under_load_is_the_targets(status: int) -> None:
    """Its creations; a read of what nobody has created is still answered as it should."""
    context = a_context()
    context.session.send = lambda *_, **__: Answer(404)  # type: ignore[method-assign]
    refuse(context, load_scenario("create")(context, {}), status, 40)
