"""The embedded control plane is tested when nobody described a target, and never in its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay.cli.main import main
from tests.cli.conftest import Assay
from tests.cli.test_mistakes import check

pytestmark = pytest.mark.slow

CLUSTER = "71f69d83-ba66-4822-adf5-55ce55efd210"
DESCRIBED: dict[str, tuple[dict[str, str], tuple[str, ...], str]] = {
    "a base URL left empty": (
        {"ASSAY_PROJECT": "1", "ASSAY_CLUSTER": CLUSTER, "ASSAY_TOKEN": "t", "ASSAY_BASE_URL": ""},
        (),
        "ASSAY_PROJECT, ASSAY_CLUSTER, ASSAY_TOKEN",
    ),
    "a project alone": ({}, ("--project", "77"), "--project"),
    "credentials alone": ({"ASSAY_CLIENT_ID": "me"}, (), "ASSAY_CLIENT_ID"),
    "a second identity alone": ({"ASSAY_OUTSIDER_TOKEN": "t"}, (), "ASSAY_OUTSIDER_TOKEN"),
}


@pytest.mark.parametrize("command", ["gate", "certify", "benchmark", "doctor"])
@pytest.mark.parametrize(("variables", "flags", "named"), DESCRIBED.values(), ids=DESCRIBED)
def test_a_described_target_without_an_address(
    assay: Assay,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    variables: dict[str, str],
    flags: tuple[str, ...],
    named: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    check(assay(command, *flags), f"these settings need a base URL: {named}", "ASSAY_BASE_URL")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "dangling link"])
def test_a_settings_file_that_is_none(assay: Assay, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "assay.toml"
    if kind == "folder":
        file.mkdir()
    else:
        file.symlink_to("nowhere.toml")
    for command in ("gate", "benchmark", "doctor"):
        said = assay(command)
        assert said.code == 2
        assert "assay.toml" in said.err


def verdict(**changes: Any) -> dict[str, Any]:
    """A stored verdict with one finding, as far as replay reads it."""
    request: dict[str, Any] = {
        "method": "GET",
        "url": "https://runai.example.com/x",
        "headers": {},
        "body": None,
    }
    finding: dict[str, Any] = {
        "id": "F-12345678",
        "class": "violation",
        "kind": "accepts-valid",
        "operation": "get",
        "rule": None,
        "location": "/body",
        "summary": "s",
        "why": "w",
        "test": "lifecycle/x",
        "tests": ["lifecycle/x"],
        "occurrences": 1,
        "waived": False,
        "waiver": None,
        "evidence": {"request": request, "response": None, "curl": "curl", "replay": "assay replay", "setup": []},
    }
    return {
        "schema": "assay/verdict/1",
        "verdict": "fail",
        "command": "gate",
        "seed": 1,
        "target": {"base_url": "https://runai.example.com", "contract_version": "2.22"},
        "problems": [],
        "tests": {"planned": 1},
        "findings": [finding],
        **changes,
    }


CHANGED: dict[str, tuple[dict[str, Any], str]] = {
    "schema": ({"schema": "assay/verdict/9"}, "assay/verdict/9"),
    "no address": ({"target": {"base_url": "ftp://h", "contract_version": "2.22"}}, "ftp://h as its target"),
    "another address": (
        {"target": {"base_url": "https://runai.example.co", "contract_version": "2.22"}},
        "https://runai.example.co as its target",
    ),
    "embedded": (
        {"target": {"base_url": "embedded control plane", "contract_version": "2.22"}},
        "embedded control plane as its target",
    ),
}


@pytest.mark.parametrize(("changes", "words"), CHANGED.values(), ids=CHANGED)
def test_a_changed_verdict_is_not_replayed(assay: Assay, tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    (tmp_path / "verdict.json").write_text(json.dumps(verdict(**changes)))
    said = assay("replay", "F-12345678", "--run", str(tmp_path))
    assert said.code == 2, said.text
    assert words in said.err
    assert "no longer failing" not in said.out


def test_the_first_line_names_the_target(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["doctor"])
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("target: http://127.0.0.1:")
    assert first.endswith("(embedded control plane)")
