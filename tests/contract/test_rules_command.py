"""`assay rules`: what it shows, what it filters, and how it says that a quote is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from assay.cli.rules import rules
from assay.contract import documents
from assay.errors import ContractError, UsageError

CATALOGUE = documents.load().catalogue
ENTRIES, RULES, CONTRADICTIONS = CATALOGUE.entries, CATALOGUE.rules, CATALOGUE.contradictions
APP = typer.Typer(rich_markup_mode=None)
APP.command()(rules)


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(APP, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def failing(*arguments: str) -> BaseException:
    result = CliRunner().invoke(APP, list(arguments))
    assert result.exception is not None
    return result.exception


def test_the_table_shows_every_id_quote_and_place() -> None:
    output = shown()
    cells = (line.split("│")[1] for line in output.splitlines() if line.startswith("│"))
    words = " ".join(" ".join(cells).split())
    for item in ENTRIES:
        assert item.id in words
        assert " ".join(item.quotes[0].text.split()) in words, item.id
        assert item.quotes[0].pointer in words
    assert f"Rules: {len(RULES)}" in output
    assert f"Contradictions of the document: {len(CONTRADICTIONS)}" in output


def test_json_holds_the_whole_catalogue() -> None:
    found = json.loads(shown("--json"))
    assert [entry["id"] for entry in found["rules"]] == [rule.id for rule in RULES]
    assert [entry["id"] for entry in found["contradictions"]] == [item.id for item in CONTRADICTIONS]
    entry = next(entry for entry in found["rules"] if entry["id"] == "storage/host-path-propagation-alike")
    assert entry["strength"] == "should"
    assert entry["applies"] == ["create"]
    assert entry["quotes"][0]["pointer"] == "/components/schemas/HostPathMountPropagation/description"
    assert "two that differ" in entry["rejects"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("compute", {rule.id for rule in RULES if rule.area == "compute"}),
        ("compute/portion-limit", {"compute/portion-limit-not-below-request"}),
        ("security/seccomp", set()),
    ],
)
def test_filters_by_area_and_by_the_beginning_of_an_id(pattern: str, expected: set[str]) -> None:
    found = json.loads(shown(pattern, "--json"))
    assert {entry["id"] for entry in found["rules"]} == expected
    assert all(entry["id"].startswith(pattern) for entry in found["contradictions"])


def test_permissions_are_called_so() -> None:
    (entry,) = json.loads(shown("autoscaling/deprecated", "--json"))["rules"]
    assert entry["strength"] == "permit"
    assert entry["rejects"] == []


def test_markdown_is_one_table_row_a_rule() -> None:
    lines = shown("scheduling", "--markdown").splitlines()
    rows = [line for line in lines if line.startswith("| `scheduling/")]
    assert len(rows) == sum(1 for rule in RULES if rule.area == "scheduling")
    assert all(row.count(" | ") == 4 for row in rows)


def test_an_unknown_pattern_names_the_areas() -> None:
    error = failing("gpu")
    assert isinstance(error, UsageError)
    assert error.message == "no rule's id begins with 'gpu'"
    assert error.hint is not None
    assert "compute" in error.hint


def test_two_formats_at_once_are_refused() -> None:
    assert "exclude each other" in str(failing("--json", "--markdown"))


def test_the_shipped_document_holds_every_quote() -> None:
    source = documents.load().source
    assert "Rules: 1" in shown("compute/portion-limit", "--contract", str(source))


def test_a_document_that_says_otherwise_names_the_rules(tmp_path: Path) -> None:
    text = documents.load().source.read_text().replace("between 0 and 1", "between 0 and 2")
    copy = tmp_path / "next.yaml"
    copy.write_text(text)
    assert yaml.safe_load(text)["openapi"]
    error = failing("compute/portion-limit", "--contract", str(copy))
    assert isinstance(error, ContractError)
    assert "1 of the quoted sentences" in error.message
    assert "compute/portion-between-zero-and-one: “States the portion" in error.message
    assert str(copy) in error.message
    assert error.hint is not None


def test_a_file_that_is_no_document_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("a: 1\n")
    assert "not an OpenAPI document" in str(failing("--contract", str(file)))
