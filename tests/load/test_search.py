"""The bisection: finds the edge, tries it twice, believes the lower answer."""

from __future__ import annotations

import random

import pytest

from assay.load.profiles import Bisection, RateSearch, stages_at

SEARCH = RateSearch(least=0.25, most=16.0, precision=0.1, step=10.0, settle=2.0)


def run(edge: float, *, search: RateSearch = SEARCH, flip: float = 0.0, seed: int = 0) -> Bisection:
    """A target that keeps its objectives up to ``edge``, and says the opposite with probability ``flip``."""
    chance = random.Random(seed)
    bisection = Bisection(search)
    tries = 0
    while (factor := bisection.next()) is not None:
        bisection.tell(factor, kept=(factor <= edge) != (chance.random() < flip))
        tries += 1
        assert tries < 40
    return bisection


@pytest.mark.parametrize("edge", [0.26, 0.5, 1.0, 3.3, 9.9, 15.9])
def test_the_edge_lies_between_two_tries_that_are_close(edge: float) -> None:
    bisection = run(edge)
    assert bisection.low is not None
    assert bisection.high is not None
    assert bisection.low <= edge < bisection.high
    assert bisection.high / bisection.low <= 1.1
    assert bisection.kept.count(bisection.low) == 2
    assert bisection.broken.count(bisection.high) == 2


def test_it_takes_few_tries() -> None:
    bisection = run(3.3)
    assert len(bisection.kept) + len(bisection.broken) <= 13


def test_it_never_asks_for_more_than_twice_what_was_kept() -> None:
    for edge in (0.3, 1.0, 5.0):
        assert max(run(edge).broken) <= 2 * edge


def test_a_target_that_keeps_everything_is_tried_up_to_the_most() -> None:
    bisection = run(100.0)
    assert bisection.kept == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
    assert bisection.sentence(200.0) == (
        "3200 requests/s keep the objectives (tried once); no higher rate was asked for"
    )


def test_a_target_that_keeps_nothing_is_believed_after_two_tries() -> None:
    bisection = run(0.1)
    assert bisection.broken == [0.25, 0.25]
    assert bisection.low is None
    assert bisection.sentence(200.0) == "not even 50 requests/s keep the objectives"


def test_a_try_that_contradicts_itself_counts_as_broken() -> None:
    bisection = Bisection(SEARCH)
    bisection.tell(0.25, kept=True)
    bisection.tell(1.0, kept=True)
    bisection.tell(1.0, kept=False)
    assert (bisection.low, bisection.high) == (0.25, 1.0)


def test_it_ends_even_when_answers_are_noisy() -> None:
    for seed in range(50):
        bisection = run(3.0, flip=0.2, seed=seed)
        if bisection.low is not None and bisection.high is not None:
            assert bisection.low < bisection.high


def test_the_sentence_names_rate_and_tries() -> None:
    bisection = Bisection(SEARCH, kept=[1.0, 2.0, 2.0], broken=[2.1, 2.1])
    assert bisection.sentence(100.0) == (
        "the highest rate that keeps the objectives is 200 requests/s (tried 2 times); "
        "210 do not keep them (tried 2 times)"
    )


def test_a_try_settles_before_it_measures() -> None:
    settle, stage = stages_at(SEARCH, 3.0)
    assert (settle.seconds, settle.measured, settle.end) == (2.0, False, 3.0)
    assert (stage.seconds, stage.measured, stage.start) == (10.0, True, 3.0)
