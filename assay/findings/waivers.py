"""Waivers: findings that were accepted, for a reason, until a date.

The file ``assay-waivers.toml`` holds one table per accepted finding::

    [[waiver]]
    finding = "F-1a2b3c4d"
    reason = "fixed in 2.23, ticket 4711"
    owner = "Ada <ada@example.org>"
    until = 2027-03-31
    commands = ["certify"]   # optional: judge the waiver only in these commands

A waiver holds through its last day (UTC). One that has expired or matches nothing is itself a finding, so the
list stays up to date.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, PlainValidator

from assay.findings.model import Class, Finding, NotTested, RunInfo
from assay.toml_file import NotAllowedError, TomlFile, TomlTable, unknown

FILE: Final = "assay-waivers.toml"
FINDING_ID: Final = re.compile(r"F-[0-9a-f]{8}")
COMMANDS: Final = ("gate", "certify", "benchmark")
CHECK: Final = "waiver"


@dataclass(frozen=True, slots=True)
class Waiver:
    """One accepted finding; ``line`` is its line in the file (1 is the first)."""

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


def _finding(value: object) -> str:
    if not isinstance(value, str) or not FINDING_ID.fullmatch(value):
        raise NotAllowedError
    return value


def _sentence(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise NotAllowedError
    return value.strip()


def _date(value: object) -> dt.date:
    """A date of TOML, a time of which the date counts, or a date in quotes."""
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            raise NotAllowedError from None
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    raise NotAllowedError


def _commands(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or any(each not in COMMANDS for each in value):
        raise NotAllowedError
    return tuple(value)


_Sentence = Annotated[str, PlainValidator(_sentence)]


class _WaiverTable(TomlTable):
    """One ``[[waiver]]``; the descriptions are what a mistake is answered with."""

    finding: Annotated[str, PlainValidator(_finding)] = Field(
        description='the id of a finding, F- and eight hex digits, as in finding = "F-1a2b3c4d"'
    )
    reason: _Sentence = Field(description="why the finding is accepted, in a sentence")
    owner: _Sentence = Field(description="who answers for it, as in a name and an address")
    until: Annotated[dt.date, PlainValidator(_date)] = Field(
        description="the last day it holds, as in until = 2027-03-31"
    )
    commands: Annotated[tuple[str, ...], PlainValidator(_commands)] = Field(
        default=(), description=f"a list of {', '.join(COMMANDS)}"
    )


def read_waivers(file: Path | None = None) -> tuple[Waiver, ...]:
    """Read a waivers file. Without one, assay-waivers.toml in the current folder is read where it exists.

    Raises SettingsError naming file, line, key and what was expected.
    """
    if file is None:
        file = Path(FILE)
        if not file.exists():
            return ()
    return _waivers(TomlFile.read(file))


def parse(text: str, file: Path) -> tuple[Waiver, ...]:
    """The waivers in a text; ``file`` is only named in errors."""
    return _waivers(TomlFile.parse(text, file))


def _waivers(toml: TomlFile) -> tuple[Waiver, ...]:
    for key in toml.values:
        if key != "waiver":
            toml.refuse((key,), f"only [[waiver]] tables belong in this file; {unknown(key, ['waiver'])}")
    tables = toml.values.get("waiver", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        toml.refuse(("waiver",), "waiver: write [[waiver]] in double brackets, once per finding")
    found: dict[str, Waiver] = {}
    for index in range(len(tables)):
        path = ("waiver", index)
        waiver = Waiver(**toml.table(_WaiverTable, *path).model_dump(), line=toml.line(path))
        if waiver.finding in found:
            line = found[waiver.finding].line
            toml.refuse(path, f"{waiver.finding} is already waived on line {line}; keep one of the two")
        found[waiver.finding] = waiver
    return tuple(found.values())


def waive(
    findings: Iterable[Finding], waivers: Sequence[Waiver], *, run: RunInfo, complete: bool
) -> tuple[list[Finding], list[NotTested]]:
    """Mark waived findings; add a finding for every waiver that is no longer valid.

    A waiver that matches nothing is only judged when the run is ``complete`` (nothing selected away, nothing lost):
    otherwise its finding may merely not have been looked for, and the waiver is listed as not tested.
    """
    observed = {finding.id: finding for finding in findings}
    stale: list[Finding] = []
    unjudged: list[NotTested] = []
    for waiver in waivers:
        if not waiver.concerns(run.command):
            continue
        matched = observed.get(waiver.finding)
        if waiver.expired(_day(run.started)):
            stale.append(_expired(waiver, matched))
        elif matched is not None:
            observed[waiver.finding] = replace(matched, waived=True, waiver=waiver.to_json())
        elif complete:
            stale.append(_unmatched(waiver))
        else:
            unjudged.append(NotTested(f"waiver of {waiver.finding}", "the run was not complete enough to judge it"))
    return [*observed.values(), *stale], unjudged


def _day(moment: dt.datetime) -> dt.date:
    return (moment.astimezone(dt.UTC) if moment.tzinfo else moment).date()


def _expired(waiver: Waiver, matched: Finding | None) -> Finding:
    state = "is still observed" if matched else "was not observed in this run"
    return Finding(
        cls=Class.VIOLATION,
        check=CHECK,
        operation=matched.operation if matched else "waivers",
        rule="expired",
        location=waiver.finding,
        summary=f"The waiver of {waiver.finding} expired on {waiver.until.isoformat()}; the finding {state}",
        why=f"{_place(waiver)}: until = {waiver.until.isoformat()}, owner {waiver.owner}, reason: {waiver.reason}. "
        + ("Fix the target, or agree on a new date." if matched else "Remove the waiver."),
        test=f"waivers/{waiver.finding}",
    )


def _unmatched(waiver: Waiver) -> Finding:
    return Finding(
        cls=Class.VIOLATION,
        check=CHECK,
        operation="waivers",
        rule="unmatched",
        location=waiver.finding,
        summary=f"The waiver of {waiver.finding} matches no finding of this run",
        why=f"{_place(waiver)}: owner {waiver.owner}, reason: {waiver.reason}. Remove the waiver if the finding was "
        'fixed; if only some commands can observe it, name them in its key "commands".',
        test=f"waivers/{waiver.finding}",
    )


def _place(waiver: Waiver) -> str:
    return f"{FILE}, line {waiver.line}" if waiver.line else FILE
