"""The catalogue of seeded defects: derived, named for good, and each one really another control plane."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from assay.contract import documents
from assay.contract.schema import Node
from assay.reference.behaviour import Behaviour
from assay.reference.defects import FAMILIES, catalogue
from assay.reference.defects.base import GONE, at_node, at_value
from assay.reference.plane import Plane
from tests.reference.harness import COLLECTION, RESEARCHER, Harness

RULES = documents.load().rules
# "Expect 600 or more": fewer would mean that a family has lost its source.
FEWEST = 600


def test_ids_are_unique_and_begin_with_their_family() -> None:
    found = [defect for family in FAMILIES.values() for defect in family(documents.load())]
    assert len(found) > FEWEST
    assert [name for name, count in Counter(defect.id for defect in found).items() if count > 1] == []
    assert all(defect.id.startswith(f"{defect.family}/") and defect.family in FAMILIES for defect in found)
    assert all(defect.summary and defect.place.startswith("/") for defect in found)


def test_every_family_has_defects_that_can_be_shown() -> None:
    telling = Counter(defect.family for defect in catalogue(documents.load()).values() if defect.equivalent is None)
    assert set(telling) == set(FAMILIES)


def test_an_equivalent_defect_says_why() -> None:
    reasons = [defect.equivalent for defect in catalogue(documents.load()).values() if defect.equivalent is not None]
    assert reasons
    assert all(len(reason.split()) > 3 for reason in reasons)


def test_each_breakable_rule_has_its_defect() -> None:
    known = catalogue(documents.load())
    assert all(f"rule-off/{rule.id}" in known for rule in RULES if rule.rejects)


@pytest.mark.parametrize("part", range(8))
def test_each_defect_builds_a_control_plane(part: int) -> None:
    """One of eight of the request families, whose schemas are compiled anew, and all others."""
    defects = list(catalogue(documents.load()).values())
    costly = [defect for defect in defects if defect.family.startswith("request-")][part::64]
    others = [defect for defect in defects if not defect.family.startswith("request-")][part::8]
    for defect in costly + others:
        changed = defect.change(Behaviour())
        assert changed != Behaviour(), defect.id
        assert isinstance(changed.build(documents.load(), lambda: 0.0, seed=1), Plane)


CALLS: dict[str, tuple[str, Any, int]] = {
    "request-schema/create/spec.compute.cpuCoreRequest/minimum": (
        "POST",
        {"image": "x", "compute": {"cpuCoreRequest": -1}},
        400,
    ),
    "rule-off/container/image-required": ("POST", {"command": "x"}, 400),
    "rule-wrong/compute/portion-between-zero-and-one/no-upper-end": (
        "POST",
        {"image": "x", "compute": {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 2}},
        400,
    ),
    "request-legal/create/spec.command/null": ("POST", {"image": "x", "command": None}, 202),
    "response-status/create/202-201": ("POST", {"image": "x"}, 202),
    "crash/create/body.nul": ("POST", {"image": "x", "command": "\0"}, 400),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_defect_answers_otherwise_than_the_reference(name: str) -> None:
    _, spec, right = CALLS[name]
    assert Harness().create(spec=spec).status == right
    assert Harness(defects=(name,)).create(spec=spec).status != right


def test_an_open_door_lets_in_whoever_comes() -> None:
    reference, open_ = Harness(), Harness(defects=("identity/read/no-token",))
    assert reference.send("GET", reference.created(), token=None).status == 401
    assert open_.send("GET", open_.created(), token=None).status == 200
    assert open_.send("DELETE", open_.created("other"), token=None).status == 401


def test_a_method_that_no_operation_has_crashes_one_that_is_broken_so() -> None:
    for harness, status in ((Harness(), 405), (Harness(defects=("crash/read/method",)), 500)):
        assert harness.send("HEAD", harness.created()).status == status


def test_a_lost_update_is_answered_and_not_stored() -> None:
    broken = Harness(defects=("store/update-answered-not-stored",))
    path = broken.created()
    answer = broken.send("PATCH", path, {"spec": {"command": "new"}})
    assert answer.json["spec"]["command"] == "new"
    assert "command" not in broken.send("GET", path).json["spec"]


def test_an_id_is_reused() -> None:
    broken = Harness(defects=("store/id-reused",))
    names = [broken.create(name).json["workloadId"] for name in ("one", "two")]
    assert names[0] == names[1]
    assert broken.send("GET", f"{COLLECTION}/{names[0]}", token=RESEARCHER).json["name"] == "two"


def test_a_value_is_changed_dropped_or_left() -> None:
    value = {"a": [{"b": 1, "c": 2}, {"c": 3}], "d": None}
    assert at_value(value, "/a/*/b", lambda _: 5) == {"a": [{"b": 5, "c": 2}, {"c": 3}], "d": None}
    assert at_value(value, "/a/*/c", lambda _: GONE) == {"a": [{"b": 1}, {}], "d": None}
    assert at_value(value, "/d/e", lambda _: 5) == value
    assert value["a"] == [{"b": 1, "c": 2}, {"c": 3}]


def test_a_node_is_changed_where_it_stands() -> None:
    leaf = Node("/list/*/leaf", "/x", "string")
    tree = Node(
        "",
        "/r",
        "object",
        properties={
            "list": Node("/list", "/l", "array", items=Node("/list/*", "/i", "object", properties={"leaf": leaf}))
        },
    )
    changed = at_node(tree, "/list/*/leaf", lambda node: Node(node.pointer, node.source, "integer"))
    assert changed.find("/list/*/leaf").type == "integer"
    assert tree.find("/list/*/leaf").type == "string"
    with pytest.raises(KeyError):
        at_node(tree, "/nothing", lambda node: node)
