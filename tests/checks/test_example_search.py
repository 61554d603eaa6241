"""The hunt: seeded, bounded, one smallest breach for each kind, and an end at once when the run is over."""

import threading
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition

from assay.checks.exchange import ContractBreachError
from assay.checks.fuzzing.example_search import ExampleSearch, despite_answers, sample
from assay.checks.generation_lock import generating, sending
from assay.errors import BudgetExhausted
from assay.findings.model import Class, Finding

NUMBERS = st.integers(0, 10_000)


def breach(rule: str, value: object) -> ContractBreachError:
    finding = Finding(Class.VIOLATION, "check", "operation", rule, "/body", f"{rule} {value}", "why", "test")
    return ContractBreachError((finding,))


def hunt(act: Any, *, shrinks: int = 200, seed: int = 1, count: int = 60) -> list[str]:
    """The summaries of what a hunt over NUMBERS reports."""
    try:
        sample(ExampleSearch(shrinks), act, NUMBERS, lambda value: (value,), seed=seed, count=count)
    except ContractBreachError as error:
        return sorted(finding.summary for finding in error.findings)
    return []


def test_nothing_wrong_is_nothing_found() -> None:
    seen: list[int] = []
    assert hunt(seen.append) == []
    assert len(seen) == 60


def test_the_smallest_breach_is_reported() -> None:
    def act(value: int) -> None:
        if value >= 37:
            raise breach("big", value)

    assert hunt(act) == ["big 37"]


def test_each_kind_is_reported_with_its_own_smallest_case() -> None:
    def act(value: int) -> None:
        if value >= 100:  # raised in one place, as the target does: only the finding tells them apart
            raise breach("large" if value >= 5000 else "medium", value)

    assert hunt(act) == ["large 5000", "medium 100"]


def test_the_same_seed_tries_the_same_values() -> None:
    tried: list[list[int]] = [[], [], []]
    for values, seed in zip(tried, (1, 1, 2), strict=True):
        hunt(values.append, seed=seed)
    assert tried[0] == tried[1] != tried[2]


@pytest.mark.parametrize("shrinks", [0, 5])
def test_shrinking_is_bounded(shrinks: int) -> None:
    tried: list[int] = []

    def act(value: int) -> None:
        tried.append(value)
        if value >= 37:
            raise breach("big", value)

    assert hunt(act, shrinks=shrinks) == [f"big {min(value for value in tried if value >= 37)}"]
    first = next(number for number, value in enumerate(tried) if value >= 37)
    assert len(tried) - first - 1 <= shrinks


def test_a_breach_that_does_not_come_again_is_reported_all_the_same() -> None:
    failed: list[int] = []

    def act(value: int) -> None:
        if value >= 37 and not failed:
            failed.append(value)
            raise breach("once", value)

    assert hunt(act) == [f"once {failed[0]}"]


def test_a_spent_budget_ends_the_hunt_at_once() -> None:
    tried: list[int] = []

    def act(value: int) -> None:
        tried.append(value)
        raise BudgetExhausted("all requests are sent")

    with pytest.raises(BudgetExhausted, match="all requests are sent"):
        hunt(act)
    assert len(tried) == 1


def test_a_breach_before_the_budget_is_spent_is_kept() -> None:
    def act(value: int) -> None:
        if value >= 37:
            raise breach("big", value)
        if value > 0:
            raise BudgetExhausted("all requests are sent")

    with pytest.raises(BaseExceptionGroup) as caught:
        ExampleSearch(0).each(act, [0, 50, 40, 5, 60], lambda value: (value,))
    kinds = {type(error) for error in caught.value.exceptions}
    assert kinds == {ContractBreachError, BudgetExhausted}
    assert "big 40" in str(caught.value.exceptions[0])


def test_an_error_of_the_suite_is_not_swallowed() -> None:
    def act(value: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        hunt(act)


def test_one_thread_generates_while_another_sends() -> None:
    order: list[str] = []

    def other() -> None:
        with generating():
            order.append("generated meanwhile")

    with generating():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.05)
        order.append("held")
        with sending():
            thread.join(5)
        order.append("held again")
    assert order == ["held", "generated meanwhile", "held again"]


def _scenarios(flaky: set[int]) -> tuple[list[int], int]:
    """The starts of 10 scenarios of which those numbered in ``flaky`` end their start; and how many are missing."""
    starts: list[int] = []
    begun = 0

    def run(start: int, left: int) -> None:
        nonlocal begun
        starts.append(start)
        for _ in range(left):
            begun += 1
            if begun in flaky:
                raise FlakyStrategyDefinition("inconsistent")

    return starts, despite_answers(run, lambda: begun, 10)


def test_scenarios_begin_anew_where_one_cannot_be_repeated() -> None:
    assert _scenarios(set()) == ([0], 0)
    assert _scenarios({3, 7}) == ([0, 1, 2], 0)
    assert _scenarios({10}) == ([0], 0)


def test_scenarios_that_cannot_be_run_are_counted() -> None:
    assert _scenarios(set(range(1, 9))) == ([0, 1, 2, 3, 4], 5)


def test_a_fault_that_is_no_inconsistency_is_raised() -> None:
    def run(start: int, left: int) -> None:
        raise ValueError(f"start {start} of {left}")

    with pytest.raises(ValueError, match="start 0 of 10"):
        despite_answers(run, lambda: 0, 10)
