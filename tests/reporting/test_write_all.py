"""All reports of a run: exactly these files, and one that fails costs no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.findings.verdict import Decision
from assay.reporting import html
from assay.reporting.write_all import write_all
from tests.findings.samples import judge, ran
from tests.reporting.conftest import Run

FILES = {"verdict.json", "report.html", "junit.xml", "allure-results", "reproduce", "summary.md"}


def test_exactly_the_promised_files(full: Run, tmp_path: Path) -> None:
    assert write_all(full[0], iter(full[1]), tmp_path / "out") == []
    assert {entry.name for entry in (tmp_path / "out").iterdir()} == FILES


def test_hostile_runs_are_written_whole(hostile: Run, tmp_path: Path) -> None:
    assert write_all(hostile[0], hostile[1], tmp_path) == []
    assert {entry.name for entry in tmp_path.iterdir()} == FILES


@pytest.mark.parametrize("name", sorted(FILES - {"allure-results", "reproduce"}))
def test_one_that_cannot_be_written_costs_no_other(name: str, tmp_path: Path) -> None:
    (tmp_path / name / "in the way").mkdir(parents=True)
    verdict = judge(ran())
    problems = write_all(verdict, [ran()], tmp_path)
    assert len(problems) == 1
    assert f"{name} could not be written" in problems[0]
    assert {entry.name for entry in tmp_path.iterdir()} == FILES - {"reproduce"}  # without findings there is none
    assert verdict.with_problems(problems).decision is Decision.INCONCLUSIVE
    told = tmp_path / ("summary.md" if name != "summary.md" else "junit.xml")
    assert "could not be written" in told.read_text(encoding="utf-8")
    if name != "verdict.json":
        assert json.loads((tmp_path / "verdict.json").read_text())["verdict"] == "inconclusive"


def test_a_defect_of_a_writer_costs_no_other(full: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(html, "write", broken)
    (problem,) = write_all(full[0], full[1], tmp_path)
    assert problem == "report.html could not be written: KeyError: 'x'"
    assert {entry.name for entry in tmp_path.iterdir()} == FILES - {"report.html"}


def test_a_folder_that_cannot_be_made_names_every_report(full: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert len(write_all(full[0], full[1], tmp_path / "file" / "out")) == len(FILES)
