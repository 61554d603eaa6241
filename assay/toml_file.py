"""The one way to read a TOML file that a user writes: settings, load profiles, limits, waivers.

A model of pydantic says what a table may hold. A mistake in it names file, line, table, key, the given value, what is
allowed and the nearest known key. ``tomllib`` keeps no positions, and what ``tomlkit`` parses has none either, so
``locate`` finds them.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, NoReturn, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from assay.errors import SettingsError
from assay.files import read_text

Key = str | int
"""A step of a path in a TOML document: the key of a table, or an index of an array."""

M = TypeVar("M", bound=BaseModel)

_LONGEST: Final = 366 * 86_400.0  # seconds
_LONGEST_TEXT: Final = 20  # characters: float() makes infinity of 400 digits
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_LARGEST: Final = 4 * 2**20  # bytes; a thousand waivers take 200 kB
_HUGE: Final = re.compile(r"(?:\d_?){4301,}")
_PLACE: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")
_EXPECTED: Final = {"bool_type": "true or false", "string_type": "text in quotes"}
_SHAPES: Final = {
    "model_type": "a table",
    "dict_type": "a table",
    "list_type": 'a list of tables, such as [{ to = 1.0, duration = "30s" }]',
    "tuple_type": 'a list of tables, such as [{ to = 1.0, duration = "30s" }]',
}


class NotAllowedError(ValueError):
    """A value is not allowed. The message says which values are; without one, the description of the field does."""


class KeyRefusedError(ValueError):
    """A table is wrong at one of its keys, or ``below`` it; raised by a validator of the whole table."""

    def __init__(self, key: Key, what: str, *below: Key) -> None:
        super().__init__(what)
        self.path = (key, *below)


class TomlTable(BaseModel):
    """Base of the models of tables: unknown keys are refused, and no value is converted from another type."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class Number:
    """Validator of a number between two bounds; with ``whole`` of a whole number."""

    least: float = 0.0
    most: float = 1e9
    whole: bool = False

    def __call__(self, value: object) -> float:
        kind = int if self.whole else int | float
        if isinstance(value, bool) or not isinstance(value, kind) or not self.least <= value <= self.most:
            form = "d" if self.whole else "g"
            noun = "a whole number" if self.whole else "a number"
            raise NotAllowedError(f"{noun} from {self.least:{form}} to {self.most:{form}}")
        return value if self.whole else float(value)


@dataclass(frozen=True, slots=True)
class Duration:
    """Validator of a duration of at least ``least`` seconds, as ``parse_duration`` reads it."""

    least: float = 0.001

    def __call__(self, value: object) -> float:
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            raise NotAllowedError(str(error)) from None
        if seconds < self.least:
            raise NotAllowedError(f"at least {self.least:g} s")
        return seconds


