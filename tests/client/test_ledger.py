"""The ledger: durable, shared by processes, readable after anything."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from assay.client.ledger import (
    Ledger,
    read_events,
    read_state,
    state_folder,
    target_folder,
)
from assay.client.unfinished import is_active, unfinished_runs
from assay.errors import ReportError

URL = "https://runai.example.com"


@pytest.fixture
def ledger() -> Ledger:
    return Ledger.open("run-1", URL, project="p", mark="assay-1234")


def test_a_workloads_whole_life(ledger: Ledger) -> None:
    ledger.intend("a", "b", "c", "d")
    assert set(ledger.unresolved()) == {"a", "b", "c", "d"}
    ledger.created("a", "id-a")
    ledger.refused("b")
    ledger.lost("c")
    ledger.created("d", "id-d", by="outsider")
    assert set(ledger.live()) == {"id-a", "id-d"}
    assert set(ledger.unresolved()) == {"c"}
    assert ledger.live()["id-d"].by == "outsider"
    ledger.delete_sent("id-a")
    ledger.delete_taken("id-a")
    assert ledger.live()["id-a"].delete_taken
    ledger.gone("id-a")
    ledger.searched("c")
    assert set(ledger.live()) == {"id-d"}
    assert ledger.unresolved() == {}
    assert [(entry.name, entry.id, entry.gone) for entry in ledger.entries()] == [
        ("a", "id-a", True),
        ("d", "id-d", False),
    ]
    ledger.close()


def test_entries_also_list_what_may_exist(ledger: Ledger) -> None:
    ledger.intend("a")
    ledger.intend("b")
    ledger.refused("b")
    assert [(entry.name, entry.id, entry.lost) for entry in ledger.entries()] == [("a", None, True)]
    ledger.close()


def test_the_header_names_target_and_project_and_the_file_is_private(ledger: Ledger) -> None:
    header = read_state(ledger.file).header
    assert (header["base_url"], header["project"], header["mark"], header["run"]) == (URL, "p", "assay-1234", "run-1")
    assert stat.S_IMODE(ledger.file.stat().st_mode) == 0o600
    assert ledger.file.parent == target_folder(URL)
    assert not list(ledger.file.parent.glob("*.lock"))
    ledger.close()


@pytest.mark.parametrize(
    "same", ["https://runai.example.com/", "https://RunAI.example.com", "https://runai.example.com:443"]
)
def test_one_target_has_one_folder(same: str) -> None:
    assert target_folder(same) == target_folder(URL)
    assert target_folder("http://runai.example.com") != target_folder(URL)
    assert target_folder(URL + "/other") != target_folder(URL)


def test_where_ledgers_lie(tmp_path: Path) -> None:
    assert state_folder({"ASSAY_STATE_DIR": "/s"}) == Path("/s")
    assert state_folder({"XDG_STATE_HOME": "/x"}) == Path("/x/assay")
    assert state_folder({"XDG_STATE_HOME": "relative"}) == Path.home() / ".local/state/assay"


def test_intents_are_synced_before_the_call_returns(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    ledger.intend("a", "b")
    assert len(synced) == 1
    ledger.created("a", "id")
    assert len(synced) == 1
    ledger.close()


def test_a_cut_off_line_hides_nothing_else(ledger: Ledger) -> None:
    ledger.created("a", "id-a")
    with ledger.file.open("ab") as out:
        out.write(b'\n{"e": "created", "name": "b", "i')
    ledger.created("c", "id-c")
    assert set(ledger.live()) == {"id-a", "id-c"}
    ledger.close()


def test_an_unwritable_state_folder_is_told_before_anything_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    with pytest.raises(ReportError, match="cannot be written: Not a directory") as caught:
        Ledger.open("run-1", URL, env={"ASSAY_STATE_DIR": str(blocked)})
    assert caught.value.hint is not None
    assert "ASSAY_STATE_DIR" in caught.value.hint


def test_a_full_disk_is_told_before_the_creation(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ReportError, match="No space left on device"):
        ledger.intend("a")
    monkeypatch.undo()
    ledger.close()


def test_a_short_write_is_a_full_disk(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", lambda _, data: len(data) - 1)
    with pytest.raises(ReportError, match="no space left"):
        ledger.intend("a")
    monkeypatch.undo()
    ledger.close()


def test_a_run_id_cannot_leave_the_folder() -> None:
    with pytest.raises(ValueError, match="not a run id"):
        Ledger.open("../../x", URL)


def test_a_closed_ledger_refuses(ledger: Ledger) -> None:
    ledger.close()
    ledger.close()
    with pytest.raises(ReportError, match="is closed"):
        ledger.intend("a")


WRITER = """
import sys
from assay.client.ledger import Ledger
ledger = Ledger.open("run-1", "https://runai.example.com", mark="assay-1234")
for number in range(200):
    ledger.created(f"{sys.argv[1]}-{number}", f"id-{sys.argv[1]}-{number}")
"""


def test_processes_of_one_run_append_to_one_file() -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(number)]) for number in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    (file,) = target_folder(URL).glob("*.jsonl")
    events = list(read_events(file))
    assert sum(event["e"] == "run" for event in events) == 1
    assert len(read_state(file).live) == 600


HOLDER = """
import os, signal
from assay.client.ledger import Ledger
ledger = Ledger.open("run-1", "https://runai.example.com", mark="assay-1234")
ledger.intend("a")
print("ready", flush=True)
signal.pause()
"""


def test_a_killed_run_is_unfinished_and_no_longer_active() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        (run,) = unfinished_runs(URL)
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
    assert run.active
    (run,) = unfinished_runs(URL)
    assert not run.active
    assert (run.run, run.base_url, set(run.state.unresolved)) == ("run-1", URL, {"a"})


def test_finished_runs_are_not_listed_and_those_of_other_targets_are_apart(ledger: Ledger) -> None:
    other = Ledger.open("run-2", "https://other.example.com")
    assert [run.run for run in unfinished_runs()] == ["run-1", "run-2"]
    ledger.finish()
    ledger.close()
    assert ledger.file.exists()
    assert [run.run for run in unfinished_runs()] == ["run-2"]
    assert unfinished_runs(URL) == []
    other.close()
    assert not is_active(other.file)


def test_a_finished_ledger_of_an_embedded_target_is_removed_when_closed() -> None:
    ledger = Ledger.open("run-1", "http://127.0.0.1:1", embedded=True)
    ledger.created("a", "id")
    ledger.gone("id")
    ledger.finish()
    assert [entry.id for entry in ledger.entries()] == ["id"]
    ledger.close()
    assert not ledger.file.exists()


def test_odd_names_survive(ledger: Ledger) -> None:
    for name in ("\ud800", "a\nb", "ä", ""):
        ledger.intend(name)
        assert name in ledger.unresolved()
    for line in ledger.file.read_bytes().split(b"\n"):
        assert not line or json.loads(line)
    ledger.close()
