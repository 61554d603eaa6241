"""What the contract tests run: planned cases grouped into plans, one plan a pytest id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from hypothesis.strategies import SearchStrategy

from assay.contract.documents import Contract
from assay.contract.oracle import Oracle
from assay.generation.batching import Batch, batched
from assay.generation.cases import ACCEPT, REJECT, PlannedCase
from assay.generation.combinations import combination_cases
from assay.generation.parameter_cases import parameter_cases
from assay.generation.rule_cases import bound_by, rule_cases, varied
from assay.generation.schema_cases import body_cases


@dataclass(frozen=True, slots=True)
class Plan:
    """Cases that belong to one test id, all of one operation and one side."""

    id: str
    cases: tuple[PlannedCase, ...]


@dataclass(frozen=True, slots=True)
class Variation:
    """Further fragments of one side of a rule, which Hypothesis draws and shrinks."""

    id: str
    cases: SearchStrategy[PlannedCase] = field(repr=False)  # Hypothesis would parse source to describe it


@dataclass(frozen=True, slots=True)
class Plans:
    """All plans against one contract, and the batches of their accept cases."""

    rules: tuple[Plan, ...]
    schema: tuple[Plan, ...]
    combinations: tuple[Plan, ...]
    variations: tuple[Variation, ...]
    batches: tuple[Batch, ...]


@cache
def plans(contract: Contract) -> Plans:
    """Plan the rules and the schema keywords of ``contract``; takes 3 s, once."""
    oracle = Oracle(contract)
    of_rules = [case for rule in oracle.rules for case in rule_cases(oracle, rule).cases]
    of_schema = [case for name in contract.operations for case in _schema_cases(oracle, name)]
    of_pairs = list(combination_cases(oracle).cases)
    return Plans(
        rules=_group(of_rules),
        schema=_group(of_schema),
        combinations=_group(of_pairs),
        variations=tuple(_variations(oracle)),
        batches=batched(oracle, [*of_rules, *of_schema, *of_pairs]),
    )


def _schema_cases(oracle: Oracle, operation: str) -> Iterable[PlannedCase]:
    if operation in oracle.judged:
        yield from body_cases(oracle, operation).cases
    yield from parameter_cases(oracle, operation).cases


def _variations(oracle: Oracle) -> Iterator[Variation]:
    for rule in oracle.rules:
        for operation in bound_by(oracle, rule):
            for side in (ACCEPT, REJECT):
                cases = varied(oracle, rule, operation, side)
                if cases is not None:
                    yield Variation(f"{rule.id}[{operation}-{side}]", cases)


def _group(cases: Iterable[PlannedCase]) -> tuple[Plan, ...]:
    """``rules/compute/x/create-reject/just-above`` belongs to ``compute/x[create-reject]``."""
    grouped: dict[str, list[PlannedCase]] = {}
    for case in cases:
        grouped.setdefault(_plan_id(case), []).append(case)
    return tuple(Plan(name, tuple(found)) for name, found in grouped.items())


def _plan_id(case: PlannedCase) -> str:
    steps = case.id.split("/")
    if steps[0] == "rules":
        return f"{'/'.join(steps[1:3])}[{case.operation}-{case.side}]"
    if steps[0] == "combinations":
        return f"{steps[1]}[{case.operation}-{case.side}]"
    # schema/create/spec.compute.gpuPortionRequest/minimum/reject
    return f"{steps[1]}/{steps[2]}[{case.side}]"
