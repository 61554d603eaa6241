"""The end of a run, on a terminal and in a log."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from assay.reporting import terminal
from tests.findings.samples import event, finding, judge, ran
from tests.reporting.conftest import UNCONFIRMED, Run


def _printed(run: Run, *, colours: bool = False) -> str:
    out = io.StringIO()
    terminal.show(run[0], Path("reports/runs/x"), Console(file=out, force_terminal=colours, width=100))
    return out.getvalue()


def test_a_log_gets_plain_unwrapped_lines(full: Run) -> None:
    text = _printed(full)
    assert "\x1b" not in text
    lines = text.splitlines()
    assert lines[1].startswith(" FAIL  The target breaks its contract in 1 way")
    (line,) = [line for line in lines if "accepts a limit below the request" in line and "violation" in line]
    assert line.split()[:3] == ["violation", finding().id, "create_inference1"]
    assert line.endswith("(×7)")
    assert lines[-1].strip() == "report   reports/runs/x/report.html"
    assert lines[-2].strip() == "replay   assay replay F-00000000"
    assert lines[-3].strip() == "limits   requests 3,450 of 6,000"


def test_problems_and_left_overs_are_told(full: Run) -> None:
    text = _printed(full)
    assert "problem  the target was lost" in text
    assert "1 workload left behind: one; run: assay cleanup" in text
    assert f"{UNCONFIRMED}; `assay cleanup` looks after them" in text
    assert "waived" in text


def test_a_terminal_gets_colours(full: Run) -> None:
    assert "\x1b[1;37;41m FAIL " in _printed(full, colours=True)


def test_hostile_text_cannot_drive_a_terminal_or_add_lines(hostile: Run) -> None:
    text = _printed(hostile)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert all(not line.strip().startswith("second") for line in text.splitlines())
    assert "[link]" in text


def test_a_long_list_is_cut_and_says_so() -> None:
    verdict = judge(ran("tests/a", "failed"), *(event(finding(rule=f"r/{n}")) for n in range(100)))
    lines = [line.plain for line in terminal.lines(verdict)]
    assert "  … and 60 more in the report" in lines
    assert len(lines) < 50


def test_findings_that_differ_only_in_their_place_are_cut() -> None:
    many = [
        finding(rule=None, check="update-stored", location=f"/spec/{n}", summary=f"{n} is lost") for n in range(27)
    ]
    other = finding(rule="r/other", summary="something else")
    verdict = judge(ran("tests/a", "failed"), *(event(item) for item in (*many, other)))
    told = [line.plain for line in terminal.lines(verdict) if "violation" in line.plain or "alike" in line.plain]
    assert len(told) == 5
    assert sum("is lost" in line for line in told) == 3
    assert any("something else" in line for line in told)
    assert sum(line.strip() == "… and 24 alike in other places" for line in told) == 1


def test_four_alike_are_listed() -> None:
    many = [
        finding(rule=None, check="update-stored", location=f"/spec/{n}", summary=f"{n} is lost") for n in range(4)
    ]
    told = [line.plain for line in terminal.lines(judge(ran("tests/a", "failed"), *(event(item) for item in many)))]
    assert sum("is lost" in line for line in told) == 4
    assert not any("alike" in line for line in told)


def test_what_was_not_tested_is_told_by_its_reason() -> None:
    gpus = [
        {"t": "not_tested", "what": f"case {n}", "why": "GPUs: allow some with --max-gpu-devices"} for n in range(7)
    ]
    others = [{"t": "not_tested", "what": f"thing {n}", "why": f"reason {n}"} for n in range(4)]
    verdict = judge(ran(), *others, *gpus)
    told = [line.plain.strip() for line in terminal.lines(verdict) if "not tested" in line.plain]
    assert told == [
        "not tested  7 items: GPUs: allow some with --max-gpu-devices",
        "not tested  thing 0: reason 0",
        "not tested  thing 1: reason 1",
        f"not tested  {len(verdict.not_tested) - 9} further items, listed in the report",
    ]


def test_one_cause_is_told_once() -> None:
    cause = "the target refuses the token"
    verdict = judge(
        {"t": "problem", "what": f"{cause} (check ASSAY_TOKEN)"},
        {"t": "problem", "what": "another"},
        *({"t": "not_tested", "what": part, "why": cause} for part in ("contract", "load")),
    )
    text = "\n".join(line.plain for line in terminal.lines(verdict))
    assert text.count(cause) == 1
    assert "problem  another" in text
    assert "not tested  contract; load: for that reason" in text
