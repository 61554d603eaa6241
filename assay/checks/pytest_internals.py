"""The private interfaces of pytest that the suite uses, all of them, behind one class.

pytest sets up one item at a time: its stack (``SetupState``) holds the nodes that are set up, and a fixture
(``FixtureDef``) holds one value. Bodies that run at the same time need the fixtures of many items at once. So a node
whose item is waiting is parked: taken off the stack with its finalizers, and its fixtures with their values. Before
pytest comes to the item the node is put back, and pytest reports and tears it down as if it had just set it up.

Written against pytest 9.2; ``tests/checks/test_pytest_internals.py`` fails first where an upgrade moves something.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from _pytest.fixtures import FixtureDef
from _pytest.nodes import Node
from _pytest.outcomes import OutcomeException
from _pytest.runner import SetupState

Finalizer = Callable[[], object]


@dataclass(frozen=True, slots=True)
class _ParkedFixture:
    """A fixture that lives on its node: its value and what ends it."""

    definition: FixtureDef[Any]
    result: Any
    finalizers: list[Finalizer]


@dataclass(frozen=True, slots=True)
class _ParkedNode:
    """A node taken off the stack: its entry there, and the fixtures that end with it."""

    entry: Any
    fixtures: tuple[_ParkedFixture, ...]


class FixtureParking:
    """Sets up the fixtures of many items and keeps them alive until pytest comes to each. For the main thread."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._state: SetupState = session._setupstate
        self._parked: dict[Node, _ParkedNode] = {}

    def set_up(self, item: pytest.Function) -> Mapping[str, object] | None:
        """Set up the item's fixtures; the arguments of its body, None when one has failed or skipped.

        What a fixture raised is kept, and raised again when pytest comes to the item.
        """
        chain = item.listchain()
        self._park_all(set(chain))
        self.put_back(item)
        try:
            self._state.setup(item)
        except (OutcomeException, Exception) as error:  # the stack keeps it for the item's report
            if isinstance(error, pytest.exit.Exception):
                raise
            return None
        return {name: item.funcargs[name] for name in item._fixtureinfo.argnames}

    def pause(self) -> None:
        """Clear the stack for pytest's own loop, once all that is to be set up ahead is."""
        self._park_all({self._session})

    def put_back(self, item: pytest.Item) -> None:
        """Put back what is parked of the item and of what it stands in."""
        for node in item.listchain():
            if node not in self._state.stack and node in self._parked:
                self._unpark(node)

    def close(self) -> None:
        """Tear down what pytest never came to, because the run ended early."""
        waiting = [node for node in self._parked if isinstance(node, pytest.Item)]
        for item in waiting:
            self._tear_down_until(item)
            self.put_back(item)
        if waiting:
            self._tear_down_until(self._session)

    def _tear_down_until(self, node: Any) -> None:
        try:
            self._state.teardown_exact(node)
        except (OutcomeException, Exception) as error:  # noqa: BLE001 - whatever a fixture raises when it ends
            reporter = self._session.config.pluginmanager.get_plugin("terminalreporter")
            if reporter is not None:
                reporter.write_line(f"a fixture failed when it ended: {error}")

    def _park_all(self, kept: set[Node]) -> None:
        """Take nodes off the stack, from its top down to the first that is ``kept``."""
        while self._state.stack and (node := next(reversed(self._state.stack))) not in kept:
            self._park(node)

    def _park(self, node: Node) -> None:
        entry = self._state.stack.pop(node)
        fixtures = []
        for definition in dict.fromkeys(filter(None, map(_fixture_of, entry[0]))):
            fixtures.append(_ParkedFixture(definition, definition.cached_result, list(definition._finalizers)))
            definition.cached_result = None
            definition._finalizers.clear()
        self._parked[node] = _ParkedNode(entry, tuple(fixtures))

    def _unpark(self, node: Node) -> None:
        parked = self._parked.pop(node)
        self._state.stack[node] = parked.entry
        for fixture in parked.fixtures:
            fixture.definition.cached_result = fixture.result
            fixture.definition._finalizers[:] = fixture.finalizers


def _fixture_of(finalizer: Finalizer) -> FixtureDef[Any] | None:
    """The fixture that a finalizer of a node ends; None for any other finalizer."""
    if not isinstance(finalizer, functools.partial):
        return None
    owner = getattr(finalizer.func, "__self__", None)
    return owner if isinstance(owner, FixtureDef) else None


def argument_names(item: pytest.Function) -> frozenset[str]:
    """The names of the arguments that the body of an item takes."""
    return frozenset(item._fixtureinfo.argnames)


def shares_parameters(item: pytest.Function) -> bool:
    """Whether a parameter of the item belongs to a fixture that outlives it: another value would end the fixture."""
    callspec = getattr(item, "callspec", None)
    return callspec is not None and any(scope.value != "function" for scope in callspec._arg2scope.values())
