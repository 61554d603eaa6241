"""Growth, stalls, closed connections and crowding: found when there, silent when not."""

from __future__ import annotations

import random

import numpy as np
import pytest

from assay.findings.model import Class
from assay.load import observations
from assay.load.collector import Collector
from assay.load.health import GeneratorHealth
from assay.load.histogram import sparse
from assay.load.measures import Connections, Timeline
from assay.load.recorder import Observations, Recorder
from assay.load.saturation import TICK, Crowding, CrowdWatch, Stalls, StallWatch, common, describe
from assay.load.scaling_laws import Levels, ScalingLaw, over_levels, over_time
from assay.load.slo import Objectives

OBJECTIVES = Objectives(laws={"samples": 1.0, "time": 60.0}, stall_share=0.05, source="slo.toml")


def levels(slope: float, *, seed: int = 1, base: float = 5.0, each: int = 40) -> dict[int, dict[int, int]]:
    """Latencies of base + slope * samples ms, log-normally spread."""
    chance = np.random.default_rng(seed)
    found = {}
    for value in (1, 100, 400, 1000):
        index, counts = sparse((base + slope * value) * 1000 * chance.lognormal(0, 0.3, each))
        found[value] = dict(zip(index, counts, strict=True))
    return found


def collector(seconds: float = 30.0) -> Collector:
    return Collector(Timeline((seconds,), (True,)))


def with_stalls(*spans: tuple[float, float]) -> Collector:
    """One process that saw the target stand still."""
    observed = collector()
    observed[GeneratorHealth].cpu_shares = {"a": [0.1]}
    observed[Stalls].spans = list(spans)
    return observed


@pytest.mark.parametrize("slope", [0.02, 0.5, 2.1])
def test_a_law_is_fitted_with_an_interval_that_holds_the_truth(slope: float) -> None:
    hits = 0
    for seed in range(20):
        law = over_levels("metrics", "samples", levels(slope, seed=seed), seed=seed)
        assert law is not None
        hits += law.low <= slope <= law.high
        assert law.slope == pytest.approx(slope, rel=0.25)
        assert law.grows
    assert hits >= 16  # 19 expected; 16 is three standard deviations below


def test_no_growth_is_no_finding_in_20_runs() -> None:
    for seed in range(20):
        law = over_levels("metrics", "samples", levels(0.0, seed=seed), seed=seed)
        assert law is not None
        assert not law.grows
        assert not law.breaks(1.0)


def test_a_law_speaks_for_itself() -> None:
    law = ScalingLaw("metrics", "samples", slope=2.1, low=1.9, high=2.3, base=5.0, span=999)
    assert law.sentence() == "+2.1 ms per sample, 95 % CI 1.9 to 2.3"
    assert law.breaks(1.0)
    assert not law.breaks(2.0)


def test_too_little_gives_no_law() -> None:
    assert over_levels("metrics", "samples", levels(1.0, each=5)) is None
    assert over_levels("metrics", "samples", {1: levels(1.0)[1], 100: levels(1.0)[100]}) is None
    assert over_time("metrics", {at: levels(0.0)[1] for at in range(5)}, 1.0) is None


def blocks(per_minute: float, *, disturbed: int = 0, seed: int = 1) -> dict[int, dict[int, int]]:
    chance = np.random.default_rng(seed)
    found = {}
    for at in range(30):
        centre = (20.0 + per_minute * at / 60) * (30 if at in range(disturbed) else 1)
        index, counts = sparse(centre * 1000 * chance.lognormal(0, 0.2, 40))
        found[at] = dict(zip(index, counts, strict=True))
    return found


def test_growth_with_time_is_found_and_a_few_disturbed_blocks_are_not_growth() -> None:
    growing = over_time("get", blocks(600.0), 1.0)
    assert growing is not None
    assert growing.low <= 600 <= growing.high
    assert growing.breaks(60.0)
    for seed in range(20):
        flat = over_time("get", blocks(0.0, disturbed=3, seed=seed), 1.0)
        assert flat is not None
        assert not flat.grows
        assert not flat.breaks(60.0)


def test_growth_beyond_the_objective_is_a_violation_and_below_it_an_advisory() -> None:
    for slope, expected in ((2.0, Class.VIOLATION), (0.5, Class.ADVISORY)):
        observed = collector()
        observed[Levels].counts = {("metrics", "samples", value): counts for value, counts in levels(slope).items()}
        (finding,) = observations.findings(observed, OBJECTIVES, 30.0)
        assert (finding.cls, finding.check, finding.rule) == (expected, "growth", "samples")
        assert "ms per sample, 95 % CI" in finding.summary
    assert finding.id == observations.findings(observed, OBJECTIVES, 30.0)[0].id


def test_what_grows_with_the_workloads_that_live_is_told_once() -> None:
    """Counted in two ways: those being deleted may cost something still, or no longer."""
    for true, other in (("live", "present"), ("present", "live")):
        observed = collector()
        for variable, slope in ((true, 40.0), (other, -8.0)):
            for value in range(3, 8):
                chance = np.random.default_rng(value)
                index, counts = sparse((100 + slope * value) * 1000 * chance.lognormal(0, 0.05, 20))
                observed[Levels].counts["create", variable, value] = dict(zip(index, counts, strict=True))
        (finding,) = observations.findings(observed, OBJECTIVES, 30.0)
        assert finding.rule == true


