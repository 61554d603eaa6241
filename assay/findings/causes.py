"""Joins findings that have one cause into one finding: the others become its symptoms.

A server that does not look at tokens on one operation takes thirteen kinds of bad ones, and one that stores no update
gives old values back in sixty places. Whoever must mend it has one thing to do, so it is told once. Joined is what a
single mistake in a server explains more simply than several would: the same keyword or rule at the same place in
several operations, a value that is lost wherever it is shown, one error text for one part of a specification, or so
many places at once that it cannot be the places. Everything else stays apart.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from assay.findings.model import Class, Finding, Symptom
from assay.findings.slo import CHECK as SLO
from assay.findings.slo import STALLS
from assay.wording import gist, plural

MANY: Final = 4
"""Parts of a specification that lose their values together before it is the reading or the update that is broken."""

MOST_OF: Final = 0.6
"""Share of the rules tried on an operation that it must break before it is the operation that checks none."""

_LEAST: Final = 5
"""Rules that are broken together at least before their share counts."""

_OF_REQUESTS: Final = frozenset({"accepts-valid", "schema-enforced", "rule-enforced", "stricter-than-contract"})
_LOSES: Final = frozenset({"create-echo", "read-echo", "update-echo"})
_FORGETS: Final = frozenset({"update-stored", "update-echo", "text-updated", "parallel-update-lost"})
_SPREADS: Final = frozenset({"update-bystander", "parallel-update-lost"})
_KEEPS: Final = _LOSES | _FORGETS | _SPREADS | {"text-created"}
_STANDS: Final = ("stall", "outliers")
_TEXT: Final = re.compile(r"(/environmentVariables/\*/value)/.*")

Key = Hashable
Rejected = Mapping[str, AbstractSet[str]]
"""Rules by operation that it was asked to refuse something for, and answered."""


def join(findings: Iterable[Finding], rejected: Rejected | None = None) -> list[Finding]:
    """One finding for each cause, in the order in which the causes were first seen.

    A cause goes by the id of its heaviest finding: the class first, then what is nearest to the mistake (a refused or
    accepted request before what is read back, a creation before an update, JSON before CSV).
    """
    found = list(findings)
    groups = _Groups(len(found))
    kinds = (_near(found), _lost(found), _shapeless(found), _wide(found, rejected or {}), _credentials(found))
    for keys in (*kinds, _under_load(found)):
        first: dict[Key, int] = {}
        for number, key in keys:
            groups.unite(first.setdefault(key, number), number)
    return [_cause([found[number] for number in members]) for members in groups.all()]


class _Groups:
    """Disjoint sets of the numbers below ``size``."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def _top(self, number: int) -> int:
        while self._above[number] != number:
            number = self._above[number]
        return number

    def unite(self, one: int, two: int) -> None:
        low, high = sorted((self._top(one), self._top(two)))
        self._above[high] = low

    def all(self) -> list[list[int]]:
        members: dict[int, list[int]] = {}
        for number in range(len(self._above)):
            members.setdefault(self._top(number), []).append(number)
        return list(members.values())


Keyed = Iterator[tuple[int, Key]]


def _near(found: Sequence[Finding]) -> Keyed:
    """What two findings share that have one cause, each for itself."""
    for number, each in enumerate(found):
        for key in _keys(each):
            yield number, key


def _keys(each: Finding) -> Iterator[Key]:
    if each.check in _OF_REQUESTS or each.check == "body-schema":
        # A value that is taken although the schema forbids it is told in answers too, which then break the schema.
        yield "place", each.rule, _place(each)
    if each.location.startswith("/path/"):
        yield "path", each.operation, each.location
    if each.check.startswith("metrics-"):
        yield each.check, None if each.rule == "csv" else each.rule  # of workloads and pods, as JSON and as CSV
    if each.check in {"status-documented", "content-type", "error-code"}:
        yield each.check, each.rule, each.location  # the same status in several operations
    if each.check == "refused-update-changed":
        yield each.check, each.operation
    if each.check in {"accepts-valid", "stricter-than-contract"}:
        yield from _words(each)


def _words(each: Finding) -> Iterator[Key]:
    """One error text for one part of the specification; a text for everything ("bad request") joins nothing else."""
    response = each.evidence.response if each.evidence else None
    said = gist(str(response.get("body") or "")) if response else ""
    if response and said:
        yield "words", response.get("status"), said, _part(each)


def _place(each: Finding) -> str:
    """The place of the contract, wherever it was seen: in a request, in an answer of any status."""
    place = re.sub(r"^/response(/\d+)?/body", "/body", each.location)
    return _TEXT.sub(r"\1", place)


def _part(each: Finding) -> str:
    """The part of the specification: ``/body/spec/probes`` of everything below it."""
    return "/".join(_place(each).split("/")[:4])


def _wide(found: Sequence[Finding], rejected: Rejected) -> Keyed:
    """So many places of one kind at once that the kind is the cause."""
    for kinds in (_LOSES, _FORGETS, _SPREADS):
        mine = _of_spec(found, kinds)
        if len({_part(found[n]) for n in mine}) >= MANY:
            yield from ((n, ("many parts", kinds)) for n in mine)
    for operation in dict.fromkeys(each.operation for each in found):
        mine = [n for n, each in enumerate(found) if (each.check, each.operation) == ("rule-enforced", operation)]
        broken = {found[n].rule for n in mine}
        tried = rejected.get(operation, frozenset())
        if len(broken) >= _LEAST and len(broken) >= MOST_OF * len(tried | broken):
            yield from ((n, ("no rules", operation)) for n in mine)


