"""The catalogue as a whole: ids, areas, and the cases of every rule, both sides."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.contract import documents
from assay.contract.rules import catalogue
from assay.contract.rules.base import BOTH, Broken, Case, Contradiction, Rule, Strength, Unclear
from assay.contract.rules.catalogue import AREAS
from assay.contract.schema import Validator, build
from assay.errors import UsageError

CATALOGUE = documents.load().catalogue
RULES, CONTRADICTIONS = CATALOGUE.rules, CATALOGUE.contradictions
PLAIN = {"image": "registry.example/echo:1.0"}
WRITES = ("create", "update")
ACCEPTS = [(rule, case, kind) for rule in RULES for case in rule.accepts for kind in sorted(case.on or rule.applies)]
REJECTS = [(rule, case, kind) for rule in RULES for case in rule.rejects for kind in sorted(case.on or rule.applies)]
OPENS = [
    (item, case, kind) for item in CONTRADICTIONS for case in item.opens for kind in sorted(case.on or item.applies)
]


def name(value: object) -> str | None:
    """Ids such as ``compute/portion-limit-not-below-request-just below-create``."""
    if isinstance(value, Rule | Contradiction):
        return value.id
    return value.title if isinstance(value, Case) else str(value)


@pytest.fixture(scope="session")
def validators() -> dict[str, Validator]:
    contract = documents.load()
    found = {}
    for kind in WRITES:
        body = contract.operations[kind].body
        assert body is not None
        found[kind] = Validator(build(contract, body, f"/{kind}"), "/body")
    return found


def overlaid(*fragments: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    for fragment in (PLAIN, *fragments):
        spec.update(fragment)
    return {key: value for key, value in spec.items() if value is not None or key != "image"}


def body_of(case: Case, kind: str) -> dict[str, Any]:
    """What is sent: the whole spec to create, the fragment alone as a patch."""
    if kind == "update":
        return {"spec": dict(case.fragment)}
    meta = {"name": "assay-case", "projectId": "1", "clusterId": "6d1c0f3e-8b7a-4c55-9a61-0f2d3c4b5a69"}
    return {**meta, "spec": overlaid(case.fragment)}


def deep(before: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    merged = dict(before)
    for key, value in patch.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = deep(merged[key], value) if both else value
    return merged


def readings(case: Case, kind: str) -> Iterator[dict[str, Any]]:
    """The spec that results: of an update under a deep merge and when sections are overwritten."""
    yield overlaid(case.before, case.fragment)
    if kind == "update":
        yield deep(overlaid(case.before), dict(case.fragment))


def broken(spec: dict[str, Any], kind: str, rules: tuple[Rule, ...] = RULES) -> set[str]:
    return {rule.id for rule, found in catalogue.judgements(spec, kind, rules) if isinstance(found, Broken)}


def unclear(spec: dict[str, Any], kind: str) -> set[str]:
    doubts = {rule.id for rule, found in catalogue.judgements(spec, kind, RULES) if isinstance(found, Unclear)}
    return doubts | {item.id for item, _ in catalogue.contradicted(spec, kind, CONTRADICTIONS)}


def test_ids_are_unique_and_speak_of_their_area() -> None:
    ids = [item.id for item in CATALOGUE.entries]
    assert len(ids) == len(set(ids))
    for area in AREAS:
        file = area.__name__.rsplit(".", 1)[-1]
        for item in (*area.RULES, *area.CONTRADICTIONS):
            assert item.area == file
            assert re.fullmatch(r"[a-z_]+/[a-z0-9]+(-[a-z0-9]+)*", item.id), item.id


def test_every_file_with_rules_is_in_the_catalogue() -> None:
    folder = Path(catalogue.__file__).parent
    files = {file.stem for file in folder.glob("*.py") if "\nRULES: Final" in file.read_text()}
    assert files == {area.__name__.rsplit(".", 1)[-1] for area in AREAS}


def test_the_catalogue_does_not_shrink_unnoticed() -> None:
    # The numbers of the first complete catalogue of 2.22; a rule that goes takes its reason to this line.
    assert sum(1 for rule in RULES if rule.rejects) >= 74
    assert sum(1 for rule in RULES if not rule.rejects) >= 15
    assert len(CONTRADICTIONS) >= 16


def test_a_rule_by_its_id() -> None:
    assert CATALOGUE.rule("compute/portion-between-zero-and-one") in RULES
    with pytest.raises(UsageError, match=r"no rule 'compute/portion'"):
        CATALOGUE.rule("compute/portion")


@pytest.mark.parametrize("rule", RULES, ids=name)
def test_each_rule_is_whole(rule: Rule) -> None:
    assert rule.quotes
    assert all(len(quote.text) >= 4 for quote in rule.quotes)
    assert rule.accepts
    assert rule.applies in (BOTH, frozenset({"create"}))
    for cases in (rule.accepts, rule.rejects):
        slugs = [re.sub(r"[^a-z0-9]+", "-", case.title.lower()).strip("-") for case in cases]
        assert len(slugs) == len(set(slugs)), "titles name cases, so they differ"
        # As JSON, because 1 and 1.0 are equal to Python and two spellings to a server.
        fragments = [json.dumps([case.fragment, case.before, sorted(case.on or ()), case.explicit]) for case in cases]
        assert len(fragments) == len(set(fragments))


def test_rules_apply_to_updates_exactly_where_the_update_spec_has_the_field() -> None:
    contract = documents.load()
    body = contract.operations["update"].body
    assert body is not None
    updatable = set(build(contract, body, "/update").find("/spec").properties)
    for rule in RULES:
        assert rule.needs is not None or rule.applies == {"create"}, rule.id
        if rule.needs is not None:
            assert ("update" in rule.applies) == (rule.needs in updatable), rule.id


@pytest.mark.parametrize(("rule", "case", "kind"), ACCEPTS, ids=name)
def test_accept_cases_keep_everything(validators: dict[str, Validator], rule: Rule, case: Case, kind: str) -> None:
    assert validators[kind].errors(body_of(case, kind)) == []
    for spec in readings(case, kind):
        assert broken(spec, kind) == set()
        assert unclear(spec, kind) == set()


@pytest.mark.parametrize(("rule", "case", "kind"), REJECTS, ids=name)
def test_reject_cases_break_their_rule_alone(
    validators: dict[str, Validator], rule: Rule, case: Case, kind: str
) -> None:
    assert validators[kind].errors(body_of(case, kind)) == []
    others = tuple(other for other in RULES if other is not rule)
    for spec in readings(case, kind):
        assert broken(spec, kind) == {rule.id}
        assert unclear(spec, kind) == set()
        assert broken(spec, kind, others) == set(), "another rule covers the case"


@pytest.mark.parametrize(("item", "case", "kind"), OPENS, ids=name)
def test_contradictions_open_their_cases(item: Contradiction, case: Case, kind: str) -> None:
    for spec in readings(case, kind):
        assert unclear(spec, kind) == {item.id}
        assert broken(spec, kind) == set()


def test_before_an_update_the_workload_is_valid() -> None:
    cases = [case for rule in RULES for case in (*rule.accepts, *rule.rejects) if case.before]
    assert cases
    for case in cases:
        assert broken(overlaid(case.before), "create") == set()


def test_permissions_never_call_anything_broken() -> None:
    permissions = tuple(rule for rule in RULES if not rule.rejects)
    for _rule, case, kind in [*ACCEPTS, *REJECTS]:
        for spec in readings(case, kind):
            assert broken(spec, kind, permissions) == set()
    assert all(rule.strength is Strength.MUST for rule in permissions)


def test_contradictions_show_both_sides() -> None:
    for item in CONTRADICTIONS:
        assert len(item.quotes) >= 2, item.id
        assert len({(quote.pointer, quote.text) for quote in item.quotes}) == len(item.quotes), item.id
