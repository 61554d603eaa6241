"""Profiles: the shipped ones, and what a user is told about a mistake."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from assay.errors import EXIT_USAGE, SettingsError
from assay.load.profiles import available, load_profile
from assay.load.scenario import load_scenario, read_parameters

SHIPPED = ("smoke", "gate", "baseline", "steps", "spike", "soak")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_profiles_are_right_down_to_their_parameters(name: str) -> None:
    profile = load_profile(name)
    assert profile.about
    for load in profile.loads:
        kind = load_scenario(load.scenario)
        assert set(read_parameters(kind, load.parameters)) == set(kind.options)


def test_the_gate_leaves_time_to_set_up_and_to_clean_up() -> None:
    profile = load_profile("gate")
    assert profile.seconds <= 30
    assert {load.scenario for load in profile.loads} == {"create", "metrics", "read"}


def test_stages_scale_the_rate_of_every_scenario() -> None:
    profile = load_profile("spike")
    (load, *_) = profile.loads
    rates = [stage.end_rate for stage in profile.schedule(load, seed=1).ramps]
    assert rates == [load.rate, load.rate, load.rate * 10, load.rate]
    assert [stage.measured for stage in profile.schedule(load, seed=1).ramps] == [False, True, True, True]


def test_the_command_line_narrows_a_profile() -> None:
    profile = load_profile("gate").limited("metrics", 100.0, 7.0)
    assert [(load.scenario, load.rate, load.parameters["samples"]) for load in profile.loads] == [
        ("metrics", 100.0, 20)
    ]
    assert sum(stage.seconds for stage in profile.stages if stage.measured) == pytest.approx(7.0)
    assert profile.stages[0].seconds == load_profile("gate").stages[0].seconds  # the warm-up stays


def test_who_asks_for_a_rate_gets_it_evenly_spaced() -> None:
    profile = load_profile("baseline").limited("read", 1000.0, 30.0)
    arrivals = list(profile.schedule(profile.loads[0], seed=1).arrivals())
    begun = profile.seconds - 30.0
    assert sum(due >= begun for due in arrivals) == pytest.approx(30_000, abs=1)
    assert max(later - due for due, later in itertools.pairwise(arrivals[-1000:])) == pytest.approx(0.001)


def test_without_a_rate_arrivals_stay_those_of_the_profile() -> None:
    profile = load_profile("baseline").limited("read", None, 30.0)
    assert profile.poisson
    assert profile.loads[0].burst == 8


def test_a_scenario_that_the_profile_lacks_is_taken_with_its_defaults() -> None:
    (load,) = load_profile("gate").limited("update", 12.0, None).loads
    assert (load.scenario, load.rate, dict(load.parameters)) == ("update", 12.0, {})


def test_one_rate_for_several_scenarios_is_refused() -> None:
    with pytest.raises(SettingsError, match="3 scenarios at once") as caught:
        load_profile("gate").limited(None, 100.0, None)
    assert "--scenario" in str(caught.value.hint)


def test_an_unknown_profile_is_told_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match="no profile 'gat'; did you mean 'gate'") as caught:
        load_profile("gat")
    assert all(name in str(caught.value.hint) for name in SHIPPED)


MISTAKES = [
    ('[p]\nstages = [{ duration = "1s" }]\nscenarios.metrics.rte = 1', 3, "rate is missing"),
    ('[p]\nstages = [{ duration = "1s" }]\nscenarios.metrics.rate = "fast"', 3, "rate = 'fast'.*number from 0.001"),
    ('[p]\nstages = [{ duration = "1s" }]\nscenarios.metrics.rate = -1', 3, "rate = -1"),
    ('[p]\nstages = [{ duration = "1s" }]\nscenarios.metrcs.rate = 1', 3, "'metrcs'; did you mean 'metrics'"),
    (
        '[p]\nstages = [\n  { duration = "1s" },\n  { duration = "soon" },\n]\nscenarios.read.rate = 1',
        4,
        "duration = 'soon'",
    ),
    ('[p]\nstages = [{ dration = "1s" }]\nscenarios.read.rate = 1', 2, "'dration'; did you mean 'duration'"),
    ('[p]\narivals = "poisson"\nstages = [{ duration = "1s" }]', 2, "'arivals'; did you mean 'arrivals'"),
    (
        '[p]\narrivals = "bursty"\nstages = [{ duration = 1 }]\nscenarios.read.rate = 1',
        2,
        "allowed: constant, poisson",
    ),
    ("[p]\nin_flight = 0\nstages = [{ duration = 1 }]\nscenarios.read.rate = 1", 2, "whole number from 1"),
    (
        "[p]\nscenarios.read.rate = 1\nstages = [{ duration = 1 }]\nsearch = { least = 1, most = 2 }",
        4,
        "stages or a search, not both",
    ),
    (
        "[p]\nscenarios.read.rate = 1\nstages = [{ duration = nan }]",
        3,
        "duration = nan; allowed: seconds as a number",
    ),
    (
        "[p]\nscenarios.read.rate = 1\nstages = [{ duration = inf }]",
        3,
        "duration = inf; allowed: seconds as a number",
    ),
    ("[p]\nscenarios.read.rate = nan\nstages = [{ duration = 1 }]", 2, "rate = nan; allowed: a number from 0.001"),
    ("[p]\nscenarios.read.rate = 1", 1, "needs stages or a search"),
    ('[p]\nstages = [{ duration = "1s", measured = false }]\nscenarios.read.rate = 1', 2, "no stage is measured"),
    ('[p]\nstages = [{ duration = "1s" }]', 1, "at least one scenario"),
    ('[other]\nabout = ""\n\n[p]\nstages = 5', 5, "must be a list of tables"),
    ("[p]\nstages = [\n", 3, "not valid TOML"),
]


@pytest.mark.parametrize(("text", "line", "said"), MISTAKES, ids=[said for _, _, said in MISTAKES])
def test_a_mistake_is_told_with_line_value_and_what_is_allowed(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_profile("p", file)
    assert re.search(said, caught.value.message), caught.value.message
    assert caught.value.message.startswith(f"{file}:{line}: "), caught.value.message
    assert caught.value.exit_code == EXIT_USAGE


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_profile("p", tmp_path / "none.toml")


def test_scenarios_are_the_files_of_their_folder() -> None:
    assert available() == ["create", "lifecycle", "metrics", "pod_metrics", "read", "update"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sampels": 5}, "'sampels'; did you mean 'samples'"),
        ({"samples": 1001}, "whole number from 0 to 1000"),
        ({"samples": True}, "samples = True"),
        ({"range": "yesterday"}, "range = 'yesterday'.*units ms, s, m, h"),
        ({"population": 0}, "whole number from 1"),
    ],
)
def test_a_wrong_parameter_of_a_scenario_is_told(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_parameters(load_scenario("metrics"), given)


def test_an_unknown_scenario_is_told_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match="no scenario 'creat'; did you mean 'create'"):
        load_scenario("creat")
