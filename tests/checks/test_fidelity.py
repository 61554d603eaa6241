"""To the letter: silent on what is lawful, loud on each way to keep a value otherwise than it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pytest

from assay.checks import fidelity, merging, spelling
from assay.reference.defects.fidelity import rows
from tests.checks.scenes import Scenario, bench, blamed, live

pytestmark = pytest.mark.slow

SCENARIOS: Mapping[str, Scenario] = {
    "printable": lambda target: fidelity.texts(target, "t", "printable"),
    "beyond-ascii": lambda target: fidelity.texts(target, "t", "beyond-ascii"),
    "order": lambda target: fidelity.order(target, "t"),
    "updated": lambda target: fidelity.updated(target, "t"),
    "one-prefix": lambda target: fidelity.of_one_prefix(target, "t"),
    "after-a-refusal": lambda target: fidelity.after_a_refusal(target, "t"),
    "spelt": lambda target: fidelity.spelt(target, "t"),
    "aged": lambda target: fidelity.aged(target, "t"),
    "renamed": lambda target: fidelity.renamed(target, "t"),
    **{f"fields-{name}": partial(spelling.fields, test="t", name=name) for name in spelling.UNLIKE},
    "cluster-in-capitals": lambda target: spelling.cluster_in_capitals(target, "t"),
    "merged": lambda target: merging.merged(target, "t"),
}
UNLIKE = {"composed": "fields-decomposed", "decomposed": "fields-composed", "lines-unified": "fields-line-ends"}
FOLDED = {"stripped": "blanks", "lowered": "case"}
FIELDS = ("command", "args", "annotations.value", "environmentVariables.description")
BEYOND = {"ascii", "latin", "narrow", "cut-255", "cut-4096", "one-line", "untabbed"}
BLAMED: dict[str, tuple[str, str]] = {
    "value-empty-lost": ("beyond-ascii", "text-created"),
    "pools-sorted": ("order", "read-echo"),
    **{f"update-ignores-{name}": ("updated", "update-echo") for name in fidelity.CHANGED},
    "prefix-not-random": ("one-prefix", "name-prefix-random"),
    "delete-takes-namesakes": ("one-prefix", "delete-neighbour"),
    "refusal-keeps-name": ("after-a-refusal", "refused-create-keeps-name"),
    "name-lowered": ("spelt", "name-as-given"),
    "update-renews-created": ("aged", "update-metadata"),
    "update-renames": ("renamed", "update-metadata"),
    "update-joins-lists": ("printable", "entry-once-updated"),
    "read-tells-other-createdAt": ("aged", "read-metadata"),
    **{f"value-{name}": (scenario, "read-echo") for name, scenario in UNLIKE.items()},
    **{f"{field}-{name}": (scenario, "read-echo") for name, scenario in UNLIKE.items() for field in FIELDS},
    **{f"{field}-{name}": (f"fields-{text}", "read-echo") for name, text in FOLDED.items() for field in FIELDS},
}
LAWFUL = (
    "printable-strings",
    "existing-references",
    "lists-by-name",
    "policy-entries",
    "sets-reordered",
    "section-overwrite",
    "updates-show-late",
    "creations-show-late",
    "refuse-unknown",
    "label-names",
    "duplicate-conflict",
    "whole-seconds",
    "required-fields-only",
    "delete-kept",
    "no-neighbours",
    "capital-ids",
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_silent_on_the_reference_and_nothing_is_left(scenario: str) -> None:
    stand = bench()
    SCENARIOS[scenario](stand.target)
    assert [found for found in stand.notebook.findings.values() if found["class"] == "violation"] == []
    assert stand.notebook.requests >= 2 or scenario == "spelt"
    assert live(stand) == []


@pytest.mark.parametrize("variant", LAWFUL)
def test_silent_on_what_is_lawful(variant: str) -> None:
    assert {name: found for name, run in SCENARIOS.items() if (found := blamed(run, variant))} == {}


@pytest.mark.parametrize("name", [name for name, _, _ in rows() if name.startswith("value-") and name not in BLAMED])
def test_loud_on_each_altered_value(name: str) -> None:
    group = "beyond-ascii" if name.removeprefix("value-") in BEYOND else "printable"
    assert "text-created" in blamed(SCENARIOS[group], f"store/{name}")


@pytest.mark.parametrize("name", BLAMED)
def test_loud_on_what_moves(name: str) -> None:
    scenario, check = BLAMED[name]
    assert check in blamed(SCENARIOS[scenario], f"store/{name}")


def test_every_defect_of_the_kind_is_tried() -> None:
    assert {name for name, _, _ in rows() if not name.startswith("value-")} <= set(BLAMED)


def test_an_update_alone_is_judged_too() -> None:
    """What is created as sent and updated otherwise is told by the update's own check."""
    kept = dict.fromkeys(("one", "two"), "x")
    told = {"spec": {"environmentVariables": [{"name": "TEXT_0", "value": "x"}, {"name": "TEXT_1", "value": 2}]}}
    found = list(fidelity.altered(kept, told, "updated"))
    assert [(item.check, item.summary) for item in found] == [
        ("text-updated", "a value does not come back as it was updated: two")
    ]
