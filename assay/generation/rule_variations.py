"""Further examples of single rules, which Hypothesis draws and shrinks: by rule id, one strategy for each side.

A rule has one where numbers or texts of many kinds decide it; the cases of its catalogue entry are its boundaries and
exceptions. A strategy gives fragments, laid over a plain spec, that keep the rule or break it and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from assay.contract.rules.autoscaling import BUILT_IN, SCALES_TO_ZERO, scaled
from assay.contract.rules.base import Fragment
from assay.contract.rules.compute import memory_request, share
from assay.contract.rules.scheduling import PRIORITY_CLASSES, matching, node_affinity
from assay.contract.rules.sizes import order
from assay.contract.rules.storage import empty_dir

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
