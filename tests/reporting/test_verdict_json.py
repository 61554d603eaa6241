"""verdict.json is a stable interface: its schema, its shape, its safety on disk."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from assay.errors import ReportError
from assay.findings import clean
from assay.findings.record import Record
from assay.reporting import verdict_json
from tests.findings.samples import judge, ran
from tests.reporting.conftest import Run


def _written(run: Run, folder: Path) -> dict[str, Any]:
    verdict_json.write(run[0], folder / "verdict.json")
    document: dict[str, Any] = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    return document


def test_the_schema_is_a_schema() -> None:
    jsonschema_rs.meta.validate(json.loads(verdict_json.SCHEMA_FILE.read_text(encoding="utf-8")))


def test_every_field_of_the_interface_is_there(full: Run, tmp_path: Path) -> None:
    document = _written(full, tmp_path)
    assert set(document) >= {
        "schema", "verdict", "command", "target", "started", "finished", "seed", "findings", "not_tested", "coverage",
        "load", "resources", "suite",
    }  # fmt: skip
    assert document["schema"] == "assay/verdict/1"
    assert document["verdict"] == "fail"
    assert document["started"] == "2026-11-23T14:00:12.000Z"
    assert document["target"] == {"base_url": "http://127.0.0.1:8080", "contract_version": "2.22"}
    assert set(document["coverage"]) == {"operations", "rules", "keywords", "statuses"}
    assert document["coverage"]["rules"] == {"compute/portion": {"accept": 1, "reject": 1}}
    assert document["resources"] == {
        "created": 1,
        "deleted": 0,
        "unconfirmed": [{"id": "2", "name": "two"}],
        "left_behind": [{"id": "1", "name": "one"}],
        "limits": [
            {"name": "max_requests", "allowed": 6000, "used": 3450},
            {"name": "max_rps", "allowed": None, "used": 199.0},
        ],
    }
    (result,) = document["load"].values()
    assert result["latency_ms"]["p99.9"] == 60.0
    assert result["slo"] == [{"name": "p99", "limit": 45.0, "value": 51.5, "ok": False}]
    assert document["suite"] == {"version": "0.1.0", "packages": {"httpx": "0.28.1"}}


def test_every_field_of_a_finding_is_there(full: Run, tmp_path: Path) -> None:
    found = next(each for each in _written(full, tmp_path)["findings"] if each["rule"] == "compute/portion")
    expected = {
        "class": "violation", "kind": "acceptance", "operation": "create_inference1", "rule": "compute/portion",
        "location": "/body/spec/compute", "occurrences": 7, "waived": False,
    }  # fmt: skip
    assert found.items() >= expected.items()
    assert set(found["evidence"]) >= {"request", "response", "curl", "replay"}


def test_an_empty_run_matches_the_schema_too(tmp_path: Path) -> None:
    assert _written((judge(), [], Record()), tmp_path)["verdict"] == "inconclusive"


def test_hostile_text_is_written_as_strict_utf8_json(hostile: Run, tmp_path: Path) -> None:
    document = _written(hostile, tmp_path)
    assert document["verdict"] == "fail"
    assert "\\ud800" in document["problems"][0]


def test_numbers_that_json_does_not_know_become_null(full: Run) -> None:
    assert clean.value({"p50": float("nan"), "max": float("inf"), "n": 1}) == {"p50": None, "max": None, "n": 1}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"verdict": "maybe"}, "verdict"),
        ({"started": "yesterday"}, "started"),
        ({"coverage": {}}, "coverage"),
        ({"resources": {"created": -1, "deleted": 0, "left_behind": []}}, "resources/created"),
    ],
)
def test_a_document_that_breaks_the_schema_names_the_place(full: Run, change: dict[str, Any], place: str) -> None:
    with pytest.raises(ReportError, match=f"does not match its schema at {place}"):
        verdict_json.validate({**full[0].to_json(), **change})


def test_a_finding_with_a_malformed_id_breaks_the_schema(full: Run) -> None:
    document = clean.value(full[0].to_json())
    document["findings"][0]["id"] = "F-1"
    with pytest.raises(ReportError, match="findings/0/id"):
        verdict_json.validate(document)


def test_a_broken_document_is_not_written(full: Run, tmp_path: Path) -> None:
    broken = replace(full[0], coverage={"operations": {}})
    with pytest.raises(ReportError):
        verdict_json.write(broken, tmp_path / "verdict.json")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "verdict.json"
    file.write_text("old")
    opened = os.fdopen

    def full_disk(handle: int, *args: Any, **options: Any) -> Any:
        out = opened(handle, *args, **options)

        def refuse(text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(out, "write", refuse, raising=False)
        return out

    monkeypatch.setattr("assay.files.os.fdopen", full_disk)
    with pytest.raises(ReportError, match="No space left on device") as caught:
        verdict_json.write(judge(ran()), file)
    assert "--out" in (caught.value.hint or "")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="could not be written"):
        verdict_json.write(judge(ran()), tmp_path / "file" / "verdict.json")


def test_others_may_read_the_file(tmp_path: Path) -> None:
    verdict_json.write(judge(ran()), tmp_path / "verdict.json")
    assert (tmp_path / "verdict.json").stat().st_mode & 0o777 == 0o644
