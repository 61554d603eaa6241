"""Which ordinary requests planned cases deviate from, and in which batches the target is asked for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from assay.contract.documents import Contract
from assay.contract.oracle import Oracle
from assay.generation.cases import ACCEPT, PlannedCase
from assay.generation.ordinary_requests import OrdinaryRequests
from assay.generation.plans import Batch, batched, plans


@dataclass(frozen=True, slots=True)
class OrdinaryPlan:
    """The ordinary requests that planned cases deviate from, by the id of the case: those of the parts of the
    specification of which it says something, and the one that differs from it where it deviates.

    ``of_rules``: those of all cases of one side of a rule, by ``rules/<rule>/<operation>-<side>``.
    ``twins``: accept cases that send the same, by the id of the ordinary request; ``by_case`` has the batches of the
    others.
    """

    of: Mapping[str, tuple[PlannedCase, ...]]
    of_rules: Mapping[str, tuple[PlannedCase, ...]]
    twins: Mapping[str, PlannedCase]
    by_case: Mapping[str, Batch]


def ordinary_plan(contract: Contract, chosen: Iterable[PlannedCase] | None = None) -> OrdinaryPlan:
    """Find what the ``chosen`` cases (None: all that are planned) deviate from; of all it takes 1 s."""
    return _of_all(contract) if chosen is None else _ordinary(contract, chosen)


@cache
def _of_all(contract: Contract) -> OrdinaryPlan:
    whole = plans(contract)
    areas = (whole.rules, whole.schema, whole.combinations)
    return _ordinary(contract, [case for area in areas for plan in area for case in plan.cases])


def _ordinary(contract: Contract, cases: Iterable[PlannedCase]) -> OrdinaryPlan:
    oracle, cases = Oracle(contract), tuple(cases)
    found = OrdinaryRequests(oracle)
    of = {case.id: found.of_parts(case) + ((own,) if (own := found.of(case)) else ()) for case in cases}
    accepted = {_sent(case): case for case in cases if case.side == ACCEPT and isinstance(case.body, dict)}
    distinct = {each.id: each for several in of.values() for each in several}
    twins = {name: accepted[_sent(each)] for name, each in distinct.items() if _sent(each) in accepted}
    of_rules: dict[str, dict[str, PlannedCase]] = {}
    for name, several in of.items():
        of_rules.setdefault(name.rpartition("/")[0], {}).update({each.id: each for each in several})
    grouped = {name: tuple(several.values()) for name, several in of_rules.items()}
    batches = batched(oracle, [each for name, each in distinct.items() if name not in twins])
    return OrdinaryPlan(of, grouped, twins, {case.id: batch for batch in batches for case in batch.cases})


def _sent(case: PlannedCase) -> str:
    return json.dumps([case.operation, case.body, case.before], sort_keys=True)
