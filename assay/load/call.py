"""One request of a scenario, prepared to be sent, or the word that there is none; and what is seen of its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Answered(Protocol):
    """The answer as a scenario sees it; ``body`` is raw."""

    status: int
    body: bytes

    @property
    def content_type(self) -> str: ...


Level = tuple[str, int]
"""A variable of a scaling law (see ``scaling_laws.UNITS``) and its value."""


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """One prepared request.

    ``line`` is the request line, ``rest`` the headers of this request alone, the blank line and the body: raw HTTP,
    between which the client puts the headers that all requests share. ``expect`` are the documented success codes,
    ``holds`` bytes that a right body contains. ``note`` is the scenario's own and comes back in ``after``. ``levels``
    names variables that the latency may depend on, with their values for this request: ("samples", 100).
    """

    operation: str
    method: str
    line: bytes
    rest: bytes
    expect: frozenset[int]
    holds: bytes = b""
    note: Any = None
    levels: tuple[Level, ...] = ()

    def wrong_with(self, answer: Answered) -> str | None:
        """What is wrong with the answer, in a word or a status code; None when it is right.

        Light on purpose: the contract checks judge bodies in full, here each microsecond is measured.
        """
        if answer.status not in self.expect:
            return str(answer.status)
        if answer.content_type != "application/json":
            return "content type"
        body = answer.body
        if body[:1] != b"{" or body.rstrip()[-1:] != b"}" or self.holds not in body:
            return "body"
        return None


@dataclass(frozen=True, slots=True)
class Skip:
    """A request that is due and cannot be prepared; counted under ``reason``, never dropped silently."""

    operation: str
    reason: str
