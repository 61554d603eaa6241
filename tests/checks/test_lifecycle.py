"""The scenarios of a workload's life: silent on what is lawful, loud on each way of losing or mixing up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from assay.checks import deletion, lifecycle, merging, specs
from assay.checks.target import TargetUnderTest
from assay.findings.model import Class
from tests.checks.scenes import Scenario, bench, blamed, live

pytestmark = pytest.mark.slow

CHANGE = {change.id: change for change in specs.CHANGES}["several-at-once"]
BAD_UPDATE, BAD_CREATION = specs.REFUSED_CHANGES[0], specs.REFUSED_CREATIONS[0]

SCENARIOS: Mapping[str, Scenario] = {
    "read": lambda target: lifecycle.read_your_writes(target, "t", specs.RICH),
    "update": lambda target: lifecycle.update_is_stored(target, "t", CHANGE.before, CHANGE.patch),
    "refused-update": lambda target: lifecycle.refused_update_changes_nothing(
        target, "t", BAD_UPDATE.before, BAD_UPDATE.patch
    ),
    "merged": lambda target: merging.merged(target, "t"),
    "refused-create": lambda target: lifecycle.refused_create_leaves_nothing(
        target, "t", target.body(BAD_CREATION.patch)
    ),
    "deletion": lambda target: deletion.deletion(target, "t"),
    "gone-read": lambda target: deletion.after_deletion(target, "t", target.contract.operations["read"]),
    "gone-update": lambda target: deletion.after_deletion(target, "t", target.contract.operations["update"]),
}

# What a scenario says of a control plane that is wrong in one way, and that the others have nothing to do with it.
BLAMED: tuple[tuple[str, str, str], ...] = (
    ("store/read-tells-other-name", "read", "read-metadata"),
    ("store/read-tells-other-workloadId", "read", "read-metadata"),
    ("store/read-tells-other-createdAt", "read", "read-metadata"),
    ("store/creation-tells-old-time", "read", "created-at"),
    ("store/update-lost", "update", "update-stored"),
    ("store/update-answered-not-stored", "update", "update-stored"),
    ("store/update-drops-first-field", "update", "update-stored"),
    ("store/read-stale", "update", "update-stored"),
    ("store/update-undone-by-repetition", "update", "repeated-update-stored"),
    ("store/update-replaces-spec", "update", "update-bystander"),
    ("store/update-loses-labels", "update", "update-bystander"),
    ("store/update-loses-storage", "update", "update-bystander"),
    ("store/update-loses-relatedUrls", "update", "update-bystander"),
    ("store/update-tells-other-createdBy", "update", "update-metadata"),
    ("race/update-torn", "refused-update", "refused-update-changed"),
    ("rule-wrong/update/judged-by-patch", "merged", "update-judged-alone"),
    ("rule-wrong/update/unjudged", "merged", "update-leaves-broken"),
    ("store/refused-creation-stored", "refused-create", "refused-create-stored"),
    ("store/delete-ignored", "deletion", "delete-takes-effect"),
    ("lifecycle/deletion-hidden", "deletion", "delete-takes-effect"),
    ("store/delete-takes-all", "deletion", "delete-neighbour"),
    ("lifecycle/second-delete-fails", "deletion", "server-error"),
    ("lifecycle/read-of-deleted", "gone-read", "use-after-delete"),
    ("lifecycle/update-of-deleted", "gone-update", "use-after-delete"),
)

LAWFUL = (
    "async-delete-slow",
    "delete-at-once",
    "delete-kept",
    "deletion-conflicts",
    "creations-show-late",
    "updates-show-late",
    "section-overwrite",
    "nulls-ignored",
    "lists-by-name",
    "echo-defaults",
    "required-fields-only",
    "extra-fields",
    "policy-entries",
    "sets-reordered",
    "canonical-quantities",
    "whole-seconds",
    "capital-ids",
    "no-neighbours",
    "refuse-unknown",
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_silent_on_the_reference_and_nothing_is_left(scenario: str) -> None:
    stand = bench()
    SCENARIOS[scenario](stand.target)
    assert [found for found in stand.notebook.findings.values() if found["class"] == "violation"] == []
    assert stand.notebook.requests >= 1
    assert live(stand) == []


@pytest.mark.parametrize("variant", LAWFUL)
def test_silent_on_what_is_lawful(variant: str) -> None:
    assert {name: found for name, run in SCENARIOS.items() if (found := blamed(run, variant))} == {}


@pytest.mark.parametrize(("defect", "scenario", "check"), BLAMED, ids=[row[0] for row in BLAMED])
def test_loud_on_what_is_wrong(defect: str, scenario: str, check: str) -> None:
    assert blamed(SCENARIOS[scenario], defect) == {check}


def test_every_scenario_has_been_seen_to_find_something() -> None:
    assert {scenario for _, scenario, _ in BLAMED} == set(SCENARIOS)


@pytest.mark.parametrize("change", specs.CHANGES, ids=lambda change: change.id)
def test_every_change_is_lawful_and_changes_something(change: specs.SpecChange) -> None:
    assert blamed(lambda target: lifecycle.update_is_stored(target, "t", change.before, change.patch)) == set()
    assert {name: change.before.get(name) for name in change.patch} != dict(change.patch)


@pytest.mark.parametrize("change", specs.REFUSED_CHANGES, ids=lambda change: change.id)
def test_every_bad_change_is_refused(change: specs.SpecChange) -> None:
    stand = bench()
    with stand.target.workload("t", change.before) as workload:
        refused = lifecycle.patch(stand.target, "t", workload, change.patch)
    assert refused.status == 400
    assert [found.cls for found in refused.deviations] == [Class.GAP]  # the document lists no 400 for updates


def test_an_update_that_was_taken_is_not_told_as_a_refused_one_that_changed_something() -> None:
    change = {change.id: change for change in specs.REFUSED_CHANGES}["bad-section"]
    seen = []

    def run(target: TargetUnderTest) -> None:
        with target.workload("t", change.before) as workload:
            seen.append(lifecycle.patch(target, "t", workload, change.patch).status)
        lifecycle.refused_update_changes_nothing(target, "t", change.before, change.patch)

    found = blamed(run, "rule-off/autoscaling/metric-supports-scale-to-zero")
    assert seen == [202]
    assert "refused-update-changed" not in found


@pytest.mark.parametrize("fault", specs.REFUSED_CREATIONS, ids=lambda fault: fault.id)
def test_every_bad_creation_is_refused(fault: specs.SpecChange) -> None:
    assert (
        blamed(lambda target: lifecycle.refused_create_leaves_nothing(target, "t", target.body(fault.patch))) == set()
    )


def test_dense_specs_hold_nearly_every_leaf_and_are_the_same_every_time() -> None:
    drawn = [
        [specs.dense_spec(stand.target, number) for number in range(specs.DENSE_SPECS)]
        for stand in (bench(), bench())
    ]
    assert drawn[0] == drawn[1]
    held = {pointer for spec in drawn[0] for pointer in leaves(spec)}
    assert len(held) > 120


def leaves(value: Any, pointer: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{pointer}/{name}")
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, f"{pointer}/*")
    elif value is not None:
        yield pointer
