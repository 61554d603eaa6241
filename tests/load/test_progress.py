"""How far a leg has come: figures from the reports, told at a calm pace."""

from __future__ import annotations

from typing import Any

import pytest

from assay.load.profiles import Load, Profile, Step
from assay.load.progress import MOST_EVENTS, Meter, asked
from assay.load.recorder import Recorder

RAMP = Step("warm-up", 0.0, 1.0, 10.0, measured=False)
STEADY = Step("steady", 1.0, 1.0, 20.0, measured=True)


def profile(*steps: Step) -> Profile:
    loads = (Load("read", 30.0), Load("metrics", 10.0))
    return Profile("p", "", loads, steps, poisson=False, in_flight=10, timeout=10.0, patience=10.0)


class Watched:
    def __init__(self, *steps: Step, leg: int = 1) -> None:
        self.events: list[dict[str, Any]] = []
        self.meter = Meter(lambda event: self.events.append(dict(event)), profile(*steps), steps, leg)


def report(right: int, wrong: int) -> Any:
    """What a load process reports of so many requests."""
    recorder = Recorder([30.0])
    for number in range(right + wrong):
        recorder.started(0.1, 0.1, waited=False)
        error = "status 500" if number >= right else None
        recorder.ended("get_inference", 0.1, 0.1, 0.2, error)
    return recorder.drain()


@pytest.mark.parametrize(
    ("seconds", "due"), [(0.0, 0.0), (5.0, 50.0), (10.0, 200.0), (15.0, 400.0), (30.0, 1000.0), (99.0, 1000.0)]
)
def test_due_is_what_the_schedule_asks_for_by_then(seconds: float, due: float) -> None:
    steps = (RAMP, STEADY)
    assert asked(profile(*steps), steps, seconds) == pytest.approx(due)


def test_due_is_the_number_of_arrivals() -> None:
    whole = profile(RAMP, STEADY)
    arrivals = sum(len(list(whole.schedule(load, 0).arrivals(0, 1))) for load in whole.loads)
    assert asked(whole, whole.steps, 30.0) == pytest.approx(arrivals, abs=2)


def test_figures_of_a_leg() -> None:
    watched = Watched(RAMP, STEADY, leg=2)
    watched.meter.add(report(30, 3))
    watched.meter.add(report(17, 0))
    watched.meter.tell(5.0)
    watched.meter.add(report(100, 0))
    watched.meter.finish(15.0)
    assert watched.events == [
        {
            "leg": 2,
            "stage": "warm-up",
            "second": 5.0,
            "seconds": 30.0,
            "requests": 50,
            "due": 50,
            "total": 1000,
            "rate": 10.0,
            "errors": 3,
        },
        {
            "leg": 2,
            "stage": "steady",
            "second": 15.0,
            "seconds": 30.0,
            "requests": 150,
            "due": 400,
            "total": 1000,
            "rate": 10.0,
            "errors": 3,
        },
    ]


def test_told_once_a_second_however_often_it_is_asked() -> None:
    watched = Watched(STEADY)
    for tick in range(100):
        watched.meter.tell(tick * 0.1)
    assert [event["second"] for event in watched.events] == [float(second) for second in range(1, 10)]


def test_a_day_does_not_flood_the_journal() -> None:
    watched = Watched(Step("steady", 1.0, 1.0, 86_400.0, measured=True))
    for second in range(86_400):
        watched.meter.tell(float(second))
    assert MOST_EVENTS * 0.9 < len(watched.events) <= MOST_EVENTS


def test_the_last_answers_come_after_the_end() -> None:
    watched = Watched(STEADY)
    watched.meter.finish(27.0)
    (event,) = watched.events
    assert (event["second"], event["stage"], event["due"]) == (20.0, "steady", 800)
