"""The messages between the master and the load processes, each a frozen model. Locust carries them.

================  =============================================  ====================================================
to the workers    content                                        answer
================  =============================================  ====================================================
``Prepare``       what the run is, and this process's part        ``Ready``
``RunStages``     the stages of one run of them                   ``Report`` once a second, then ``Done``
``Halt``                                                          ``Done`` comes early
``Finish``        how long the clean-up may take                  ``Finished``
``LedgerKept``          what ``LedgerRows`` carried is on disk
================  =============================================  ====================================================

A worker says ``Here`` until it is given work. ``encode`` gives what Locust's transport takes; ``decode`` checks what
it brings. A report of four operations costs 0.1 ms to encode and decode (measured), and comes once a second.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from assay.client.budget import Limits
from assay.client.usage import Usage
from assay.errors import EXIT_INCONCLUSIVE, InconclusiveError
from assay.load.profiles import Profile, Stage
from assay.load.recorder import Observations

_Kind = TypeVar("_Kind")


class Message:
    """Something that one load process tells another."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Here(Message):
    """A load process of this version of assay is there."""

    version: str


@dataclass(frozen=True, slots=True)
class GivenTarget(Message):
    """What a load process elsewhere must know of the target.

    No credentials, which are each machine's own; but those of the embedded control plane go along: they are made up
    at its start and worth nothing elsewhere. ``limits`` are those of the whole run, ``used`` is what its earlier
    parts have used of them.
    """

    base_url: str | None
    project: str | None
    cluster: str | None
    image: str | None
    limits: Limits
    used: Usage
    embedded: bool
    credentials: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Prepare(Message):
    """Reach the target and make the workloads of ``profile``, as process ``part`` (from 0) of ``of``.

    ``target`` and ``ledger`` are given to load processes that were not started by the master: where to, and the
    header of the run's ledger, by which one on the master's machine knows the file as its own (else see ``intents``).
    """

    profile: Profile
    run: str
    stem: str
    seed: int
    part: int = 0
    of: int = 1
    target: GivenTarget | None = None
    ledger: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a load process cannot take part."""

    what: str
    hint: str | None
    exit_code: int


@dataclass(frozen=True, slots=True)
class Ready(Message):
    """The workloads are there, with ``notes`` for the report, or a ``problem`` is in the way."""

    problem: Problem | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunStages(Message):
    """Run these stages from ``begin`` (``time.time()``) on; the ``number``-th order of this kind.

    With ``recover`` the process first waits until the target answers quickly. ``slot`` is the width of a series
    point.
    """

    number: int
    stages: tuple[Stage, ...]
    begin: float
    slot: float = 1.0
    recover: bool = False


@dataclass(frozen=True, slots=True)
class Report(Message):
    """What was observed since the last report of this process. ``number`` is that of the order."""

    number: int
    observations: Observations


@dataclass(frozen=True, slots=True)
class Done(Message):
    """The stages are over, after ``reports`` reports in all.

    ``cut_at``: the second at which no more requests were started, None when the schedule was followed to its end;
    ``stopped``: neither the master nor a problem did that. ``code`` is the exit code that the problem asks for.
    """

    number: int
    reports: int
    problem: str | None = None
    cut_at: float | None = None
    stopped: bool = False
    code: int = EXIT_INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class UsedSoFar(Message):
    """What a load process that was not started by the master has used of the run's limits."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Halt(Message):
    """Start no more requests."""


@dataclass(frozen=True, slots=True)
class Finish(Message):
    """Delete what was created, within ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Finished(Message):
    """The clean-up is over; ``left`` workloads are still there."""

    left: int
    deleted: int


@dataclass(frozen=True, slots=True)
class LedgerRows(Message):
    """Events of a load process's ledger for that of the run: rows of the event's name and its arguments."""

    number: int
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class LedgerKept(Message):
    """The master has the ``number``-th ``LedgerRows`` on disk."""

    number: int


TO_WORKERS: Final[tuple[type[Message], ...]] = (Prepare, RunStages, Halt, Finish, LedgerKept)
TO_MASTER: Final[tuple[type[Message], ...]] = (Here, Ready, Report, Done, Finished)


def wire_name(kind: type[Message]) -> str:
    """The name under which Locust carries messages of this kind."""
    return f"assay_{kind.__name__.lower()}"


@cache
def _form(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def encode(message: object) -> dict[str, Any]:
    """A message as plain values, which msgpack and JSON take."""
    content: dict[str, Any] = _form(cast(Hashable, type(message))).dump_python(message, mode="json")
    return content


def decode(kind: type[_Kind], content: object) -> _Kind:
    """The inverse of ``encode``; InconclusiveError when the content is no message of this kind."""
    try:
        message: _Kind = _form(cast(Hashable, kind)).validate_python(content)
    except ValidationError as error:
        raise InconclusiveError(
            f"a load process sent a message that is no {kind.__name__}: {error}",
            hint="install the same version of assay everywhere",
        ) from error
    return message
