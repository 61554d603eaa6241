"""Where and with which priority the workload runs: node and pod affinity, priority class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from assay.contract.request import Json
from assay.contract.rules.base import (
    EMPTY_OBJECT,
    Broken,
    Case,
    Judgement,
    Quote,
    Rule,
    Spec,
    Unclear,
    entries,
    said,
    section,
    text,
)

PRIORITY_CLASSES: Final = ("very-low", "low", "medium-low", "medium", "medium-high", "high", "very-high")

_VALUES: Final = "/nodeAffinityRequired/nodeSelectorTerms/*/matchExpressions/*/values"
_INTEGER: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_AFFINITY: Final = {"type": "Preferred", "key": "zone"}


def _terms(*terms: Json) -> dict[str, Any]:
    return {"nodeAffinityRequired": {"nodeSelectorTerms": list(terms)}}


def matching(operator: str, *values: str) -> dict[str, Any]:
    return {"key": "zone", "operator": operator, "values": list(values)}


def _bare(operator: str) -> dict[str, Any]:
    return {"key": "zone", "operator": operator}


def node_affinity(*expressions: Json) -> dict[str, Any]:
    return _terms({"matchExpressions": list(expressions)})


def _expressions(spec: Spec, *operators: str) -> Iterator[Json]:
    """The ``values`` of every match expression with one of ``operators``: a list, or None when absent."""
    for term in entries(section(spec, "nodeAffinityRequired").get("nodeSelectorTerms")):
        for expression in entries(term.get("matchExpressions")):
            values = expression.get("values")
            if expression.get("operator") in operators and (values is None or isinstance(values, list)):
                yield values


def _listed(spec: Spec) -> Iterator[Judgement]:
    for values in _expressions(spec, "In", "NotIn"):
        if not values:
            yield Broken(_VALUES)


def _unlisted(spec: Spec) -> Iterator[Judgement]:
    for values in _expressions(spec, "Exists", "DoesNotExist"):
        if values:
            yield Broken(_VALUES)


def _single(spec: Spec) -> Iterator[Judgement]:
    for values in _expressions(spec, "Gt", "Lt"):
        if not values or len(values) > 1:
            yield Broken(_VALUES)
        elif not _INTEGER.fullmatch(text(values[0]) or ""):
            yield Unclear(_VALUES, "what is no integer is 'interpreted as an integer' in a way that is not said")


def _empty_term(spec: Spec) -> Iterator[Judgement]:
    affinity = spec.get("nodeAffinityRequired")
    if isinstance(affinity, Mapping) and affinity.get("nodeSelectorTerms") in (None, []):
        yield Unclear(
            "/nodeAffinityRequired/nodeSelectorTerms", "a requirement without terms: only a term may be empty"
        )


def _priority(spec: Spec) -> Iterator[Judgement]:
    name = text(spec.get("priorityClass"))
    if name is None or name in PRIORITY_CLASSES:
        return
    if not name.strip():
        yield Unclear("/priorityClass", "whether an empty name is a value or as good as absent is not said")
    elif name.strip().lower() in PRIORITY_CLASSES:
        yield Unclear("/priorityClass", "whether names are told apart by case or surrounding blanks is not said")
    else:
        yield Broken("/priorityClass")


def _affinity_field(name: str) -> Callable[[Spec], Iterator[Judgement]]:
    def judge(spec: Spec) -> Iterator[Judgement]:
        affinity = spec.get("podAffinity")
        if not isinstance(affinity, Mapping):
            return
        if not affinity:
            yield Unclear("/podAffinity", EMPTY_OBJECT)
        elif affinity.get(name) is None:
            yield Broken(f"/podAffinity/{name}")
        elif affinity.get(name) == "":
            yield Unclear(f"/podAffinity/{name}", "whether an empty string is a given value is not said")

    return judge


def _affinity_rule(name: str, quote: Quote, accepts: tuple[Case, ...]) -> Rule:
    rest = {key: value for key, value in _AFFINITY.items() if key != name}
    return Rule(
        id=f"scheduling/pod-affinity-{name}-required",
        quotes=(quote,),
        judge=_affinity_field(name),
        accepts=(Case("no pod affinity", {"podAffinity": None}), *accepts),
        rejects=(
            Case("missing", {"podAffinity": rest}),
            Case("null", {"podAffinity": {**rest, name: None}}),
        ),
        needs="podAffinity",
    )


RULES: Final = (
    Rule(
        id="scheduling/priority-class-known",
        quotes=(
            said(
                "PriorityClass",
                "Valid values are: very-low, low, medium-low, medium, medium-high, high, very-high.",
            ),
        ),
        judge=_priority,
        accepts=(
            *(Case(name, {"priorityClass": name}) for name in PRIORITY_CLASSES),
            Case("null: the default of the workload type", {"priorityClass": None}),
        ),
        rejects=(
            Case("unknown word", {"priorityClass": "urgent"}),
            Case("beyond the highest", {"priorityClass": "very-very-high"}),
            Case("the missing middle name", {"priorityClass": "very-medium"}),
            Case("two names", {"priorityClass": "low, high"}),
            Case("a number", {"priorityClass": "100"}),
        ),
        needs="priorityClass",
    ),
    _affinity_rule(
        "type",
        said("PodAffinityType", "The affinity type, required or preferred. (mandatory)"),
        (
            Case("Required", {"podAffinity": {**_AFFINITY, "type": "Required"}}),
            Case("Preferred", {"podAffinity": _AFFINITY}),
        ),
    ),
    _affinity_rule(
        "key",
        said("PodAffinity/properties/key", "The label key to use. (mandatory)"),
        (Case("given", {"podAffinity": _AFFINITY}),),
    ),
    Rule(
        id="scheduling/in-needs-values",
        quotes=(
            said(
                "MatchExpression/properties/values",
                "If the operator is In or NotIn, the values array must be non-empty.",
            ),
        ),
        judge=_listed,
        accepts=(
            Case("In one value", node_affinity(matching("In", "a"))),
            Case("In two values", node_affinity(matching("In", "a", "b"))),
            Case("NotIn one value", node_affinity(matching("NotIn", "a"))),
        ),
        rejects=(
            Case("In, empty", node_affinity(matching("In"))),
            Case("In, absent", node_affinity(_bare("In"))),
            Case("NotIn, empty", node_affinity(matching("NotIn"))),
            Case("NotIn, absent", node_affinity(_bare("NotIn"))),
            Case("second expression only", node_affinity(matching("In", "a"), matching("NotIn"))),
            Case(
                "second term only",
                _terms(
                    {"matchExpressions": [matching("In", "a")]},
                    {"matchExpressions": [matching("In")]},
                ),
            ),
        ),
        needs="nodeAffinityRequired",
    ),
    Rule(
        id="scheduling/exists-takes-no-values",
        quotes=(
            said(
                "MatchExpression/properties/values",
                "If the operator is Exists or DoesNotExist, the values array must be empty.",
            ),
        ),
        judge=_unlisted,
        accepts=(
            Case("Exists, empty", node_affinity(matching("Exists"))),
            Case("Exists, absent", node_affinity(_bare("Exists"))),
            Case("DoesNotExist, empty", node_affinity(matching("DoesNotExist"))),
            Case("DoesNotExist, absent", node_affinity(_bare("DoesNotExist"))),
        ),
        rejects=(
            Case("Exists, one value", node_affinity(matching("Exists", "a"))),
            Case("DoesNotExist, one value", node_affinity(matching("DoesNotExist", "a"))),
            Case(
                "second expression only",
                node_affinity(matching("Exists"), matching("DoesNotExist", "a")),
            ),
        ),
        needs="nodeAffinityRequired",
    ),
    Rule(
        id="scheduling/gt-takes-one-value",
        quotes=(
            said(
                "MatchExpression/properties/values",
                "If the operator is Gt or Lt, the values array must have a single element, which will be interpreted "
                "as an integer.",
            ),
        ),
        judge=_single,
        accepts=(
            Case("Gt one integer", node_affinity(matching("Gt", "4"))),
            Case("Lt one integer", node_affinity(matching("Lt", "4"))),
            Case("Gt zero", node_affinity(matching("Gt", "0"))),
        ),
        rejects=(
            Case("Gt, two", node_affinity(matching("Gt", "4", "5"))),
            Case("Lt, two", node_affinity(matching("Lt", "4", "5"))),
            Case("Gt, empty", node_affinity(matching("Gt"))),
            Case("Lt, empty", node_affinity(matching("Lt"))),
            Case("Gt, absent", node_affinity(_bare("Gt"))),
            Case("Lt, absent", node_affinity(_bare("Lt"))),
            Case("second expression only", node_affinity(matching("Gt", "4"), matching("Lt", "8", "9"))),
        ),
        needs="nodeAffinityRequired",
    ),
    Rule(
        id="scheduling/empty-node-selector-term",
        quotes=(said("NodeSelectorTerm", "A null or empty node selector term matches no objects."),),
        judge=_empty_term,
        accepts=(
            Case("empty term beside another", _terms({"matchExpressions": [matching("In", "a")]}, {})),
            Case(
                "term without expressions beside another",
                _terms({"matchExpressions": [matching("In", "a")]}, {"matchExpressions": []}),
            ),
        ),
        rejects=(),
        needs="nodeAffinityRequired",
    ),
)
CONTRADICTIONS: Final = ()