# stalls ----------------------------------------------------------------------------------------------------------


def watched(freezes: list[tuple[float, float]], *, awake: bool = True, rate: float = 40.0) -> list[list[float]]:
    """A watch over 20 s of steady requests, answered in 5 ms but for the freezes."""
    watch = StallWatch()
    events: list[tuple[float, int, float]] = []
    for number in range(int(20 * rate)):
        due = number / rate
        end = due + 0.005
        for begin, stop in freezes:
            if begin <= end < stop:
                end = stop + 0.0001 * number
        events += [(due, 1, 0.0), (end, -1, 0.0)]
    ticks = [number * TICK for number in range(int(22 / TICK))]
    if not awake:
        ticks = [tick for tick in ticks if not any(begin <= tick < stop for begin, stop in freezes)]
    events += [(tick, 0, 0.0) for tick in ticks]
    in_flight = 0
    for at, step, _ in sorted(events):
        if step == 0:
            watch.tick(at)
        elif step > 0:
            in_flight += 1
            watch.started(at, in_flight)
        else:
            watch.ended(at, in_flight)
            in_flight -= 1
    return watch.drain()


def test_freezes_are_seen_with_their_length() -> None:
    found = watched([(2.0, 3.0), (7.0, 8.0), (12.0, 13.0)])
    assert [round(start) for start, _ in found] == [2, 7, 12]
    assert all(end - start == pytest.approx(1.0, abs=0.08) for start, end in found)
    assert describe([(start, end) for start, end in found]).startswith("3 times, for up to 0.9")
    assert describe([(start, end) for start, end in found]).endswith("every 5.0 s")


def test_a_steady_target_has_no_stalls() -> None:
    assert watched([]) == []


def test_a_short_pause_is_no_stall() -> None:
    assert watched([(2.0, 2.2)]) == []


def test_a_stall_of_the_generator_is_not_the_targets() -> None:
    assert watched([(2.0, 3.0)], awake=False) == []


def test_a_lonely_slow_request_is_no_stall() -> None:
    assert watched([(2.0, 2.9)], rate=1.0) == []


def test_only_what_all_processes_saw_counts() -> None:
    first, second = [(1.0, 2.0), (5.0, 6.0)], [(1.2, 2.2), (8.0, 9.0)]
    assert common(first + second, 2) == [(1.2, 2.0)]
    assert common(first, 1) == first


def test_stalls_become_a_violation_by_their_share() -> None:
    observed = with_stalls((2.0, 3.0), (7.0, 8.0), (12.0, 13.0))
    (finding,) = observations.findings(observed, OBJECTIVES, 20.0)
    assert (finding.cls, finding.check) == (Class.VIOLATION, "stall")
    assert "3 times, for up to 1.00 s, every 5.0 s (15.0% of the time)" in finding.summary
    (finding,) = observations.findings(observed, OBJECTIVES, 600.0)
    assert finding.cls is Class.ADVISORY
    assert not observations.findings(with_stalls((2.0, 3.0)), OBJECTIVES, 20.0)


STALLS = [
    # stalls, told on a quiet machine, told on a busy one
    ([(2.0, 3.0)], 0, 0),
    ([(2.0, 3.6)], 1, 1),
    ([(2.0, 3.0), (12.0, 13.0)], 2, 0),
    ([(2.0, 2.3), (6.0, 6.5), (9.0, 9.7)], 3, 0),
    ([(2.0, 3.0), (7.0, 8.0), (12.0, 13.0), (15.0, 15.3)], 4, 3),
]


@pytest.mark.parametrize(("stalls", "quiet", "busy"), STALLS)
def test_a_busy_machine_asks_for_more_evidence(stalls: list[tuple[float, float]], quiet: int, busy: int) -> None:
    for late, expected in ((0.001, quiet), (0.015, busy)):
        observed = with_stalls(*stalls)
        observed[GeneratorHealth].lag.record(np.full(1000, late * 1e6))
        told = [finding.summary for finding in observations.findings(observed, OBJECTIVES, 20.0)]
        assert len(told) == (expected > 0)
        assert all(f"stood still {expected} time" in summary for summary in told)


def answers(milliseconds: list[float], operation: str = "get") -> Collector:
    """A collector that has seen these right answers, evenly spaced."""
    recorder, observed = Recorder(Timeline((30.0,), (True,))), collector()
    for number, latency in enumerate(milliseconds):
        due = number * 30.0 / len(milliseconds)
        recorder.started(due, due)
        recorder.ended(operation, due, due, due + latency / 1000, None)
    observed.add("a", Observations({**recorder.drain().sections, "stalls": []}))
    return observed


