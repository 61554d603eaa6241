"""`assay compare RUN RUN`: the same, worse, cannot tell; and what it says of files that are none."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from assay.load.measurement import BenchmarkResult
from tests.cli.conftest import Assay
from tests.cli.conftest import assay as assay
from tests.cli.conftest import clean_environment as clean_environment
from tests.load.test_comparison import OPERATION, measured


def keep(name: str, stored: BenchmarkResult) -> str:
    """Write it into the working folder; returns the file's name."""
    stored.write(Path(name))
    return name


@pytest.fixture
def first() -> str:
    return keep("first.json", measured(1))


def test_a_run_is_the_same_as_itself(assay: Assay, first: str) -> None:
    said = assay("compare", first, first)
    assert said.code == 0
    assert said.out.splitlines()[-1] == "run-1 against run-1: same"
    (row,) = [line for line in said.out.splitlines() if OPERATION in line and "p50" in line]
    assert "+0.0%" in row
    assert row.split()[-1] == "same"


def test_a_slower_run_is_worse_and_a_faster_one_better(assay: Assay, first: str) -> None:
    slower = keep("slower.json", measured(2, slower=1.5))
    assert assay("compare", first, slower).code == 1
    said = assay("compare", slower, first)
    assert (said.code, said.out.splitlines()[-1]) == (0, "run-1 against run-2: better")


def test_tolerance_is_obeyed(assay: Assay, first: str) -> None:
    slower = keep("slower.json", measured(2, slower=1.5))
    assert assay("compare", first, slower, "--tolerance", "1.0").code == 0


def test_too_little_to_tell(assay: Assay) -> None:
    few = [keep(f"{seed}.json", measured(seed, blocks=8, each=5, mood=0.3)) for seed in (1, 1001)]
    said = assay("compare", *few)
    assert said.code == 3
    assert "cannot tell" in said.out


def test_too_short_to_compare_shows_no_numbers(assay: Assay, first: str) -> None:
    said = assay("compare", first, keep("short.json", measured(2, blocks=3)))
    assert said.code == 3
    assert "3 time blocks, 8 are needed" in said.out
    assert "nan" not in said.out


def test_other_conditions_are_told(assay: Assay, first: str) -> None:
    other = keep("other.json", replace(measured(1), conditions={"profile": "soak"}))
    said = assay("compare", first, other)
    assert "note: the conditions differ: profile was baseline, is soak" in said.out


def test_operations_in_one_run_only_are_told(assay: Assay, first: str) -> None:
    before = measured(1)
    other = keep("other.json", replace(before, operations={"create_inference1": before.operations[OPERATION]}))
    said = assay("compare", first, other)
    assert said.code == 3
    assert OPERATION in said.out
    assert "create_inference1" in said.out


def test_a_run_by_its_id(assay: Assay, first: str) -> None:
    folder = Path("reports") / "runs"
    folder.mkdir(parents=True)
    Path(first).rename(folder / "benchmark-1.load.json")
    said = assay("compare", "benchmark-1", "reports/runs/benchmark-1")
    assert said.code == 0


def test_what_is_no_file_is_named(assay: Assay, first: str) -> None:
    os.mkfifo("pipe")
    for given, words in (("pipe", "pipe cannot be read: it is a pipe"), ("/dev/zero", "it is a device")):
        said = assay("compare", given, first)
        assert said.code == 2
        assert words in said.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ("no measurement absent", "tried absent, absent.load.json, reports/runs/absent.load.json", "--save")),
        ("{}", ("absent is not a measurement of assay: schema is None",)),
        ("not json", ("absent is not JSON",)),
    ],
)
def test_files_that_are_no_measurement(assay: Assay, first: str, content: str | None, words: tuple[str, ...]) -> None:
    if content is not None:
        Path("absent").write_text(content)
    for pair in ((first, "absent"), ("absent", first)):
        said = assay("compare", *pair)
        assert said.code == 2
        assert said.out == ""
        for word in words:
            assert word in said.err
