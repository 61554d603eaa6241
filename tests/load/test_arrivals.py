"""Schedules: constant, ramp, steps, spike, Poisson; split over processes."""

from __future__ import annotations

import itertools
import statistics

import pytest

from assay.load.arrivals import Ramp, Schedule


def steady(rate: float, seconds: float, **more: bool) -> Schedule:
    return Schedule((Ramp("steady", rate, rate, seconds),), **more)


def test_a_constant_rate_is_evenly_spaced() -> None:
    times = list(steady(200, 5).arrivals())
    assert len(times) == 1000
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert min(gaps) == pytest.approx(max(gaps)) == pytest.approx(0.005)
    assert 0 < times[0] < times[-1] < 5


def test_a_ramp_sends_the_area_below_it() -> None:
    times = list(Schedule((Ramp("ramp", 0, 100, 10),)).arrivals())
    assert len(times) == 500
    assert sum(time < 5 for time in times) == 125  # a quarter of the area lies in the first half
    assert times == sorted(times)


def test_steps_and_spikes_change_the_rate_at_once() -> None:
    schedule = Schedule((Ramp("before", 10, 10, 2), Ramp("spike", 100, 100, 1), Ramp("after", 10, 10, 2)))
    times = list(schedule.arrivals())
    assert [sum(low <= time < low + 1 for time in times) for low in range(5)] == [10, 10, 100, 10, 10]
    assert schedule.requests == 140
    assert schedule.seconds == 5


def test_a_stage_without_load_is_a_pause() -> None:
    schedule = Schedule((Ramp("on", 10, 10, 1), Ramp("off", 0, 0, 3), Ramp("on", 10, 10, 1)))
    assert not [time for time in schedule.arrivals() if 1 <= time < 4]
    assert len(list(schedule.arrivals())) == 20


@pytest.mark.parametrize("poisson", [False, True])
@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_processes_share_the_schedule_without_gap_or_double(processes: int, poisson: bool) -> None:
    schedule = Schedule((Ramp("ramp", 5, 50, 10),), poisson=poisson, seed=3)
    parts = [list(schedule.arrivals(part, processes)) for part in range(processes)]
    assert sorted(itertools.chain(*parts)) == list(schedule.arrivals())
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_poisson_arrivals_are_memoryless_and_repeatable() -> None:
    schedule = steady(100, 200, poisson=True)
    times = list(schedule.arrivals())
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert len(times) == pytest.approx(20_000, rel=0.03)  # four standard deviations
    assert statistics.mean(gaps) == pytest.approx(0.01, rel=0.03)
    assert statistics.pstdev(gaps) == pytest.approx(0.01, rel=0.05)  # of an exponential: equal to its mean
    assert times == list(schedule.arrivals())
    assert times != list(Schedule(schedule.ramps, poisson=True, seed=1).arrivals())


def test_warm_up_counts_apart() -> None:
    schedule = Schedule((Ramp("warm-up", 0, 10, 2, measured=False), Ramp("steady", 10, 10, 3)))
    assert schedule.measured_requests == 30
    assert schedule.measured_seconds == 3
    assert schedule.requests == 40


@pytest.mark.parametrize("processes", [1, 3])
def test_bursts_fall_due_together_at_the_same_rate(processes: int) -> None:
    schedule = Schedule((Ramp("steady", 16, 16, 10),), burst=8)
    parts = [list(schedule.arrivals(part, processes)) for part in range(processes)]
    times = sorted(itertools.chain(*parts))
    assert len(times) == 160
    assert len(set(times)) == 20
    assert sorted(set(times)) == pytest.approx([0.25 + 0.5 * number for number in range(20)])


def test_a_schedule_of_a_day_is_walked_lazily() -> None:
    arrivals = steady(1000, 86_400).arrivals()
    assert len(list(itertools.islice(arrivals, 100))) == 100