def test_single_requests_that_stall_are_told_though_no_percentile_shows_them() -> None:
    (finding,) = observations.findings(answers([5.0] * 990 + [3000.0] * 10), OBJECTIVES, 30.0)
    assert (finding.cls, finding.check) == (Class.ADVISORY, "outliers")
    assert "10 of 1000 answers (1.0%) took 3.0 to 3.0 s (10 of get)" in finding.summary


@pytest.mark.parametrize(
    "milliseconds",
    [
        [5.0] * 998 + [3000.0] * 2,  # two alone may be anything
        [5.0] * 980 + [900.0] * 20,  # a second is the least
        [100.0] * 980 + [1900.0] * 20,  # slow in general: 20 times the median is the least
        [5.0] * 900 + [3000.0] * 100,  # that is for the limits to tell
    ],
)
def test_what_is_no_outlier(milliseconds: list[float]) -> None:
    assert not [f for f in observations.findings(answers(milliseconds), OBJECTIVES, 30.0) if f.check == "outliers"]


def test_a_busy_machine_asks_for_slower_outliers_too() -> None:
    for seconds, told in ((1.3, 0), (3.0, 1)):
        observed = answers([5.0] * 990 + [seconds * 1000] * 10)
        observed[GeneratorHealth].lag.record(np.full(2000, 15_000.0))  # most starts 15 ms late
        assert len(observations.findings(observed, OBJECTIVES, 30.0)) == told


def test_growth_with_time_on_a_busy_machine_is_told_by_its_limit_alone() -> None:
    growing = over_time("get", blocks(600.0), 1.0)
    assert growing is not None
    for late, limit, told in ((1_000.0, 1e6, 1), (15_000.0, 1e6, 0), (15_000.0, 60.0, 1)):
        objectives = Objectives(laws={"time": limit})
        observed = answers([5.0] * 100)
        observed[GeneratorHealth].lag.record(np.full(2000, late))
        found = observations._growth([growing], objectives, quiet=observations._quiet(observed))
        assert len(found) == told


def test_requests_served_one_at_a_time_are_named_and_a_short_queue_is_not() -> None:
    for each, expected in ((10.0, ["position"]), (2.0, [])):
        observed = collector()
        for position in range(1, 9):
            chance = np.random.default_rng(position)
            index, counts = sparse((5 + each * position) * 1000 * chance.lognormal(0, 0.05, 20))
            observed[Levels].counts["get", "position", position] = dict(zip(index, counts, strict=True))
        found = observations.findings(observed, OBJECTIVES, 30.0)
        assert [finding.rule for finding in found] == expected
        assert all("as if served one at a time" in finding.summary for finding in found)


# connections and crowding ------------------------------------------------------------------------------------------


def test_closing_connections_is_an_advisory() -> None:
    observed = collector()
    observed[Connections].answered, observed[Connections].closed = 1000, 1000
    (finding,) = observations.findings(observed, OBJECTIVES, 20.0)
    assert (finding.cls, finding.check) == (Class.ADVISORY, "connections")
    observed[Connections].closed = 20
    assert not observations.findings(observed, OBJECTIVES, 20.0)


def test_the_knee_names_where_errors_begin() -> None:
    crowding = Crowding(Timeline((30.0,), (True,)))
    crowding.answers = {("get", 1): [500, 0], ("get", 4): [100, 0], ("put", 5): [20, 30], ("get", 8): [50, 60]}
    assert crowding.knee() == "0.0% with up to 4 at once, 56% with 5 or more"
    crowding.answers = {("get", 1): [500, 50], ("get", 8): [500, 60]}
    assert crowding.knee() == ""
    crowding.answers = {("get", 1): [500, 0], ("get", 8): [500, 0]}
    assert crowding.knee() == ""


def test_crowding_is_the_most_at_once_during_a_request() -> None:
    """Against a plain count of everything, on random lives."""
    chance = random.Random(5)
    lives = []
    at = 0.0
    for _ in range(400):
        at += chance.expovariate(10.0)
        lives.append((at, at + chance.expovariate(2.0)))
    events = sorted([(start, 1, number) for number, (start, _) in enumerate(lives)])
    events = sorted(events + [(end, -1, number) for number, (_, end) in enumerate(lives)])
    crowd, size = CrowdWatch(), 0
    sizes: list[tuple[float, int]] = []
    for moment, step, number in events:
        if step > 0:
            size += 1
            crowd.started(moment, size)
            sizes.append((moment, size))
        else:
            start = lives[number][0]
            assert crowd.most_since(start) == max(count for when, count in sizes if start <= when <= moment)
            size -= 1


def test_the_recorder_reports_levels_of_measured_right_answers_only() -> None:
    recorder = Recorder(Timeline((10.0, 20.0), (False, True)))
    for due, error in ((5.0, None), (15.0, None), (16.0, "500")):
        recorder.started(due, due)
        recorder.ended("get", due, due, due + 0.01, error, (("samples", 100),))
    sections = recorder.drain().sections
    ((operation, variable, value, _, counts),) = sections["levels"]
    assert (operation, variable, value, sum(counts)) == ("get", "samples", 100, 1)
    assert sections["crowding"] == [("get", 1, 2, 1)]
