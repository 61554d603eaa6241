"""Which tests to try first on a defect: those that look where it is. Order changes the time, never the outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from assay.prove.suite import SuiteTest
from assay.reference.defects.base import Defect

# The cheapest tests that meet both a success and a refusal of an operation.
_OF_ROLE: Final[Mapping[str | None, tuple[str, ...]]] = {
    None: (),
    "create": ("lifecycle/names", "lifecycle/refused-create", "access/create/no-token", "access/create/outsider"),
    "read": ("lifecycle/read-your-writes", "schema/read/", "access/read/", "lifecycle/gone-read"),
    "update": ("lifecycle/update-", "lifecycle/refused-update", "access/update/", "lifecycle/gone-update"),
    "delete": ("lifecycle/deletion", "schema/delete/", "access/delete/", "lifecycle/gone-delete"),
    "metrics": ("metrics/workload/", "schema/metrics/", "access/metrics/", "lifecycle/gone-metrics"),
    "pod_metrics": ("metrics/pod/", "schema/pod_metrics/", "access/pod-metrics/", "lifecycle/gone-pod"),
}
_OF_FAMILY: Final[Mapping[str, tuple[str, ...]]] = {
    "identity": ("access/",),
    "store": ("lifecycle/", "fidelity/", "neighbours/", "concurrency/"),
    "lifecycle": ("lifecycle/",),
    "metrics": ("metrics/",),
    "crash": ("robustness/",),
    "race": ("concurrency/",),
}
# Cheap areas first; Schemathesis takes as long as all the others together.
_AREAS: Final = (
    "lifecycle",
    "fidelity",
    "neighbours",
    "references",
    "access",
    "metrics",
    "concurrency",
    "rules",
    "schema",
    "combinations",
    "variations",
    "robustness",
    "schemathesis",
)


def ordered(defect: Defect, tests: Sequence[SuiteTest], *, near: bool = False) -> list[SuiteTest]:
    """``tests``, those first that are about the place of ``defect``; with ``near`` only these."""
    first = (*_of_place(defect), *_OF_FAMILY.get(defect.family, ()), *_OF_ROLE[defect.operation])
    found = sorted(tests, key=lambda test: _rank(test, first))
    return [test for test in found if _rank(test, first)[0] < len(first)] if near else found


def _of_place(defect: Defect) -> tuple[str, ...]:
    """Tests whose id holds the defect's own place: a property, a parameter, a rule."""
    steps = defect.id.split("/")
    if defect.family in {"rule-off", "rule-wrong"}:
        return (f"rules/{steps[1]}/{steps[2]}[",)
    if defect.family in {"request-schema", "request-legal"}:
        return (f"schema/{steps[1]}/{steps[2]}[",)
    if defect.family == "response-field" and steps[2].startswith("spec."):
        return (
            f"schema/create/{steps[2]}",
            "lifecycle/read-your-writes",
            "references/",
        )  # the place and what lies below it
    return ()


def _rank(test: SuiteTest, first: Sequence[str]) -> tuple[int, int]:
    for place, prefix in enumerate(first):
        if test.id.startswith(prefix):
            return place, 0
    return len(first), _AREAS.index(test.area) if test.area in _AREAS else len(_AREAS)
