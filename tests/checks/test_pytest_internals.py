"""What the suite uses of pytest's inside is where it was: fails first when an upgrade moves it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from _pytest.fixtures import FixtureDef
from _pytest.runner import SetupState

from assay.checks import pytest_internals
from assay.checks.pytest_internals import FixtureParking


@pytest.fixture
def own() -> str:
    return "own"


def test_the_stack_holds_the_nodes_of_an_item_with_finalizers_and_an_error(request: pytest.FixtureRequest) -> None:
    state = request.session._setupstate
    assert isinstance(state, SetupState)
    assert list(state.stack) == request.node.listchain()
    finalizers, error = state.stack[request.node]
    assert finalizers
    assert error is None


def test_set_up_and_tear_down_are_the_stack_s() -> None:
    assert list(inspect.signature(SetupState.setup).parameters) == ["self", "item"]
    assert list(inspect.signature(SetupState.teardown_exact).parameters) == ["self", "nextitem"]


def test_a_fixture_keeps_its_value_and_its_finalizers(request: pytest.FixtureRequest, own: str) -> None:
    definition = request._get_active_fixturedef("own")
    assert isinstance(definition, FixtureDef)
    assert definition.cached_result is not None
    assert definition.cached_result[0] == own
    assert definition._finalizers
    assert {"cached_result", "_finalizers"} <= vars(definition).keys()


@pytest.mark.parametrize("number", [1])
def test_an_item_knows_its_arguments_and_their_scopes(request: pytest.FixtureRequest, number: int) -> None:
    assert pytest_internals.argument_names(request.node) == {"request", "number"}
    assert not pytest_internals.shares_parameters(request.node)
    assert number == 1


def test_an_item_asks_for_the_fixtures_that_it_is_given(request: pytest.FixtureRequest, own: str) -> None:
    item: Any = request.node
    theirs = item._fixtureinfo.name2fixturedefs["own"][-1]
    kept = item._request._arg2fixturedefs
    try:
        FixtureParking(request.session)._give_own_fixtures(item)
        ours = item._request._arg2fixturedefs["own"][-1]
        assert ours is not theirs
        assert (ours.func, ours.cached_result, ours._finalizers) == (theirs.func, None, [])
    finally:
        item._request._arg2fixturedefs = kept
    assert own == "own"


def test_a_parked_node_comes_back_as_it_was(request: pytest.FixtureRequest) -> None:
    item, state = request.node, request.session._setupstate
    kept, given = dict(state.stack), item._request._arg2fixturedefs
    parking = FixtureParking(request.session)
    parking.pause()
    assert list(state.stack) == [request.session]
    parking.put_back(item)
    item._request._arg2fixturedefs = given
    assert list(state.stack.items()) == list(kept.items())
