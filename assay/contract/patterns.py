r"""Regular expressions of a document: ECMA 262 (OpenAPI 3.0.3, "pattern"), read by the engine that judges requests.

jsonschema-rs reads most of ECMA 262, ``\p{L}`` and ``\u{1F600}`` among it; what it spells otherwise is translated.
A text that matches is looked for, not computed: whether there is one cannot be decided where expressions look ahead
or refer back.
"""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from re import _constants as code  # as Hypothesis does: there is no public reader of expressions
from re import _parser as parser
from typing import Any, Final

import jsonschema_rs

_TOKEN: Final = re.compile(
    r"""\\c(?P<control>[A-Za-z])|\\k<(?P<back>\w+)>|\\u\{(?P<point>[0-9A-Fa-f]{1,6})\}
    |(?P<property>\\[pP]\{[^}]*\})|\\.|\(\?<(?P<name>[A-Za-z_]\w*)>|(?P<group>\((?!\?))
    |(?P<any>\[\^\])|(?P<none>\[\])|.""",
    re.DOTALL | re.VERBOSE,
)
# No class in ECMA 262, but letters; readers differ on what was meant.
_POSIX: Final = re.compile(r"\[:\w+:\]")
_LETTERS: Final = range(0x20, 0x3000)
"""Where a letter of a property is looked for: all living alphabets, before the ideographs."""
_ATTEMPTS: Final = 200
_ENOUGH: Final = 12
_LONGEST: Final = 20_000
"""Texts longer than that are not looked for; the longest of the 2.22 document has 253 characters."""


@lru_cache(maxsize=1024)
def readable(pattern: str) -> str | None:
    """``pattern`` as the engine spells it; None when it is no regular expression that it can read."""
    if _POSIX.search(pattern):
        return None
    for spelling in (pattern, "".join(_spelt(pattern, python=False))):
        try:
            jsonschema_rs.Draft202012Validator({"pattern": spelling})
        except ValueError:
            continue
        return spelling
    return None


def matches(pattern: str, text: str) -> bool:
    """Whether ``pattern``, which is readable, matches anywhere in ``text``."""
    return _engine(pattern).is_valid(text)


@lru_cache(maxsize=1024)
def _engine(pattern: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"pattern": pattern})


def both(one: str, two: str) -> str | None:
    """A pattern that matches where both do; None where they refer back to groups, whose numbers would change."""
    if one == two:
        return one
    if re.search(r"\\[1-9]|\\k<|\(\?P?[=<]", one + two):
        return None
    return readable(rf"^(?=[\s\S]*?(?:{one}))(?=[\s\S]*?(?:{two}))")


@lru_cache(maxsize=256)
def texts(pattern: str, shortest: int = 0, longest: int = _LONGEST, most: int = 4) -> tuple[str, ...]:
    """Up to ``most`` texts of allowed length that match a readable pattern, the same every time.

    None where none is found. The first is the shortest that was found, and not empty unless only the empty text
    matches.
    """
    found: dict[str, None] = {}
    for text in _candidates(pattern, shortest):
        if shortest <= len(text) <= longest and matches(pattern, text):
            found[text] = None
        if len(found) == _ENOUGH:
            break
    ordered = sorted(found, key=lambda text: (text == "", len(text), text))
    return tuple(ordered[:most])


def _candidates(pattern: str, shortest: int) -> Iterator[str]:
    if shortest > _LONGEST:
        return
    yield ""
    yield from (text * max(1, shortest) for text in ("a", "1", "A"))
    try:
        with warnings.catch_warnings(action="ignore"):  # of what Python may read otherwise one day
            tree = parser.parse("".join(_spelt(pattern, python=True)))
    except (re.error, RecursionError, OverflowError):
        return
    yield from (_TextWriter(_Plainest(), stretch).write(tree) for stretch in (1, shortest))
    chance = random.Random(pattern)
    for attempt in range(_ATTEMPTS):
        # Repeats that have no end grow from attempt to attempt, to the length that is asked for.
        yield _TextWriter(chance, (0, 1, 3, shortest)[attempt % 4]).write(tree)