@dataclass(frozen=True)
class TomlFile:
    """A file that was read: its values, and where each of them stands."""

    file: Path
    text: str
    values: Mapping[str, Any]

    @classmethod
    def read(cls, file: Path, *, hint: str | None = None) -> Self:
        """Read ``file``; SettingsError with ``hint`` when it cannot be read, and with its line when it is no TOML."""
        return cls.parse(read_text(file, hint=hint, most=_LARGEST), file)

    @classmethod
    def parse(cls, text: str, file: Path) -> Self:
        """The document in ``text``; ``file`` is only named in errors."""
        try:
            return cls(file, text, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            place = _PLACE.search(str(error))
            line = int(place[1]) if place and place[1] else text.count("\n") + 1
            what = _PLACE.sub("", str(error))
            raise _no_toml(f"{file}:{line}", what) from None
        except RecursionError:
            raise _no_toml(file, "tables or lists stand too deep in each other") from None
        except ValueError:  # tomllib lets int() say that it takes no more than 4,300 digits
            raise _no_toml(f"{file}:{_line_of_number(text)}", "a number has too many digits") from None

    def line(self, path: tuple[Key, ...]) -> int:
        """The line of ``path``, or of the nearest table around it that is written down."""
        for end in range(len(path), 0, -1):
            if path[:end] in self._lines:
                return self._lines[path[:end]]
        return 1

    @cached_property
    def _lines(self) -> Mapping[tuple[Key, ...], int]:
        return locate(self.text)

    def table(self, model: type[M], *path: Key) -> M:
        """The value at ``path`` as an instance of ``model``. SettingsError names the first mistake in it."""
        value: Any = self.values
        for step in path:
            value = value[step]
        try:
            return model.model_validate(value)
        except ValidationError as error:
            faults = error.errors(include_url=False)
            # A misspelt key is also a missing one: what was written explains more than what was not.
            fault = min(faults, key=lambda each: each["type"] != "extra_forbidden")
            self._refuse_fault(model, path, fault)

    def _refuse_fault(self, model: type[BaseModel], path: tuple[Key, ...], fault: Any) -> NoReturn:
        where, key = (*path, *fault["loc"]), fault["loc"][-1] if fault["loc"] else "the file"
        cause = (fault.get("ctx") or {}).get("error")
        if isinstance(cause, KeyRefusedError):
            self.refuse((*where, *cause.path), str(cause))
        if cause is not None and not isinstance(cause, NotAllowedError):
            self.refuse((*where, ""), str(cause))
        around = _schema(model, fault["loc"][:-1]).get("properties", {})
        if fault["type"] == "extra_forbidden":
            self.refuse(where, unknown(str(key), around))
        if fault["type"] in _SHAPES:
            self.refuse(where, f"{key} = {fault['input']!r} must be {_SHAPES[fault['type']]}")
        what = f"{key} is missing" if fault["type"] == "missing" else f"{key} = {fault['input']!r}"
        allowed = _allowed(fault, cause) or around.get(key, {}).get("description")
        self.refuse(where, f"{what}; allowed: {allowed}" if allowed else what)

    def refuse(self, path: tuple[Key, ...], what: str, *, hint: str | None = None) -> NoReturn:
        """Raise SettingsError for the key at the end of ``path``."""
        table = ".".join(step for step in path[:-1] if isinstance(step, str))
        line = self.line(path)
        raise SettingsError(
            f"{self.file}:{line}: {f'[{table}] ' if table else ''}{what}",
            hint=hint or f"correct line {line} of {self.file}",
        )


def _no_toml(place: object, what: str) -> SettingsError:
    return SettingsError(f"{place}: not valid TOML: {what}", hint="https://toml.io shows the syntax")


def _line_of_number(text: str) -> int:
    """The line of the first number with more digits than Python reads."""
    found = _HUGE.search(text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def unknown(key: str, known: Iterable[str]) -> str:
    """What to say about a key that is not among ``known``; the nearest spelling is named."""
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown key {key!r}{meant}; allowed: {', '.join(names)}"


def _allowed(fault: Any, cause: Exception | None) -> str | None:
    """What a fault says about the values that are allowed; None when only the description of the field says it."""
    if cause is not None or fault["type"] == "missing":
        return str(cause or "") or None
    if fault["type"] == "literal_error":
        return str(fault["ctx"]["expected"]).replace(" or ", ", ").replace("'", "")
    return _EXPECTED.get(fault["type"]) or str(fault["msg"])


def _schema(model: type[BaseModel], path: tuple[Key, ...]) -> Any:
    """The JSON Schema that pydantic makes of the table at ``path`` below a model."""
    whole = model.model_json_schema()
    node = _resolved(whole, whole)
    for step in path:
        member = node["items"] if isinstance(step, int) else node.get("properties", {}).get(step)
        node = _resolved(whole, member or node["additionalProperties"])
    return node


def _resolved(whole: Any, node: Any) -> Any:
    while "$ref" in node or "anyOf" in node:
        node = node["anyOf"][0] if "anyOf" in node else whole["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def parse_duration(value: object) -> float:
    """Seconds from 90, 1.5, ``"90s"``, ``"1m30s"`` or ``"250ms"``; ValueError says what is allowed."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LONGEST:  # no nan, no inf
        return float(value)
    if isinstance(value, str) and len(value) < _LONGEST_TEXT:
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        parts = _DURATION.findall(value)
        if parts and "".join(number + unit for number, unit in parts) == value:
            return sum(float(number) * _UNITS[unit] for number, unit in parts)
    raise ValueError('seconds as a number, or text with units ms, s, m, h such as "1m30s"')


def locate(text: str) -> dict[tuple[Key, ...], int]:
    """The 1-based line of every table, key and array element of a valid TOML document, by its path."""
    locator = _Locator(text)
    locator.document()
    return locator.lines


class _Locator:
    """Walks through the text of a document that ``tomllib`` has accepted; values are skipped, not read."""

    _BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
    _KEY: Final = re.compile(r"""[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*(\.?)""")
    _STRING: Final = re.compile(
        r'''"""(?:[^\\]|\\.)*?"""+|\'\'\'.*?\'\'\'+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''', re.DOTALL
    )
    _SCALAR: Final = re.compile(r"[^,\]}#\n]*")

    def __init__(self, text: str) -> None:
        self.lines: dict[tuple[Key, ...], int] = {}
        self._text = text
        self._at = 0
        self._breaks = [index for index, char in enumerate(text) if char == "\n"]
        self._elements: dict[tuple[Key, ...], int] = {}  # arrays of tables: the index of the last [[header]]

    def document(self) -> None:
        table: tuple[Key, ...] = ()
        while self._skip():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> tuple[Key, ...]:
        """``[a.b]`` or ``[[a.b]]``, where ``a`` may be an array of tables: then its last element is meant."""
        start = self._at
        array = self._text.startswith("[[", start)
        self._at += 2 if array else 1
        path: tuple[Key, ...] = ()
        keys = self._keys()
        for number, key in enumerate(keys, start=1):
            path = (*path, key)
            self._note(path, start)
            if number == len(keys) and array:
                self._elements[path] = self._elements.get(path, -1) + 1
            if path in self._elements:
                path = (*path, self._elements[path])
                self._note(path, start)
        self._at += 2 if array else 1
        return path

    def _pair(self, table: tuple[Key, ...]) -> None:
        start, path = self._at, table
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        self._at += 1  # the equals sign
        self._skip()
        self._value(path)

    def _keys(self) -> list[str]:
        """The parts of a dotted key, without quotes."""
        keys = []
        while match := self._KEY.match(self._text, self._at):
            self._at = match.end()
            keys.append(tomllib.loads(f"{match[1]} = 0").popitem()[0])
            if not match[2]:
                break
        return keys

    def _value(self, path: tuple[Key, ...]) -> None:
        opening = self._text[self._at]
        if opening in "[{":
            self._collection(path, "]" if opening == "[" else "}")
        elif match := (self._STRING if opening in "\"'" else self._SCALAR).match(self._text, self._at):
            self._at = match.end()

    def _collection(self, path: tuple[Key, ...], closing: str) -> None:
        """An array or an inline table; over several lines each element has its own line."""
        self._at += 1
        index = 0
        while self._skip() and self._text[self._at] != closing:
            if closing == "]":
                self._note((*path, index), self._at)
                self._value((*path, index))
            else:
                self._pair(path)
            index += 1
            if self._skip() and self._text[self._at] == ",":
                self._at += 1
        self._at += 1

    def _skip(self) -> bool:
        """Pass over blanks and comments; False at the end of the document."""
        match = self._BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at < len(self._text)

    def _note(self, path: tuple[Key, ...], at: int) -> None:
        self.lines.setdefault(path, bisect_right(self._breaks, at) + 1)
