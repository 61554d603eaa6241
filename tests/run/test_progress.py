"""Progress is told from the journal: plain lines where there is no terminal, one live line where there is."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from assay.clock import VirtualClock
from assay.run.progress import Progress


class Stand:
    """A journal that is written to while its progress is followed."""

    def __init__(self, folder: Path, *, terminal: bool = False) -> None:
        self.file = folder / "journal.jsonl"
        self.shown = io.StringIO()
        console = Console(file=self.shown, force_terminal=terminal, width=120, highlight=False, markup=False)
        self.clock = VirtualClock()
        self.progress = Progress(console, self.file, self.clock)

    def write(self, *events: dict[str, Any]) -> None:
        with self.file.open("a") as out:
            out.writelines(json.dumps(event) + "\n" for event in events)

    @property
    def lines(self) -> list[str]:
        return self.shown.getvalue().splitlines()


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


TEST, EXCHANGE = {"t": "test"}, {"t": "exchange"}


def test_contract(stand: Stand) -> None:
    stand.progress.start("contract", "judging")
    stand.write({"t": "planned", "total": 3}, TEST, TEST, *[EXCHANGE] * 1234)
    stand.write({"t": "finding", "id": "F-1"}, {"t": "finding", "id": "F-1"}, {"t": "finding", "id": "F-2"})
    stand.progress.done()
    assert stand.lines == ["contract: judging", "contract: 2/3 tests, 1,234 requests, 2 findings so far, 0 s"]


def test_load(stand: Stand) -> None:
    stand.progress.start("load", "profile 'gate'")
    stand.write({"t": "load", "requests": 900}, {"t": "load", "requests": 100}, EXCHANGE)
    stand.progress.done()
    assert stand.lines[-1] == "load: 1,000 requests, 0 findings so far, 0 s"


FIGURES = {
    "t": "progress",
    "attempt": 1,
    "stage": "steady",
    "second": 6.0,
    "seconds": 24.0,
    "requests": 1210,
    "due": 1214,
    "total": 4800,
    "rate": 199.6,
    "errors": 2,
}


def test_load_while_it_runs(stand: Stand) -> None:
    stand.progress.start("load", "profile 'gate'")
    stand.write({**FIGURES, "second": 3.0, "requests": 600}, FIGURES)
    stand.clock.sleep(11)
    stand.progress.follow()
    figures = "steady, second 6 of 24, 1,210 of 4,800 requests, 200/s, 2 errors, 0 findings so far"
    assert stand.lines[-1] == f"load: ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ {figures}"
    stand.write({"t": "load", "requests": 4000})  # the result: from now on only what was measured counts
    stand.progress.done()
    assert stand.lines[-1] == "load: 4,000 requests, 0 findings so far, 11 s"


def test_a_search_says_which_try_it_is(tmp_path: Path) -> None:
    stand = Stand(tmp_path, terminal=True)
    stand.progress.start("load", "profile 'steps'")
    stand.write({**FIGURES, "attempt": 3})
    stand.progress.done()
    assert "try 3, steady, second 6 of 24" in stand.shown.getvalue()


def test_what_the_load_part_says_is_told_at_once(stand: Stand) -> None:
    stand.progress.start("load", "profile 'gate'")
    stand.write({"t": "progress", "text": "Locust's web UI: http://127.0.0.1:8089"})
    stand.progress.follow()
    assert stand.lines[-1] == "load: Locust's web UI: http://127.0.0.1:8089"


def test_before_there_is_a_journal(stand: Stand) -> None:
    stand.progress.start("contract", "judging")
    stand.progress.follow()
    stand.progress.done()
    assert stand.lines[-1] == "contract: 0 tests, 0 requests, 0 findings so far, 0 s"


def test_a_line_that_is_half_written_counts_when_it_is_whole(stand: Stand) -> None:
    stand.progress.start("contract", "judging")
    with stand.file.open("a") as out:
        out.write('{"t": "te')
        out.flush()
        stand.progress.follow()
        out.write('st"}\n')
    stand.write(TEST)
    stand.progress.done()
    assert "2 tests" in stand.lines[-1]


def test_a_damaged_line_is_passed_over(stand: Stand) -> None:
    stand.progress.start("contract", "judging")
    stand.file.write_text('{"t": \n{"t": "test"}\n')
    stand.progress.done()
    assert "1 test," in stand.lines[-1]


def test_in_ci_a_calm_line_now_and_then(stand: Stand) -> None:
    stand.progress.start("contract", "judging")
    for _ in range(25):
        stand.clock.sleep(1)
        stand.progress.follow()
    assert len(stand.lines) == 3  # the start, and one after each of two times ten seconds
    stand.progress.done()
    assert stand.lines[-1].endswith("25 s")


def test_on_a_terminal_one_live_line(tmp_path: Path) -> None:
    stand = Stand(tmp_path, terminal=True)
    stand.progress.start("contract", "judging")
    stand.write(TEST)
    stand.progress.follow()
    stand.progress.done()
    assert stand.lines[-1].endswith("contract: 1 test, 0 requests, 0 findings so far, 0 s")
    stand.progress.stop()  # stopping again is allowed
