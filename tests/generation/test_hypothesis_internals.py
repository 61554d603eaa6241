"""The private interfaces of Hypothesis that we use: these tests fail first when an upgrade moves them."""

from __future__ import annotations

import inspect
from pathlib import Path

from hypothesis import find, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.strategies import SearchStrategy

import assay
from assay.generation.hypothesis_internals import SeparateBytes

PACKAGE = Path(assay.__file__).parent
GATHERED = PACKAGE / "generation" / "hypothesis_internals.py"


def test_the_interfaces_are_where_they_were() -> None:
    drawing = inspect.signature(ConjectureData.draw_bytes)
    assert list(drawing.parameters)[:3] == ["self", "min_size", "max_size"]
    assert list(inspect.signature(SearchStrategy.do_draw).parameters) == ["self", "data"]
    assert list(inspect.signature(SearchStrategy.calc_label).parameters) == ["self"]


def test_a_label_of_ours_is_the_label_that_hypothesis_uses() -> None:
    one, two = SeparateBytes("one", 3), SeparateBytes("two", 3)
    assert one.label == one.calc_label() != two.label
    assert st.binary(min_size=3, max_size=3).label == st.binary(min_size=3, max_size=3).label


def test_exactly_so_many_bytes_are_drawn_and_each_shrinks_by_itself() -> None:
    quiet = settings(database=None, derandomize=True)
    assert find(SeparateBytes("row", 4), lambda code: len(code) == 4, settings=quiet) == bytes(4)
    assert find(SeparateBytes("row", 4), lambda code: code[2] > 9, settings=quiet) == bytes([0, 0, 10, 0])


def test_no_other_module_uses_a_private_interface() -> None:
    users = {file for file in PACKAGE.rglob("*.py") if "hypothesis.internal" in file.read_text()}
    assert users == {GATHERED}


def test_the_contract_imports_no_hypothesis() -> None:
    """The reference control plane and the load processes read the contract, and start without Hypothesis."""
    for file in (PACKAGE / "contract").rglob("*.py"):
        assert "hypothesis" not in file.read_text().replace("Hypothesis", "")
