"""Waivers: findings that somebody accepted, for a reason, until a date.

The file ``assay-waivers.toml`` holds one table per accepted finding::

    [[waiver]]
    finding = "F-1a2b3c4d"
    reason = "fixed in 2.23, ticket 4711"
    owner = "Ada <ada@example.org>"
    until = 2027-03-31
    commands = ["certify"]   # optional: judge the waiver only in these commands

A waiver holds through its last day (UTC).
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from assay.errors import SettingsError

FILE: Final = "assay-waivers.toml"
FINDING_ID: Final = re.compile(r"F-[0-9a-f]{8}")
COMMANDS: Final = ("gate", "certify", "benchmark")

_KEYS: Final = ("finding", "reason", "owner", "until", "commands")
_HEADER: Final = re.compile(r"^\s*\[\[\s*waiver\s*\]\]")
_TOML_PLACE: Final = re.compile(r"\(at line (\d+), column (\d+)\)|\(at end of document\)")


@dataclass(frozen=True, slots=True)
class Waiver:
    """One accepted finding; ``line`` is where it stands in its file (1 is the first line)."""

    finding: str
    reason: str
    owner: str
    until: dt.date
    commands: tuple[str, ...] = ()
    line: int = 0

    def expired(self, today: dt.date) -> bool:
        return today > self.until

    def concerns(self, command: str) -> bool:
        """Whether the waiver is meant for this command; one without ``commands`` is meant for all."""
        return not self.commands or command in self.commands

    def to_json(self) -> dict[str, str]:
        return {"reason": self.reason, "owner": self.owner, "until": self.until.isoformat()}


def read_waivers(file: Path | None = None) -> tuple[Waiver, ...]:
    """Read a waivers file. Without one, assay-waivers.toml in the current folder is read where it exists.

    Raises SettingsError naming file, line, key and what was expected.
    """
    if file is None:
        file = Path(FILE)
        if not file.exists():
            return ()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: the waivers cannot be read: {error}") from error
    return parse(text, file)


def parse(text: str, file: Path) -> tuple[Waiver, ...]:
    """The waivers in a text; ``file`` is only named in errors."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line = int(place[1]) if place and place[1] else len(text.splitlines()) or 1
        what = _TOML_PLACE.sub("", str(error)).strip()
        raise SettingsError(
            f"{file}:{line}: not valid TOML: {what}", hint="https://toml.io shows the syntax"
        ) from error
    reader = _Reader(text.splitlines(), file)
    waivers = reader.document(document)
    reader.refuse_doubles(waivers)
    return waivers


class _Reader:
    """Checks a parsed file; it alone knows the lines, because tomllib forgets them."""

    def __init__(self, lines: list[str], file: Path) -> None:
        self._lines = lines
        self._file = file
        self._starts = [number for number, line in enumerate(lines, start=1) if _HEADER.match(line)]

    def document(self, document: dict[str, Any]) -> tuple[Waiver, ...]:
        for key in document:
            if key != "waiver":
                self._refuse(
                    self._line_of(key, 1), key, "only [[waiver]] tables stand in this file", key, ("waiver",)
                )
        tables = document.get("waiver", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self._refuse(
                self._line_of("waiver", 1), "waiver", "write [[waiver]] in double brackets, once per finding"
            )
        # Tables written inline (waiver = [{...}]) have no header lines; they all count as standing on line 1.
        starts = self._starts if len(self._starts) == len(tables) else [1] * len(tables)
        return tuple(self._waiver(table, start) for table, start in zip(tables, starts, strict=True))

    def refuse_doubles(self, waivers: tuple[Waiver, ...]) -> None:
        first: dict[str, int] = {}
        for waiver in waivers:
            if waiver.finding in first:
                expected = f"{waiver.finding} is already waived on line {first[waiver.finding]}; keep one of the two"
                self._refuse(waiver.line, "finding", expected)
            first[waiver.finding] = waiver.line

    def _waiver(self, table: dict[str, Any], start: int) -> Waiver:
        for key in table:
            if key not in _KEYS:
                expected = f"a waiver has the keys {', '.join(_KEYS)}"
                self._refuse(self._line_of(key, start), key, expected, key, _KEYS)
        finding = self._text(table, "finding", start, 'the id of a finding, as in finding = "F-1a2b3c4d"')
        if not FINDING_ID.fullmatch(finding):
            expected = f"F- and eight hex digits, as a report shows it, not {finding!r}"
            self._refuse(self._line_of("finding", start), "finding", expected)
        return Waiver(
            finding=finding,
            reason=self._text(table, "reason", start, "why the finding is accepted, in a sentence"),
            owner=self._text(table, "owner", start, "who answers for it, as in a name and an address"),
            until=self._date(table, start),
            commands=self._commands(table, start),
            line=start,
        )

    def _text(self, table: dict[str, Any], key: str, start: int, expected: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            self._refuse(self._line_of(key, start), key, f"expected {expected}")
        return str(value).strip()

    def _date(self, table: dict[str, Any], start: int) -> dt.date:
        value = table.get("until")
        if isinstance(value, str):
            try:
                value = dt.date.fromisoformat(value)
            except ValueError:
                value = None
        if isinstance(value, dt.datetime):
            value = value.date()
        if not isinstance(value, dt.date):
            self._refuse(
                self._line_of("until", start), "until", "expected the last day it holds, as in until = 2027-03-31"
            )
        return value

    def _commands(self, table: dict[str, Any], start: int) -> tuple[str, ...]:
        value = table.get("commands", [])
        if not isinstance(value, list) or any(each not in COMMANDS for each in value):
            expected = f"expected a list of {', '.join(COMMANDS)}"
            self._refuse(self._line_of("commands", start), "commands", expected)
        return tuple(value)

    def _line_of(self, key: str, start: int) -> int:
        """The line of ``key`` in the table that starts on ``start``; that line itself when the key is missing."""
        pattern = re.compile(rf"""^\s*["']?{re.escape(key)}["']?\s*[=.\]]|^\s*\[+\s*{re.escape(key)}\b""")
        for number in range(start, len(self._lines) + 1):
            line = self._lines[number - 1]
            if number > start and _HEADER.match(line):
                break
            if pattern.match(line):
                return number
        return start

    def _refuse(
        self, line: int, key: str, expected: str, spelt: str | None = None, known: tuple[str, ...] = ()
    ) -> NoReturn:
        near = difflib.get_close_matches(spelt, known, n=1) if spelt else []
        hint = f"did you mean {near[0]!r}?" if near else None
        raise SettingsError(f"{self._file}:{line}: {key}: {expected}", hint=hint)
