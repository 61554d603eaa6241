"""How far a run of stages has come: figures from the reports, told at a calm pace."""

from __future__ import annotations

from typing import Any

import pytest

from assay.load.collector import MOST_EVENTS, Meter, asked
from assay.load.profiles import Load, Profile, Stage

RAMP = Stage("warm-up", 0.0, 1.0, 10.0, measured=False)
STEADY = Stage("steady", 1.0, 1.0, 20.0, measured=True)


def profile(*stages: Stage) -> Profile:
    loads = (Load("read", 30.0), Load("metrics", 10.0))
    return Profile("p", "", loads, stages, poisson=False, in_flight=10, timeout=10.0, patience=10.0)


class Watched:
    def __init__(self, *stages: Stage, attempt: int = 1) -> None:
        self.events: list[dict[str, Any]] = []
        self.meter = Meter(lambda event: self.events.append(dict(event)), profile(*stages), attempt)


@pytest.mark.parametrize(
    ("seconds", "due"), [(0.0, 0.0), (5.0, 50.0), (10.0, 200.0), (15.0, 400.0), (30.0, 1000.0), (99.0, 1000.0)]
)
def test_due_is_what_the_schedule_asks_for_by_then(seconds: float, due: float) -> None:
    stages = (RAMP, STEADY)
    assert asked(profile(*stages), seconds) == pytest.approx(due)


def test_due_is_the_number_of_arrivals() -> None:
    whole = profile(RAMP, STEADY)
    arrivals = sum(len(list(whole.schedule(load, 0).arrivals(0, 1))) for load in whole.loads)
    assert asked(whole, 30.0) == pytest.approx(arrivals, abs=2)


def test_figures_of_a_run() -> None:
    watched = Watched(RAMP, STEADY, attempt=2)
    watched.meter.tell(0.5, 33, 3)
    watched.meter.tell(5.0, 50, 3)
    watched.meter.finish(15.0, 150, 3)
    assert watched.events == [
        {
            "attempt": 2,
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
            "attempt": 2,
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
        watched.meter.tell(tick * 0.1, 0, 0)
    assert [event["second"] for event in watched.events] == [float(second) for second in range(1, 10)]


def test_a_day_does_not_flood_the_journal() -> None:
    watched = Watched(Stage("steady", 1.0, 1.0, 86_400.0, measured=True))
    for second in range(86_400):
        watched.meter.tell(float(second), 0, 0)
    assert MOST_EVENTS * 0.9 < len(watched.events) <= MOST_EVENTS


def test_the_last_answers_come_after_the_end() -> None:
    watched = Watched(STEADY)
    watched.meter.finish(27.0, 0, 0)
    (event,) = watched.events
    assert (event["second"], event["stage"], event["due"]) == (20.0, "steady", 800)
