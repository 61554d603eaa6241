"""Scenarios on a control plane in this process, lawful or wrong in one way; waits take no time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from assay.checks.exchange import ContractBreachError
from assay.checks.target import TargetUnderTest
from assay.contract import documents
from assay.prove.bench import Bench
from assay.prove.trial import oracle
from assay.reference.behaviour import Behaviour, Change
from assay.reference.defects import lifecycle, rules, spelling, store, under_load
from assay.reference.variants import VARIANTS

Scenario = Callable[[TargetUnderTest], None]


@cache
def changes() -> dict[str, Change]:
    """What can be wrong (``store/update-lost``) or merely different (``delete-at-once``), by id."""
    families = (
        family(documents.load())
        for family in (lifecycle.defects, under_load.races, store.defects, rules.switched_off, spelling.updates)
    )
    wrong = {defect.id: defect.change for family in families for defect in family}
    return wrong | {name: variant.change for name, variant in VARIANTS.items()}


def bench(name: str | None = None) -> Bench:
    """A target on a control plane with this change, or on the lawful one."""
    behaviour = Behaviour()
    contract = documents.load()
    return Bench(contract, changes()[name](behaviour) if name else behaviour, oracle(contract))


def blamed(scenario: Scenario, name: str | None = None) -> set[str]:
    """The checks of all violations that the scenario raises or records."""
    stand = bench(name)
    raised: set[str] = set()
    try:
        scenario(stand.target)
    except ContractBreachError as breach:
        raised = {finding.check for finding in breach.findings}
    return raised | {
        str(found["kind"]) for found in stand.notebook.findings.values() if found["class"] == "violation"
    }


def live(stand: Bench) -> list[str]:
    """Names of the workloads that nobody has deleted."""
    return [each.name for each in stand.plane.store.live(stand.plane.now()) if each.deleted is None]
