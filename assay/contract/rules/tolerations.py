"""Tolerations: which taints of a node the workload bears, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from assay.contract.request import Json
from assay.contract.rules.base import (
    CREATE,
    Case,
    Contradiction,
    Judgement,
    Rule,
    Spec,
    Unclear,
    exempts,
    never,
    said,
)
from assay.contract.rules.items import ItemType, breach, excluded, mandatory

_COMPLETE: Final = {"name": "spot", "key": "spot", "operator": "Exists", "effect": "NoSchedule"}
_TOLERATION: Final = ItemType(
    ("tolerations",), _COMPLETE, "name", exempts("Toleration", "label"), CREATE, contested=True
)
_OPERATORS: Final = ("Equal", "Exists")
_MANDATORY: Final = ("key", "operator", "effect")


def _tolerate(**fields: Any) -> dict[str, Any]:
    return _TOLERATION.holding({"name": "spot", **fields})


def _lasting(effect: Json, **fields: Any) -> dict[str, Any]:
    return _tolerate(key="spot", operator="Exists", effect=effect, seconds=60, **fields)


def _seconds(spec: Spec) -> Iterator[Judgement]:
    for item in _TOLERATION.of(spec):
        if item.get("seconds") is None or item.get("effect") == "NoExecute":
            continue
        location = "/tolerations/*/seconds"
        if item.get("effect") == "Any":
            yield Unclear(
                location, "whether the effect Any, which includes NoExecute, counts as NoExecute is not said"
            )
        else:
            yield breach(item, location)


def _value(spec: Spec) -> Iterator[Unclear]:
    for item in _TOLERATION.of(spec):
        if not excluded(item) and item.get("operator") in _OPERATORS and not _broken_anyway(item):
            yield Unclear(
                "/tolerations/*/value",
                "the two sentences disagree on which operator takes a value",
            )


def _broken_anyway(item: Mapping[str, Json]) -> bool:
    if any(item.get(name) is None for name in _MANDATORY):
        return True
    return item.get("seconds") is not None and item.get("effect") not in ("NoExecute", "Any")


RULES: Final = (
    mandatory(
        "tolerations/key-required",
        _TOLERATION,
        "key",
        said("Toleration/properties/key", "The taint key that the toleration applies to. (mandatory)"),
    ),
    mandatory(
        "tolerations/operator-required",
        _TOLERATION,
        "operator",
        said(
            "TolerationOperator",
            "Exists is equivalent to wildcard for value, so that a workload can tolerate all taints of a particular "
            "category. (mandatory)",
        ),
    ),
    mandatory(
        "tolerations/effect-required",
        _TOLERATION,
        "effect",
        said("TolerationEffect", "The taint effect to match. (mandatory)"),
    ),
    Rule(
        id="tolerations/seconds-only-with-no-execute",
        quotes=(said("Toleration/properties/seconds", "Valid only if effect is NoExecute."),),
        judge=_seconds,
        accepts=(
            Case("NoExecute", _tolerate(effect="NoExecute", seconds=60, exclude=True)),
            Case("NoExecute, the least", _tolerate(effect="NoExecute", seconds=1, exclude=True)),
            Case("no seconds", _tolerate(effect="NoSchedule", exclude=True)),
            Case("seconds null", _tolerate(effect="NoSchedule", seconds=None, exclude=True)),
        ),
        rejects=(
            Case("NoSchedule", _lasting("NoSchedule")),
            Case("PreferNoSchedule", _lasting("PreferNoSchedule")),
            Case("exclude is false", _lasting("NoSchedule", exclude=False)),
            Case(
                "second entry only",
                _TOLERATION.holding(_TOLERATION.identified(), {**_COMPLETE, "name": "batch", "seconds": 1}),
            ),
        ),
        applies=CREATE,
        needs="tolerations",
    ),
)

CONTRADICTIONS: Final = (
    Contradiction(
        id="tolerations/value-by-operator",
        quotes=(
            said("Toleration/properties/value", "Mandatory if operator is Exists, forbidden otherwise."),
            said("TolerationOperator", "Equal uses key and value. Exists is equivalent to wildcard for value"),
        ),
        summary=(
            "`value` is said to be mandatory with Exists and forbidden with Equal, while the operator's own "
            "description uses the value with Equal and not with Exists (as Kubernetes does)"
        ),
        judge=_value,
        opens=(
            Case("Exists without a value", _TOLERATION.holding(_COMPLETE)),
            Case("Exists with a value", _TOLERATION.holding({**_COMPLETE, "value": "yes"})),
            Case("Equal without a value", _TOLERATION.holding({**_COMPLETE, "operator": "Equal"})),
            Case("Equal with a value", _TOLERATION.holding({**_COMPLETE, "operator": "Equal", "value": "yes"})),
        ),
        applies=CREATE,
    ),
    Contradiction(
        id="tolerations/exclude-speaks-of-labels",
        quotes=(
            said(
                "Toleration/properties/exclude", "Use 'true' in case the label is defined in defaults of the policy"
            ),
            said("Toleration", "Toleration details."),
        ),
        summary="the prose of a toleration's `exclude` speaks of a label",
        judge=never,
    ),
)
