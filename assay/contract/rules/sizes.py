"""Sizes as Kubernetes quantities: their exact values, what is in doubt about one, and how two compare."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal

# The grammar of k8s.io/apimachinery/pkg/api/resource: sign, digits with at most one point, then either a
# decimal or binary suffix or a decimal exponent.
_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))"
    r"(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?",
    re.ASCII,
)
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
# An exponent beyond this denotes no size that any machine has; Kubernetes caps quantities at 2**63 - 1.
_LARGEST_EXPONENT: Final = 30


def parse(value: str) -> Fraction | None:
    """The exact value of a quantity, or None for a string that is none ("1KiB", "..", "1e", "1e999")."""
    match = _QUANTITY.fullmatch(value)
    if match is None:
        return None
    number, suffix = Fraction(match["number"].rstrip(".")), match["suffix"] or ""
    if suffix in _BINARY:
        return number * (1 << _BINARY[suffix])
    if suffix in _DECIMAL:
        return _scale(number, _DECIMAL[suffix])
    exponent = int(suffix[1:])
    return _scale(number, exponent) if abs(exponent) <= _LARGEST_EXPONENT else None


def _scale(number: Fraction, exponent: int) -> Fraction:
    power = Fraction(10 ** abs(exponent))
    return number * power if exponent >= 0 else number / power


# A size is read by two or three rules in a row; reading one costs 8 us, and an oracle has 500 us for everything.
_amount: Final = lru_cache(maxsize=1024)(parse)


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
