"""The waivers file: what it may say, and how a mistake in it is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from assay.errors import SettingsError
from assay.findings.waivers import FILE, Waiver, parse, read_waivers

GOOD = """\
# accepted by the release board

[[waiver]]
finding = "F-1a2b3c4d"
reason = "fixed in 2.23"
owner = "Ada <ada@example.org>"
until = 2027-03-31

[[waiver]]
finding = "F-00000000"
reason = "only under load"
owner = "Bob"
until = "2027-01-01"
commands = ["certify", "benchmark"]
"""


def test_a_good_file_is_read_with_its_lines() -> None:
    assert parse(GOOD, Path(FILE)) == (
        Waiver("F-1a2b3c4d", "fixed in 2.23", "Ada <ada@example.org>", date(2027, 3, 31), (), 3),
        Waiver("F-00000000", "only under load", "Bob", date(2027, 1, 1), ("certify", "benchmark"), 9),
    )


def test_an_inline_list_is_read_too() -> None:
    text = 'waiver = [{finding = "F-1a2b3c4d", reason = "r", owner = "o", until = 2027-01-01}]'
    assert parse(text, Path(FILE))[0].finding == "F-1a2b3c4d"


@pytest.mark.parametrize(
    ("text", "line", "words", "hint"),
    [
        (GOOD.replace("until = 2027-03-31", "until = 31.3.2027"), 7, "not valid TOML", "toml.io"),
        (GOOD.replace("[[waiver]]", "[[waiver", 1), 3, "not valid TOML", "toml.io"),
        (GOOD.replace("F-1a2b3c4d", "F-12"), 4, "finding = 'F-12'; allowed: the id of", "line 4"),
        (GOOD.replace("F-1a2b3c4d", "F-12"), 4, "F- and eight hex digits, as in finding", "line 4"),
        (GOOD.replace('reason = "fixed in 2.23"', 'reason = " "'), 5, "reason = ' '; allowed: why", "line 5"),
        (GOOD.replace('owner = "Bob"\n', ""), 9, "owner is missing; allowed: who", "line 9"),
        (GOOD.replace('"2027-01-01"', '"soon"'), 13, "until = 'soon'; allowed: the last day", "line 13"),
        (GOOD.replace("until = 2027-03-31\n", ""), 3, "until is missing; allowed: the last day", "line 3"),
        (GOOD.replace("reason", "raeson", 1), 5, "unknown key 'raeson'; did you mean 'reason'?", "line 5"),
        (GOOD.replace("reason", "raeson", 1), 5, "allowed: commands, finding, owner, reason, until", "line 5"),
        (GOOD.replace('"certify", ', '"certfy", '), 14, "allowed: a list of gate, certify, benchmark", "line 14"),
        (GOOD.replace("F-00000000", "F-1a2b3c4d"), 9, "already waived on line 3", "line 9"),
        (GOOD.replace("[[waiver]]", "[[waivers]]"), 3, "only [[waiver]] tables belong in this file", "line 3"),
        (GOOD.replace("[[waiver]]", "[[waivers]]"), 3, "'waivers'; did you mean 'waiver'?", "line 3"),
        ('waiver = "F-1a2b3c4d"\n', 1, "waiver: write [[waiver]]", "line 1"),
    ],
)
def test_a_mistake_names_file_line_key_and_what_was_expected(text: str, line: int, words: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(text, Path("w.toml"))
    assert caught.value.message.startswith(f"w.toml:{line}: ")
    assert words in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.exit_code == 2


def test_without_a_file_there_are_no_waivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_waivers() == ()
    (tmp_path / FILE).write_text(GOOD)
    assert len(read_waivers()) == 2


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_waivers(tmp_path / "other.toml")


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_waivers(tmp_path / "w.toml")
