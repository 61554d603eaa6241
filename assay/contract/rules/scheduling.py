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
    section,
    text,
)
from assay.contract.rules.quotes import said

PRIORITY_CLASSES: Final = ("very-low", "low", "medium-low", "medium", "medium-high", "high", "very-high")

_VALUES: Final = "/nodeAffinityRequired/nodeSelectorTerms/*/matchExpressions/*/values"
_INTEGER: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_AFFINITY: Final = {"type": "Preferred", "key": "zone"}


def _terms(*terms: Json) -> dict[str, Any]:
    return {"nodeAffinityRequired": {"nodeSelectorTerms": list(terms)}}


def _match(operator: str, *values: str) -> dict[str, Any]:
    return {"key": "zone", "operator": operator, "values": list(values)}


def _bare(operator: str) -> dict[str, Any]:
    return {"key": "zone", "operator": operator}


def _all(*expressions: Json) -> dict[str, Any]:
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


def _vary_listed() -> Any:
    from hypothesis import strategies as st

    label = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
    values = st.lists(label, min_size=1, max_size=4, unique=True)
    return st.builds(lambda operator, some: _all(_match(operator, *some)), st.sampled_from(["In", "NotIn"]), values)


def _vary_unlisted() -> Any:
    from hypothesis import strategies as st

    values = st.lists(st.from_regex(r"[a-z]{1,6}", fullmatch=True), min_size=1, max_size=4, unique=True)
    operators = st.sampled_from(["Exists", "DoesNotExist"])
    return st.builds(lambda operator, some: _all(_match(operator, *some)), operators, values)


def _vary_single(sizes: tuple[int, int]) -> Any:
    from hypothesis import strategies as st

    values = st.lists(st.integers(-999, 9999).map(str), min_size=sizes[0], max_size=sizes[1], unique=True)
    return st.builds(lambda operator, some: _all(_match(operator, *some)), st.sampled_from(["Gt", "Lt"]), values)


def _vary_priority() -> Any:
    from hypothesis import strategies as st

    words = st.from_regex(r"[a-z]{1,8}(-[a-z]{1,8})?", fullmatch=True)
    return words.filter(lambda name: name not in PRIORITY_CLASSES).map(lambda name: {"priorityClass": name})


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
        vary_reject=_vary_priority,
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
            Case("In one value", _all(_match("In", "a"))),
            Case("In two values", _all(_match("In", "a", "b"))),
            Case("NotIn one value", _all(_match("NotIn", "a"))),
        ),
        rejects=(
            Case("In, empty", _all(_match("In"))),
            Case("In, absent", _all(_bare("In"))),
            Case("NotIn, empty", _all(_match("NotIn"))),
            Case("NotIn, absent", _all(_bare("NotIn"))),
            Case("second expression only", _all(_match("In", "a"), _match("NotIn"))),
            Case(
                "second term only",
                _terms({"matchExpressions": [_match("In", "a")]}, {"matchExpressions": [_match("In")]}),
            ),
        ),
        vary_accept=_vary_listed,
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
            Case("Exists, empty", _all(_match("Exists"))),
            Case("Exists, absent", _all(_bare("Exists"))),
            Case("DoesNotExist, empty", _all(_match("DoesNotExist"))),
            Case("DoesNotExist, absent", _all(_bare("DoesNotExist"))),
        ),
        rejects=(
            Case("Exists, one value", _all(_match("Exists", "a"))),
            Case("DoesNotExist, one value", _all(_match("DoesNotExist", "a"))),
            Case("second expression only", _all(_match("Exists"), _match("DoesNotExist", "a"))),
        ),
        vary_reject=_vary_unlisted,
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
            Case("Gt one integer", _all(_match("Gt", "4"))),
            Case("Lt one integer", _all(_match("Lt", "4"))),
            Case("Gt zero", _all(_match("Gt", "0"))),
        ),
        rejects=(
            Case("Gt, two", _all(_match("Gt", "4", "5"))),
            Case("Lt, two", _all(_match("Lt", "4", "5"))),
            Case("Gt, empty", _all(_match("Gt"))),
            Case("Lt, empty", _all(_match("Lt"))),
            Case("Gt, absent", _all(_bare("Gt"))),
            Case("Lt, absent", _all(_bare("Lt"))),
            Case("second expression only", _all(_match("Gt", "4"), _match("Lt", "8", "9"))),
        ),
        vary_accept=lambda: _vary_single((1, 1)),
        vary_reject=lambda: _vary_single((2, 4)),
        needs="nodeAffinityRequired",
    ),
    Rule(
        id="scheduling/empty-node-selector-term",
        quotes=(said("NodeSelectorTerm", "A null or empty node selector term matches no objects."),),
        judge=_empty_term,
        accepts=(
            Case("empty term beside another", _terms({"matchExpressions": [_match("In", "a")]}, {})),
            Case(
                "term without expressions beside another",
                _terms({"matchExpressions": [_match("In", "a")]}, {"matchExpressions": []}),
            ),
        ),
        rejects=(),
        needs="nodeAffinityRequired",
    ),
)
CONTRADICTIONS: Final = ()
