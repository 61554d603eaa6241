"""Defects of the families ``rule-off`` and ``rule-wrong``: a rule that is not enforced, or not as the document says.

Most wrong ones are derived: an operator shows the judge of a rule another spec than the real one. What is peculiar to
single rules stands in ``rule_errors``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from assay.contract.documents import Contract
from assay.contract.request import Json
from assay.contract.rules.base import Broken, Judgement, Rule, Spec, prune
from assay.reference.behaviour import Change
from assay.reference.defects.base import Defect, mixed
from assay.reference.defects.rule_errors import WRONG_JUDGES
from assay.reference.plane import Plane
from assay.reference.validation import Validation

FAMILY: Final = "rule-wrong"
View = Callable[[Spec], Spec]

_SECTION_WISE: Final = (
    "whether an update merges into a section or replaces it is not said, and of a section that is replaced the patch "
    "holds all that this rule looks at"
)


def switched_off(contract: Contract) -> Iterator[Defect]:
    """``rule-off/<rule id>`` for every rule that something can break."""
    for rule in contract.rules:
        if rule.rejects:
            yield Defect(
                id=f"rule-off/{rule.id}",
                family="rule-off",
                summary=f"the rule {rule.id} is not enforced: {rule.quotes[0].text}",
                place=rule.quotes[0].pointer,
                change=rule_off(rule.id),
            )


def rule_off(rule_id: str) -> Change:
    """The change that takes one rule out of the catalogue."""

    def leave_out(rules: Sequence[Rule]) -> Sequence[Rule]:
        return tuple(rule for rule in rules if rule.id != rule_id)

    return lambda behaviour: replace(behaviour, rules=(*behaviour.rules, leave_out))


# --- rule-wrong --------------------------------------------------------------------------------------------------


def misjudged(contract: Contract) -> Iterator[Defect]:
    """``rule-wrong/<rule id>/<what is wrong>``."""
    for rule in contract.rules:
        if rule.rejects:
            yield from _of_rule(rule)


def _of_rule(rule: Rule) -> Iterator[Defect]:
    for name, what, view in _VIEWS:
        if _shows_in(rule, view):
            yield _defect(rule, name, what, judged_by(rule.id, _seen_through(rule, view)))
    if rule.applies == frozenset({"create", "update"}):
        for operation in sorted(rule.applies):
            yield _defect(
                rule, f"not-on-{operation}", f"is not enforced on {operation}", _not_on(rule, operation), operation
            )
        moot = _SECTION_WISE if rule.needs is not None else None
        yield _defect(
            rule, "patch-only", "looks at the patch and not at the merged spec", _patch_only(rule), moot=moot
        )
    if any(None in _leaves(case.fragment) for case in rule.rejects):
        yield _defect(rule, "null-counts-as-given", "takes null for a given value", _null_given(rule))
    for name, (what, judge) in WRONG_JUDGES.get(rule.id, {}).items():
        yield _defect(rule, name, what, judged_by(rule.id, judge))


def _defect(
    rule: Rule, name: str, what: str, change: Change, operation: str | None = None, moot: str | None = None
) -> Defect:
    return Defect(
        id=f"{FAMILY}/{rule.id}/{name}",
        family=FAMILY,
        summary=f"the rule {rule.id} {what}",
        place=rule.quotes[0].pointer,
        change=change,
        operation=operation,
        equivalent=moot,
    )


def judged_by(rule_id: str, judge: Callable[[Spec], Iterator[Judgement]]) -> Change:
    """The change that gives a rule another judge."""

    def swap(rules: Sequence[Rule]) -> Sequence[Rule]:
        return tuple(replace(rule, judge=judge, needs=None) if rule.id == rule_id else rule for rule in rules)

    return lambda behaviour: replace(behaviour, rules=(*behaviour.rules, swap))


def _seen_through(rule: Rule, view: View) -> Callable[[Spec], Iterator[Judgement]]:
    def judge(spec: Spec) -> Iterator[Judgement]:
        return rule.judge(view(spec))

    return judge


def _broken(rule: Rule, spec: Spec) -> bool:
    return any(isinstance(judgement, Broken) for judgement in rule.judge(spec))


def _shows_in(rule: Rule, view: View) -> bool:
    """Whether the operator has anything to do with the rule: one of its own examples is judged otherwise."""
    specs = [prune(dict(case.fragment)) for case in (*rule.accepts, *rule.rejects)]
    return any(_broken(rule, spec) != _broken(rule, view(spec)) for spec in specs)


# --- views: what a careless judge sees of a spec ---------------------------------------------------------------


def _mapped(value: Json, change: Callable[[Json], Json]) -> Any:
    """``value`` with every object and list changed, the inner ones first."""
    if isinstance(value, Mapping):
        return change({name: _mapped(item, change) for name, item in value.items()})
    if isinstance(value, list):
        return change([_mapped(item, change) for item in value])
    return value


def _lists(pick: Callable[[list[Json]], list[Json]]) -> View:
    return lambda spec: _mapped(spec, lambda value: pick(value) if isinstance(value, list) else value)


def _without_exclude(value: Json) -> Json:
    if not isinstance(value, dict):
        return value
    return {name: item for name, item in value.items() if name != "exclude"}


def _exclude_given(value: Json) -> Json:
    return {**value, "exclude": True} if isinstance(value, dict) and "exclude" in value else value


_VIEWS: Final[tuple[tuple[str, str, View], ...]] = (
    ("first-entry-only", "looks at the first entry of a list only", _lists(lambda value: value[:1])),
    ("last-entry-only", "looks at the last entry of a list only", _lists(lambda value: value[-1:])),
    ("exemption-forgotten", "does not spare excluded entries", lambda spec: _mapped(spec, _without_exclude)),
    ("exemption-too-wide", "spares entries with exclude: false too", lambda spec: _mapped(spec, _exclude_given)),
)


# --- changes that need more than the spec ----------------------------------------------------------------------


def _not_on(rule: Rule, operation: str) -> Change:
    def swap(rules: Sequence[Rule]) -> Sequence[Rule]:
        return tuple(
            replace(item, applies=item.applies - {operation}) if item.id == rule.id else item for item in rules
        )

    return lambda behaviour: replace(behaviour, rules=(*behaviour.rules, swap))


def _patch_only(rule: Rule) -> Change:
    """On updates the rule judges what the patch names."""
    latest: dict[str, Json] = {}

    class NotesPatches(Plane):
        def patched(self, before: Json, patch: dict[str, Json]) -> Json:
            latest["patch"] = patch
            return super().patched(before, patch)

    apart = _judging_apart(rule, lambda operation, spec: latest.get("patch") if operation == "update" else spec)
    return lambda behaviour: apart(behaviour).mixing(NotesPatches)


def _null_given(rule: Rule) -> Change:
    return _judging_apart(rule, lambda _, spec: _mapped(spec, _filled))


def _judging_apart(rule: Rule, view: Callable[[str, Json], Json]) -> Change:
    """One rule is shown what ``view`` makes of an operation's spec, the others the spec itself."""

    class JudgesApart(Validation):
        def spec(self, operation: str, spec: Json) -> None:
            every = tuple(self._rules)
            try:
                self._rules = tuple(item for item in every if item.id != rule.id)
                super().spec(operation, spec)
                self._rules = tuple(item for item in every if item.id == rule.id)
                super().spec(operation, view(operation, spec))
            finally:
                self._rules = every

    return mixed(JudgesApart)


def _filled(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: "null" if item is None else item for name, item in value.items()}
    return value


def _leaves(value: Json) -> Iterator[Json]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
