"""The folders of a run: reports where the user said, nothing of anybody else's touched, working files gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import SettingsError
from assay.run.context import open_space


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_named_folder(tmp_path: Path) -> None:
    space = open_space("gate", tmp_path / "a" / "b")
    assert space.out == tmp_path / "a" / "b"
    assert not space.is_default
    assert list(space.out.iterdir()) == []
    assert space.journal.parent == space.work
    assert space.work.parent == tmp_path / "temporary"


def test_default_folder_and_the_way_to_the_latest() -> None:
    spaces = [open_space("gate", None) for _ in range(2)]
    assert spaces[0].run_id != spaces[1].run_id
    for space in spaces:
        assert space.out == Path("reports/runs") / space.run_id
        space.point_latest_here()
        assert Path("reports/runs/latest").resolve() == space.out.resolve()


def test_a_named_folder_is_not_the_latest(tmp_path: Path) -> None:
    open_space("gate", tmp_path / "out").point_latest_here()
    assert not Path("reports").exists()


def test_reports_of_an_earlier_run_may_be_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("verdict.json", "report.html", "junit.xml", "summary.md", "certificate.json"):
        (out / name).write_text("old")
    (out / "allure-results").mkdir()
    assert open_space("gate", out).out == out


@pytest.mark.parametrize("name", ["thesis.tex", "verdict.json.bak", "assay.toml", ".git", "latest"])
def test_anything_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(SettingsError) as caught:
        open_space("gate", tmp_path / "out")
    assert name in caught.value.message
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == [name]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SettingsError, match="cannot be written"):
            open_space("gate", out)


def test_closing_removes_working_files_and_keeps_reports(tmp_path: Path) -> None:
    space = open_space("gate", tmp_path / "out")
    space.journal.write_text("{}")
    (space.out / "verdict.json").write_text("{}")
    space.close()
    assert list((tmp_path / "temporary").iterdir()) == []
    assert (space.out / "verdict.json").exists()


def test_closing_without_a_report_removes_the_folder_it_made(tmp_path: Path) -> None:
    open_space("gate", tmp_path / "out").close()
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    open_space("gate", tmp_path / "mine").close()
    assert (tmp_path / "mine").exists()
