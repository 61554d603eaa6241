"""The journal keeps every event whole, whoever writes it and however the run ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from assay.errors import ReportError
from assay.findings.journal import FileJournal, read
from tests.findings.samples import HOSTILE, finding

_WRITER = """
import sys
from pathlib import Path
from assay.findings.journal import FileJournal
journal = FileJournal(Path(sys.argv[1]))
for number in range(200):
    journal.write("note", text=sys.argv[2] * 30_000, number=number)
"""


def test_what_is_written_is_read(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "j.jsonl")
    journal.write("note", text=HOSTILE)
    journal.finding(finding())
    note, found = read(tmp_path / "j.jsonl")
    assert note["text"] == HOSTILE
    assert found["id"] == finding().id
    assert found["kind"] == "acceptance"
    assert note["at"] > 1.7e9


def test_lines_of_several_processes_never_mix(tmp_path: Path) -> None:
    file = tmp_path / "j.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(file), letter]) for letter in "abc"]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    events = list(read(file))
    assert len(events) == 600
    assert all(event["t"] == "note" and len(set(event["text"])) == 1 for event in events)


def test_a_half_written_last_line_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "j.jsonl").write_text('{"t": "note", "text": "a"}\n{"t": "no')
    assert [event["t"] for event in read(tmp_path / "j.jsonl")] == ["note"]


TOO_LONG = '{"t": "note", "n": ' + "9" * 5000 + "}"  # Python refuses to parse integers above 4,300 digits


@pytest.mark.parametrize("damage", ['{"t": "no', "[1]", "\x00\x00", '{"text": 1}', TOO_LONG])
def test_a_damaged_line_in_the_middle_is_a_problem(tmp_path: Path, damage: str) -> None:
    (tmp_path / "j.jsonl").write_text(f'{damage}\n{{"t": "note", "text": "a"}}\n')
    problem, note = read(tmp_path / "j.jsonl")
    assert problem["t"] == "problem"
    assert "line 1 of the journal" in problem["what"]
    assert note["text"] == "a"


def test_a_journal_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert list(read(tmp_path / "none")) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot be written") as caught:
        FileJournal(tmp_path / "missing" / "j.jsonl")
    assert "--out" in (caught.value.hint or "")


def test_writing_after_the_end_is_told(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "j.jsonl")
    journal.close()
    journal.close()
    with pytest.raises(ReportError, match="cannot be written"):
        journal.write("note", text="late")