def _spelt(pattern: str, *, python: bool) -> Iterator[str]:
    """The tokens of an ECMA expression as the engine spells them, or as Python does (for a text to look for)."""
    inside, groups, names = False, 0, dict[str, int]()
    for token in _TOKEN.finditer(pattern):
        text, kind = token[0], token.lastgroup
        if kind == "control":
            yield f"\\x{ord(token['control'].upper()) - 64:02x}"
        elif python and kind == "point":
            yield f"\\U{int(token['point'], 16):08x}"
        elif python and kind == "property":
            letters = re.escape(_letters(text))
            yield letters if inside else f"[{letters}]"
        elif kind in {"name", "group"} and not inside:
            groups += 1
            names[token["name"] or ""] = groups
            yield f"(?P<{token['name']}>" if kind == "name" else text
        elif kind == "back" and token["back"] in names:
            yield f"(?:\\{names[token['back']]})"
        elif kind in {"any", "none"} and not inside:
            yield r"[\s\S]" if kind == "any" else "(?!)"
        else:
            inside = (inside or text == "[") and text != "]"
            yield text


@lru_cache(maxsize=64)
def _letters(escape: str) -> str:
    """Some letters that have a property: one of them is enough where a text is looked for."""
    has = _engine(f"^{escape}$")
    return "".join(islice((chr(point) for point in _LETTERS if has.is_valid(chr(point))), 3)) or "a"


class _Plainest(random.Random):
    """No chance: the first of each choice, and nothing that may be left out."""

    def choice(self, seq: Any) -> Any:
        return seq[0]

    def random(self) -> float:
        return 1.0


class _TextWriter:
    """Writes one text along a parsed expression; what it looks at without taking it is left to the engine."""

    def __init__(self, chance: random.Random, stretch: int) -> None:
        self._chance = chance
        self._stretch = stretch
        self._groups: dict[int, str] = {}
        self._length = 0

    def write(self, tree: Any) -> str:
        return "".join(self._part(kind, value) for kind, value in tree)

    def _part(self, kind: Any, value: Any) -> str:
        if kind in {code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT}:
            return self._repeated(*value)
        if kind is code.SUBPATTERN:
            text = self.write(value[3])
            if value[0] is not None:
                self._groups[value[0]] = text
            return text
        if kind is code.BRANCH:
            return self.write(self._chance.choice(value[1]))
        if kind is code.ATOMIC_GROUP:
            return self.write(value)
        if kind is code.GROUPREF:
            return self._groups.get(value, "")
        if kind is code.ASSERT and value[0] > 0 and self._chance.random() < 0.5:
            return self.write(value[1])
        if kind is code.LITERAL:
            return chr(value)
        if kind is code.IN:
            return self._member(value)
        if kind is code.ANY:
            return "a"
        return "b" if kind is code.NOT_LITERAL and value == ord("a") else "a" * (kind is code.NOT_LITERAL)

    def _repeated(self, least: int, most: int, tree: Any) -> str:
        count = min(most, max(least, self._stretch), least + _LONGEST)
        written = ""
        for number in range(count):
            if number >= least and len(written) > max(self._stretch, _LONGEST // 10):
                break
            written += self.write(tree)
        return written

    def _member(self, items: list[tuple[Any, Any]]) -> str:
        if items[0][0] is code.NEGATE:
            return self._chance.choice("a1-A_ /.")
        kind, value = self._chance.choice(items)
        if kind is code.LITERAL:
            return chr(value)
        if kind is code.RANGE:
            return chr(self._chance.choice((value[0], min(value[0] + 1, value[1]), value[1])))
        return {code.CATEGORY_DIGIT: "1", code.CATEGORY_SPACE: " ", code.CATEGORY_NOT_WORD: "-"}.get(value, "a")
