"""Proxies, names and servers that are something else: what lies between a user and the target."""

from __future__ import annotations

from tests.first_contact.conftest import Play
from tests.first_contact.environment import Command, Environment, Server, passes, undecided
from tests.first_contact.proxies import ForwardProxy

INSIDE = "http://runai.corp.invalid"
KNOWN = {"runai.corp.invalid:80": "plane"}


ROWS = [
    Environment(
        "http-proxy",
        passes(),
        servers={"proxy": Server(lambda: ForwardProxy(KNOWN))},
        base_url=INSIDE,
        env={"HTTP_PROXY": "http://{proxy}"},
    ),
    Environment(
        "http-proxy-with-login",
        passes(),
        servers={"proxy": Server(lambda: ForwardProxy(KNOWN, login="user:p@ss"))},
        base_url=INSIDE,
        env={"HTTP_PROXY": "http://user:p%40ss@{proxy}"},
    ),
    Environment(
        "nothing-listens",
        undecided("connection refused"),
        base_url="http://127.0.0.1:9",
    ),
]


def test_networks(row: Environment, command: Command, run: Play) -> None:
    run(row, command)
