"""allure-results/ in the format that the Allure 2 generator reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from assay.errors import ReportError
from assay.findings.record import Record
from assay.reporting import allure
from tests.findings.samples import event, finding, judge, ran
from tests.reporting.conftest import Run


def _results(run: Run, folder: Path) -> dict[str, dict[str, Any]]:
    allure.write(run[0], run[2], folder)
    results = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*-result.json")]
    assert len({result["uuid"] for result in results}) == len(results)
    return {result["fullName"]: result for result in results}


RULE_TEST = "contract_tests/test_rules.py::test_rule[compute/x::y[create-reject]]"


def test_one_result_per_test_with_its_status(full: Run, tmp_path: Path) -> None:
    results = _results(full, tmp_path / "allure-results")
    assert {name: result["status"] for name, result in results.items()} == {
        RULE_TEST: "failed",
        "tests/b": "passed",
        "tests/waived": "passed",
        "tests/skipped": "skipped",
        "load/create_inference1": "failed",
        "assay/run/the run could decide": "broken",
    }


def test_a_finding_is_a_step_with_request_response_and_curl(full: Run, tmp_path: Path) -> None:
    folder = tmp_path / "allure-results"
    (step,) = _results(full, folder)[RULE_TEST]["steps"]
    assert step["status"] == "failed"
    texts = {each["name"]: (folder / each["source"]).read_text(encoding="utf-8") for each in step["attachments"]}
    assert texts["request"].startswith('POST http://h/x\nAccept: */*\n\n{\n  "name": "a"')
    assert texts["response"].startswith("HTTP 202")
    assert texts["curl"].startswith("curl -X POST http://h/x")


def test_history_and_labels(full: Run, tmp_path: Path) -> None:
    first = _results(full, tmp_path / "one")[RULE_TEST]
    second = _results(full, tmp_path / "two")[RULE_TEST]
    assert first["historyId"] == second["historyId"]
    labels = {label["name"]: label["value"] for label in first["labels"]}
    assert labels["suite"] == "test_rules"
    assert labels["feature"] == "create_inference1"
    assert labels["severity"] == "critical"
    assert first["stop"] - first["start"] == 500


def test_categories_tell_findings_apart(full: Run, tmp_path: Path) -> None:
    folder = tmp_path / "allure-results"
    results = _results(full, folder)
    categories = json.loads((folder / "categories.json").read_text(encoding="utf-8"))

    def category(name: str) -> str:
        message = results[name]["statusDetails"]["message"]
        return next(
            str(each["name"])
            for each in categories
            if results[name]["status"] in each["matchedStatuses"]
            and re.fullmatch(each.get("messageRegex", "(?s).*"), message)
        )

    assert category(RULE_TEST) == "Contract violation"
    assert category("load/create_inference1") == "SLO missed"
    assert category("assay/run/the run could decide") == "Could not decide"


def test_environment_is_a_properties_file(full: Run, tmp_path: Path) -> None:
    allure.write(full[0], full[2], tmp_path / "a")
    lines = (tmp_path / "a" / "environment.properties").read_text(encoding="ascii").splitlines()
    assert "seed=7" in lines
    assert "target=http://127.0.0.1:8080" in lines


def test_a_test_that_failed_without_a_finding_is_broken(tmp_path: Path) -> None:
    events = [ran("tests/a", "failed", message="boom")]
    results = _results((judge(*events), events, Record.of(events)), tmp_path / "a")
    assert results["tests/a"]["status"] == "broken"
    assert results["tests/a"]["statusDetails"]["message"] == "boom"


def test_hostile_text_is_written(hostile: Run, tmp_path: Path) -> None:
    results = _results(hostile, tmp_path / "allure-results")
    assert any("<script>" in name and r"\ud800" in name for name in results)
    lines = (tmp_path / "allure-results" / "environment.properties").read_text(encoding="ascii").splitlines()
    assert all("=" in line for line in lines)


def test_an_earlier_folder_is_replaced(full: Run, tmp_path: Path) -> None:
    folder = tmp_path / "allure-results"
    folder.mkdir()
    (folder / "old-result.json").write_text("{}")
    assert "old" not in _results(full, folder)
    assert not (folder / "old-result.json").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["allure-results"]


def test_attachments_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allure, "MOST_ATTACHED", 2)
    events = [ran("tests/a", "failed"), *(event(finding(rule=f"r/{n}")) for n in range(5))]
    results = _results((judge(*events), events, Record.of(events)), tmp_path / "a")
    assert len(results["tests/a"]["steps"]) == 5
    assert len(list((tmp_path / "a").glob("*-attachment.txt"))) == 6


def test_a_place_that_cannot_be_written_is_told(full: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="could not be written"):
        allure.write(full[0], full[2], tmp_path / "file" / "allure-results")
