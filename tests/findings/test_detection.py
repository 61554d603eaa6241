"""The score on record: what ships is readable, adds up, and belongs to what ships."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from assay import folders
from assay.errors import SettingsError
from assay.findings import detection
from assay.findings.detection import Causes, Detection, Share, Survivor, read_detection, shipped, suite_digest

RECORD = Detection(
    profile="gate",
    seed=1,
    version="0.1.0",
    digests={"store": "sha256:0", "crash": "sha256:0"},
    shares={
        "store": {"read": Share(4, 3, 1, 1), "several": Share(2, 2, 0, 0)},
        "crash": {"read": Share(0, 0, 0, 2)},
    },
    effort={"store": {"requests": {"median": 10, "p90": 99}, "seconds": {"median": 0.1, "p90": 1.5}}},
    survivors={"store/read-stale": Survivor("reads are stale", 1361, 3390)},
    equivalent={"nobody could tell": 3},
    not_tried={"performance": "under load only"},
    causes=Causes(defects=5, one=4, median=1, most=2, named=5),
)


def test_a_record_survives_being_written_and_read(tmp_path: Path) -> None:
    file = tmp_path / "detection.json"
    file.write_text(json.dumps(RECORD.to_json()))
    assert read_detection(file) == RECORD


def test_sums_by_family_and_by_operation() -> None:
    assert RECORD.families == {"store": Share(6, 5, 1, 1), "crash": Share(0, 0, 0, 2)}
    assert RECORD.operations == {"read": Share(4, 3, 1, 3), "several": Share(2, 2, 0, 0)}
    assert RECORD.total == Share(6, 5, 1, 3)
    assert RECORD.total.percent == pytest.approx(83.33)
    assert Share(0, 0, 0, 2).percent is None


@pytest.mark.parametrize(
    "text",
    ["no json", "[]", '{"schema": "other"}', '{"schema": "assay/detection/2"}', "{}"],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "detection.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match="detection"):
        read_detection(file)


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        read_detection(tmp_path / "nowhere.json")


def test_a_benchmark_has_no_score() -> None:
    assert shipped("benchmark") is None


def test_the_digest_changes_with_a_check_and_not_with_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(folders.__file__).resolve().parents[1]
    for name in ("assay", "openapi", "contract_tests", "load_tests"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(detection, "__file__", str(tmp_path / "assay" / "findings" / "detection.py"))
    monkeypatch.setattr(folders, "_PACKAGE", tmp_path / "assay")
    before = suite_digest.__wrapped__()
    (tmp_path / "assay" / "reporting" / "text.py").write_text("")
    (tmp_path / "contract_tests" / "notes.md").write_text("")
    assert suite_digest.__wrapped__() == before
    with (tmp_path / "assay" / "checks" / "echo.py").open("a") as file:
        file.write("# more\n")
    assert suite_digest.__wrapped__() != before


def test_a_record_of_another_suite_says_so() -> None:
    assert not RECORD.is_of_this_suite
    assert replace(RECORD, digests=dict.fromkeys(RECORD.shares, suite_digest())).is_of_this_suite
    assert not replace(RECORD, digests={**RECORD.digests, "store": suite_digest()}).is_of_this_suite


def test_every_folder_that_the_digest_covers_is_there() -> None:
    covered = {name.split("/")[1] for name, _ in detection._judging_files() if name.startswith("assay/")}
    assert covered == set(detection._JUDGING)
