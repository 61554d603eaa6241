"""Joins findings that have one cause into one finding: the others become its symptoms.

A server that does not look at tokens on one operation takes thirteen kinds of bad ones, and one that stores no update
gives old values back in sixty places. Whoever must mend it has one thing to do, so it is told once. Joined is what a
single mistake in a server explains more simply than several would: the same keyword or rule at the same place in
several operations, a value that is lost wherever it is shown, one error text for one part of a specification, or so
many places at once that it cannot be the places. Everything else stays apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from assay.findings.answers import part, place
from assay.findings.model import Class, Diagnosed, Finding
from assay.findings.relations import (
    FORGERY,
    FORGETS,
    KEEPS,
    LEAST,
    LOSES,
    MANY,
    SPREADS,
    STANDS,
    Key,
    Keyed,
    Rejected,
    relations,
    tests_nothing,
)
from assay.wording import plural

HEAVIEST: Final = (Class.VIOLATION, Class.GAP, Class.ADVISORY)
"""Classes, the heaviest first."""


def join(
    findings: Iterable[Finding], rejected: Rejected | None = None, diagnosed: Mapping[str, Diagnosed] | None = None
) -> list[Finding]:
    """One finding for each cause, in the order in which the causes were first seen.

    A cause goes by the id of its heaviest finding: the class first, then what is nearest to the mistake (a refused or
    accepted request before what is read back, a creation before an update, JSON before CSV).
    """
    found, shown = list(findings), diagnosed or {}
    groups = _Groups(len(found))
    for keyed in (*relations(found, rejected or {}), _of_one_diagnosis(found, shown)):
        first: dict[Key, int] = {}
        for number, key in keyed:
            groups.unite(first.setdefault(key, number), number)
    return [_cause([found[number] for number in members], shown) for members in groups.all()]


def _of_one_diagnosis(found: Sequence[Finding], diagnosed: Mapping[str, Diagnosed]) -> Keyed:
    """Findings for which experiments have shown the same cause."""
    for number, each in enumerate(found):
        if each.id in diagnosed:
            yield number, diagnosed[each.id].cause


class _Groups:
    """Disjoint sets of the numbers below ``size``."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def _top(self, number: int) -> int:
        while self._above[number] != number:
            self._above[number] = self._above[self._above[number]]  # else thousands in a row cost their square
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


# Nearest to the mistake first; what is not listed comes in between.
_NEAR: Final = (
    *("metrics-unknown-pod", "rule-enforced", "schema-enforced", "accepts-valid", "ordinary-accepted"),
    *("access-no-token", "access-garbage", "access-wrong-key", "access-foreign"),
)
_LAWS: Final = (*STANDS, "growth")
_FAR: Final = (
    *("body-schema", "create-echo", "update-stored", "update-echo", "read-echo"),
    *("text-created", "text-updated", "parallel-update-lost", "slo"),
)


def _cause(members: Sequence[Finding], diagnosed: Mapping[str, Diagnosed]) -> Finding:
    told = [diagnosed[each.id] for each in members if each.id in diagnosed]
    needed = {where for each in told for where in each.places}
    first, *others = sorted(members, key=lambda each: _distance(each, needed))
    shown = next((each.says for each in told), None)
    if shown is not None:
        first = replace(first, why=f"{first.why} By experiment: {shown}.", summary=_with_place(first, shown))
    if not others:
        return first
    return replace(
        first,
        cls=min((each.cls for each in members), key=HEAVIEST.index),
        summary=_headline(first, members),
        occurrences=sum(each.occurrences for each in members),
        evidence=next((each.evidence for each in (first, *others) if each.can_be_shown), first.evidence),
        tests=tuple(dict.fromkeys(test for each in (first, *others) for test in (each.tests or (each.test,)))),
        symptoms=tuple(each.as_symptom() for each in others),
    )


def _headline(first: Finding, members: Sequence[Finding]) -> str:
    """What the whole of it says, where the first finding alone would say too little."""
    parts = sorted({part(each).rpartition("/")[2] for each in members if each.check in KEEPS})
    if first.check == "rule-enforced" and len(rules := {each.rule for each in members}) >= LEAST:
        return f"{first.operation} does not check {plural(len(rules), 'rule')}: {_named(sorted(map(str, rules)))}"
    if FORGERY.fullmatch(first.check):
        kinds = len({each.check for each in members if FORGERY.fullmatch(each.check)})
        others = f", and to {plural(kinds - 1, 'other kind')} of bad credentials" if kinds > 1 else ""
        return f"{first.summary}{others}"
    if first.check in FORGETS and len(parts) >= MANY:
        return f"what an update sets is not what is told afterwards, in {len(parts)} parts: {_named(parts)}"
    if first.check in SPREADS and len(parts) >= MANY:
        return f"an update loses or changes {len(parts)} parts that it does not name: {_named(parts)}"
    if first.check in LOSES and len(parts) >= MANY:
        return f"{len(parts)} parts of the specification do not come back as they were sent: {_named(parts)}"
    return first.summary


def _with_place(first: Finding, shown: str) -> str:
    """What a finding says, which without the experiments would name no place."""
    return f"{first.summary}: {shown}" if tests_nothing(first) else first.summary


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _distance(each: Finding, needed: AbstractSet[str]) -> tuple[object, ...]:
    if each.check in _NEAR and not (each.check == "accepts-valid" and tests_nothing(each)):
        distance = _NEAR.index(each.check)
    elif each.check in _FAR:
        distance = 100 + _FAR.index(each.check)
    else:
        distance = 50
    return (
        each.check not in _LAWS,
        HEAVIEST.index(each.cls),
        distance,
        each.rule == "csv",
        place(each) not in needed,
        tests_nothing(each),
        each.operation,
        each.location,
        each.id,
    )
