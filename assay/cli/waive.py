"""`assay waive`: accept a finding, for a reason, until a date."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from assay.clock import SYSTEM, Clock, utc
from assay.errors import SettingsError, UsageError
from assay.files import read_text, write_text
from assay.findings.stored import StoredVerdict, read_verdict
from assay.findings.waivers import FILE, FINDING_ID, parse, read_waivers
from assay.wording import nearest, plural

if TYPE_CHECKING:
    import tomlkit
    from tomlkit.items import AoT

_LAST_RUN: Final = Path("reports/runs/latest/verdict.json")
_SUMMARY: Final = 100  # characters of the comment that names the finding; a line of an editor


def waive(
    finding: Annotated[
        str, typer.Argument(metavar="FINDING", help="Id of the finding, as a report shows it: F-1a2b3c4d.")
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is accepted, in a sentence.")],
    until: Annotated[
        str, typer.Option("--until", metavar="DATE", help="Last day of the waiver, such as 2027-03-31.")
    ],
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="NAME", help="Who is responsible for it (default: the user in git)."),
    ] = None,
    file: Annotated[Path, typer.Option("--file", metavar="FILE", help="File to add it to.")] = Path(FILE),
    verdict: Annotated[
        Path, typer.Option("--verdict", metavar="FILE", help="Verdict to take the summary from.")
    ] = _LAST_RUN,
    force: Annotated[
        bool, typer.Option("--force", help="Accept it although no run of this folder has found it.")
    ] = False,
) -> None:
    """Accept one finding: add an entry to assay-waivers.toml and keep the rest of the file as it is.

    A waived finding is still listed but does not fail the run. A waiver that has expired, or that matches no finding
    any more, fails the run itself, so the list stays up to date.
    """
    day = _day(until)
    _refuse_known(finding, reason, file)
    summary = _summary(verdict, finding, force=force)
    accountable = owner or _git_user()
    text = _added(file, finding, reason, accountable, day, summary)
    parse(text, file)  # what is written must be readable
    if not file.parent.is_dir():
        raise SettingsError(f"{file} cannot be written: there is no folder {file.parent}")
    write_text(file, text, error=SettingsError)
    typer.echo(f"{finding} is waived until {day.isoformat()} by {accountable}, in {file}.")


def _day(until: str, clock: Clock = SYSTEM) -> dt.date:
    try:
        day = dt.date.fromisoformat(until)
    except ValueError as error:
        raise SettingsError(f"--until {until}: expected a date, as in 2027-03-31") from error
    today = utc(clock).date()
    if day < today:
        raise SettingsError(f"--until {until}: this day has passed; today is {today.isoformat()} (UTC)")
    return day


def _refuse_known(finding: str, reason: str, file: Path) -> None:
    if not FINDING_ID.fullmatch(finding):
        raise SettingsError(
            f"{finding!r} is not a finding id: expected F- and eight hex digits, as in F-1a2b3c4d",
            hint="reports and verdict.json show the id of every finding",
        )
    if not reason.strip():
        raise SettingsError("--reason: expected why the finding is accepted, in a sentence")
    known = read_waivers(file) if os.path.lexists(file) else ()
    for waiver in known:
        if waiver.finding == finding:
            raise SettingsError(
                f"{file}:{waiver.line}: {finding} is already waived until {waiver.until.isoformat()}",
                hint="change that entry, or remove it first",
            )


def _git_user() -> str:
    """``Name <address>`` from git's configuration, else the name of the system's user."""
    parts = [_git("user.name"), f"<{address}>" if (address := _git("user.email")) else ""]
    known = " ".join(part for part in parts if part)
    if known:
        return known
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise SettingsError("no owner is given, and git knows no user", hint="add --owner NAME") from error


def _git(key: str) -> str:
    program = shutil.which("git")
    if program is None:
        return ""
    try:
        found = subprocess.run(  # reads one setting
            [program, "config", "--get", key], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip()


def _summary(verdict: Path, finding: str, *, force: bool) -> str | None:
    """The summary of the finding as a run wrote it. SettingsError when none has found it, unless ``force``."""
    stored = _stored(verdict, force=force)
    found = next((each for run in stored if (each := run.finding(finding)) is not None), None)
    if found is None:
        if force:
            return None
        known = [each.id for run in stored for each in run.observed()]
        near = nearest(finding, known, most=3)
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        raise SettingsError(
            f"no run has found {finding}: {_where(verdict, len(stored))}",
            hint=f"{meant}name the verdict that lists it with --verdict, or add --force",
        )
    line = " ".join(part for part in "".join(c if c.isprintable() else " " for c in found.summary).split())
    return line if len(line) <= _SUMMARY else f"{line[:_SUMMARY]}…"


def _where(verdict: Path, runs: int) -> str:
    return f"{plural(runs, 'verdict')} looked through, {verdict} first" if runs else f"there is no {verdict}"


def _stored(verdict: Path, *, force: bool) -> list[StoredVerdict]:
    """The verdict that was named; without one, the last and then those of the other runs of this folder."""
    if verdict != _LAST_RUN:
        try:
            return [read_verdict(verdict)]
        except UsageError:
            if force:
                return []
            raise
    found = []
    for file in dict.fromkeys((_LAST_RUN, *sorted(_LAST_RUN.parents[1].glob("*/verdict.json"), reverse=True))):
        with suppress(UsageError):
            found.append(read_verdict(file))
    return found


def _added(file: Path, finding: str, reason: str, owner: str, day: dt.date, summary: str | None) -> str:
    """The text of the file with one more waiver; comments and order of the others stay."""
    import tomlkit
    from tomlkit.items import AoT

    document = _document(file)
    entry = tomlkit.table()
    if summary:
        entry.add(tomlkit.comment(summary))
    values: dict[str, Any] = {"finding": finding, "reason": reason.strip(), "owner": owner, "until": day}
    for key, value in values.items():
        entry.add(key, value)
    tables = document.get("waiver")
    if tables is None:
        tables = document["waiver"] = tomlkit.aot()
    if not isinstance(tables, AoT):
        raise SettingsError(f"{file}: waiver: write [[waiver]] in double brackets, once per finding")
    _separate(tables)
    tables.append(entry)
    return tomlkit.dumps(document)


def _separate(tables: AoT) -> None:
    """End the last entry with a blank line, to separate the entries."""
    import tomlkit
    from tomlkit.items import Table

    if tables:
        last = tables[-1]
        if isinstance(last, Table) and not last.as_string().endswith("\n\n"):
            last.add(tomlkit.nl())


def _document(file: Path) -> tomlkit.TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(read_text(file)) if os.path.lexists(file) else tomlkit.document()
    except TOMLKitError as error:
        raise SettingsError(f"{file}: the waivers cannot be read: {error}") from error
