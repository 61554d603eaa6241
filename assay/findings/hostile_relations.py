"""What findings on hostile requests share: one reader of bodies, paths, queries or numbers fails on many of them.

A body may be odd in several ways: what is nested 50,000 deep is long, too. So the way that most of the failures have
in common is taken for their cause, then that of most of the rest.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from typing import Final

from assay.findings.answers import said
from assay.findings.model import Finding

_PREFIX: Final = "hostile-"
_NEXT: Final = "-next-request"
_WAYS: Final = {
    "path": re.compile(r"path"),
    "method": re.compile(r"method"),
    "query": re.compile(r"query"),
    "content type": re.compile(r"type"),
    "content encoding": re.compile(r"encoding"),
    "top level": re.compile(r"top-level"),
    "U+0000": re.compile(r"nul-"),
    "text encoding": re.compile(r"[a-z]+-utf8$|utf16$|binary|bom$|megabyte-garbage"),
    "surrogate": re.compile(r"lone-surrogate|reversed-surrogates|surrogate-in-name"),
    "number": re.compile(r"(?:integer|fraction)-\d|(?:negative-|tiny-)?(?:huge-)?exponent|nan$|-?infinity$"),
    "depth": re.compile(r"(?:arrays|objects)-\d+-deep|unclosed-arrays"),
    "size": re.compile(r"long-|megabyte-|many-entries|(?:arrays|objects)-50000-deep|unclosed-arrays"),
    "syntax": re.compile(
        r"(?:invalid|overlong|cut)-utf8$|utf16$|binary|megabyte-garbage|nul-byte|raw-line-break|unknown-escape|"
        r"leading-zero|hexadecimal|truncated|half$|trailing-|two-documents|comment|single-quotes|word$|false-form|"
        r"empty$|white-space|unclosed-arrays|integer-5000-digits|nan$|-?infinity$"
    ),
}
_ANYWHERE: Final = frozenset({"path", "method"})
"""Ways of requests that are read before their operation is known."""

_READING: Final = frozenset({"depth", "method", "size", "syntax", "text encoding"})
"""Ways in which the words of one failure differ: with what is read ("extra data", "expecting value"), or with the
method, for an answer to HEAD has none."""

_FAILED: Final = 500

Key = Hashable


def hostile(found: Sequence[Finding]) -> Iterator[tuple[int, Key]]:
    """The number of each finding on a hostile request, and what the most of them have in common with it."""
    left: dict[Key, set[int]] = defaultdict(set)
    for number, each in enumerate(found):
        for key in _keys(each):
            left[key].add(number)
    while left:
        key = max(left, key=lambda each: len(left[each]))
        members = left.pop(key)
        yield from ((number, key) for number in members)
        for others in left.values():
            others -= members
        left = defaultdict(set, {other: numbers for other, numbers in left.items() if numbers})


def _keys(each: Finding) -> Iterator[Key]:
    if not each.check.startswith(_PREFIX):
        return
    name = each.check.removeprefix(_PREFIX)
    outcome = _outcome(each)
    if name.endswith(_NEXT):
        yield _NEXT, each.operation, outcome  # whatever came before it: it is the plain request that fails
        return
    for way, names in _WAYS.items():
        if names.match(name):
            words = None if way in _READING and _failed(outcome[0]) else outcome[1]
            yield way, None if way in _ANYWHERE else each.operation, outcome[0], words


def _outcome(each: Finding) -> tuple[object, str]:
    """The status and the words of the answer; what was taken says nothing about why."""
    return (None, "taken") if each.check.endswith("-accepted") else said(each)


def _failed(status: object) -> bool:
    return isinstance(status, int) and status >= _FAILED
