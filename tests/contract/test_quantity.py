"""Kubernetes quantities: every spelling has one exact value, and what is no quantity is known as such."""

from __future__ import annotations

from fractions import Fraction

import pytest

from assay.contract.rules.sizes import parse

VALUES = {
    "0": 0,
    "1": 1,
    "+1": 1,
    "-1": -1,
    "1.": 1,
    ".5": Fraction(1, 2),
    "0.1": Fraction(1, 10),
    "1n": Fraction(1, 10**9),
    "1u": Fraction(1, 10**6),
    "100m": Fraction(1, 10),
    "1k": 1000,
    "1M": 10**6,
    "1G": 10**9,
    "1T": 10**12,
    "1P": 10**15,
    "1E": 10**18,
    "1Ki": 2**10,
    "1Mi": 2**20,
    "1Gi": 2**30,
    "1.5Gi": 3 * 2**29,
    "1Ti": 2**40,
    "1Pi": 2**50,
    "1Ei": 2**60,
    "1e3": 1000,
    "1E3": 1000,
    "1e+3": 1000,
    "5e-1": Fraction(1, 2),
    "1e30": 10**30,
}

NO_QUANTITIES = (
    "",
    " 1",
    "1 ",
    ".",
    "..",
    "1.2.3",
    "Gi",
    "1K",
    "1KiB",
    "1GB",
    "1 Gi",
    "1gi",
    "1e",
    "1e1.5",
    "1e31",
    "1e-999",
    "1e3Gi",
    "0x10",
    "1_000",
    "1,5",
    "--1",
    "NaN",
    "Infinity",
    "١Gi",  # an Arabic digit: isdigit() is true of it, Kubernetes knows ASCII digits only
    "1\n",
)


@pytest.mark.parametrize(("text", "value"), VALUES.items())
def test_value(text: str, value: Fraction | int) -> None:
    assert parse(text) == value


@pytest.mark.parametrize("text", NO_QUANTITIES, ids=repr)
def test_no_quantity(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("one", "two"), [("1Gi", "1073741824"), ("1024Mi", "1Gi"), ("1000m", "1"), ("0.5", "500m"), ("1e9", "1G")]
)
def test_two_spellings_of_one_value(one: str, two: str) -> None:
    assert parse(one) == parse(two)


@pytest.mark.parametrize(("less", "more"), [("999M", "1G"), ("1G", "1Gi"), ("999999999n", "1"), ("1023Mi", "1Gi")])
def test_order_across_units(less: str, more: str) -> None:
    one, two = parse(less), parse(more)
    assert one is not None
    assert two is not None
    assert one < two


def test_no_digit_is_lost() -> None:
    assert parse("1073741825") != parse("1Gi")
    assert parse("9223372036854775807") != parse("9223372036854775808")  # a float takes these for one number
