"""The score counts what was tried, and no survivor can hide behind the record."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from assay.errors import SettingsError, UsageError
from assay.findings.detection import Causes, Share, read_detection
from assay.prove import score
from assay.prove.conduct import ProveRequest, conduct
from assay.prove.real_runs import Agreement
from assay.prove.score import Score, check_joinable, chosen, joined, newly_surviving, show
from assay.prove.trial import TrialOutcome
from assay.reference.defects.base import Defect


def defect(name: str, equivalent: str | None = None) -> Defect:
    return Defect(
        name, name.split("/")[0], f"{name} is wrong", "/paths", lambda behaviour: behaviour, None, equivalent
    )


def outcome(name: str, cls: str | None) -> TrialOutcome:
    finding = {"id": "F-1", "class": cls, "kind": "check", "summary": "wrong"} if cls else None
    return TrialOutcome(name, finding, "test" if cls else None, 3, 30, 0.1)


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


def test_shares_by_operation() -> None:
    assert {name: share.tried for name, share in SCORE.by_operation().items()} == {"several": 3}


def test_effort_is_median_and_p90_of_what_was_caught() -> None:
    many = {
        f"a/{n}": TrialOutcome(f"a/{n}", {"class": "violation"}, "test", 1, requests, requests / 10)
        for n, requests in enumerate((50, 10, 40, 20, 30, 100, 60, 70, 80, 90))
    }
    score = Score("gate", 1, many, {name: defect(name) for name in many})
    assert score.effort(score.defects.values()) == {
        "requests": {"median": 60, "p90": 100},
        "seconds": {"median": 6.0, "p90": 10.0},
    }
    assert SCORE.effort([DEFECTS["a/two"]]) is None


def test_causes_count_what_the_findings_make_of_the_detected_defects() -> None:
    told = {"rule-off/a": (1, True), "rule-off/b": (1, False), "crash/c": (4, True), "crash/d": (None, None)}
    outcomes = {
        name: replace(outcome(name, "violation" if causes else None), causes=causes, named=named)
        for name, (causes, named) in told.items()
    }
    score = Score("gate", 1, outcomes, {name: defect(name) for name in told})
    assert score.record().causes == Causes(defects=3, one=2, median=1, most=4, named=2)
    console = Console(record=True, width=200)
    show(score, console)
    text = console.export_text()
    assert "2 of 3 are told in one finding (66.7 %), the others in up to 4; of 2 (66.7 %)" in text
    assert "told in 4 findings: crash/c" in text


def test_a_new_survivor_is_named(tmp_path: Path) -> None:
    file = tmp_path / "detection.json"
    file.write_text(json.dumps(SCORE.record().to_json()))
    assert newly_surviving(SCORE, read_detection(file)) == []
    worse = Score("gate", 1, {**SCORE.outcomes, "b/three": outcome("b/three", None)}, DEFECTS)
    assert newly_surviving(worse, read_detection(file)) == ["b/three"]


def test_a_record_of_another_profile_is_refused() -> None:
    with pytest.raises(SettingsError, match="certify"):
        newly_surviving(Score("certify", 1, SCORE.outcomes, DEFECTS), SCORE.record())


def test_the_families_of_a_later_run_take_their_place_in_the_record() -> None:
    later = Score("gate", 1, {"a/two": outcome("a/two", "violation")}, {"a/two": DEFECTS["a/two"]})
    record = joined(SCORE.record(), later.record(), {"nobody can tell the two apart": 1})
    assert record.families == {"a": Share(1, 1, 0, 0), "b": Share(1, 1, 1, 1)}
    assert record.survivors == {}
    assert record.equivalent == {"nobody can tell the two apart": 1}


def test_a_record_of_another_profile_or_version_takes_no_families() -> None:
    check_joinable(SCORE.record(), "gate")
    with pytest.raises(SettingsError, match="of gate in version"):
        check_joinable(SCORE.record(), "certify")
    with pytest.raises(SettingsError, match=r"in version 0\.0\.9"):
        check_joinable(replace(SCORE.record(), version="0.0.9"), "gate")


def test_defects_are_chosen_by_family_and_by_steps_of_their_ids() -> None:
    every = list(DEFECTS.values())
    assert [item.id for item in chosen(every, families=["b"], only=[])] == ["b/three", "b/four"]
    assert [item.id for item in chosen(every, families=[], only=["a"])] == ["a/one", "a/two"]
    assert chosen(every, families=[], only=["a/on"]) == []


@pytest.mark.parametrize(
    "request_",
    [
        ProveRequest(families=("no-such",)),
        ProveRequest(only=("no/such",)),
        ProveRequest(sample=3, write_baseline=Path("x")),
        ProveRequest(only=("request-schema/create/spec.imagePullPolicy/type",)),
    ],
    ids=["family", "id", "partial-record", "untellable"],
)
def test_what_cannot_be_done_is_said_before_anything_is_tried(request_: ProveRequest) -> None:
    with pytest.raises(UsageError):
        conduct(request_, Console(quiet=True))


def test_survivors_and_disagreements_are_shown() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    score.show(SCORE, console)
    differing = score.show_agreement(
        [Agreement("a/one", True, frozenset({"F-1"})), Agreement("a/two", False, frozenset({"F-2"}))], console
    )
    text = console.export_text()
    assert "a/two" in text
    assert "66.7" in text
    assert differing == 1
    assert "F-2" in text


def test_what_was_found_under_load_is_told_in_its_own_words() -> None:
    told = tuple(f"limit {number} was missed" for number in range(score.MOST_TOLD + 2))
    slow = replace(outcome("a/one", "violation"), told=told)
    console = Console(record=True, width=120, file=io.StringIO())
    score.show(Score("gate", 1, {"a/one": slow}, {"a/one": DEFECTS["a/one"]}), console)
    text = console.export_text()
    assert "a/one: limit 0 was missed" in text
    assert told[-1] not in text
    assert "and 2 more" in text
