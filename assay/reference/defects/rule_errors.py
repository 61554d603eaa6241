"""Errors in single rules: off by one, compared as texts, units ignored, a default or an exception forgotten.

Each is a judge that takes the place of the rule's own. ``WRONG_JUDGES``: rule id -> name -> (what is wrong, judge).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Final

from assay.contract.request import Json
from assay.contract.rules import sizes
from assay.contract.rules.base import Broken, Judgement, Spec, entries, number, section, text

Judge = Callable[[Spec], Iterator[Judgement]]
Errors = Mapping[str, tuple[str, Judge]]


def _when(location: str, breaks: Callable[[Mapping[str, Json]], bool], *path: str) -> Judge:
    """A judge that finds the rule broken at ``location`` when ``breaks`` says so of the section at ``path``."""

    def judge(spec: Spec) -> Iterator[Judgement]:
        if breaks(section(spec, *path)):
            yield Broken(location)

    return judge


# --- GPU shares and memory -------------------------------------------------------------------------------------


def _gpu(breaks: Callable[[Mapping[str, Json]], bool]) -> Judge:
    return _when("/compute", breaks, "compute")


def _limits(value: str, compare: Callable[[Json, Json], bool]) -> Judge:
    """Broken when ``compare(limit, request)`` of two given values says so."""

    def breaks(compute: Mapping[str, Json]) -> bool:
        limit, request = compute.get(f"gpu{value}Limit"), compute.get(f"gpu{value}Request")
        return limit is not None and request is not None and compare(limit, request)

    return _gpu(breaks)


def _sized(compare: Callable[[Fraction, Fraction], bool], read: Callable[[str], Fraction | None]) -> Judge:
    def both(limit: Json, request: Json) -> bool:
        one, two = read(str(limit)), read(str(request))
        return one is not None and two is not None and compare(one, two)

    return _limits("Memory", both)


def _figures(size: str) -> Fraction | None:
    """The number of a quantity without its suffix."""
    found = re.match(r"[+-]?[0-9.]+", size)
    return sizes.parse(found[0]) if found else None


def _decimal(size: str) -> Fraction | None:
    """A quantity whose binary suffix is taken for the decimal one: 1Gi as 1G."""
    return sizes.parse(re.sub(r"[Kk]i$", "k", size).removesuffix("i"))


def _portion(compute: Mapping[str, Json]) -> float | None:
    return number(compute.get("gpuPortionRequest"))


_COMPUTE: Final[Mapping[str, Errors]] = {
    "compute/portion-between-zero-and-one": {
        "one-refused": ("refuses a portion of 1", _gpu(lambda c: (p := _portion(c)) is not None and not 0 <= p < 1)),
        "percent": ("takes portions for percentages", _gpu(lambda c: (p := _portion(c)) is not None and p > 100)),
        "no-upper-end": ("has no upper end", _gpu(lambda c: (p := _portion(c)) is not None and p < 0)),
    },
    "compute/portion-limit-not-below-request": {
        "equal-refused": ("refuses a limit equal to the request", _limits("Portion", lambda a, b: a <= b)),
        "nearly-enough": ("takes a limit slightly below the request", _limits("Portion", lambda a, b: a < b - 0.05)),
        "inverted": ("refuses limits above the request", _limits("Portion", lambda a, b: a > b)),
        "as-texts": ("compares the numbers as texts", _limits("Portion", lambda a, b: str(a) < str(b))),
    },
    "compute/memory-limit-not-below-request": {
        "equal-refused": ("refuses a limit equal to the request", _sized(lambda a, b: a <= b, sizes.parse)),
        "inverted": ("refuses limits above the request", _sized(lambda a, b: a > b, sizes.parse)),
        "as-texts": ("compares the quantities as texts", _limits("Memory", lambda a, b: str(a) < str(b))),
        "units-ignored": ("compares the figures and ignores the units", _sized(lambda a, b: a < b, _figures)),
        "binary-as-decimal": ("takes Gi for G, Mi for M, Ki for k", _sized(lambda a, b: a < b, _decimal)),
    },
}


# --- autoscaling -----------------------------------------------------------------------------------------------


def _scaling(breaks: Callable[[Mapping[str, Json]], bool]) -> Judge:
    return _when("/autoscaling", breaks, "autoscaling")


def _replicas(scaling: Mapping[str, Json], low: float = 1) -> tuple[float, float]:
    least, most = number(scaling.get("minReplicas")), number(scaling.get("maxReplicas"))
    least = low if least is None else least
    return least, (least or 1) if most is None else most


def _lacks_metric(scaling: Mapping[str, Json]) -> bool:
    return scaling.get("metric") is None


def _only_given(scaling: Mapping[str, Json]) -> bool:
    least, most = number(scaling.get("minReplicas")), number(scaling.get("maxReplicas"))
    return least is not None and most is not None and least < most and (least, most) != (0, 1)


def _growing(scaling: Mapping[str, Json], low: float = 1) -> bool:
    least, most = _replicas(scaling, low)
    return least < most


def _from_zero(scaling: Mapping[str, Json], metrics: tuple[str, ...], most: float = 1) -> bool:
    metric = text(scaling.get("metric"))
    least, high = _replicas(scaling)
    return least == 0 and metric is not None and not metric.startswith(metrics) and high > most


def _metric_is(*names: str) -> Callable[[Mapping[str, Json]], bool]:
    return lambda scaling: scaling.get("metric") in names


_BOTH: Final = ("throughput", "concurrency")


def _percentage(metrics: tuple[str, ...]) -> Judge:
    return _scaling(
        lambda s: (
            s.get("metricThresholdPercentage") not in (None, 70)
            and s.get("metric") is not None
            and s["metric"] not in metrics
        )
    )


def _retention(default: float) -> Judge:
    return _scaling(
        lambda s: (number(s.get("scaleToZeroRetentionSeconds")) or 0) > 0 and _replicas(s, default)[0] != 0
    )


_AUTOSCALING: Final[Mapping[str, Errors]] = {
    "autoscaling/metric-required-to-scale": {
        "exception-forgotten": (
            "asks for a metric between 0 and 1 too",
            _scaling(lambda s: _growing(s) and _lacks_metric(s)),
        ),
        "exception-too-wide": (
            "takes everything from 0 for the exception",
            _scaling(lambda s: _growing(s) and _replicas(s)[0] != 0 and _lacks_metric(s)),
        ),
        "defaults-not-applied": (
            "looks at replica numbers only where both are given",
            _scaling(lambda s: _only_given(s) and _lacks_metric(s)),
        ),
        "equal-too": (
            "asks for a metric where both numbers are equal too",
            _scaling(
                lambda s: (
                    _replicas(s)[0] <= _replicas(s)[1] and _replicas(s) not in ((0, 1), (1, 1)) and _lacks_metric(s)
                )
            ),
        ),
        "as-texts": (
            "compares the replica numbers as texts",
            _scaling(
                lambda s: str(_replicas(s)[0]) < str(_replicas(s)[1]) and _replicas(s) != (0, 1) and _lacks_metric(s)
            ),
        ),
        "one-step-allowed": (
            "lets a workload scale by one replica without a metric",
            _scaling(lambda s: _replicas(s)[0] + 1 < _replicas(s)[1] and _lacks_metric(s)),
        ),
    },
    "autoscaling/metric-supports-scale-to-zero": {
        "latency-too": ("takes latency for scale-to-zero", _scaling(lambda s: _from_zero(s, (*_BOTH, "latency")))),
        "custom-too": (
            "takes custom metrics for scale-to-zero",
            _scaling(lambda s: _from_zero(s, _BOTH) and _metric_is("latency")(s)),
        ),
        "throughput-refused": ("refuses throughput", _scaling(lambda s: _from_zero(s, ("concurrency",)))),
        "concurrency-refused": ("refuses concurrency", _scaling(lambda s: _from_zero(s, ("throughput",)))),
        "by-prefix": ("takes a name that begins alike", _scaling(lambda s: _from_zero(s, _BOTH))),
        "from-one-too": (
            "asks the same of workloads that never scale to zero",
            _scaling(lambda s: s.get("metric") is not None and s["metric"] not in _BOTH),
        ),
        "up-to-ten": ("looks at 10 replicas and more only", _scaling(lambda s: _from_zero(s, _BOTH, 9))),
    },
    "autoscaling/threshold-required-with-metric": {
        "built-in-only": (
            "asks for a threshold with throughput only",
            _scaling(lambda s: _metric_is("throughput")(s) and s.get("metricThreshold") is None),
        ),
        "while-scaling-only": (
            "asks for a threshold only where the replica numbers differ",
            _scaling(lambda s: s.get("metric") is not None and s.get("metricThreshold") is None and _growing(s)),
        ),
        "percentage-instead": (
            "takes the percentage for a threshold",
            _scaling(
                lambda s: (
                    s.get("metric") is not None
                    and s.get("metricThreshold") is None
                    and s.get("metricThresholdPercentage") is None
                )
            ),
        ),
    },
    "autoscaling/percentage-only-with-throughput-or-concurrency": {
        "latency-too": ("takes latency too", _percentage((*_BOTH, "latency"))),
        "concurrency-refused": ("refuses concurrency", _percentage(("throughput",))),
        "throughput-refused": ("refuses throughput", _percentage(("concurrency",))),
        "custom-too": (
            "looks at latency only",
            _scaling(lambda s: _metric_is("latency")(s) and s.get("metricThresholdPercentage") not in (None, 70)),
        ),
    },
    "autoscaling/retention-only-with-scale-to-zero": {
        "default-not-applied": ("takes minReplicas for 0 where it is left out", _retention(0)),
        "a-minute-allowed": (
            "looks at more than a minute only",
            _scaling(lambda s: (number(s.get("scaleToZeroRetentionSeconds")) or 0) > 60 and _replicas(s)[0] != 0),
        ),
        "from-two-only": (
            "looks at two replicas and more only",
            _scaling(lambda s: (number(s.get("scaleToZeroRetentionSeconds")) or 0) > 0 and _replicas(s)[0] > 1),
        ),
    },
    "autoscaling/max-not-below-min": {
        "equal-refused": (
            "refuses equal numbers",
            _scaling(lambda s: _replicas(s)[0] >= _replicas(s)[1] and s.get("maxReplicas") is not None),
        ),
        "as-texts": (
            "compares the numbers as texts",
            _scaling(lambda s: str(_replicas(s)[1]) < str(_replicas(s)[0])),
        ),
        "one-off": ("lets the maximum be one lower", _scaling(lambda s: _replicas(s)[1] < _replicas(s)[0] - 1)),
    },
}


# --- match expressions, names, sizes ---------------------------------------------------------------------------


def _expressions(operators: tuple[str, ...], breaks: Callable[[list[Json]], bool]) -> Judge:
    def judge(spec: Spec) -> Iterator[Judgement]:
        for term in entries(section(spec, "nodeAffinityRequired").get("nodeSelectorTerms")):
            for expression in entries(term.get("matchExpressions")):
                if expression.get("operator") in operators and breaks(expression.get("values") or []):
                    yield Broken("/nodeAffinityRequired/nodeSelectorTerms/*/matchExpressions/*/values")

    return judge


_CLASSES: Final = ("very-low", "low", "medium-low", "medium", "medium-high", "high", "very-high")


def _class(known: Callable[[str], bool]) -> Judge:
    def judge(spec: Spec) -> Iterator[Judgement]:
        name = text(spec.get("priorityClass"))
        if name is not None and not known(name):
            yield Broken("/priorityClass")

    return judge


def _all_but(name: str) -> Callable[[str], bool]:
    return lambda given: given in _CLASSES and given != name


_SCHEDULING: Final[Mapping[str, Errors]] = {
    "scheduling/in-needs-values": {
        "not-in-forgotten": ("looks at In only", _expressions(("In",), lambda v: not v)),
        "in-forgotten": ("looks at NotIn only", _expressions(("NotIn",), lambda v: not v)),
        "one-refused": ("refuses a single value", _expressions(("In", "NotIn"), lambda v: len(v) < 2)),
        "one-at-most": ("refuses several values", _expressions(("In", "NotIn"), lambda v: len(v) != 1)),
    },
    "scheduling/exists-takes-no-values": {
        "does-not-exist-forgotten": ("looks at Exists only", _expressions(("Exists",), bool)),
        "exists-forgotten": ("looks at DoesNotExist only", _expressions(("DoesNotExist",), bool)),
        "one-allowed": ("takes a single value", _expressions(("Exists", "DoesNotExist"), lambda v: len(v) > 1)),
    },
    "scheduling/gt-takes-one-value": {
        "lt-forgotten": ("looks at Gt only", _expressions(("Gt",), lambda v: len(v) != 1)),
        "gt-forgotten": ("looks at Lt only", _expressions(("Lt",), lambda v: len(v) != 1)),
        "several-allowed": ("takes several values", _expressions(("Gt", "Lt"), lambda v: not v)),
        "none-allowed": ("takes no value", _expressions(("Gt", "Lt"), lambda v: len(v) > 1)),
    },
    "scheduling/priority-class-known": {
        **{f"{name}-refused": (f"does not know {name}", _class(_all_but(name))) for name in _CLASSES},
        "by-prefix": ("takes a name that begins alike", _class(lambda given: given.startswith(_CLASSES))),
    },
}

WRONG_JUDGES: Final[Mapping[str, Errors]] = {**_COMPUTE, **_AUTOSCALING, **_SCHEDULING}
