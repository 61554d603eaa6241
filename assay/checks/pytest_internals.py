"""The private interfaces of pytest that the suite uses, all of them, behind one class.

pytest sets up one item at a time: its stack (``SetupState``) holds the nodes that are set up, and a fixture
(``FixtureDef``) holds one value. Bodies that run at the same time need the fixtures of many items at once. So a node
whose item is waiting is parked, which is taken off the stack with its finalizers, and each node has fixtures of its
own. Before pytest comes to the item the node is put back, and pytest reports and tears it down as if it had just set
it up.

Written against pytest 9.2; ``tests/checks/test_pytest_internals.py`` fails first where an upgrade moves something.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from _pytest.fixtures import FixtureDef, get_scope_node
from _pytest.nodes import Node
from _pytest.outcomes import OutcomeException
from _pytest.runner import SetupState
from _pytest.scope import Scope


class FixtureParking:
    """Sets up the fixtures of many items and keeps them alive until pytest comes to each. For the main thread."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._state: SetupState = session._setupstate
        self._parked: dict[Node, Any] = {}  # its entry on the stack
        self._definitions: dict[tuple[FixtureDef[Any], Node], FixtureDef[Any]] = {}

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
        if (
            isinstance(item, pytest.Function) and item._request
        ):  # pytest sets it to False once it is done with an item
            self._give_own_fixtures(item)
        for node in item.listchain():
            if node not in self._state.stack and node in self._parked:
                self._state.stack[node] = self._parked.pop(node)

    def close(self, last: pytest.Item | None = None) -> None:
        """Tear down what pytest will never come to, because the run ends early; ``last`` it tears down itself."""
        self._park_all({self._session})
        for item in [node for node in self._parked if isinstance(node, pytest.Item) and node is not last]:
            self._tear_down_until(item)
            self.put_back(item)
        self._tear_down_until(self._session if last is None else last)
        if last is not None:
            self.put_back(last)

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
            self._parked[node] = self._state.stack.pop(node)

    def _give_own_fixtures(self, item: pytest.Function) -> None:
        """Let the item's fixtures be those of the nodes they live on, and of no other node of the kind."""
        request: Any = item._request
        request._arg2fixturedefs = {
            name: tuple(self._own(definition, item) for definition in definitions)
            for name, definitions in item._fixtureinfo.name2fixturedefs.items()
        }

    def _own(self, definition: FixtureDef[Any], item: pytest.Function) -> FixtureDef[Any]:
        node = get_scope_node(item, definition._scope)
        if node is None or definition._scope is Scope.Session:
            return definition
        known = self._definitions.get((definition, node))
        if known is None:
            known = self._definitions[definition, node] = copy.copy(definition)
            vars(known).update(cached_result=None, _finalizers=[])
        return known


def argument_names(item: pytest.Function) -> frozenset[str]:
    """The names of the arguments that the body of an item takes."""
    return frozenset(item._fixtureinfo.argnames)


def shares_parameters(item: pytest.Function) -> bool:
    """Whether a parameter of the item belongs to a fixture that outlives it: another value would end the fixture."""
    callspec = getattr(item, "callspec", None)
    return callspec is not None and any(scope.value != "function" for scope in callspec._arg2scope.values())
