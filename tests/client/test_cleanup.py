"""The sweep and `assay cleanup`: only what the ledger lists, whatever the target does."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from assay.cli import cleanup as command
from assay.client import cleanup
from assay.client.exchange import Answer
from assay.client.layers import load_settings
from assay.client.ledger import Ledger
from assay.client.session import Session
from assay.client.transport import HttpTransport
from assay.client.unfinished import unfinished_runs
from assay.clock import VirtualClock
from assay.contract.request import Request
from assay.errors import UsageError
from tests.client.conftest import Configure, Open
from tests.client.plane import PROJECT, SECRET, Plane
from tests.client.servers import Server
from tests.client.test_session import create, creation, delete


def fill(target: Session, number: int = 3) -> list[str]:
    return [create(target) for _ in range(number)]


def test_everything_created_is_deleted_and_a_stranger_survives(reach: Open, plane: Plane) -> None:
    stranger = plane.store({"name": "someone-elses"})
    other = reach("run-2")
    foreign = create(other)
    target = reach()
    ours = fill(target)
    swept = target.sweep()
    assert set(swept.deleted) == set(ours)
    assert set(plane.workloads) == {stranger["workloadId"], foreign}
    assert target.ledger.live() == {}


def test_what_is_gone_already_is_no_fault(reach: Open, plane: Plane) -> None:
    target = reach()
    fill(target)
    plane.workloads.clear()
    assert target.sweep().clean


def test_a_deletion_that_was_agreed_to_is_not_sent_again_but_awaited(
    reach: Open, plane: Plane, server: Server
) -> None:
    target = reach()
    delete(target, create(target))
    before = server.count("DELETE")
    assert target.sweep().clean
    assert server.count("DELETE") == before


def test_a_deletion_that_never_happens_is_left_behind(reach: Open, plane: Plane) -> None:
    plane.forget_delete = True
    target = reach()
    (workload,) = fill(target, 1)
    swept = target.sweep(deadline=0.5)
    assert [entry.id for entry in swept.left_behind] == [workload]
    assert "it is still being deleted (the last answer was 200)" in swept.left_behind[0].why
    assert target.ledger.state().left_behind.keys() == {workload}
    plane.forget_delete = False


def test_a_record_with_deleted_at_counts_as_gone(reach: Open, plane: Plane) -> None:
    plane.forget_delete = True
    target = reach()
    (workload,) = fill(target, 1)
    plane.workloads[workload]["deletedAt"] = "2026-01-01T00:00:00Z"
    assert target.sweep(deadline=1).clean


def test_a_deletion_that_was_forgotten_is_asked_for_again(
    reach: Open, plane: Plane, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "_ASK_AGAIN", 0.2)
    plane.forget_delete = True
    target = reach()
    fill(target, 1)
    target.sweep(deadline=1.5)
    assert server.count("DELETE") >= 2


@pytest.mark.parametrize("status", [500, 409])
def test_a_deletion_that_is_refused_is_tried_until_the_deadline(
    reach: Open, plane: Plane, server: Server, status: int
) -> None:
    plane.delete_status = status
    target = reach()
    fill(target, 1)
    swept = target.sweep(deadline=0.6)
    assert f"deleting it was refused (the last answer was {status})" in swept.left_behind[0].why
    assert server.count("DELETE") >= 3
    plane.delete_status = None
    assert target.sweep().clean
    assert plane.workloads == {}


def test_a_forbidden_deletion_is_tried_with_the_other_identity(reach: Open, plane: Plane, server: Server) -> None:
    plane.delete_status = 403
    target = reach()
    fill(target, 1)
    swept = target.sweep(deadline=5)
    assert swept.left_behind[0].why == "deleting it was answered 403"
    assert len({seen.headers["authorization"] for seen in server.seen if seen.method == "DELETE"}) == 2


def test_what_a_target_stored_although_it_refused_is_found(reach: Open, plane: Plane) -> None:
    plane.refuse_but_store = True
    target = reach()
    target.send(creation(target))
    assert len(plane.workloads) == 1
    assert target.ledger.entries() == []
    swept = target.sweep()
    assert len(swept.deleted) == 1
    assert plane.workloads == {}


def test_what_bears_the_mark_but_is_not_in_the_ledger_survives(reach: Open, plane: Plane) -> None:
    target = reach()
    fill(target, 1)
    stranger = plane.store({"name": f"{target.mark}-not-in-the-ledger"})
    assert target.sweep().clean
    assert set(plane.workloads) == {stranger["workloadId"]}


def test_a_workload_that_came_back_is_found(reach: Open, plane: Plane) -> None:
    target = reach()
    workload = create(target)
    kept = plane.workloads[workload]
    delete(target, workload)
    target.send(Request("read", path={"workloadId": workload}))
    assert target.ledger.live() == {}
    plane.workloads[workload] = kept
    assert target.sweep().deleted == (workload,)
    assert plane.workloads == {}


def test_the_sweep_works_when_the_run_was_halted_and_out_of_budget(reach: Open, plane: Plane) -> None:
    target = reach(max_requests=3)
    fill(target, 3)
    target.halt("interrupted")
    assert target.sweep().clean
    assert plane.workloads == {}


def test_a_target_that_is_gone_does_not_hold_up_the_sweep(reach: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    target = reach(retry_cap=0.01, clock=clock)
    ours = fill(target, 10)
    monkeypatch.setattr(HttpTransport, "exchange", refused)
    began = clock.now
    swept = target.sweep(deadline=60)
    assert clock.now - began < 5
    assert {entry.id for entry in swept.left_behind} == set(ours)
    assert all("does not answer: connection refused" in entry.why for entry in swept.left_behind)


def test_what_a_lost_target_had_agreed_to_delete_is_not_left_behind(
    reach: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = reach(retry_cap=0.01)
    agreed, kept = fill(target, 2)
    delete(target, agreed)
    monkeypatch.setattr(HttpTransport, "exchange", refused)
    swept = target.sweep(deadline=60)
    (unconfirmed,), (left,) = swept.unconfirmed, swept.left_behind
    assert (unconfirmed.id, left.id) == (agreed, kept)
    assert unconfirmed.why.startswith(
        "the target had agreed to delete it, which was not seen done: the target does not"
    )
    assert left.why.startswith("the target does not answer")
    assert not swept.clean
    assert (swept.looked_for, swept.deleted, swept.gone) == (2, (), 0)
    state = target.ledger.state()
    assert (set(state.agreed), set(state.standing), set(state.left_behind)) == ({agreed}, {kept}, {kept})
    assert not state.finished


def test_a_sweep_tells_what_was_gone_from_what_it_deleted(reach: Open, plane: Plane) -> None:
    target = reach()
    gone, agreed, kept = fill(target, 3)
    del plane.workloads[gone]
    delete(target, agreed)
    swept = target.sweep()
    assert (swept.looked_for, swept.gone, swept.deleted) == (3, 2, (kept,))


def test_a_workload_that_is_seen_to_stand_is_left_behind_until_nobody_can_see_it(
    reach: Open, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane.forget_delete = True
    target = reach(retry_cap=0.01)
    (workload,) = fill(target, 1)
    delete(target, workload)
    swept = target.sweep(deadline=0.3)
    assert [entry.id for entry in swept.left_behind] == [workload]
    monkeypatch.setattr(HttpTransport, "exchange", refused)
    assert [entry.id for entry in target.sweep(deadline=0.3).unconfirmed] == [workload]


def test_what_stood_before_others_found_the_target_gone_is_unconfirmed(
    reach: Open, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane.forget_delete = True
    target = reach()
    (workload,) = fill(target, 1)
    remover = cleanup.Remover(target._delivery, target.ledger, target.clock)

    def meanwhile(_: object) -> bool:
        remover._unreachable = "the target does not answer"
        return True

    monkeypatch.setattr(remover, "_waited", meanwhile)
    left = remover.remove(target.ledger.live()[workload]).left
    assert left is not None
    assert left.agreed


def refused(*_: Any) -> Any:
    from assay.client.exchange import NoAnswer

    return NoAnswer("refused", "connection refused")


def test_nothing_created_means_nothing_sent(reach: Open, server: Server) -> None:
    target = reach()
    assert target.sweep().clean
    assert server.seen == []


# the command


def run_command(configure: Configure, *, yes: bool = False, base_url: str | None = "") -> int:
    settings = configure(yes=yes, delete_deadline=2.0)
    if base_url is None:
        settings = settings.model_copy(update={"base_url": None})
    return command.run(settings)


@pytest.fixture
def crashed(reach: Open, plane: Plane) -> list[str]:
    """A run that created three workloads and was killed: its ledger is unlocked and unfinished."""
    target = reach("run-crashed")
    ours = fill(target)
    target.close()
    return ours


def test_the_command_removes_what_a_crashed_run_left(
    crashed: list[str], configure: Configure, plane: Plane, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = plane.store({"name": "someone-elses"})
    assert run_command(configure, yes=True) == 0
    assert set(plane.workloads) == {stranger["workloadId"]}
    assert unfinished_runs() == []
    told = capsys.readouterr().out
    assert f"run run-crashed (project {PROJECT}): 3 workloads to delete, 0 names to look for" in told
    assert "run run-crashed: looked for 3: 0 gone, 3 deleted, 0 left behind\n" in told
    assert run_command(configure, yes=True) == 0
    assert "nothing to clean up" in capsys.readouterr().out


def test_agreed_deletions_are_looked_after_and_not_announced_as_deletions(
    reach: Open,
    configure: Configure,
    plane: Plane,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = reach("run-killed")
    ours = fill(target)
    for workload in ours:
        delete(target, workload)
    target.close()
    asked = server.count("DELETE")
    with monkeypatch.context() as lost:
        lost.setattr(cleanup.Remover, "_ask", refused)
        assert run_command(configure) == 3
    told = capsys.readouterr().out
    assert f"(project {PROJECT}): 0 workloads to delete, 0 names to look for, 3 agreed deletions to confirm" in told
    assert "looked for 3: 0 gone, 0 deleted, 0 left behind, 3 not confirmed\n" in told
    assert told.count("not confirmed: assay-") == 3
    assert run_command(configure) == 0
    assert "looked for 3: 3 gone, 0 deleted, 0 left behind\n" in capsys.readouterr().out
    assert server.count("DELETE") == asked


def test_without_a_terminal_it_does_not_delete_unasked(
    crashed: list[str], configure: Configure, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match=r"3 workloads on .* would be deleted, and there is no terminal") as caught:
        run_command(configure)
    assert caught.value.exit_code == 2
    assert caught.value.hint is not None
    assert "--yes" in caught.value.hint
    assert len(plane.workloads) == 3


@pytest.mark.parametrize(("answer", "left"), [(True, 0), (False, 3)])
def test_at_a_terminal_it_asks(
    crashed: list[str],
    configure: Configure,
    plane: Plane,
    monkeypatch: pytest.MonkeyPatch,
    answer: bool,
    left: int,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(typer, "confirm", lambda _: answer)
    if answer:
        assert run_command(configure) == 0
    else:
        with pytest.raises(typer.Abort):
            run_command(configure)
    assert len(plane.workloads) == left


def test_a_run_that_is_going_on_is_left_alone(
    reach: Open, configure: Configure, plane: Plane, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(reach("run-live"))
    assert run_command(configure, yes=True) == 0
    assert "run run-live on" in capsys.readouterr().out
    assert len(plane.workloads) == 3


def test_what_cannot_be_removed_makes_the_command_inconclusive(
    crashed: list[str], configure: Configure, plane: Plane, capsys: pytest.CaptureFixture[str]
) -> None:
    plane.delete_status = 500
    assert run_command(configure, yes=True) == 3
    told = capsys.readouterr().out
    assert told.count("left behind: assay-") == 3
    assert SECRET not in told
    assert [run.run for run in unfinished_runs()] == ["run-crashed"]


def test_without_a_target_it_names_those_it_knows(crashed: list[str], configure: Configure, server: Server) -> None:
    with pytest.raises(UsageError, match=f"unfinished runs are known on {server.base_url}"):
        run_command(configure, yes=True, base_url=None)


def test_runs_on_the_embedded_control_plane_leave_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger.open("run-e", "http://127.0.0.1:1", embedded=True)
    ledger.created("a", "id")
    ledger.close()
    assert command.run(load_settings({}, env={})) == 0
    assert "its embedded control plane has ended, nothing is left" in capsys.readouterr().out
    assert unfinished_runs() == []


def only_ledger(state: Path) -> Path:
    (file,) = state.rglob("*.jsonl")
    return file


def garble(file: Path) -> None:
    file.write_bytes(b"\x00\xff not ours\n" + file.read_bytes())


def misshape(file: Path) -> None:
    file.write_text(file.read_text() + '{"e": "created", "id": 5}\n')


def behead(file: Path) -> None:
    file.write_text('{"e": "lost", "name": "assay-x"}\n')


def replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        file.unlink()
        make(file)

    return damage


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "garbled": (garble, "1 line of it cannot be read"),
    "shape": (misshape, "1 line of it cannot be read"),
    "header": (behead, "its first line, which names run and target, is missing"),
    "folder": (replaced(Path.mkdir), "it cannot be read: it is a folder"),
    "pipe": (replaced(os.mkfifo), "it cannot be read: it is a pipe"),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_ledger_is_never_nothing_to_clean_up(
    crashed: list[str],
    configure: Configure,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], object],
    words: str,
) -> None:
    file = only_ledger(tmp_path)
    damage(file)
    for _ in range(2):  # what is known is removed; that more may be left is said until the user has looked
        assert run_command(configure, yes=True) == 3
        told = capsys.readouterr().out
        assert f"the ledger {file} is damaged: {words}" in told
        assert "delete those of that run, then remove the file" in told


def test_a_line_that_a_full_disk_cut_off_is_no_damage(
    crashed: list[str], configure: Configure, tmp_path: Path
) -> None:
    file = only_ledger(tmp_path)
    file.write_text(file.read_text() + '\n{"e": "crea')
    assert run_command(configure, yes=True) == 0


def test_without_a_target_an_unreadable_ledger_is_told(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "state" / "runs" / "0123" / "run-x.jsonl").mkdir(parents=True)
    assert run_command(configure, yes=True, base_url=None) == 3


@pytest.mark.parametrize("make", [lambda state: state.write_text(""), lambda state: state.symlink_to("nowhere")])
def test_a_state_folder_that_is_none_is_told(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "elsewhere")
    monkeypatch.setenv("ASSAY_STATE_DIR", str(tmp_path / "elsewhere"))
    for base_url in (None, ""):
        with pytest.raises(UsageError, match=r"the ledgers in .* cannot be read: "):
            run_command(configure, yes=True, base_url=base_url)


KILLED = """
import os, signal, sys
from assay.contract.documents import load
from assay.client.opening import open_session
from assay.client.layers import load_settings
from assay.client.transport import HttpTransport
from tests.client.test_session import create
settings = load_settings({"base_url": sys.argv[1], "project": sys.argv[2], "cluster": sys.argv[3]})
target = open_session(settings, load())
for _ in range(3):
    create(target)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_that_was_killed_is_mended(
    server: Server, plane: Plane, configure: Configure, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.setenv("ASSAY_CLIENT_ID", "researcher")
    monkeypatch.setenv("ASSAY_CLIENT_SECRET", SECRET)
    from tests.client.plane import CLUSTER

    arguments = [sys.executable, "-c", KILLED, server.base_url, PROJECT, CLUSTER]
    ended = subprocess.run(arguments, cwd=pytestconfig.rootpath, timeout=60, check=False)
    assert ended.returncode == -9
    assert len(plane.workloads) == 3
    assert run_command(configure, yes=True) == 0
    assert plane.workloads == {}


@pytest.mark.parametrize(
    ("phase", "deleted"), [("Deleting", False), ("Terminating", False), ("Deleted", True), (None, True)]
)
def test_a_workload_that_is_leaving_takes_its_place_until_it_has_left(phase: str | None, deleted: bool) -> None:
    record = {"workloadId": "1", "deletedAt": "2026-01-01T00:00:00Z", "actualPhase": phase}
    assert cleanup._is_deleted(Answer(200, {}, json.dumps(record).encode(), 0.0)) is deleted
    del record["deletedAt"]
    assert not cleanup._is_deleted(Answer(200, {}, json.dumps(record).encode(), 0.0))