def _of_spec(found: Sequence[Finding], kinds: frozenset[str]) -> list[int]:
    return [n for n, each in enumerate(found) if each.check in kinds and _place(each).startswith("/body/spec/")]


def _lost(found: Sequence[Finding]) -> Keyed:
    """Values that are not kept: of one place wherever they are missed, and of what lies within it."""
    mine = [(n, _place(each)) for n, each in enumerate(found) if each.check in _KEEPS]
    places = {place for _, place in mine}
    for number, place in mine:
        steps = place.split("/")
        above = ("/".join(steps[:end]) for end in range(2, len(steps) + 1))
        yield number, next(upper for upper in above if upper in places)


def _shapeless(found: Sequence[Finding]) -> Keyed:
    """An answer that misses so many of its properties that it is another thing."""
    missed: dict[Key, list[int]] = defaultdict(list)
    for number, each in enumerate(found):
        if (each.check, each.rule) == ("body-schema", "required"):
            missed[each.operation, each.location.rpartition("/")[0]].append(number)
    for key, numbers in missed.items():
        if len(numbers) >= MANY:
            yield from ((number, key) for number in numbers)


_FORGERY: Final = re.compile(r"access-(?!foreign|leak|side-effect|refusal-status).+")


def _credentials(found: Sequence[Finding]) -> Keyed:
    """Operations that take the same bad credentials; and what a stranger may do, in all of them."""
    taken: dict[str, set[str]] = defaultdict(set)
    for each in found:
        if _FORGERY.fullmatch(each.check):
            taken[each.operation].add(each.check)
    for number, each in enumerate(found):
        if _FORGERY.fullmatch(each.check):
            yield number, ("taken", frozenset(taken[each.operation]))
        elif each.check == "access-foreign":
            anyone = taken.get(each.operation, set()) >= {"access-no-token", "access-wrong-key"}
            yield number, ("taken", frozenset(taken[each.operation])) if anyone else ("foreign",)
        elif each.check == "access-side-effect":
            yield number, ("foreign",)


def _under_load(found: Sequence[Finding]) -> Keyed:
    """Limits on latency that are missed for a reason that the run has seen: growth, or moments of standing still."""
    grows = {each.operation for each in found if each.check == "growth"}
    stands = any(each.check in _STANDS for each in found)
    for number, each in enumerate(found):
        late = each.check == SLO and (each.rule or "").endswith("_ms")
        if each.check in _STANDS or (late and stands and STALLS in each.summary):
            yield number, "stands still"
        elif each.check == "growth" or (late and each.operation in grows):
            yield number, ("grows", each.operation)


# Nearest to the mistake first; what is not listed comes in between.
_NEAR: Final = (
    *("metrics-unknown-pod", "rule-enforced", "schema-enforced", "accepts-valid"),
    *("access-no-token", "access-foreign"),
)
_LAWS: Final = (*_STANDS, "growth")
_FAR: Final = (
    *("body-schema", "create-echo", "update-stored", "update-echo", "read-echo"),
    *("text-created", "text-updated", "parallel-update-lost", "slo"),
)


def _cause(members: Sequence[Finding]) -> Finding:
    first, *others = sorted(members, key=_distance)
    if not others:
        return first
    return replace(
        first,
        cls=min((each.cls for each in members), key=_WEIGHT.__getitem__),
        summary=_headline(first, members),
        occurrences=sum(each.occurrences for each in members),
        tests=tuple(dict.fromkeys(test for each in (first, *others) for test in (each.tests or (each.test,)))),
        symptoms=tuple(_symptom(each) for each in others),
    )


def _headline(first: Finding, members: Sequence[Finding]) -> str:
    """What the whole of it says, where the first finding alone would say too little."""
    parts = sorted({_part(each).rpartition("/")[2] for each in members if each.check in _KEEPS})
    if first.check == "rule-enforced" and len(rules := {each.rule for each in members}) >= _LEAST:
        return f"{first.operation} does not check {plural(len(rules), 'rule')}: {_named(sorted(map(str, rules)))}"
    if _FORGERY.fullmatch(first.check):
        kinds = len({each.check for each in members if _FORGERY.fullmatch(each.check)})
        return (
            f"{first.summary}, and to {plural(kinds - 1, 'other kind')} of bad credentials"
            if kinds > 1
            else first.summary
        )
    if first.check in _FORGETS and len(parts) >= MANY:
        return f"what an update sets is not what is told afterwards, in {len(parts)} parts: {_named(parts)}"
    if first.check in _SPREADS and len(parts) >= MANY:
        return f"an update loses or changes {len(parts)} parts that it does not name: {_named(parts)}"
    if first.check in _LOSES and len(parts) >= MANY:
        return f"{len(parts)} parts of the specification do not come back as they were sent: {_named(parts)}"
    return first.summary


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _symptom(each: Finding) -> Symptom:
    return Symptom(each.id, each.cls, each.check, each.operation, each.rule, each.location, each.summary, each.test)


_WEIGHT: Final = {Class.VIOLATION: 0, Class.GAP: 1, Class.ADVISORY: 2}


def _distance(each: Finding) -> tuple[object, ...]:
    if each.check in _NEAR:
        distance = _NEAR.index(each.check)
    elif each.check in _FAR:
        distance = 100 + _FAR.index(each.check)
    else:
        distance = 50
    return (
        each.check not in _LAWS,
        _WEIGHT[each.cls],
        distance,
        each.rule == "csv",
        each.operation,
        each.location,
        each.id,
    )
