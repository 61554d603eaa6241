"""What a command sets out to do, from its --only values: never more, never silently less."""

from __future__ import annotations

import pytest

from assay.contract.documents import load
from assay.errors import SettingsError
from assay.load.options import LoadOptions
from assay.run.plan import plan


@pytest.mark.parametrize(
    ("command", "only", "parts", "prefixes"),
    [
        ("gate", (), ("contract", "load"), ()),
        ("certify", (), ("contract", "load"), ()),
        ("benchmark", (), ("load",), ()),
        ("gate", ("contract",), ("contract",), ()),
        ("gate", ("load",), ("load",), ()),
        ("gate", ("load", "contract"), ("contract", "load"), ()),
        ("gate", ("rules/compute",), ("contract",), ("rules/compute",)),
        ("gate", ("rules", "lifecycle/test"), ("contract",), ("rules", "lifecycle/test")),
        ("gate", ("rules/compute", "load"), ("contract", "load"), ("rules/compute",)),
        ("benchmark", ("load",), ("load",), ()),
    ],
)
def test_parts(command: str, only: tuple[str, ...], parts: tuple[str, ...], prefixes: tuple[str, ...]) -> None:
    made = plan(command, only)
    assert (made.command, made.parts, made.only) == (command, parts, prefixes)


@pytest.mark.parametrize(
    ("command", "only", "words"),
    [
        ("gate", "nosuch", "--only nosuch selects nothing"),
        ("gate", "rule/compute", "did you mean rules/...?"),
        ("gate", "laod", "did you mean load?"),
        ("gate", "", "--only needs"),
        ("gate", "//", "--only needs"),
        ("gate", "ules", "selects nothing"),
        ("gate", "rul/compute", "selects nothing"),
        ("benchmark", "rules/compute", "benchmark has none"),
        ("benchmark", "contract", "leaves nothing of benchmark"),
    ],
)
def test_selections_of_nothing(command: str, only: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        plan(command, (only,))
    assert words in caught.value.message


def test_the_beginning_of_an_area_is_enough() -> None:
    assert plan("gate", ("rul",)).only == ("rul",)


def test_one_wrong_prefix_among_right_ones_is_told() -> None:
    with pytest.raises(SettingsError, match="--only nosuch"):
        plan("gate", ("rules/compute", "nosuch"))


def test_certify_draws_more_and_may_send_more() -> None:
    gate, certify = plan("gate", ()), plan("certify", ())
    assert (gate.profile, certify.profile) == ("gate", "certify")
    assert certify.defaults_for(load())["max_requests"] == 10 * gate.defaults_for(load())["max_requests"] == 60_000
    assert (gate.load.profile, certify.load.profile) == ("gate", "baseline")


def test_a_load_plan_of_ones_own() -> None:
    mine = LoadOptions("spike", scenario="create", rate=5.0)
    assert plan("benchmark", (), mine).load is mine
