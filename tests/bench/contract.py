"""The contract must never be what a run waits for: evaluations of the oracle and dense draws on one core."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from assay.contract import pointers
from assay.contract.documents import load
from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import Request
from assay.generation.cases import CaseList, plain_body
from assay.generation.combinations import combination_cases
from assay.generation.dense import create_bodies, draws, update_bodies
from assay.generation.rule_cases import rule_cases
from assay.generation.schema_cases import schema_cases
from tests.bench.figure import Figure

DRAWS: Final = 500
ROUNDS: Final = 5
CLUSTER: Final = "6d8e0a4c-1f2b-4c3d-8e5f-000000000001"
PATH: Final = {"workloadId": "6d8e0a4c-1f2b-4c3d-8e5f-000000000002"}


def figures() -> Iterator[Figure]:
    """Rates in processor time: what one core does, whoever else is busy. The best of five rounds counts."""
    oracle = Oracle(load())
    dense = create_bodies(oracle, "4711", CLUSTER)
    patches = update_bodies(oracle)
    yield Figure("dense creation bodies drawn", _rate(DRAWS, lambda: draws(dense, DRAWS, 1)), "/s", 150)
    yield Figure("dense update bodies drawn", _rate(DRAWS, lambda: draws(patches, DRAWS, 1)), "/s", 150)
    yield from _leaves(oracle, "create", draws(dense, DRAWS, 1))
    yield from _leaves(oracle, "update", draws(patches, DRAWS, 1))
    yield from _evaluations(oracle, draws(dense, DRAWS, 2), draws(patches, DRAWS, 2))
    yield from _planning(oracle)


def _evaluations(oracle: Oracle, bodies: list[dict[str, Any]], patches: list[dict[str, Any]]) -> Iterator[Figure]:
    creations = [Request("create", body=body) for body in bodies]
    updates = [Request("update", PATH, body=body) for body in patches]
    before = plain_body(Kind.CREATE)["spec"]
    rate = _rate(DRAWS, lambda: [oracle.expect(request) for request in creations])
    yield Figure("oracle: dense creations judged", rate, "/s", 2_000)
    rate = _rate(DRAWS, lambda: [oracle.expect(request, before) for request in updates])
    yield Figure("oracle: dense updates judged, under every way of merging", rate, "/s")
    plain = [Request("create", body=plain_body(Kind.CREATE))] * DRAWS
    yield Figure("oracle: plain creations judged", _rate(DRAWS, lambda: [oracle.expect(it) for it in plain]), "/s")


def _leaves(oracle: Oracle, role: str, bodies: list[dict[str, Any]]) -> Iterator[Figure]:
    counts = Counter(pointer for body in bodies for pointer in set(pointers.keys(body)))
    rarest = min(counts[leaf.pointer] for leaf in oracle.bodies[role].leaves())
    yield Figure(f"rarest leaf of an {'inference' if role == 'create' else 'update'} in 500 draws", rarest, "", 20)


def _planning(oracle: Oracle) -> Iterator[Figure]:
    plans: dict[str, Callable[[], list[CaseList]]] = {
        "rules": lambda: [rule_cases(oracle, rule) for rule in oracle.rules],
        "schema": lambda: [schema_cases(oracle, role) for role in oracle.contract.operations],
        "combinations": lambda: [combination_cases(oracle)],
    }
    for name, plan in plans.items():
        start = time.process_time()
        found = plan()
        seconds = time.process_time() - start
        cases = sum(len(part.cases) for part in found)
        yield Figure(f"planning {cases} cases: {name}", seconds, "s", 5, at_least=False)


def _rate(count: int, work: Callable[[], object]) -> float:
    best = 0.0
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        best = max(best, count / (time.process_time() - start))
    return best


if __name__ == "__main__":
    reached = True
    for figure in figures():
        sys.stdout.write(f"{figure.line()}\n")
        reached = reached and figure.reached
    raise SystemExit(0 if reached else 1)
