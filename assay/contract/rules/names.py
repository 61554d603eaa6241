"""Names that identify an item: "Unique name to identify the instance"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from assay.contract.rules.base import CREATE, Broken, Case, Judgement, Rule, Spec, Strength, Unclear, text
from assay.contract.rules.items import ItemType, excluded
from assay.contract.rules.quotes import said

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
        accepts=tuple(case for kind in kinds for case in _accepts(kind)),
        rejects=tuple(case for kind in kinds for case in _rejects(kind)),
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


def _accepts(kind: ItemType) -> Iterator[Case]:
    list_name = kind.path[-1]
    yield Case(f"{list_name}: two names", _pair(kind, "one", "two"))
    yield Case(f"{list_name}: no names", _pair(kind, None, None))


def _rejects(kind: ItemType) -> Iterator[Case]:
    yield Case(f"{kind.path[-1]}: one name twice", _pair(kind, "one", "one"))
