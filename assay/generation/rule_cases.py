"""The cases of a rule: those of its catalogue entry, and further ones that Hypothesis draws and shrinks.

A rule has variations where numbers or texts of many kinds decide it; the cases of its catalogue entry are its
boundaries and exceptions. A strategy gives fragments, laid over a plain spec, that keep the rule or break it and
nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from assay.contract.operations import Kind
from assay.contract.oracle import Oracle
from assay.contract.request import Expectation, Json, Outcome, Source
from assay.contract.rules.autoscaling import BUILT_IN, SCALES_TO_ZERO, scaled
from assay.contract.rules.base import Case, Fragment, Rule
from assay.contract.rules.compute import memory_request, share
from assay.contract.rules.scheduling import PRIORITY_CLASSES, matching, node_affinity
from assay.contract.rules.sizes import order
from assay.contract.rules.storage import empty_dir
from assay.generation.base_requests import Judge
from assay.generation.cases import (
    ACCEPT,
    REJECT,
    CaseList,
    Excluded,
    PlannedCase,
    Side,
    Subject,
    overlay,
    plain_body,
    slug,
)
from assay.generation.values import PLAIN_SPEC

Fragments = SearchStrategy[Fragment]


@dataclass(frozen=True, slots=True)
class RuleVariations:
    """Fragments that keep the rule, and fragments that break it alone."""

    accept: Fragments | None = None
    reject: Fragments | None = None


# --- autoscaling -------------------------------------------------------------------------------------------------


def _rising() -> SearchStrategy[tuple[int, int]]:
    """Two counts of replicas, the second one larger."""
    return st.tuples(st.integers(1, 20), st.integers(2, 21)).filter(lambda two: two[0] < two[1])


def _with_metric() -> Fragments:
    pairs = st.tuples(st.integers(1, 20), st.integers(1, 20)).map(sorted)
    return st.builds(lambda two, metric: scaled(two[0], two[1], metric), pairs, st.sampled_from(BUILT_IN))


def _without_metric() -> Fragments:
    pairs = st.tuples(st.integers(0, 20), st.integers(2, 21)).filter(lambda two: two[0] < two[1])
    return pairs.map(lambda two: scaled(two[0], two[1]))


def _to_zero(*metrics: str) -> Fragments:
    return st.builds(lambda high, metric: scaled(0, high, metric), st.integers(2, 50), st.sampled_from(metrics))


def _retention(*, available: bool) -> Fragments:
    def fragment(seconds: int, low: int) -> Fragment:
        return scaled(0 if available else low, None, scaleToZeroRetentionSeconds=seconds)

    return st.builds(fragment, st.integers(0 if available else 1, 3600), st.integers(1, 20))


# --- compute -----------------------------------------------------------------------------------------------------


def _portion(low: int, high: int) -> Fragments:
    return st.integers(low, high).map(lambda thousandth: share(thousandth / 1000))


def _portion_and_limit(*, below: bool) -> Fragments:
    """Pairs of a portion and a limit on one side of it; thousandths, so that no rounding can blur them."""

    def pair(request: int, limit: int) -> Fragment:
        return share(request / 1000, limit / 1000)

    pairs = st.tuples(st.integers(1, 1000), st.integers(1, 1000)).map(sorted)
    if below:
        return pairs.filter(lambda two: two[0] < two[1]).map(lambda two: pair(two[1], two[0]))
    return pairs.map(lambda two: pair(two[0], two[1]))


def _memory_and_limit(*, below: bool) -> Fragments:
    units = st.sampled_from(["M", "Mi", "G", "Gi", "e6", "000k"])
    sizes = st.builds(lambda amount, unit: f"{amount}{unit}", st.integers(1, 2000), units)
    pairs = st.tuples(sizes, sizes).filter(lambda two: (order(two[1], two[0]) == -1) is below)
    return pairs.map(lambda two: memory_request(two[0], two[1]))


# --- scheduling --------------------------------------------------------------------------------------------------


def _priority_class() -> Fragments:
    words = st.from_regex(r"[a-z]{1,8}(-[a-z]{1,8})?", fullmatch=True)
    return words.filter(lambda name: name not in PRIORITY_CLASSES).map(lambda name: {"priorityClass": name})


def _expression(operators: tuple[str, ...], values: SearchStrategy[list[str]]) -> Fragments:
    return st.builds(
        lambda operator, some: node_affinity(matching(operator, *some)), st.sampled_from(operators), values
    )


def _texts(pattern: str) -> SearchStrategy[list[str]]:
    return st.lists(st.from_regex(pattern, fullmatch=True), min_size=1, max_size=4, unique=True)


def _integers(least: int, most: int) -> SearchStrategy[list[str]]:
    return st.lists(st.integers(-999, 9999).map(str), min_size=least, max_size=most, unique=True)


# --- storage -----------------------------------------------------------------------------------------------------


def _size_limit(*units: str) -> Fragments:
    return st.builds(
        lambda amount, unit: empty_dir(sizeLimit=f"{amount}{unit}"), st.integers(1, 999), st.sampled_from(units)
    )


VARIATIONS: Final[Mapping[str, RuleVariations]] = {
    "autoscaling/metric-required-to-scale": RuleVariations(_with_metric(), _without_metric()),
    "autoscaling/metric-supports-scale-to-zero": RuleVariations(
        _to_zero(*SCALES_TO_ZERO), _to_zero("latency", "queue_depth")
    ),
    "autoscaling/retention-only-with-scale-to-zero": RuleVariations(
        _retention(available=True), _retention(available=False)
    ),
    "autoscaling/max-not-below-min": RuleVariations(
        _with_metric(), st.builds(lambda two: scaled(two[1], two[0]), _rising())
    ),
    "compute/portion-between-zero-and-one": RuleVariations(_portion(1, 1000), _portion(1001, 9000)),
    "compute/portion-limit-not-below-request": RuleVariations(
        _portion_and_limit(below=False), _portion_and_limit(below=True)
    ),
    "compute/memory-limit-not-below-request": RuleVariations(
        _memory_and_limit(below=False), _memory_and_limit(below=True)
    ),
    "scheduling/priority-class-known": RuleVariations(reject=_priority_class()),
    "scheduling/in-needs-values": RuleVariations(
        accept=_expression(("In", "NotIn"), _texts(r"[a-z][a-z0-9-]{0,8}[a-z0-9]"))
    ),
    "scheduling/exists-takes-no-values": RuleVariations(
        reject=_expression(("Exists", "DoesNotExist"), _texts(r"[a-z]{1,6}"))
    ),
    "scheduling/gt-takes-one-value": RuleVariations(
        _expression(("Gt", "Lt"), _integers(1, 1)), _expression(("Gt", "Lt"), _integers(2, 4))
    ),
    "storage/empty-dir-size-limit-is-quantity": RuleVariations(
        _size_limit("", "k", "M", "Mi", "G", "Gi", "e6"),
        # Two units, a lower-case binary unit, or a unit followed by digits: the pattern admits them, no grammar does.
        _size_limit("MM", "Gik", "KKi", "mi", "ii", "M5", "Gi7", "e", "GG2"),
    ),
}


_WHOLE_SPEC = "/body/spec"


def rule_cases(oracle: Oracle, rule: Rule) -> CaseList:
    """Every case of ``rule`` for every operation it applies to.

    Ids read ``rules/compute/portion-limit-not-below-request/create-reject/just-below``. A case whose expectation the
    oracle does not share is excluded with the oracle's reasons.
    """
    found = CaseList()
    sides: tuple[tuple[Side, tuple[Case, ...]], ...] = ((ACCEPT, rule.accepts), (REJECT, rule.rejects))
    for operation in bound_by(oracle, rule):
        for side, cases in sides:
            for case in cases:
                if oracle.judged[operation] in (case.on or rule.applies):
                    found += _one(oracle, rule, operation, side, case)
    return found


def bound_by(oracle: Oracle, rule: Rule) -> list[str]:
    """The operations whose requests ``rule`` binds, by name."""
    return sorted(name for name, kind in oracle.judged.items() if kind in rule.applies)


def varied(oracle: Oracle, rule: Rule, operation: str, side: Side) -> SearchStrategy[PlannedCase] | None:
    """Further cases of one side of ``rule`` for Hypothesis to search and shrink; None where there are none."""
    found = VARIATIONS.get(rule.id, RuleVariations())
    fragments = found.accept if side == ACCEPT else found.reject
    if fragments is None or operation not in bound_by(oracle, rule):
        return None

    def case(fragment: Fragment) -> PlannedCase | None:
        found = _one(oracle, rule, operation, side, Case("varied", fragment)).cases
        return found[0] if found else None

    return cast("SearchStrategy[PlannedCase]", fragments.map(case).filter(lambda item: item is not None))


def _one(oracle: Oracle, rule: Rule, operation: str, side: Side, case: Case) -> CaseList:
    case_id = f"rules/{rule.id}/{operation}-{side}/{slug(case.title)}"
    body, before = _request(oracle.judged[operation], case)
    expectation = Judge(oracle, operation, before).expect(body)
    subject = _subject(rule, side, expectation)
    if expectation.outcome != Outcome(side) or subject is None:
        reasons = "; ".join(f"{reason.id} at {reason.location}: {reason.text}" for reason in expectation.reasons)
        return CaseList(excluded=(Excluded(case_id, f"the oracle says {expectation.outcome}: {reasons}"),))
    assumed = tuple(dict.fromkeys(reason.text for reason in expectation.assumes))
    return CaseList(
        (PlannedCase(case_id, operation, side, case.title, subject, body, before=before, assumed=assumed),)
    )


def _request(kind: Kind, case: Case) -> tuple[dict[str, Any], Mapping[str, Json] | None]:
    if kind is Kind.CREATE:
        spec = {**PLAIN_SPEC, **case.fragment} if case.explicit else overlay(case.fragment)
        return {**plain_body(kind), "spec": spec}, None
    return {"spec": dict(case.fragment)}, overlay(case.before)


def _subject(rule: Rule, side: Side, expectation: Expectation) -> Subject | None:
    """What the case is about; None when a reject case is refused for something else, or not for this alone."""
    if side == ACCEPT:
        return Subject(Source.RULE, rule.id, _WHOLE_SPEC, rule.quotes[0].text)
    ids = {(reason.source, reason.id) for reason in expectation.reasons}
    if ids != {(Source.RULE, rule.id)}:
        return None
    return Subject(Source.RULE, rule.id, expectation.reasons[0].location, rule.quotes[0].text)
