"""Better, same, worse or cannot tell: on made measurements whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assay.errors import SettingsError
from assay.load.comparison import Comparison, Trend
from assay.load.comparison import compare as compare_fully
from assay.load.histogram import Histogram
from assay.load.measurement import BenchmarkResult, TimeBlocks, read_measurement

OPERATION = "get_inference"
TRIES = 20


def compare(before: BenchmarkResult, after: BenchmarkResult, *, seed: int = 0) -> Comparison:
    """With fewer resamples than in earnest, for speed: the interval's ends are a little rougher."""
    return compare_fully(before, after, seed=seed, resamples=250)


def measured(
    seed: int, *, slower: float = 1.0, blocks: int = 30, each: int = 200, mood: float = 0.03
) -> BenchmarkResult:
    """Log-normal latencies around 20 ms; every block has a mood of its own (neighbours, pauses): not independent."""
    chance = np.random.default_rng(seed)
    histograms = []
    for _ in range(blocks):
        histogram = Histogram()
        scale = 20_000 * slower * float(np.exp(chance.normal(0, mood)))
        histogram.record(scale * chance.lognormal(0, 0.3, each))
        histograms.append(histogram)
    operation = TimeBlocks(40.0, blocks * each, 0, tuple(histograms))
    return BenchmarkResult(f"run-{seed}", 60.0, {OPERATION: operation}, {"profile": "baseline"})


def test_two_runs_of_one_build_are_the_same() -> None:
    said = [compare(measured(seed), measured(seed + 1000), seed=seed).trend for seed in range(TRIES)]
    assert said.count(Trend.SAME) >= 19, said


@pytest.mark.parametrize(("slower", "expected"), [(1.2, Trend.WORSE), (0.8, Trend.BETTER)])
def test_a_fifth_slower_or_faster_is_found(slower: float, expected: Trend) -> None:
    said = [compare(measured(seed), measured(seed + 1000, slower=slower), seed=seed).trend for seed in range(TRIES)]
    assert said.count(expected) >= 19, said


def test_a_short_noisy_run_cannot_tell_rather_than_guess() -> None:
    said = [
        compare(measured(seed, blocks=8, each=5, mood=0.3), measured(seed + 1000, blocks=8, each=5, mood=0.3)).trend
        for seed in range(TRIES)
    ]
    assert said.count(Trend.WORSE) + said.count(Trend.BETTER) <= 1
    assert said.count(Trend.UNKNOWN) >= 15


def test_a_percentile_of_few_requests_is_shown_and_decides_nothing() -> None:
    comparison = compare(measured(1, each=20), measured(2, each=20, slower=1.5))
    decisive = {item.percentile: item.decisive for item in comparison.differences}
    assert decisive == {"p50": True, "p95": False, "p99": False}
    (p95,) = (item for item in comparison.differences if item.percentile == "p95")
    assert "600 requests, 800 are needed" in p95.sentence()
    assert [item.percentile for item in comparison.worse] == ["p50"]


def test_what_the_generators_own_lateness_could_explain_is_not_blamed_on_the_target() -> None:
    before, after = measured(1), replace(measured(2, slower=1.2), about={"start_lag_ms": {"p50": 9.0, "p95": 9.0}})
    assert compare(before, measured(2, slower=1.2)).trend is Trend.WORSE
    comparison = compare(before, after)
    assert comparison.trend is Trend.UNKNOWN
    assert "the generator itself was up to 9.0 ms late" in comparison.differences[0].sentence()


def test_too_few_blocks_cannot_tell_and_say_so() -> None:
    comparison = compare(measured(1, blocks=3), measured(2))
    assert comparison.trend is Trend.UNKNOWN
    assert "3 time blocks, 8 are needed" in comparison.differences[0].sentence()


def test_the_interval_holds_the_truth_as_often_as_it_promises() -> None:
    hits = 0
    for seed in range(60):
        (p50, *_) = compare(
            measured(seed, each=100), measured(seed + 1000, each=100, slower=1.15), seed=seed
        ).differences
        hits += p50.low <= 0.15 <= p50.high
    assert hits >= 52  # 57 expected; 52 is three standard deviations below


def test_less_than_a_millisecond_is_the_same_whatever_its_ratio() -> None:
    fast, twice = measured(1, slower=0.01), measured(2, slower=0.02)  # 0.2 ms and 0.4 ms
    assert compare(fast, twice).trend is Trend.SAME


def test_a_worse_tail_alone_is_worse() -> None:
    def with_tail(seed: int, tail: float) -> BenchmarkResult:
        base = measured(seed)
        blocks = base.operations[OPERATION].blocks
        for block in blocks:
            block.record(np.full(20, 20_000 * tail))
        return base

    comparison = compare(with_tail(1, 2.0), with_tail(2, 4.0))
    assert {difference.percentile: difference.trend for difference in comparison.differences} == {
        "p50": Trend.SAME,
        "p95": Trend.WORSE,
        "p99": Trend.WORSE,
    }
    assert comparison.trend is Trend.WORSE
    assert [difference.percentile for difference in comparison.worse] == ["p95"]


