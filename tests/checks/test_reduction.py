"""Delta debugging along a JSON tree: what a deviation needs is kept, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.checks.reduction import reduce
from assay.contract.request import ABSENT, Absent, Json

PLAIN = {"/spec/image": "echo", "/spec/args": "plain", "/spec/env/*/name": "VARIABLE", "/spec/env/*/value": "value"}
TREE = {
    "name": "kept",
    "spec": {
        "image": "echo",
        "args": "odd",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}, {"name": "C", "value": "3"}],
        "scaling": {"min": 2, "max": 2, "metric": "latency"},
    },
}


def ordinary(pointer: str) -> Json | Absent:
    return PLAIN.get(pointer, ABSENT)


def values(spec: dict[str, Any]) -> list[str]:
    return [entry.get("value") for entry in spec.get("env", [])]


@pytest.mark.parametrize(
    ("shows", "needed", "left"),
    [
        (lambda spec: spec.get("args") == "odd", {"/spec/args": True}, {"args": "odd"}),
        (lambda spec: "args" in spec, {"/spec/args": False}, {"args": "plain"}),
        (lambda spec: "" in values(spec), {"/spec/env/*/value": True}, {"env": [{"value": ""}]}),
        (
            lambda spec: spec.get("scaling", {}).get("min") == spec.get("scaling", {}).get("max", 0),
            {"/spec/scaling/min": False, "/spec/scaling/max": False},
            {"scaling": {"min": 2, "max": 2}},
        ),
        (lambda spec: "" in values(spec)[1:], {"/spec/env/*": False, "/spec/env/*/value": True}, None),
    ],
)
def test_what_a_deviation_needs(
    shows: Callable[[dict[str, Any]], bool], needed: dict[str, bool], left: dict[str, Any] | None
) -> None:
    reduced = reduce(TREE, "spec", lambda tree: shows(tree["spec"]), ordinary)
    assert reduced.needed == needed
    assert reduced.tree["name"] == "kept"
    assert left is None or reduced.tree["spec"] == left
    assert TREE["spec"]["args"] == "odd"  # type: ignore[index]


def test_what_cannot_be_told_is_not_said_to_be_needed() -> None:
    """An image is mandatory: without one the contract expects something else, so the answer says nothing."""

    def shows(tree: Json) -> bool | None:
        return None if "image" not in tree["spec"] else tree["spec"].get("args") == "odd"

    assert reduce(TREE, "spec", shows, ordinary).needed == {"/spec/args": True}
