"""summary.md on a job's page: tables that hold whatever a target says."""

from __future__ import annotations

import re

from assay.findings.record import Record
from assay.reporting import markdown
from tests.findings.samples import event, finding, judge, load, ran
from tests.reporting.conftest import UNCONFIRMED, Run


def _tables(text: str) -> list[list[str]]:
    """The rows of every table, each table as a list of lines."""
    return [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]


def test_the_verdict_comes_first(full: Run) -> None:
    lines = markdown.render(full[0]).splitlines()
    assert lines[0] == "# ❌ assay gate: Fail"
    assert "breaks its contract in 1 way" in lines[2]


def test_everything_that_matters_is_named(full: Run) -> None:
    text = markdown.render(full[0])
    for words in (
        "the target was lost",
        "1 workload left behind",
        UNCONFIRMED,
        "assay cleanup",
        "waived until 2027-03-31",
    ):
        assert words in text
    assert "no second identity" in text
    assert "❌ p99" in text
    assert full[0].findings[0].id in text


def test_a_pass_is_short() -> None:
    text = markdown.render(judge(ran(), load()))
    assert text.startswith("# ✅ assay gate: Pass")
    assert "## Findings" not in text
    assert "✅ kept" in text


def test_every_row_has_the_cells_of_its_head(full: Run, hostile: Run) -> None:
    for run in (full, hostile):
        tables = _tables(markdown.render(run[0]))
        assert len(tables) >= 4
        for head, rule, *rows in tables:
            assert set(rule) <= set("| -")
            assert {row.count("|") for row in rows} == {head.count("|")}


def test_hostile_text_is_neither_html_nor_markdown(hostile: Run) -> None:
    text = markdown.render(hostile[0])
    assert text.encode("utf-8")
    assert not re.search(r"<(?!/?code>|br>)", text)
    assert "](http" not in text
    assert "*bold*" not in text
    assert "\x1b" not in text


def test_thousands_of_findings_fit_a_job_summary() -> None:
    events = [ran("tests/a", "failed"), *(event(finding(rule=f"r/{n}", summary="w " * 900)) for n in range(3000))]
    text = markdown.render(judge(*events))
    assert len(text.encode()) < 1_048_576 / 4
    assert "… and 2,900 more in `verdict.json`." in text
    assert Record.of(events).findings.keys() > {found.id for found in judge(*events).findings[:100]}


def test_what_was_not_tested_is_grouped_by_its_reason() -> None:
    gpus = [{"t": "not_tested", "what": f"case {n}", "why": "no GPU allowed"} for n in range(30)]
    text = markdown.render(judge(ran(), *gpus))
    assert text.count("no GPU allowed") == 1
    assert "**30 items**: no GPU allowed" in text
    assert "- case 19\n- … and 10 more in `verdict.json`." in text
