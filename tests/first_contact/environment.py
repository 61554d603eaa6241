"""One row of the tables: what stands around a user, and what every command must make of it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.first_contact.certificates import Certificates
from tests.first_contact.listening import Service
from tests.first_contact.relay import Behaviour, Relay

Command = Literal["gate", "benchmark"]
COMMANDS: tuple[Command, ...] = ("gate", "benchmark")


@dataclass(frozen=True)
class Server:
    """A server of a row: made anew for every run, since behaviours count."""

    make: Callable[[], Service]
    tls: Callable[[Certificates], ssl.SSLContext] | None = None
    host: str = "127.0.0.1"


def relay(*behaviours: Callable[[], Behaviour], to: str = "plane") -> Server:
    """A relay in front of the server ``to``, with fresh behaviours for every run."""
    return Server(lambda: Relay([make() for make in behaviours], to))


@dataclass(frozen=True)
class End:
    """How a command ends. ``verdict`` None: the run did not begin, and nothing was written.

    ``remark`` is what the one advisory of the run counts ("502 by nginx"); None: no row looks at advisories.
    """

    code: int
    verdict: Literal["pass", "fail", "inconclusive"] | None
    says: str
    remark: str | None = None


def passes(says: str = "PASS") -> End:
    return End(0, "pass", says)


def remarks(kind: str) -> End:
    """Passes with one advisory, which says how many of how many answers were that."""
    return End(0, "pass", f" a {kind}", kind)


def mistaken(says: str) -> End:
    """Something the user gave cannot be: the run does not begin."""
    return End(2, None, says)


def refused(says: str) -> End:
    """Something the user gave is wrong, as the preflight finds out."""
    return End(2, "inconclusive", says)


def undecided(says: str) -> End:
    """The target, or the way to it, cannot be used: exit 3."""
    return End(3, "inconclusive", says)


def violates(says: str) -> End:
    """The target is wrong."""
    return End(1, "fail", says)


@dataclass(frozen=True)
class Environment:
    """``{name}`` in any text stands for the address of a server or another word of ``Words`` (running.py).

    ``env`` are variables (None: not set), ``files`` what lies in the working folder; ``prepare`` makes there what is
    no plain file. ``only`` is what a gate selects, and ``at_length`` what it selects in its place with ``--whole``.
    ``leaves`` is the greatest number of requests that may arrive at the row's servers if the run fails.
    ``load`` are flags for load runs alone, and ``benchmark`` is how they end, where that differs. ``apart``: only a
    process of its own shows it.
    """

    id: str
    end: End
    servers: Mapping[str, Server] = field(default_factory=dict)
    base_url: str | None = "http://{front}"
    project: str | None = "{project}"
    cluster: str | None = "{cluster}"
    env: Mapping[str, str | None] = field(default_factory=dict)
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    prepare: Callable[[Path], None] | None = None
    flags: Sequence[str] = ()
    only: str = "access/read"
    at_length: str | None = None
    load: Sequence[str] = ()
    leaves: int | None = None
    benchmark: End | None = None
    apart: bool = False

    def ends(self, command: Command) -> End:
        """How a command must end here."""
        return self.benchmark if command == "benchmark" and self.benchmark is not None else self.end
