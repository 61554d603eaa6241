"""What an acceptance takes for granted, and what the document leaves open, place by place."""

from __future__ import annotations

from typing import Any, Final

import pytest

from assay.contract import pointers
from assay.contract.oracle import Oracle
from assay.contract.unstated import Unstated

LONG: Final = "a" * 200


def found(oracle: Oracle, pointer: str, value: Any) -> tuple[set[str], set[str]]:
    """The ids of the open questions and of the assumptions about ``value``; all of them stand at ``pointer``."""
    unstated = Unstated(oracle.bodies["create"])
    body = pointers.put({}, "/spec/environmentVariables/*/value", "x") if "environmentVariables/*" in pointer else {}
    questions, assumed = unstated.questions_and_assumptions(pointers.put(body, pointer, value))
    for reason in (*questions, *assumed):
        assert reason.location.startswith("/body" + pointer), reason
    return {reason.id for reason in questions}, {reason.id for reason in assumed}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/name", "assay-1"),
        ("/spec/command", "serve --port 8000"),
        ("/spec/workingDir", "/work/1"),
        ("/spec/labels/*/name", "team"),
        ("/spec/labels/*/value", ""),
        ("/spec/environmentVariables/*/name", "_MODE_1"),
        ("/spec/security/supplementalGroups", "1000,2000"),
        ("/spec/relatedUrls/*/url", "https://example.com/board"),
        ("/spec/autoscaling/metric", "latency"),
        ("/spec/autoscaling/metricThreshold", 10_000),
        ("/spec/ports/*/container", 65_535),
        ("/spec/createHomeDir", True),
        ("/spec/command", None),
        ("/clusterId", "6d8e0a4c-1f2b-4c3d-8e5f-000000000001"),
        ("/spec/probes/readiness/handler/httpGet/host", "a.example.com"),
    ],
)
def test_plain_values_assume_nothing(oracle: Oracle, pointer: str, value: Any) -> None:
    assert found(oracle, pointer, value) == (set(), set())


@pytest.mark.parametrize(
    ("pointer", "value", "what"),
    [
        ("/name", "Assay", "unusual"),
        ("/name", "a" * 48, "unusual"),
        ("/spec/command", LONG, "unusual"),
        ("/spec/command", "tab\there", "unusual"),
        ("/spec/command", "gr\u00fcn", "unusual"),
        ("/spec/workingDir", "relative", "unusual"),
        ("/spec/labels/*/name", "has blank", "unusual"),
        ("/spec/environmentVariables/*/name", "1ST", "unusual"),
        ("/spec/relatedUrls/*/url", "ftp://x", "unusual"),
        ("/spec/autoscaling/metricThreshold", 10_001, "unusual"),
        ("/spec/security/runAsUid", -1, "unusual"),
        ("/spec/compute/gpuPortionRequest", 0, "unusual"),
        ("/clusterId", "6D8E0A4C-1F2B-4C3D-8E5F-000000000001", "unusual"),
        ("/spec/probes/readiness/handler/httpGet/host", "1.example.com", "unusual"),
        ("/spec/nodePools/*", "default", "exists"),
        ("/spec/storage/git/*/passwordSecret", "keys", "exists"),
        ("/spec/autoscaling/metric", "queue_length", "exists"),
        ("/spec/storage/pvc/*/existingPvc", True, "exists"),
        ("/spec/labels/*/exclude", True, "excluded"),
    ],
)
def test_assumptions(oracle: Oracle, pointer: str, value: Any, what: str) -> None:
    unstated = Unstated(oracle.bodies["create"])
    body = pointers.put({}, "/spec/environmentVariables/*/value", "x") if "environmentVariables/*" in pointer else {}
    questions, assumed = unstated.questions_and_assumptions(pointers.put(body, pointer, value))
    assert (questions, {reason.id for reason in assumed}) == ([], {f"assumes-{what}"})
    assert all(reason.text for reason in assumed)


@pytest.mark.parametrize(
    ("value", "repeated"),
    [
        ([{"name": "a"}, {"name": "b"}], False),
        ([{"name": "a"}, {"name": "a"}], True),
        ([{"name": "a", "value": "1"}, {"name": "b", "value": "1"}], False),
        ([{"name": "a"}], False),
    ],
)
def test_entries_that_repeat_each_other(oracle: Oracle, value: Any, repeated: bool) -> None:
    assert found(oracle, "/spec/labels", value) == (set(), {"assumes-distinct"} if repeated else set())


@pytest.mark.parametrize(
    ("pointer", "value", "question"),
    [
        ("/colour", 1, "unknown-property"),
        ("/spec/compute/colour", None, "unknown-property"),
        ("/spec/labels", [None], "null-entry"),
        ("/spec/servingPort/container", 80.0, "integral-float"),
        ("/spec/command", "\udfff", "lone-surrogate"),
        ("/spec/command", "a\x00b", "control-character"),
    ],
)
def test_open_questions(oracle: Oracle, pointer: str, value: Any, question: str) -> None:
    unstated = Unstated(oracle.bodies["create"])
    questions, _ = unstated.questions_and_assumptions(pointers.put({}, pointer, value))
    assert [reason.id for reason in questions] == [question]


def test_a_null_entry_of_a_list_that_admits_none_is_left_to_the_schema(oracle: Oracle) -> None:
    assert found(oracle, "/spec/nodePools", [None]) == (set(), set())


@pytest.mark.parametrize(
    ("entry", "assumed"),
    [
        ({"name": "A"}, {"assumes-none-given"}),
        ({"name": "A", "value": None, "secret": None}, {"assumes-none-given"}),
        ({"name": "A", "exclude": False}, {"assumes-none-given"}),
        ({"name": "A", "exclude": True}, {"assumes-excluded"}),
        ({"name": "A", "value": ""}, set()),
        ({"name": "A", "podFieldRef": {"path": "metadata.name"}}, set()),
    ],
)
def test_that_none_of_the_alternatives_is_enough_is_assumed(
    oracle: Oracle, entry: dict[str, Any], assumed: set[str]
) -> None:
    assert found(oracle, "/spec/environmentVariables", [entry]) == (set(), assumed)
