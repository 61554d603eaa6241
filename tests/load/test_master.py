"""The master against load processes that the test plays: who is lost, what counts, who is told what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest

from assay import __version__
from assay.clock import VirtualClock
from assay.errors import InconclusiveError, SettingsError
from assay.load.latency import Latency
from assay.load.master import Interrupted, Master, StageRun
from assay.load.measures import Timeline
from assay.load.messages import Done, Finish, Finished, Halt, Here, Message, Report, decode, encode
from assay.load.options import Waits
from assay.load.profiles import Load, Profile, Stage
from assay.load.recorder import Recorder

STAGES = (Stage("steady", 1.0, 1.0, 60.0, measured=True),)
PROFILE = Profile("p", "", (Load("read", 10.0),), STAGES, poisson=False, in_flight=10, timeout=1.0, patience=1.0)
OPERATION = "get_inference"
ABSENT = 2.0


class Play:
    """Two load processes, ``a`` and ``b``; ``there`` are those that can be reached. Time passes when the script says.

    The master looks whenever the script waits, so that it sees each step before the next one.
    """

    def __init__(self) -> None:
        self.there = {"a", "b"}
        self.sent: list[tuple[type[Message], str]] = []
        self.told: list[dict[str, Any]] = []
        self.clock = VirtualClock(0.0)
        self.master = Master(
            lambda message, member: self.sent.append((type(message), member)),
            lambda: set(self.there),
            lambda event: self.told.append(dict(event)),
            absent_seconds=ABSENT,
            look_seconds=0.001,
            clock=self.clock,
        )
        for name in ("a", "b"):
            self.master.hear(name, Here(__version__))
        self.master.gather(2)

    def report(self, name: str, requests: int) -> None:
        recorder = Recorder(Timeline((60.0,), (True,)))
        for _ in range(requests):
            recorder.started(0.1, 0.1)
            recorder.ended(OPERATION, 0.1, 0.1, 0.2, None)
        self.hear(name, Report(1, recorder.drain()))

    def done(self, name: str, reports: int, cut_at: float | None = None) -> None:
        self.hear(name, Done(1, reports, cut_at=cut_at, stopped=cut_at is not None))

    def hear(self, name: str, message: Message) -> None:
        """As it arrives: through what Locust's transport carries."""
        self.master.hear(name, decode(type(message), encode(message)))

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass, a quarter of one at a time, and the master look after each."""
        for _ in range(int(seconds * 4)):
            self.clock.now += 0.25
            gevent.sleep(0.003)

    def run(self, *script: float | Callable[[], Any]) -> StageRun:
        """The run of stages, while each step of ``script`` is done in turn: a call, or seconds to wait."""

        def play() -> None:
            for step in script:
                self.wait(step) if isinstance(step, float) else step()

        player = gevent.spawn(play)
        run = self.master.run_stages(PROFILE)
        player.get()
        return run


@pytest.fixture
def play() -> Play:
    return Play()


def requests(run: StageRun) -> int:
    return run.collector[Latency].merged(OPERATION, "ok").count


def test_all_reports_count_and_the_progress_is_told(play: Play) -> None:
    run = play.run(
        lambda: play.report("a", 5),
        lambda: play.report("b", 7),
        lambda: play.done("a", 1),
        lambda: play.done("b", 1),
    )
    assert (requests(run), run.problems) == (12, [])
    assert play.told[-1]["requests"] == 12


def test_a_lost_report_is_told(play: Play) -> None:
    run = play.run(lambda: play.done("a", 0), lambda: play.report("b", 7), lambda: play.done("b", 3))
    assert run.problems == ["2 reports of load process b were lost"]


def test_a_lost_process_that_comes_back_counts_no_more_and_is_let_go(play: Play) -> None:
    run = play.run(
        lambda: play.report("a", 5),
        lambda: play.report("b", 7),
        1.0,
        lambda: play.there.discard("b"),
        ABSENT + 1.0,
        lambda: play.there.add("b"),
        lambda: play.report("b", 1000),
        lambda: play.report("b", 1000),
        1.0,
        lambda: play.done("a", 1),
    )
    assert requests(run) == 12
    (problem,) = run.problems
    assert "load process b was lost" in problem
    assert "only 1 of 2 parts of the asked rate" in problem
    assert play.sent.count((Finish, "b")) == 1
    # The clean-up at the end asks those that are left, and waits for nobody else.
    gevent.spawn(play.hear, "a", Finished(left=2, deleted=1))
    assert play.master.finish(5.0) == 2


def test_an_instant_of_absence_is_no_loss(play: Play) -> None:
    run = play.run(
        0.5,
        lambda: play.there.discard("b"),
        ABSENT - 0.5,
        lambda: play.there.add("b"),
        ABSENT - 0.5,
        lambda: play.done("a", 0),
        lambda: play.done("b", 0),
    )
    assert run.problems == []


def test_when_all_are_lost_the_measured_time_ends_with_the_last_report(play: Play) -> None:
    run = play.run(2.0, lambda: play.report("a", 5), 1.0, play.there.clear, ABSENT + 1.0)
    assert len(run.problems) == 2
    assert run.measured_seconds == pytest.approx(2.0, abs=0.5)


def test_one_that_is_stopped_by_hand_does_not_shorten_the_time_of_the_others(play: Play) -> None:
    run = play.run(lambda: play.done("a", 0, cut_at=7.0), lambda: play.done("b", 0))
    assert run.measured_seconds == 60.0
    assert run.problems == [
        "load process a was stopped after 7 s: from then on the figures hold only the parts of the others"
    ]


def test_when_all_were_stopped_the_measured_time_ends_with_the_last(play: Play) -> None:
    run = play.run(lambda: play.done("a", 0, cut_at=7.0), lambda: play.done("b", 0, cut_at=9.0))
    assert run.measured_seconds == 9.0


def test_an_interruption_halts_everybody_and_says_why(play: Play) -> None:
    run = play.run(
        1.0,
        lambda: play.master.interrupt("stopped by hand"),
        1.0,
        lambda: play.done("a", 0),
        lambda: play.done("b", 0),
    )
    assert run.interrupted == play.master.interrupted == "stopped by hand"
    assert {(Halt, "a"), (Halt, "b")} <= set(play.sent)
    with pytest.raises(Interrupted):
        play.master.run_stages(PROFILE)


def test_other_versions_are_not_led() -> None:
    master = Master(lambda *_: None, lambda: {"a"})
    master.hear("a", Here("0.0.1"))
    with pytest.raises(InconclusiveError, match=f"load process a runs assay 0.0.1, and this one {__version__}"):
        master.gather(1, seconds=5.0)


def test_what_is_no_message_is_refused_in_words() -> None:
    with pytest.raises(InconclusiveError, match="a load process sent a message that is no Done"):
        decode(Done, {"number": "one"})


def test_waits_are_handed_in_by_the_environment() -> None:
    assert Waits.at_hand({}) == Waits()
    assert Waits.at_hand({"ASSAY__WAITS": '{"silence": 5.0}'}) == Waits(silence=5.0)
    with pytest.raises(SettingsError, match="silent"):
        Waits.at_hand({"ASSAY__WAITS": '{"silent": 5.0}'})
