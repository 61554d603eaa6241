"""The score counts what was tried, and no survivor can hide behind the record."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from assay.control_plane.defects.base import Defect
from assay.errors import SettingsError, UsageError
from assay.prove import report
from assay.prove.conduct import Request, conduct
from assay.prove.plain import Agreement
from assay.prove.score import Score, chosen, newly_surviving, read_baseline
from assay.prove.trial import Outcome


def defect(name: str, equivalent: str | None = None) -> Defect:
    return Defect(
        name, name.split("/")[0], f"{name} is wrong", "/paths", lambda behaviour: behaviour, None, equivalent
    )


def outcome(name: str, cls: str | None) -> Outcome:
    finding = {"id": "F-1", "class": cls, "kind": "check", "summary": "wrong"} if cls else None
    return Outcome(name, finding, "test" if cls else None, 3, 30, 0.1)


DEFECTS = {
    item.id: item
    for item in (
        defect("a/one"),
        defect("a/two"),
        defect("b/three"),
        defect("b/four", "nobody can tell the two apart"),
    )
}
SCORE = Score(
    "gate",
    1,
    {item.id: item for item in (outcome("a/one", "violation"), outcome("a/two", None), outcome("b/three", "gap"))},
    DEFECTS,
)


def test_shares_by_family() -> None:
    assert {name: (s.tried, s.caught, s.gaps, s.equivalent) for name, s in SCORE.by_family().items()} == {
        "a": (2, 1, 0, 0),
        "b": (1, 1, 1, 1),
    }
    assert SCORE.total.percent == pytest.approx(66.67)
    assert [item.id for item in SCORE.survivors] == ["a/two"]


def test_a_new_survivor_is_named(tmp_path: Path) -> None:
    file = tmp_path / "detection.json"
    file.write_text(json.dumps(SCORE.record()))
    assert newly_surviving(SCORE, read_baseline(file)) == []
    worse = Score("gate", 1, {**SCORE.outcomes, "b/three": outcome("b/three", None)}, DEFECTS)
    assert newly_surviving(worse, read_baseline(file)) == ["b/three"]


def test_a_record_of_another_profile_is_refused() -> None:
    with pytest.raises(SettingsError, match="certify"):
        newly_surviving(Score("certify", 1, SCORE.outcomes, DEFECTS), SCORE.record())


@pytest.mark.parametrize("text", ["no json", "[]", '{"schema": "other"}'])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "detection.json"
    file.write_text(text)
    with pytest.raises(SettingsError):
        read_baseline(file)


def test_defects_are_chosen_by_family_and_by_steps_of_their_ids() -> None:
    every = list(DEFECTS.values())
    assert [item.id for item in chosen(every, families=["b"], only=[])] == ["b/three", "b/four"]
    assert [item.id for item in chosen(every, families=[], only=["a"])] == ["a/one", "a/two"]
    assert chosen(every, families=[], only=["a/on"]) == []


@pytest.mark.parametrize(
    "request_",
    [
        Request(families=("no-such",)),
        Request(only=("no/such",)),
        Request(sample=3, write_baseline=Path("x")),
        Request(families=("performance",)),
    ],
    ids=["family", "id", "partial-record", "untellable"],
)
def test_what_cannot_be_done_is_said_before_anything_is_tried(request_: Request) -> None:
    with pytest.raises(UsageError):
        conduct(request_, Console(quiet=True))


def test_survivors_and_disagreements_are_shown() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    report.show(SCORE, console)
    differing = report.show_agreement(
        [Agreement("a/one", True, frozenset({"F-1"})), Agreement("a/two", False, frozenset({"F-2"}))], console
    )
    text = console.export_text()
    assert "a/two" in text
    assert "66.7" in text
    assert differing == 1
    assert "F-2" in text
