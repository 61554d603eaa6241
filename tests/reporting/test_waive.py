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


def _stored(where: str, *findings: str, summary: str = "s") -> Path:
    """A verdict with these findings in ``where``."""
    file = Path(where)
    file.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "schema": "assay/verdict/1",
        "verdict": "fail",
        "command": "gate",
        "target": {"base_url": "https://h"},
        "seed": 1,
        "findings": [{"id": finding, "summary": summary, "test": "rules/a"} for finding in findings],
    }
    file.write_text(json.dumps(document))
    return file


def _call(*arguments: str) -> None:
    app = typer.Typer()
    app.command()(waive)
    app(list(arguments), standalone_mode=False)


def _good(finding: str = "F-1a2b3c4d", *more: str) -> None:
    _call(finding, "--reason", "fixed in 2.23", "--until", NEXT_YEAR, "--force", *more)


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
    summary = "accepts\n[[waiver]]\x00 a limit " + "x" * 200
    _stored("reports/runs/latest/verdict.json", "F-1a2b3c4d", summary=summary)
    _call("F-1a2b3c4d", "--reason", "r", "--until", NEXT_YEAR)
    assert "# accepts [[waiver]] a limit xxx" in (tmp_path / FILE).read_text()
    assert len(read_waivers()) == 1


@pytest.mark.parametrize("stored", ["reports/runs/gate-1/verdict.json", "elsewhere/verdict.json"])
def test_a_finding_of_any_run_may_be_waived(stored: str) -> None:
    _stored("reports/runs/latest/verdict.json", "F-00000001")
    file = _stored(stored, "F-1a2b3c4d")
    named = ("--verdict", str(file)) if stored.startswith("elsewhere") else ()
    _call("F-1a2b3c4d", "--reason", "r", "--until", NEXT_YEAR, *named)
    assert read_waivers()[0].finding == "F-1a2b3c4d"


def test_a_finding_of_no_run_is_refused_with_the_nearest(tmp_path: Path) -> None:
    arguments = ("F-1a2b3c4d", "--reason", "r", "--until", NEXT_YEAR)
    with pytest.raises(SettingsError, match="no run has found F-1a2b3c4d: there is no reports/runs/latest") as caught:
        _call(*arguments)
    _stored("reports/runs/latest/verdict.json", "F-1a2b3c4e", "F-99999999")
    with pytest.raises(SettingsError, match="no run has found F-1a2b3c4d: 1 verdict looked through") as caught:
        _call(*arguments)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean F-1a2b3c4e? ")
    assert not (tmp_path / FILE).exists()


def test_a_stored_run_that_was_named_and_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text("no json")
    with pytest.raises(SettingsError, match=r"v\.json is not JSON"):
        _call("F-1a2b3c4d", "--reason", "r", "--until", NEXT_YEAR, "--verdict", "v.json")


def test_a_stored_run_that_cannot_be_read_does_not_matter_when_forced(tmp_path: Path) -> None:
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
