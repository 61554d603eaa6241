"""`assay waive` adds one entry and leaves the rest of the file alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer

from assay.cli.waive import waive
from assay.errors import SettingsError
from assay.findings.waivers import FILE, read_waivers

NEXT_YEAR = (datetime.now(UTC).date() + timedelta(days=365)).isoformat()

KEPT = """\
# Ask Ada before adding.

[[waiver]]
finding = "F-00000000"   # the first one
reason = 'kept "as it is"'
owner = "Ada"
until = 2099-01-01
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("LOGNAME", "grace")
    (tmp_path / "gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")


def _call(*arguments: str) -> None:
    app = typer.Typer()
    app.command()(waive)
    app(list(arguments), standalone_mode=False)


def _good(finding: str = "F-1a2b3c4d", *more: str) -> None:
    _call(finding, "--reason", "fixed in 2.23", "--until", NEXT_YEAR, *more)


def test_the_first_waiver_makes_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    _good()
    (added,) = read_waivers()
    assert (added.finding, added.reason, added.owner) == ("F-1a2b3c4d", "fixed in 2.23", "Ada <ada@example.org>")
    assert added.until.isoformat() == NEXT_YEAR
    assert f"F-1a2b3c4d is waived until {NEXT_YEAR}" in capsys.readouterr().out


def test_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(KEPT)
    _good("F-1a2b3c4d", "--owner", "Eve")
    _good("F-2a2b3c4d")
    text = (tmp_path / FILE).read_text()
    assert text.startswith(KEPT)
    assert [waiver.finding for waiver in read_waivers()] == ["F-00000000", "F-1a2b3c4d", "F-2a2b3c4d"]
    assert read_waivers()[1].owner == "Eve"


def test_the_summary_of_the_last_run_becomes_a_comment(tmp_path: Path) -> None:
    stored = tmp_path / "reports/runs/latest/verdict.json"
    stored.parent.mkdir(parents=True)
    summary = "accepts\n[[waiver]]\x00 a limit " + "x" * 200
    stored.write_text(json.dumps({"findings": [{"id": "F-1a2b3c4d", "summary": summary}]}))
    _good()
    assert "# accepts [[waiver]] a limit xxx" in (tmp_path / FILE).read_text()
    assert len(read_waivers()) == 1


def test_a_stored_run_that_cannot_be_read_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text("no json")
    _good("F-1a2b3c4d", "--verdict", "v.json")
    assert len(read_waivers()) == 1


def test_without_git_the_system_user_owns_it(tmp_path: Path) -> None:
    (tmp_path / "gitconfig").write_text("")
    _good()
    assert read_waivers()[0].owner == "grace"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("F-12", "--reason", "r", "--until", NEXT_YEAR), "not a finding id"),
        (("F-1a2b3c4d", "--reason", " ", "--until", NEXT_YEAR), "--reason: expected why"),
        (("F-1a2b3c4d", "--reason", "r", "--until", "2020-01-01"), "this day has passed"),
        (("F-1a2b3c4d", "--reason", "r", "--until", "soon"), "expected a date"),
        (("F-00000000", "--reason", "r", "--until", NEXT_YEAR), f"{FILE}:3: F-00000000 is already waived"),
    ],
)
def test_a_mistake_is_refused_and_changes_nothing(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    (tmp_path / FILE).write_text(KEPT)
    with pytest.raises(SettingsError) as caught:
        _call(*arguments)
    assert words in caught.value.message
    assert caught.value.exit_code == 2
    assert (tmp_path / FILE).read_text() == KEPT


def test_a_broken_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(KEPT.replace("reason", "raeson"))
    with pytest.raises(SettingsError, match=f"{FILE}:5: .*unknown key 'raeson'"):
        _good()


def test_a_place_that_cannot_be_written_is_told() -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        _good("F-1a2b3c4d", "--file", "missing/waivers.toml")
