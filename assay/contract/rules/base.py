"""What a rule of the prose is made of.

A rule judges the *effective spec*: null means absent (``prune`` removes nulls). Judges must tolerate any JSON
type at any place, because they also run on specs that break the schema: read values through the accessors
below, which answer None for what is absent or of another type. A JSON object is a ``dict`` here: an instance check
against the abstract Mapping costs five times as much, and a dense spec takes a thousand of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from assay.contract.operations import Kind
from assay.contract.request import Json

Spec = Mapping[str, Json]
Fragment = Mapping[str, Json]

CREATE: Final = frozenset({Kind.CREATE})
UPDATE: Final = frozenset({Kind.UPDATE})
BOTH: Final = CREATE | UPDATE


@dataclass(frozen=True, slots=True)
class Versions:
    """A range of versions of the document, both ends included; ``last`` None: every later one."""

    first: str
    last: str | None = None

    def __contains__(self, version: str) -> bool:
        return _numbers(self.first) <= _numbers(version) and (
            self.last is None or _numbers(version) <= _numbers(self.last)
        )


def since(first: str) -> Versions:
    return Versions(first)


def between(first: str, last: str) -> Versions:
    return Versions(first, last)


def _numbers(version: str) -> tuple[int, ...]:
    """``2.9`` comes before ``2.22``."""
    return tuple(int(part) for part in re.findall(r"[0-9]+", version))


READ_FIRST: Final = since("2.22")
"""The catalogue was read in 2.22; of a sentence that a later version changes, the entry says until when it holds."""


class Strength(StrEnum):
    """MUST: a server that accepts the breach violates the contract. SHOULD: it is a gap."""

    MUST = "must"
    SHOULD = "should"


@dataclass(frozen=True, slots=True)
class Quote:
    """An exact sentence of the document and the JSON pointer of the text it stands in."""

    pointer: str
    text: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The rule is broken at ``location`` (pointer below the spec, ``*`` for list positions)."""

    location: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """The document does not decide whether the rule is broken at ``location``; ``why`` says what is missing."""

    location: str
    why: str


Judgement = Broken | Unclear


@dataclass(frozen=True, slots=True)
class Case:
    """A named example: ``fragment`` is laid over a plain valid spec.

    For updates ``fragment`` is the patch and ``before`` is laid over the plain spec the workload is created
    with. A key whose value is None is removed from the plain spec first (``{"image": None}``), unless the case is
    ``explicit``: then the null is sent.
    """

    title: str
    fragment: Fragment
    before: Fragment = field(default_factory=dict)
    on: frozenset[Kind] | None = None  # None: wherever the rule applies
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One constraint of the prose.

    ``judge`` yields nothing when the rule holds. ``accepts`` and ``rejects`` are the boundary and exception
    examples; further ones, which Hypothesis draws, are kept by rule id in ``assay.generation``. A rule without
    ``rejects`` is a permission: the document says that something must be accepted; its judge never yields Broken,
    only where the permission ends (Unclear). ``needs`` is the top-level property of the spec without which the judge
    yields nothing (None: it judges every spec), so that a catalogue skips what a spec does not touch. ``versions``
    are those of the document in which its sentences stand.
    """

    id: str
    quotes: tuple[Quote, ...]
    judge: Callable[[Spec], Iterator[Judgement]]
    accepts: tuple[Case, ...]
    rejects: tuple[Case, ...]
    applies: frozenset[Kind] = BOTH
    strength: Strength = Strength.MUST
    needs: str | None = None
    versions: Versions = READ_FIRST

    @property
    def area(self) -> str:
        return self.id.split("/", 1)[0]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two places of the document that cannot both hold.

    ``judge`` yields where the expectation for a spec depends on the answer; it yields nothing when no request does
    (a typing error, a default). ``opens`` are cases in which it does.
    """

    id: str
    quotes: tuple[Quote, ...]
    summary: str
    judge: Callable[[Spec], Iterator[Unclear]]
    opens: tuple[Case, ...] = ()
    applies: frozenset[Kind] = BOTH
    versions: Versions = READ_FIRST

    @property
    def area(self) -> str:
        return self.id.split("/", 1)[0]


EMPTY_OBJECT: Final = "whether an empty object is given or as good as absent is not said"


def never(_spec: Spec) -> Iterator[Unclear]:
    """The judge of a contradiction that no request depends on."""
    return iter(())


_CONTAINERS: Final = (dict, list)  # a tuple: `dict | list` would make a new union for every value


def prune(value: Json) -> Json:
    """The effective value: nulls removed from objects, at every depth (null means absent). Lists keep nulls."""
    # Leaves are told apart before the call: seven of eight values are leaves, and calls are what this costs.
    if isinstance(value, dict):
        return {
            key: prune(item) if isinstance(item, _CONTAINERS) else item
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        return [prune(item) if isinstance(item, _CONTAINERS) else item for item in value]
    return value


def section(spec: Spec, *names: str) -> Mapping[str, Json]:
    """The object below ``names``; the empty object when absent or not an object."""
    value: Json = spec
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def number(value: Json) -> float | int | None:
    """The value when it is a number (booleans are not), else None."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def text(value: Json) -> str | None:
    """The value when it is a string, else None."""
    return value if isinstance(value, str) else None


def entries(value: Json) -> list[Mapping[str, Json]]:
    """The objects of a list; the empty list when it is no list. Null and other entries are left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def said(place: str, text: str) -> Quote:
    """A sentence of the description of ``place``, a path below ``/components/schemas``."""
    return Quote(f"/components/schemas/{place}/description", text)


def exempts(place: str, what: str) -> Quote:
    """The sentence about ``exclude`` of the items defined at ``place``; ``what`` is what it calls such an item."""
    return said(
        f"{place}/properties/exclude",
        f"Use 'true' in case the {what} is defined in defaults of the policy, and you wish to exclude it from the "
        "workload.",
    )


def states(place: str, text: str) -> Quote:
    """A keyword's value at ``place`` below ``/components/schemas`` (``UidGidSource/enum/1``), as JSON or text."""
    return Quote(f"/components/schemas/{place}", text)
