"""Entries of a list without an order are paired so that each finds its own, whatever the order they come back in."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from assay.checks import echo

A, B = {"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}


def terms(*expressions: list[dict[str, str]]) -> dict[str, Any]:
    return {"nodeAffinityRequired": {"nodeSelectorTerms": [{"matchExpressions": found} for found in expressions]}}


@pytest.mark.parametrize("order", list(itertools.permutations(([A], [A, B], [B]))))
def test_an_entry_that_another_one_holds_too_does_not_take_its_place(order: tuple[list[dict[str, str]], ...]) -> None:
    assert list(echo.differences(terms([A], [A, B], [B]), terms(*order))) == []


def test_what_is_lost_is_still_told() -> None:
    assert list(echo.differences(terms([A], [A, B]), terms([A], [A])))
    assert list(echo.differences(terms([A], [A]), terms([A])))


def test_many_entries_are_paired_at_once() -> None:
    """The size of the longest list that is sent, the other way round; by trying orders it would never end."""
    sent = [{"name": f"N{number}", "value": "x"} for number in range(300)]
    assert list(echo.differences({"labels": sent}, {"labels": sent[::-1]})) == []
