"""The contract tests on a conforming control plane in this process, on a clock that no wait holds up."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from assay.checks.shared_fixture import end_idle
from assay.contract import documents
from assay.findings.model import Class
from assay.prove import suite, trial
from assay.prove.bench import Bench
from assay.reference.behaviour import Behaviour
from assay.reference.variants import VARIANTS

# What these do happens on the wire, which a control plane in memory does not have.
WIRE = frozenset({"capital-headers", "usual-headers", "chunked", "closing", "idle-close", "distant"})


@dataclass(frozen=True, slots=True)
class Alarms:
    """What a run found on a conforming control plane: every line is a false alarm, or a test that could not judge."""

    violations: tuple[str, ...]
    broken: tuple[str, ...]
    requests: int

    def __bool__(self) -> bool:
        return bool(self.violations or self.broken)


def alarms(variants: Iterable[str], tests: Iterable[suite.SuiteTest], *, seed: int = 1) -> Alarms:
    """Run ``tests`` one after the other on a control plane with all of ``variants``."""
    behaviour = Behaviour()
    for name in variants:
        behaviour = VARIANTS[name].change(behaviour)
    contract = documents.load()
    bench = Bench(contract, behaviour, trial.oracle(contract), profile="gate", seed=seed)
    # One after the other, tests share less than they do in a gate: its 4,000 requests are not enough.
    budget = bench.target.session.budget
    budget.limits = dataclasses.replace(budget.limits, requests=None)
    bench.target.state.keeps_idle = True
    broken = [f"{test.id}: {error}" for test in tests if (error := trial.run(bench, test)) is not None]
    end_idle(bench.target)
    found = bench.notebook.findings.values()
    return Alarms(
        tuple(f"{item['test']}: {item['summary']}" for item in found if item["class"] == Class.VIOLATION.value),
        (*broken, *([bench.notebook.lost] if bench.notebook.lost else [])),
        bench.notebook.requests,
    )
