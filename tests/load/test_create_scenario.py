"""The create scenario when the budget of live workloads has no room."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from assay.contract.documents import load
from assay.load.call import Skip
from assay.load.context import Workload
from assay.load.scenario import Base, load_scenario

FULL = Skip("create_inference1", "budget: max_live")


def scenario(discarded: list[Workload]) -> Base:
    """One whose creations find no room."""
    world: Any = SimpleNamespace(contract=load(), seed=0, creation=lambda _: FULL, discard=discarded.append)
    return load_scenario("create")(world, {"keep": 4})


def test_without_a_workload_to_let_go_the_creation_is_passed_over() -> None:
    discarded: list[Workload] = []
    assert scenario(discarded).call(0) is FULL
    assert not discarded


def test_the_oldest_workload_makes_room() -> None:
    discarded: list[Workload] = []
    made: Any = scenario(discarded)
    kept = [Workload(name, name) for name in ("a", "b", "c")]
    made._kept.extend(kept)
    assert made.call(0) is FULL
    assert discarded == kept[:1]
