"""The vocabulary of one exchange before it happens: the request, the expectation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

Json = Any
"""Whatever ``json.loads`` returns."""


class Absent:
    """The type of ABSENT: no body at all, as opposed to the JSON value ``null``."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __reduce__(self) -> str:
        """Copies and unpickled values are ABSENT itself, so that ``is ABSENT`` keeps its meaning."""
        return "ABSENT"


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Request:
    """One request to one operation of the contract, named as in its table (``create``, ``read`` ...).

    ``path`` holds the raw (not yet percent-encoded) path parameters, ``query`` the raw pairs in order,
    ``headers`` only what goes beyond the client's own, ``body`` a JSON value or ABSENT. ``raw``, when given,
    is sent instead of ``body`` byte for byte (robustness cases).
    """

    operation: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: Json | Absent = ABSENT
    raw: bytes | None = None
    content_type: str | None = "application/json"


class Outcome(StrEnum):
    """What the contract says will happen to a request."""

    ACCEPT = "accept"
    REJECT = "reject"
    OPEN = "open"


class Source(StrEnum):
    """Where a reason comes from."""

    SCHEMA = "schema"  # a keyword of the corrected document; id is the keyword
    RULE = "rule"  # a sentence of the prose; id is the rule's id
    CONTRADICTION = "contradiction"  # two places of the document disagree; id is the contradiction's id
    SILENCE = "silence"  # the document does not say; id names the question
    STATE = "state"  # what exists on the target, not the request itself


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of an expectation.

    ``location`` is a JSON pointer into the request with ``*`` for list positions, for example
    ``/body/spec/ports/*/container``, ``/query/start`` or ``/path/workloadId``. ``weak``: the sentence recommends
    and does not demand, so that accepting the breach is a gap.
    """

    source: Source
    id: str
    location: str
    text: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the contract promises for one request, stated before it is sent.

    ``assumes`` lists what an ``accept`` takes for granted beyond the contract (a node pool exists, a string
    may hold unusual characters): a refusal is then a gap, not a violation.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    assumes: tuple[Reason, ...] = ()
