"""A choice of the contract tests on every conforming variant, five at a time (``make conforming``: all of them)."""

from __future__ import annotations

import pytest

from assay.prove import suite
from assay.reference.behaviour import Behaviour
from assay.reference.lifecycle import Lifecycle
from assay.reference.store import StoredWorkload
from assay.reference.variants import VARIANTS, Variant
from tests.conforming.memory import WIRE, Alarms, alarms

pytestmark = pytest.mark.slow

# Tests that look at what variants differ in; of all others every fiftieth.
CHOSEN = (
    "lifecycle/read-your-writes-0",
    "lifecycle/read-your-writes-1",
    "lifecycle/update-environment",
    "lifecycle/update-autoscaling",
    "lifecycle/refused-update-bad-bound",
    "lifecycle/refused-create-bad-rule",
    "lifecycle/merged-rules",
    "lifecycle/phases",
    "lifecycle/names",
    "lifecycle/deletion",
    "lifecycle/gone-update",
    "access/create/outsider",
    "access/read/outsider",
    "access/read/no-token",
    "fidelity/fields-",
    "fidelity/id-in-capitals",
    "fidelity/cluster-in-capitals",
    "access/delete/no-token",
    "metrics/workload/samples/1000",
    "metrics/workload/range/across-creation",
    "metrics/workload/csv",
    "metrics/workload/range/equal",
    "metrics/workload/range/fraction",
    "metrics/workload/spelling/east",
    "metrics/workload/inside",
    "metrics/pod/types/together",
    "metrics/workload/not-ready",
    "robustness/create/nul-escape",
    "robustness/create/megabyte-string",
    "robustness/read/header-accept-html",
    "robustness/metrics/query-bad-escape",
    "concurrency/parallel-updates",
    "rules/autoscaling/deprecated-timeout-ignored",
    "rules/compute/portion-between-zero-and-one",
    "schema/create/spec.environmentVariables.*.value",
    "schema/create/spec.security.uidGidSource",
    "schema/update/spec.environmentVariables",
    "schema/read/path.workloadId",
)
EVERY = 50
# A run takes 1.2 s: 16 runs instead of 79.
TOGETHER = 5


@pytest.fixture(scope="module")
def choice() -> tuple[suite.SuiteTest, ...]:
    tests = [test for test in suite.collect() if test.area != "schemathesis"]
    near = [test for test in tests if test.id.startswith(CHOSEN)]
    missing = [name for name in CHOSEN if not any(test.id.startswith(name) for test in near)]
    assert not missing, "these tests have another name now"
    return (*near, *[test for test in tests if test not in near][::EVERY])


def batches() -> list[tuple[str, ...]]:
    """All variants that show in memory, each once; neighbours in the catalogue, which exclude each other, apart."""
    names = [name for name in VARIANTS if name not in WIRE]
    count = -(-len(names) // TOGETHER)
    return [tuple(names[start::count]) for start in range(count)]


@pytest.mark.parametrize("names", batches(), ids="+".join)
def test_no_false_alarm(names: tuple[str, ...], choice: tuple[suite.SuiteTest, ...]) -> None:
    found = alarms(names, choice)
    assert not found, found
    assert found.requests > len(choice) / 2


def test_every_variant_is_in_one_batch() -> None:
    assert sorted(name for names in batches() for name in names) == sorted(set(VARIANTS) - WIRE)
    assert set(VARIANTS) > WIRE


def test_a_variant_that_does_not_conform_is_not_passed(
    choice: tuple[suite.SuiteTest, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same run finds fault with a control plane that says Deleted without anybody having asked."""

    class SaysDeleted(Lifecycle):
        def desired_phase(self, _: StoredWorkload) -> str:
            return "Deleted"

    def change(behaviour: Behaviour) -> Behaviour:
        return behaviour.mixing(SaysDeleted)

    monkeypatch.setitem(VARIANTS, "nonconforming", Variant("nonconforming", "Every workload is Deleted.", change))
    found: Alarms = alarms(["nonconforming"], choice)
    assert any("desired phase Deleted" in violation for violation in found.violations), found
