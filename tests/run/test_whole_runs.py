"""Whole gates: two at once, interrupted, killed, with a canary for a secret."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.reference.embedded import Embedded
from tests.run.whole import (
    ONE_RULE,
    REPORTS,
    assay,
    begin,
    begin_fresh,
    end,
    place,
    serving,
    verdict,
    wait_for,
    wait_until,
    workloads,
)

pytestmark = pytest.mark.slow

# Tests whose workloads live long enough to be caught alive, and that go on for a while.
ROOT = Path(__file__).parents[2]
LONG = ["--only", "lifecycle", "--only", "concurrency"]
# Five tests of a module that is collected in a second (the rules take six), each with a workload.
FIVE = "lifecycle/gone"


@pytest.fixture(scope="module")
def plane() -> Iterator[Embedded]:
    with serving() as started:
        yield started


def left_in(folder: Path) -> list[str]:
    """Working files that a run has forgotten."""
    return sorted(entry.name for entry in (folder / "temporary").iterdir())


def written(folder: Path) -> Iterator[Path]:
    yield from (file for file in folder.rglob("*") if file.is_file())


def test_two_gates_at_once(tmp_path: Path, plane: Embedded) -> None:
    """In one folder, with one state folder; one on its own control plane, one on a given one, with a canary."""
    first = begin_fresh(tmp_path, "gate", "--only", FIVE)
    second = begin_fresh(tmp_path, "gate", *place(plane), "--only", FIVE, "--max-gpu-devices", "4", plane=plane)
    (code_1, said_1), (code_2, said_2) = end(first), end(second)
    assert (code_1, code_2) == (0, 0), said_1 + said_2
    runs = [folder for folder in (tmp_path / "reports" / "runs").iterdir() if not folder.is_symlink()]
    assert len(runs) == 2
    for run in runs:
        assert {entry.name for entry in run.iterdir()} == REPORTS
        found = verdict(run)
        assert (found["verdict"], found["tests"]["planned"], found["tests"]["passed"]) == ("pass", 5, 5)
        assert found["resources"]["created"] == found["resources"]["deleted"] > 0
        assert found["resources"]["left_behind"] == []
    assert workloads(plane) == []
    assert left_in(tmp_path) == []
    secret = plane.clients[0].client_secret
    assert len(secret) > 8
    assert secret not in said_2
    files = list(written(tmp_path))
    assert len(files) > 10
    for file in files:
        text = file.read_text(errors="replace")
        assert secret not in text, file
        assert re.search(r"eyJ[\w-]{10,}\.[\w-]{10,}", text) is None, file  # an access token


def test_interrupted_gate(tmp_path: Path, plane: Embedded) -> None:
    """Ctrl-C reaches the whole process group of a terminal."""
    gate = begin(tmp_path, "gate", *place(plane), *LONG, "--out", "out", plane=plane)
    wait_for(lambda: of_the_part(plane), gate)
    os.killpg(gate.pid, signal.SIGINT)
    code, said = end(gate)
    assert code == 130, said
    assert "interrupted: removing what this run created" in said
    assert workloads(plane) == []
    assert {entry.name for entry in (tmp_path / "out").iterdir()} == REPORTS
    found = verdict(tmp_path / "out")
    assert found["verdict"] == "inconclusive"
    assert "interrupted by SIGINT" in found["problems"]
    assert found["resources"]["left_behind"] == []
    assert left_in(tmp_path) == []


def test_killed_gate_is_mended_by_cleanup(tmp_path: Path, plane: Embedded) -> None:
    gate = begin(tmp_path, "gate", *place(plane), *LONG, "--out", "out", plane=plane)
    wait_for(lambda: of_the_part(plane), gate)
    part = children(gate.pid)
    for pid in (gate.pid, *part):  # the machine loses power: no part can clean up either
        os.kill(pid, signal.SIGKILL)
    gate.communicate()
    left = workloads(plane)
    assert left
    code, said = assay(tmp_path, "cleanup", "--base-url", plane.base_url, "--yes", plane=plane)
    assert code == 0, said
    assert "0 left behind" in said
    # What was being deleted when the power went may be gone before the clean-up looks. It names ten and counts more.
    unnamed = [each for each in left if str(each["name"]) not in said and not each.get("deletedAt")]
    more = re.search(r"\.\.\. and (\d+) more", said)
    assert len(unnamed) <= (int(more[1]) if more else 0), (said, left)
    assert workloads(plane) == []
    code, said = assay(tmp_path, "cleanup", "--base-url", plane.base_url, plane=plane)
    assert (code, said.strip()) == (0, f"nothing to clean up on {plane.base_url}")


def test_the_part_of_a_killed_gate_ends_by_itself(tmp_path: Path, plane: Embedded) -> None:
    """It would go on for a minute; it notices within a second, and cleans up as after Ctrl-C."""
    gate = begin(tmp_path, "gate", *place(plane), "--only", "contract", "--out", "out", plane=plane)
    wait_for(lambda: of_the_part(plane), gate)
    (part,) = children(gate.pid)
    gate.kill()
    gate.communicate()
    wait_until(lambda: not alive(part))
    assert workloads(plane) == []


def of_the_part(plane: Embedded) -> list[str]:
    """Names of live workloads that a part of the run created, not the preflight before it."""
    return [name for each in workloads(plane) if "-preflight-" not in (name := str(each["name"]))]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_lies_in_the_users_folder_and_environment_changes_nothing(tmp_path: Path, plane: Embedded) -> None:
    """A module of theirs in the place of one of ours or of the standard library's; options of theirs for pytest."""
    mine = tmp_path / "mine"
    for folder in (tmp_path, mine):
        folder.mkdir(exist_ok=True)
        for name in ("secrets.py", "yaml.py", "conftest.py", "sitecustomize.py"):
            (folder / name).write_text("raise SystemExit('theirs')\n")
    (mine / "assay").mkdir()
    (mine / "assay" / "__init__.py").write_text("raise SystemExit('theirs')\n")
    (mine / "sitecustomize.py").unlink()  # Python itself imports it before anything of ours
    (tmp_path / "sitecustomize.py").unlink()
    more = {
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(mine))),
        "PYTEST_ADDOPTS": "-k nothing",
        "PYTEST_PLUGINS": "nosuch",
        "PYTHONOPTIMIZE": "1",
        "PYTHONWARNINGS": "error",
    }
    code, said = end(begin_fresh(tmp_path, "gate", *place(plane), "--only", ONE_RULE, plane=plane, more=more))
    assert code == 0, said
    assert verdict(tmp_path / "reports" / "runs" / "latest")["tests"]["passed"] == 4


def test_the_embedded_control_plane_starts_in_any_folder(tmp_path: Path) -> None:
    (tmp_path / "secrets.py").write_text("raise SystemExit('theirs')\n")
    code, said = end(begin_fresh(tmp_path, "doctor"))
    assert code == 0, said
