"""Reads the TOML files of the load half so that a mistake names file, line, value and what is allowed."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from assay.errors import SettingsError

Key = str | int
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_HEADER: Final = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_PAIR: Final = re.compile(r"""[\s{,]*(?P<key>"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?=[\s.]*(?:\.|=))""")


class Table:
    """One table of a TOML file: typed access to its values; every complaint says where it stands."""

    def __init__(self, file: Path, text: str, values: Mapping[str, Any], path: tuple[Key, ...] = ()) -> None:
        self._file = file
        self._text = text
        self._values = values
        self.path = path

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def raw(self, key: str) -> Any:
        return self._values.get(key)

    def only(self, allowed: Iterable[str]) -> None:
        """SettingsError for a key that is not among ``allowed``; the nearest valid spelling is named."""
        names = list(allowed)
        for key in self._values:
            if key not in names:
                near = difflib.get_close_matches(key, names, n=1)
                meant = f"; did you mean {near[0]!r}?" if near else ""
                self.fail(key, f"unknown setting {key!r}{meant}", ", ".join(sorted(names)))

    def table(self, key: str) -> Table:
        """The table below ``key``; an empty one when there is none."""
        value = self._values.get(key, {})
        if not isinstance(value, dict):
            self.fail(key, f"{key} = {value!r} must be a table")
        return Table(self._file, self._text, value, (*self.path, key))

    def tables(self, key: str) -> list[Table]:
        """The tables of the array ``key``; empty when there is none."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fail(key, f'{key} must be a list of tables, such as [{{ to = 1.0, duration = "30s" }}]')
        return [Table(self._file, self._text, item, (*self.path, key, at)) for at, item in enumerate(value)]

    def number(self, key: str, default: float | None = None, *, least: float = 0.0, most: float = 1e9) -> float:
        """A number between ``least`` and ``most``; without a default it must be there."""
        value = self._values.get(key, default)
        if value is None:
            self.fail(None, f"{key} is missing")
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self.fail(key, f"{key} = {value!r}", f"a number from {least:g} to {most:g}")
        return float(value)

    def integer(self, key: str, default: int | None = None, *, least: int = 0, most: int = 10**9) -> int:
        value = self._values.get(key, default)
        if value is None:
            self.fail(None, f"{key} is missing")
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.fail(key, f"{key} = {value!r}", f"a whole number from {least} to {most}")
        return int(value)

    def duration(self, key: str, default: float | None = None, *, least: float = 0.001) -> float:
        """Seconds, from a number of seconds or from text such as ``"1m30s"``."""
        value = self._values.get(key, default)
        if value is None:
            self.fail(None, f"{key} is missing")
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(key, f"{key} = {value!r}", str(error))
        if seconds < least:
            self.fail(key, f"{key} = {value!r}", f"at least {least:g} s")
        return seconds

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        value = self._values.get(key, default)
        if value not in allowed:
            self.fail(key if key in self else None, f"{key} = {value!r}", ", ".join(allowed))
        return str(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            self.fail(key, f"{key} = {value!r}", "true or false")
        return value

    def text(self, key: str, default: str = "") -> str:
        value = self._values.get(key, default)
        if not isinstance(value, str):
            self.fail(key, f"{key} = {value!r}", "text in quotes")
        return value

    def fail(self, key: str | None, what: str, allowed: str | None = None) -> NoReturn:
        """Raise SettingsError for ``key`` of this table (None: for the table itself)."""
        path = self.path if key is None else (*self.path, key)
        place = ".".join(str(step) for step in self.path) or "top level"
        expected = f"; allowed: {allowed}" if allowed else ""
        line = line_of(self._text, path)
        raise SettingsError(
            f"{self._file}:{line}: [{place}] {what}{expected}", hint=f"correct line {line} of {self._file}"
        )


def read(file: Path) -> Table:
    """Read a TOML file; SettingsError when it is missing, unreadable or not TOML."""
    try:
        text = file.read_text(encoding="utf-8")
        return Table(file, text, tomllib.loads(text))
    except FileNotFoundError as error:
        raise SettingsError(f"{file} does not exist") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        raise SettingsError(f"{file}:{place[1] if place else text.count(chr(10)) + 1}: not TOML: {error}") from error


def parse_duration(value: object) -> float:
    """Seconds from 90, 1.5, ``"90s"``, ``"1m30s"`` or ``"250ms"``; ValueError says what is allowed."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value)
        parts = _DURATION.findall(value)
        if parts and "".join(number + unit for number, unit in parts) == value:
            return sum(float(number) * _UNITS[unit] for number, unit in parts)
    raise ValueError('seconds as a number, or text with units ms, s, m, h such as "1m30s"')


def line_of(text: str, path: tuple[Key, ...]) -> int:
    """The 1-based line where ``path`` stands: the deepest part of it that can be found."""
    best, at = 1, 0
    lines = text.splitlines()
    current: tuple[str, ...] = ()
    names = tuple(step for step in path if isinstance(step, str))
    for number, line in enumerate(lines):
        header = _HEADER.match(line)
        if header:
            current = tuple(_bare(part) for part in re.findall(r'"[^"]*"|\'[^\']*\'|[^.\s]+', header[1]))
            depth = len(current) if names[: len(current)] == current else 0
        else:
            pair = _PAIR.match(line)
            here = (*current, _bare(pair["key"])) if pair else ()
            depth = len(here) if here and names[: len(here)] == here else 0
        if depth > at:
            best, at = number + 1, depth
    return _inside_array(lines, best, path)


def _inside_array(lines: list[str], start: int, path: tuple[Key, ...]) -> int:
    """Within an array of inline tables: the line of its n-th opening brace."""
    position = next((step for step in path if isinstance(step, int)), None)
    if position is None:
        return start
    seen = -1
    for number in range(start - 1, len(lines)):
        seen += lines[number].count("{")
        if seen >= position:
            return number + 1
    return start


def _bare(key: str) -> str:
    return key.strip().strip("\"'")