def test_other_conditions_and_missing_operations_are_told() -> None:
    before, after = measured(1), measured(2)
    other = BenchmarkResult("x", 60.0, {"delete": after.operations[OPERATION]}, {"profile": "gate"})
    comparison = compare(before, other)
    assert comparison.trend is Trend.UNKNOWN
    assert "the conditions differ: profile was baseline, is gate" in comparison.notes
    assert "delete was only measured after" in comparison.notes
    assert f"{OPERATION} was only measured before" in comparison.notes


def test_it_is_repeatable() -> None:
    assert compare(measured(1), measured(2), seed=5) == compare(measured(1), measured(2), seed=5)


def test_a_stored_measurement_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "baseline.json"
    before = measured(1)
    before.write(file)
    back = read_measurement(file)
    assert back.to_json() == before.to_json()
    assert compare(before, back).trend is Trend.SAME
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[]", "schema is None"),
        ('{"schema": "assay/verdict/1"}', "schema is 'assay/verdict/1', expected 'assay/load/1'"),
        ('{"schema": "assay/load/1"}', "is not a measurement of assay: at run: it is missing"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said):
        read_measurement(file)


def test_a_damaged_histogram_is_told(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    data = measured(1).to_json()
    data["operations"][OPERATION]["blocks"][3] = "HISTFAAA"
    file.write_text(json.dumps(data))
    with pytest.raises(SettingsError, match=r"is damaged: at operations/.*/blocks/3: not an HdrHistogram"):
        read_measurement(file)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_measurement(tmp_path / "none.json")
    assert "--update-baseline" in str(caught.value.hint)


CHANGES: dict[str, tuple[str, object, str]] = {
    "negative-rate": ("operations/get/rate", -1, "at operations/get/rate: expected at least 0, found -1"),
    "text-rate": ("operations/get/rate", "40", "at operations/get/rate: expected a number, found '40'"),
    "negative-errors": ("operations/get/errors", -1, "expected at least 0, found -1"),
    "errors": ("operations/get/errors", 10**9, "1000000000 errors of 6,000 requests"),
    "no-seconds": ("seconds", 0, "at seconds: expected more than 0"),
    "conditions": ("conditions", [], "at conditions: expected an object, found a list with 0 entries"),
    "about": ("about", {"start_lag_ms": {"p50": "x"}}, "at about/start_lag_ms/p50: expected a number, found 'x'"),
    "no-operation": ("operations", {}, "at operations"),
    "blocks": ("operations/get/blocks", [7], "at operations/get/blocks/0: expected text, found 7"),
}


@pytest.mark.parametrize(("place", "value", "said"), CHANGES.values(), ids=CHANGES)
def test_a_measurement_of_another_shape_is_none(tmp_path: Path, place: str, value: object, said: str) -> None:
    file = tmp_path / "baseline.json"
    data = measured(1).to_json()
    data["operations"]["get"] = data["operations"].pop(OPERATION)
    *path, last = place.split("/")
    at = data
    for step in path:
        at = at[step]
    at[last] = value
    file.write_text(json.dumps(data))
    with pytest.raises(SettingsError) as refused:
        read_measurement(file)
    assert refused.value.message.startswith(f"{file} is not a measurement of assay: ")
    assert said in refused.value.message


def with_conditions(run: BenchmarkResult, **conditions: object) -> BenchmarkResult:
    return replace(run, conditions={**run.conditions, **conditions})


def test_other_conditions_leave_the_question_open() -> None:
    before, after = measured(1), with_conditions(measured(2, slower=3.0), loads={"read": {"rate": 80.0}})
    comparison = compare(before, after)
    assert (comparison.trend, comparison.worse) == (Trend.UNKNOWN, ())
    (obstacle,) = comparison.obstacles
    assert obstacle == "the conditions differ: loads was None, is {'read': {'rate': 80.0}}"


def test_another_machine_is_told_and_judged_all_the_same() -> None:
    comparison = compare(measured(1), with_conditions(measured(2, slower=3.0), machine="x, 2 cores"))
    assert comparison.trend is Trend.WORSE
    assert comparison.obstacles == ()
    assert comparison.notes == ("the conditions differ: machine was None, is x, 2 cores",)


@pytest.mark.parametrize(
    ("after", "obstacle"),
    [
        (measured(2, blocks=3), "3 time blocks, 8 are needed"),
        (measured(2, blocks=9, each=5), "decides nothing: 45 requests, 80 are needed"),
        (measured(2, blocks=9, each=0), "0 time blocks, 8 are needed"),
    ],
)
def test_too_short_to_compare_is_an_obstacle(after: BenchmarkResult, obstacle: str) -> None:
    assert compare(measured(1), after).obstacles == (f"{OPERATION}: {obstacle}",)
    assert compare(measured(1), measured(2)).obstacles == ()


def test_no_common_operation_is_an_obstacle() -> None:
    other = replace(measured(2), operations={"other": measured(2).operations[OPERATION]})
    assert compare(measured(1), other).obstacles == ("no operation was measured in both",)
