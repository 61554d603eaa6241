"""The coordinator against load processes that the test plays: who is lost, what counts, who is told what."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from assay import __version__
from assay.errors import InconclusiveError
from assay.load import coordinator as module
from assay.load.coordinator import Coordinator, Interrupted, Leg
from assay.load.profiles import Load, Profile, Step
from assay.load.recorder import Recorder

STEPS = (Step("steady", 1.0, 1.0, 60.0, measured=True),)
PROFILE = Profile("p", "", (Load("read", 10.0),), STEPS, poisson=False, in_flight=10, timeout=1.0, patience=1.0)
OPERATION = "get_inference"


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ABSENT_SECONDS", 0.2)


class Stage:
    """Two load processes, ``a`` and ``b``; ``there`` are those that can be reached."""

    def __init__(self) -> None:
        self.there = {"a", "b"}
        self.sent: list[tuple[str, str]] = []
        self.told: list[dict[str, Any]] = []
        self.coordinator = Coordinator(
            self._send, lambda: set(self.there), lambda event: self.told.append(dict(event))
        )
        for name in ("a", "b"):
            self.coordinator.hear("assay_here", name, {"version": __version__})
        self.coordinator.gather(2)

    def _send(self, kind: str, content: dict[str, Any], member: str) -> None:  # noqa: ARG002 - what the coordinator calls
        self.sent.append((kind, member))

    def report(self, name: str, requests: int) -> None:
        recorder = Recorder([60.0])
        for _ in range(requests):
            recorder.started(0.1, 0.1)
            recorder.ended(OPERATION, 0.1, 0.1, 0.2, None)
        content = {"number": 1, "sequence": 1, "report": recorder.drain()}
        self.coordinator.hear("assay_report", name, content)

    def done(self, name: str, reports: int, cut_at: float | None = None) -> None:
        stopped = cut_at is not None
        content = {"number": 1, "problem": None, "reports": reports, "cut_at": cut_at, "stopped": stopped}
        self.coordinator.hear("assay_done", name, content)

    def until_lost(self, name: str) -> None:
        while name not in self.coordinator.lost:
            gevent.sleep(0.05)

    def leg(self, *script: Any) -> Leg:
        """The leg, while each step of ``script`` is done in turn: a call, or seconds to wait."""

        def play() -> None:
            for step in script:
                gevent.sleep(step) if isinstance(step, float) else step()

        player = gevent.spawn(play)
        leg = self.coordinator.leg(PROFILE, STEPS)
        player.get()
        return leg


@pytest.fixture
def stage() -> Stage:
    return Stage()


def requests(leg: Leg) -> int:
    return leg.collector.merged(OPERATION, "ok").count


def test_all_reports_count_and_the_progress_is_told(stage: Stage) -> None:
    leg = stage.leg(
        lambda: stage.report("a", 5),
        lambda: stage.report("b", 7),
        lambda: stage.done("a", 1),
        lambda: stage.done("b", 1),
    )
    assert (requests(leg), leg.problems) == (12, [])
    assert stage.told[-1]["requests"] == 12


def test_a_lost_report_is_told(stage: Stage) -> None:
    leg = stage.leg(lambda: stage.done("a", 0), lambda: stage.report("b", 7), lambda: stage.done("b", 3))
    assert leg.problems == ["2 reports of load process b were lost"]


def test_a_lost_process_that_comes_back_counts_no_more_and_is_let_go(stage: Stage) -> None:
    leg = stage.leg(
        lambda: stage.report("a", 5),
        lambda: stage.report("b", 7),
        0.4,
        lambda: stage.there.discard("b"),
        lambda: stage.until_lost("b"),
        lambda: stage.there.add("b"),
        lambda: stage.report("b", 1000),
        lambda: stage.report("b", 1000),
        0.4,
        lambda: stage.done("a", 1),
    )
    assert requests(leg) == 12
    (problem,) = leg.problems
    assert "load process b was lost" in problem
    assert "only 1 of 2 parts of the asked rate" in problem
    assert stage.sent.count(("assay_finish", "b")) == 1
    # The clean-up at the end asks those that are left, and waits for nobody else.
    gevent.spawn_later(0.1, stage.coordinator.hear, "assay_finished", "a", {"left": 2, "deleted": 1})
    assert stage.coordinator.finish(5.0) == 2


def test_an_instant_of_absence_is_no_loss(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ABSENT_SECONDS", 60.0)
    leg = stage.leg(
        0.3,
        lambda: stage.there.discard("b"),
        0.6,
        lambda: stage.there.add("b"),
        0.3,
        lambda: stage.done("a", 0),
        lambda: stage.done("b", 0),
    )
    assert leg.problems == []


def test_when_all_are_lost_the_measured_time_ends_with_the_last_report(stage: Stage) -> None:
    leg = stage.leg(0.5, lambda: stage.report("a", 5), 0.2, stage.there.clear)
    assert len(leg.problems) == 2
    assert 0 < leg.measured_seconds < 60.0


def test_one_that_is_stopped_by_hand_does_not_shorten_the_time_of_the_others(stage: Stage) -> None:
    leg = stage.leg(lambda: stage.done("a", 0, cut_at=7.0), lambda: stage.done("b", 0))
    assert leg.measured_seconds == 60.0
    assert leg.problems == [
        "load process a was stopped after 7 s: from then on the figures hold only the parts of the others"
    ]


def test_when_all_were_stopped_the_measured_time_ends_with_the_last(stage: Stage) -> None:
    leg = stage.leg(lambda: stage.done("a", 0, cut_at=7.0), lambda: stage.done("b", 0, cut_at=9.0))
    assert leg.measured_seconds == 9.0


def test_an_interruption_halts_everybody_and_says_why(stage: Stage) -> None:
    leg = stage.leg(
        0.3,
        lambda: stage.coordinator.interrupt("stopped by hand"),
        0.3,
        lambda: stage.done("a", 0),
        lambda: stage.done("b", 0),
    )
    assert leg.interrupted == stage.coordinator.interrupted == "stopped by hand"
    assert {("assay_halt", "a"), ("assay_halt", "b")} <= set(stage.sent)
    with pytest.raises(Interrupted):
        stage.coordinator.leg(PROFILE, STEPS)


def test_other_versions_are_not_led() -> None:
    lead = Coordinator(lambda *_: None, lambda: {"a"})
    lead.hear("assay_here", "a", {"version": "0.0.1"})
    with pytest.raises(InconclusiveError, match=f"load process a runs assay 0.0.1, and this one {__version__}"):
        lead.gather(1, seconds=5.0)
