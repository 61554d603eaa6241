"""Rules that recur for types of list items: mandatory fields, names that identify, and what ``exclude: true`` spares.

An item with ``exclude: true`` takes an entry of a policy's defaults out of the workload: "Use 'true' in case the item
is defined in defaults of the policy, and you wish to exclude it from the workload." Such an item needs only what
identifies it, so no other mandatory field is missed. What an excluded item that carries nothing identifying, or that
breaks another rule, means the document does not say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from assay.contract.operations import Kind
from assay.contract.request import Json
from assay.contract.rules.base import (
    BOTH,
    CREATE,
    Broken,
    Case,
    Fragment,
    Judgement,
    Quote,
    Rule,
    Spec,
    Strength,
    Unclear,
    entries,
    said,
    section,
    text,
)

_UNIDENTIFIED: Final = "an excluded item that does not say which entry of the policy it excludes"
_EXCLUDED: Final = "whether an excluded item must keep this rule is not said"
_EMPTY: Final = "whether an empty string is a given value is not said"


@dataclass(frozen=True, slots=True)
class ItemType:
    """A kind of item: where its list stands, one plain complete item, the field that identifies it.

    ``exemption`` is the sentence that lets items be excluded. ``contested``: a complete item depends on a
    contradiction, so only excluded items can be known to be accepted.
    """

    path: tuple[str, ...]
    item: Fragment
    identity: str
    exemption: Quote
    applies: frozenset[Kind] = BOTH
    contested: bool = False

    @property
    def location(self) -> str:
        return "/" + "/".join(self.path) + "/*"

    def of(self, spec: Spec) -> list[Mapping[str, Json]]:
        """The items of this type in ``spec``; entries that are no objects are left out."""
        return entries(section(spec, *self.path[:-1]).get(self.path[-1]))

    def holding(self, *items: Json) -> dict[str, Any]:
        """A fragment whose list holds ``items``."""
        return nested(self.path, list(items))

    def identified(self) -> dict[str, Any]:
        """The least excluded item: ``exclude`` and what identifies it."""
        return {self.identity: self.item.get(self.identity, "from-policy"), "exclude": True}


def nested(path: tuple[str, ...], value: Json) -> dict[str, Any]:
    """``value`` wrapped into objects along ``path``."""
    for step in reversed(path):
        value = {step: value}
    return dict(value)


def excluded(item: Mapping[str, Json]) -> bool:
    """Whether the item takes an entry of a policy out of the workload."""
    return item.get("exclude") is True


def breach(item: Mapping[str, Json], location: str) -> Judgement:
    """A broken rule, but for an excluded item an open question."""
    return Unclear(location, _EXCLUDED) if excluded(item) else Broken(location)


def mandatory(rule_id: str, kind: ItemType, field: str, quote: Quote) -> Rule:
    """The rule that every item of ``kind`` has ``field``.

    ``field`` may reach into an object of the item (``secret/name``): then it is mandatory where that object is given.
    """
    *within, name = field.split("/")
    location = f"{kind.location}/{field}"

    def judge(spec: Spec) -> Iterator[Judgement]:
        for item in kind.of(spec):
            if within and not isinstance(item.get(within[0]), Mapping):
                continue
            value = section(item, *within).get(name)
            if value is None:
                yield from _missing(kind, item, location)
            elif value == "" and not excluded(item):
                yield Unclear(location, _EMPTY)

    return Rule(
        id=rule_id,
        quotes=(quote, kind.exemption),
        judge=judge,
        accepts=_accepts(kind),
        rejects=tuple(_rejects(kind, within, name)),
        applies=kind.applies,
        needs=kind.path[0],
    )


def _missing(kind: ItemType, item: Mapping[str, Json], location: str) -> Iterator[Judgement]:
    if not excluded(item):
        yield Broken(location)
    elif item.get(kind.identity) in (None, ""):
        yield Unclear(location, _UNIDENTIFIED)


def _accepts(kind: ItemType) -> tuple[Case, ...]:
    cases = [Case("the list is null", nested(kind.path, None)), Case("the list is empty", kind.holding())]
    if not kind.contested:
        cases.append(Case("given", kind.holding(kind.item)))
    cases.append(Case("spared by exclude", kind.holding(kind.identified())))
    return tuple(cases)


def _rejects(kind: ItemType, within: list[str], name: str) -> Iterator[Case]:
    lacking = _with(kind.item, within, name, None, drop=True)
    yield Case("missing", kind.holding(lacking))
    yield Case("null", kind.holding(_with(kind.item, within, name, None, drop=False)))
    spared = kind.identified() if kind.contested else kind.item
    yield Case("missing in the second entry only", kind.holding(spared, lacking))
    yield Case("missing, exclude is false", kind.holding({**lacking, "exclude": False}))


def _with(item: Fragment, within: list[str], name: str, value: Json, *, drop: bool) -> dict[str, Any]:
    if within:
        return {**item, within[0]: _with(item[within[0]], within[1:], name, value, drop=drop)}
    rest = {key: kept for key, kept in item.items() if key != name}
    return rest if drop else {**rest, name: value}


_REPLACED = "whether an excluded item and its replacement may share a name is not said"


def unique_names(rule_id: str, place: str, first_word: str, *kinds: ItemType) -> Rule:
    """The rule that no two items of one list share a name.

    SHOULD, because the sentence names the purpose and not the refusal. Lists are judged one by one: whether names are
    unique across lists the document does not say, and an own type of entry makes a name tell its entry apart.
    """

    def judge(spec: Spec) -> Iterator[Judgement]:
        for kind in kinds:
            items = kind.of(spec)
            if len(items) < 2:
                continue
            items = [item for item in items if text(item.get("name"))]
            kept = Counter(item["name"] for item in items if not excluded(item))
            dropped = {item["name"] for item in items if excluded(item)}
            if any(count > 1 for count in kept.values()):
                yield Broken(f"{kind.location}/name")
            elif dropped & kept.keys():
                yield Unclear(f"{kind.location}/name", _REPLACED)

    return Rule(
        id=rule_id,
        quotes=(said(place, f"{first_word} name to identify the instance. primarily used for policy locked rules."),),
        judge=judge,
        accepts=tuple(case for kind in kinds for case in _unique(kind)),
        rejects=tuple(case for kind in kinds for case in _repeated(kind)),
        applies=CREATE,
        strength=Strength.SHOULD,
        needs=kinds[0].path[0],
    )


def _pair(kind: ItemType, one: str | None, two: str | None) -> dict[str, object]:
    return kind.holding({**kind.item, "name": one}, {**_other(kind), "name": two})


def _other(kind: ItemType) -> dict[str, object]:
    """A second item that differs from the plain one wherever two items must not collide."""
    other = dict(kind.item)
    for key, value in other.items():
        if isinstance(value, str) and value.startswith("/"):
            other[key] = f"{value}-2"
        elif isinstance(value, str) and value.startswith("https://"):
            other[key] = f"{value}/2"
    if "container" in other:
        other["container"] = 8081
    return other


def _unique(kind: ItemType) -> Iterator[Case]:
    list_name = kind.path[-1]
    yield Case(f"{list_name}: two names", _pair(kind, "one", "two"))
    yield Case(f"{list_name}: no names", _pair(kind, None, None))


def _repeated(kind: ItemType) -> Iterator[Case]:
    yield Case(f"{kind.path[-1]}: one name twice", _pair(kind, "one", "one"))
