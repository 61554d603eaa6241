"""Sizes written as Kubernetes quantities: what is in doubt about one, and how two compare."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

from assay.contract import quantity

# A size is read by two or three rules in a row; reading one costs 8 us, and an oracle has 500 us for everything.
_amount: Final = lru_cache(maxsize=1024)(quantity.parse)


def not_a_size(value: str) -> str | None:
    """Why it is not decided that ``value`` is a usable size; None for a positive quantity.

    The patterns of the document let through what is no quantity ("..", "1e"), signs and zero; no sentence says
    that those are refused.
    """
    amount = _amount(value)
    if amount is None:
        return "the pattern admits it, but it is no Kubernetes quantity"
    if amount <= 0:
        return "whether a size may be zero or negative is not said"
    return None


def order(one: str, two: str) -> Literal[-1, 0, 1] | None:
    """-1, 0 or 1 as ``one`` is less than, equal to or more than ``two``; None when either is no quantity."""
    left, right = _amount(one), _amount(two)
    if left is None or right is None:
        return None
    return 0 if left == right else -1 if left < right else 1
