"""What was sent must come back: every lawful way to tell it passes, every loss is named."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.checks.echo import differences

LAWFUL: dict[str, tuple[Any, Any]] = {
    "equal": ({"image": "i", "args": "a"}, {"image": "i", "args": "a"}),
    "null-dropped": ({"image": "i", "args": None}, {"image": "i"}),
    "null-filled": ({"args": None}, {"args": "default"}),
    "section-of-nulls-dropped": ({"compute": {"cpuCoreRequest": None}}, {}),
    "empty-section-dropped": ({"compute": {}}, {}),
    "empty-section-null": ({"compute": {}}, {"compute": None}),
    "empty-list-dropped": ({"labels": []}, {}),
    "list-of-nulls-dropped": ({"labels": [None]}, {}),
    "default-added": (
        {"compute": {"cpuCoreRequest": 1}},
        {"compute": {"cpuCoreRequest": 1, "cpuMemoryRequest": "1G"}},
    ),
    "section-added": ({"image": "i"}, {"image": "i", "autoscaling": {"minReplicas": 1}}),
    "policy-entry-added": (
        {"labels": [{"name": "a", "value": "1"}]},
        {"labels": [{"name": "policy", "value": "x"}, {"name": "a", "value": "1"}]},
    ),
    "entry-completed": ({"labels": [{"name": "a"}]}, {"labels": [{"name": "a", "value": ""}]}),
    "set-reordered": (
        {"environmentVariables": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]},
        {"environmentVariables": [{"name": "b", "value": "2"}, {"name": "a", "value": "1"}]},
    ),
    "strings-reordered": ({"security": {"capabilities": ["A", "B"]}}, {"security": {"capabilities": ["B", "A"]}}),
    "pools-with-one-added": ({"nodePools": ["a", "b"]}, {"nodePools": ["a", "default", "b"]}),
    "canonical-quantity": ({"compute": {"cpuMemoryRequest": "1024Mi"}}, {"compute": {"cpuMemoryRequest": "1Gi"}}),
    "quantity-in-bytes": ({"compute": {"gpuMemoryLimit": "1Gi"}}, {"compute": {"gpuMemoryLimit": "1073741824"}}),
    "size": ({"storage": {"pvc": [{"size": "1000M"}]}}, {"storage": {"pvc": [{"size": "1G"}]}}),
    "whole-number-as-fraction": ({"compute": {"cpuCoreRequest": 1}}, {"compute": {"cpuCoreRequest": 1.0}}),
    "excluded-entry-gone": ({"labels": [{"name": "a", "exclude": True}]}, {}),
    "excluded-entry-among-others": (
        {"labels": [{"name": "a", "exclude": True}, {"name": "b"}]},
        {"labels": [{"name": "b"}]},
    ),
    "ignored-field": ({"autoscaling": {"initializationTimeoutSeconds": 9}}, {}),
    "ignored-among-others": (
        {"autoscaling": {"initializationTimeoutSeconds": 9, "minReplicas": 1}},
        {"autoscaling": {"minReplicas": 1}},
    ),
}

UNLAWFUL: dict[str, tuple[Any, Any, list[str]]] = {
    "lost": ({"args": "a"}, {}, ["/spec/args"]),
    "null-instead": ({"args": "a"}, {"args": None}, ["/spec/args"]),
    "changed": ({"args": "a"}, {"args": "b"}, ["/spec/args"]),
    "trimmed": ({"args": " a "}, {"args": "a"}, ["/spec/args"]),
    "other-case": ({"args": "Run"}, {"args": "run"}, ["/spec/args"]),
    "empty-string-lost": ({"args": ""}, {}, ["/spec/args"]),
    "zero-lost": ({"compute": {"cpuCoreRequest": 0}}, {"compute": {}}, ["/spec/compute/cpuCoreRequest"]),
    "false-lost": ({"createHomeDir": False}, {}, ["/spec/createHomeDir"]),
    "false-as-zero": ({"createHomeDir": False}, {"createHomeDir": 0}, ["/spec/createHomeDir"]),
    "one-as-true": ({"compute": {"x": 1}}, {"compute": {"x": True}}, ["/spec/compute/x"]),
    "number-as-string": (
        {"servingPort": {"container": 80}},
        {"servingPort": {"container": "80"}},
        ["/spec/servingPort/container"],
    ),
    "section-lost": ({"compute": {"cpuCoreRequest": 1}}, {}, ["/spec/compute"]),
    "spec-lost": ({"image": "i"}, None, ["/spec"]),
    "quantity-changed": (
        {"compute": {"cpuMemoryRequest": "1Gi"}},
        {"compute": {"cpuMemoryRequest": "1G"}},
        ["/spec/compute/cpuMemoryRequest"],
    ),
    "no-quantity-respelt": ({"args": "1Gi"}, {"args": "1024Mi"}, ["/spec/args"]),
    "entry-lost": (
        {"labels": [{"name": "a"}, {"name": "b"}]},
        {"labels": [{"name": "a"}]},
        ["/spec/labels/*"],
    ),
    "entry-changed": (
        {"labels": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]},
        {"labels": [{"name": "b", "value": "2"}, {"name": "a", "value": "9"}]},
        ["/spec/labels/*/value"],
    ),
    "one-of-two-equal-entries-lost": ({"x": ["a", "a"]}, {"x": ["a"]}, ["/spec/x/*"]),
    "list-as-object": ({"labels": [{"name": "a"}]}, {"labels": {"name": "a"}}, ["/spec/labels"]),
    "list-lost": ({"labels": [{"name": "a"}]}, {}, ["/spec/labels"]),
    "pools-reordered": ({"nodePools": ["a", "b"]}, {"nodePools": ["b", "a"]}, ["/spec/nodePools"]),
    "pool-lost": ({"nodePools": ["a", "b"]}, {"nodePools": ["a"]}, ["/spec/nodePools"]),
    "beside-an-ignored-field": (
        {"autoscaling": {"initializationTimeoutSeconds": 9, "minReplicas": 1}},
        {},
        ["/spec/autoscaling"],
    ),
    "the-same-name-elsewhere-is-not-ignored": (
        {"servingConfiguration": {"initializationTimeoutSeconds": 9}},
        {"servingConfiguration": {}},
        ["/spec/servingConfiguration/initializationTimeoutSeconds"],
    ),
    "exclude-false": ({"labels": [{"name": "a", "exclude": False}]}, {"labels": []}, ["/spec/labels/*"]),
}


@pytest.mark.parametrize(("sent", "got"), LAWFUL.values(), ids=LAWFUL)
def test_lawful(sent: Any, got: Any) -> None:
    assert list(differences(sent, got)) == []


@pytest.mark.parametrize(("sent", "got", "places"), UNLAWFUL.values(), ids=UNLAWFUL)
def test_unlawful(sent: Any, got: Any, places: list[str]) -> None:
    assert list(differences(sent, got)) == places


def test_an_id_is_the_same_in_capitals() -> None:
    assert list(differences("AB-1", "ab-1", "/spec/storage/id")) == []
    assert list(differences("AB-1", "ab-2", "/spec/storage/id")) == ["/spec/storage/id"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab1Gi", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "size"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, database=None)
@given(VALUES)
def test_every_value_is_its_own_echo(value: Any) -> None:
    assert list(differences(value, value)) == []


# --- Entries of a list without an order are paired so that each finds its own, in whatever order they come back.

A, B = {"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}


def terms(*expressions: list[dict[str, str]]) -> dict[str, Any]:
    return {"nodeAffinityRequired": {"nodeSelectorTerms": [{"matchExpressions": found} for found in expressions]}}


@pytest.mark.parametrize("order", list(itertools.permutations(([A], [A, B], [B]))))
def test_an_entry_that_another_one_holds_too_does_not_take_its_place(order: tuple[list[dict[str, str]], ...]) -> None:
    assert list(differences(terms([A], [A, B], [B]), terms(*order))) == []


def test_what_is_lost_is_still_told() -> None:
    assert list(differences(terms([A], [A, B]), terms([A], [A])))
    assert list(differences(terms([A], [A]), terms([A])))


def test_many_entries_are_paired_at_once() -> None:
    """The size of the longest list that is sent, the other way round; by trying orders it would never end."""
    sent = [{"name": f"N{number}", "value": "x"} for number in range(300)]
    assert list(differences({"labels": sent}, {"labels": sent[::-1]})) == []
