"""The contract tests as plain functions: collected once by pytest, called as often as there are defects.

Which of them to try first on a defect: those that look where it is.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from assay import folders
from assay.checks.pytest_internals import argument_names
from assay.checks.pytest_plugin import test_id
from assay.checks.target import TargetUnderTest
from assay.client.handover import PROFILE
from assay.contract.documents import Contract, Operation
from assay.contract.operations import Kind
from assay.errors import InconclusiveError
from assay.reference.defects.base import Defect

# The cheapest tests that meet both a success and a refusal of an operation of the kind; see ``near_operation``.
_OF_KIND: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.CREATE: ("lifecycle/names", "lifecycle/refused-create", "access/{id}/no-token", "access/{id}/outsider"),
    Kind.READ: ("lifecycle/read-your-writes", "schema/{name}/", "access/{id}/", "lifecycle/gone-{name}"),
    Kind.UPDATE: ("lifecycle/update-", "lifecycle/refused-update", "access/{id}/", "lifecycle/gone-{name}"),
    Kind.DELETE: ("lifecycle/deletion", "schema/{name}/", "access/{id}/", "lifecycle/gone-{name}"),
    Kind.LIST: ("schema/{name}/", "access/{id}/", "lifecycle/gone-{name}"),
    Kind.MEASURE: ("metrics/{resource}/", "schema/{name}/", "access/{id}/", "lifecycle/gone-{name}"),
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


@dataclass(frozen=True, slots=True)
class SuiteTest:
    """One contract test: its id, as reports name it, and what to call."""

    id: str
    function: Callable[..., None]
    parameters: Mapping[str, Any]
    wants: frozenset[str]

    @property
    def area(self) -> str:
        return self.id.split("/", 1)[0]

    def run(self, target: TargetUnderTest) -> None:
        """Run the test on ``target``; raises what the test raises."""
        given = dict(self.parameters)
        if "target" in self.wants:
            given["target"] = target
        if "test" in self.wants:
            given["test"] = self.id
        self.function(**given)


def collect(profile: str = "gate") -> tuple[SuiteTest, ...]:
    """Every contract test in the order of a run. InconclusiveError when pytest cannot collect them."""
    os.environ[PROFILE] = profile  # the modules choose their cases by it when they are imported
    folder = folders.top("contract_tests")
    collected = _CollectedItems()
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = pytest.main(
            [str(folder), "-c", str(folder / "pytest.ini"), "--collect-only", "-qq"], plugins=[collected]
        )
    if code != 0:
        raise InconclusiveError(f"the contract tests cannot be collected (exit {code}): {out.getvalue()[-500:]}")
    return tuple(_test(item) for item in collected.items)


class _CollectedItems:
    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = list(session.items)


def _test(item: pytest.Item) -> SuiteTest:
    assert isinstance(item, pytest.Function)
    parameters = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    wants = argument_names(item)
    unknown = wants - parameters.keys() - {"target", "test"}
    if unknown:
        raise InconclusiveError(
            f"{test_id(item)} takes the fixture {sorted(unknown)[0]}: prove calls tests as functions and has none"
        )
    return SuiteTest(test_id(item), item.obj, parameters, wants)


def ordered(contract: Contract, defect: Defect, tests: Sequence[SuiteTest], *, near: bool = False) -> list[SuiteTest]:
    """``tests``, those first that are about the place of ``defect``; with ``near`` only these.

    Order changes the time that a trial takes, never its outcome.
    """
    operation = contract.operations[defect.operation] if defect.operation else None
    first = (
        *_of_place(defect),
        *_OF_FAMILY.get(defect.family, ()),
        *(near_operation(operation) if operation else ()),
    )
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


def near_operation(operation: Operation) -> tuple[str, ...]:
    """How the ids of the tests begin that meet ``operation``, the cheapest first."""
    names = {"name": operation.name, "id": operation.name.replace("_", "-"), "resource": _last(operation.row.needs)}
    return tuple(prefix.format(**names) for prefix in _OF_KIND[operation.kind])


def _last(needs: Mapping[str, str]) -> str:
    """What is measured or read: the last resource on the path."""
    return list(needs.values())[-1] if needs else ""


def _rank(test: SuiteTest, first: Sequence[str]) -> tuple[int, int]:
    for place, prefix in enumerate(first):
        if test.id.startswith(prefix):
            return place, 0
    return len(first), _AREAS.index(test.area) if test.area in _AREAS else len(_AREAS)
