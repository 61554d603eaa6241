"""Which tests a defect meets: those of the profile, again after a surprise, and for certify the gate's first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.errors import InconclusiveError, SettingsError
from assay.prove import real_runs, trials
from assay.prove.real_runs import Ran
from assay.prove.score import Score
from assay.prove.trial import TrialOutcome
from assay.prove.trials import Trials, caught_by_gate
from assay.reference.defects.base import Defect

FOUND = {"id": "F-1", "class": "violation", "kind": "check", "summary": "wrong"}


def defect(name: str) -> Defect:
    return Defect(name, name.split("/")[0], f"{name} is wrong", "/paths", lambda behaviour: behaviour)


def outcome(name: str, caught: bool) -> TrialOutcome:
    return TrialOutcome(name, FOUND if caught else None, "test" if caught else None, 1, 10, 0.1)


class Suite:
    """Stands in for the tests: ``catches[profile]`` are lists of the defects that a first, second ... run catches."""

    def __init__(self, **catches: Sequence[set[str]]) -> None:
        self.catches = {profile: list(runs) for profile, runs in catches.items()}
        self.asked: list[tuple[str, frozenset[str]]] = []

    def try_all(self, names: Sequence[str], *, profile: str, begun: Any, **_: Any) -> Iterator[TrialOutcome]:
        self.asked.append((profile, frozenset(names)))
        begun({})
        runs = self.catches[profile]
        caught = runs.pop(0) if len(runs) > 1 else runs[0]
        yield from (outcome(name, name in caught) for name in names)


def run(
    monkeypatch: pytest.MonkeyPatch, suite: Suite, names: Sequence[str], profile: str, expected: Sequence[str] = ()
) -> tuple[dict[str, TrialOutcome], Trials]:
    monkeypatch.setattr(trials, "try_all", suite.try_all)
    tried = Trials(profile, 1, 1, lambda _: None, frozenset(expected))
    outcomes = list(tried.run([defect(name) for name in names]))
    assert len(outcomes) == len({item.id for item in outcomes})
    return {item.id: item for item in outcomes}, tried


def test_a_surprising_survivor_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = Suite(gate=[{"race/a"}, set(), {"race/b"}])
    found, _ = run(monkeypatch, suite, ["race/a", "race/b"], "gate")
    assert (found["race/a"].tries, found["race/b"].tries) == (1, 3)
    assert found["race/b"].caught


def test_one_that_survives_every_trial_is_a_survivor(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = Suite(gate=[set()])
    found, _ = run(monkeypatch, suite, ["race/a"], "gate")
    assert not found["race/a"].caught
    assert len(suite.asked) == trials.TRIES


def test_a_survivor_on_record_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = Suite(gate=[set()])
    found, _ = run(monkeypatch, suite, ["race/a"], "gate", expected=["race/a"])
    assert not found["race/a"].caught
    assert len(suite.asked) == 1


def test_certify_tries_its_own_tests_on_what_the_gate_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = Suite(gate=[{"store/a"}], certify=[{"store/a", "store/b"}])
    found, tried = run(monkeypatch, suite, ["store/a", "store/b"], "certify")
    assert all(item.caught for item in found.values())
    assert suite.asked[1] == ("certify", frozenset({"store/b"}))
    assert suite.asked[2] == ("certify", frozenset({"store/a"}))
    assert tried.disagree == []


def test_what_certify_misses_and_the_gate_does_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = Suite(gate=[{"store/a"}], certify=[set()])
    _, tried = run(monkeypatch, suite, ["store/a"], "certify")
    assert tried.disagree == ["store/a"]


def test_performance_meets_the_load_part_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def try_under_load(names: Sequence[str], *, profile: str, begun: Any, **_: Any) -> Iterator[TrialOutcome]:
        assert (list(names), profile) == (["performance/slow"], "gate")
        begun({})
        yield outcome("performance/slow", True)

    monkeypatch.setattr(trials, "try_under_load", try_under_load)
    suite = Suite(gate=[{"store/a"}])
    found, _ = run(monkeypatch, suite, ["performance/slow", "store/a"], "gate")
    assert set(found) == {"performance/slow", "store/a"}
    assert suite.asked == [("gate", frozenset({"store/a"}))]


def under_load(monkeypatch: pytest.MonkeyPatch, runs: Mapping[str | None, list[Ran]]) -> list[TrialOutcome]:
    def run_command(name: str | None, *, part: str, **_: Any) -> Ran:
        assert part == "load"
        return runs[name].pop(0)

    monkeypatch.setattr(real_runs, "run_command", run_command)
    names = [name for name in runs if name is not None]
    return list(real_runs.try_under_load(names, profile="gate", seed=1, begun=lambda _: None))


STALL = {**FOUND, "id": "F-2", "summary": "the target stood still"}
QUIET, NOISY = Ran((), (), 100), Ran((), ("the load generator was the bottleneck",), 100)


def test_only_what_the_defect_free_plane_does_not_show_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Ran((FOUND,), (), 100)
    found = under_load(
        monkeypatch, {None: [plain], "performance/a": [plain], "performance/b": [Ran((FOUND, STALL), (), 120)]}
    )
    assert [(item.id, item.caught, item.told) for item in found] == [
        ("performance/a", False, ()),
        ("performance/b", True, ("the target stood still",)),
    ]
    assert found[1].requests == 120


def test_a_run_that_decides_nothing_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = under_load(monkeypatch, {None: [NOISY, QUIET], "performance/a": [NOISY, Ran((STALL,), (), 100)]})
    assert found.caught


def test_one_that_never_decides_is_a_survivor_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = under_load(monkeypatch, {None: [QUIET], "performance/a": [NOISY] * real_runs.TRIES})
    assert not found.caught
    assert found.problem == "the load generator was the bottleneck"


def test_nothing_can_be_said_when_the_defect_free_plane_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InconclusiveError, match="bottleneck"):
        under_load(monkeypatch, {None: [NOISY] * real_runs.TRIES})


def test_what_an_earlier_proof_of_the_gate_has_caught_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = Suite(certify=[{"store/a", "store/b"}])
    monkeypatch.setattr(trials, "try_all", suite.try_all)
    tried = Trials("certify", 1, 1, lambda _: None, earlier={"store/a": outcome("store/a", True)})
    found = {item.id: item for item in tried.run([defect("store/a"), defect("store/b")])}
    assert all(item.caught for item in found.values())
    assert suite.asked == [("certify", frozenset({"store/b"})), ("certify", frozenset({"store/a"}))]


def report_of(**changes: Any) -> dict[str, Any]:
    """The --json of a proof of the gate."""
    outcomes = {name: outcome(name, name == "store/a") for name in ("store/a", "store/b")}
    score = Score("gate", 1, outcomes, {name: defect(name) for name in outcomes})
    return {**score.to_json(), **changes}


def test_the_report_of_a_proof_can_be_read_again(tmp_path: Path) -> None:
    file = tmp_path / "prove.json"
    file.write_text(json.dumps(report_of()))
    assert caught_by_gate(file, 1) == {"store/a": outcome("store/a", True)}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("no json", "is not JSON"),
        ("{}", "is not a report"),
        (json.dumps(report_of(profile="certify")), "of the profile certify"),
        (json.dumps(report_of(seed=2)), "seed 2"),
    ],
    ids=["text", "empty", "profile", "seed"],
)
def test_another_report_is_refused(tmp_path: Path, content: str, why: str) -> None:
    file = tmp_path / "prove.json"
    file.write_text(content)
    with pytest.raises(SettingsError, match=why):
        caught_by_gate(file, 1)


def test_the_report_of_another_suite_is_refused(tmp_path: Path) -> None:
    report = report_of()
    report["families"]["store"]["suite_digest"] = "sha256:0"
    file = tmp_path / "prove.json"
    file.write_text(json.dumps(report))
    with pytest.raises(SettingsError, match="another state"):
        caught_by_gate(file, 1)
