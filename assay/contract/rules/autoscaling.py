"""Autoscaling: replicas, the metric they follow, and what belongs to scale-to-zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from assay.contract.rules.base import (
    UPDATE,
    Broken,
    Case,
    Judgement,
    Rule,
    Spec,
    Strength,
    Unclear,
    number,
    said,
    section,
    text,
)

_COMMON: Final = "AutoScalingCommonFields/properties"
SCALES_TO_ZERO: Final = ("throughput", "concurrency")
BUILT_IN: Final = ("throughput", "concurrency", "latency")
_DEFAULT_PERCENTAGE: Final = 70  # "Defaults to 70."


def _replicas(spec: Spec) -> tuple[float, float]:
    """minReplicas and maxReplicas with the documented defaults applied."""
    scaling = section(spec, "autoscaling")
    low = number(scaling.get("minReplicas"))
    low = 1 if low is None else low  # "Defaults to 1."
    high = number(scaling.get("maxReplicas"))
    return low, (low or 1) if high is None else high  # "Defaults to minReplicas, or to 1 if minReplicas is set to 0"


def scaled(low: int | None = None, high: int | None = None, metric: str | None = None, **more: Any) -> dict[str, Any]:
    """An autoscaling fragment; a metric brings its threshold along."""
    given: dict[str, Any] = {"minReplicas": low, "maxReplicas": high, "metric": metric}
    fields = {name: value for name, value in given.items() if value is not None}
    if metric is not None:
        fields["metricThreshold"] = 10
    return {"autoscaling": {**fields, **more}}


def _metric_required(spec: Spec) -> Iterator[Judgement]:
    low, high = _replicas(spec)
    if low < high and (low, high) != (0, 1) and section(spec, "autoscaling").get("metric") is None:
        yield Broken("/autoscaling/metric")


def _scale_to_zero(spec: Spec) -> Iterator[Judgement]:
    low, high = _replicas(spec)
    metric = text(section(spec, "autoscaling").get("metric"))
    if low != 0 or metric is None or metric in SCALES_TO_ZERO:
        return
    if high > 1:
        yield Broken("/autoscaling/metric")
    else:
        yield Unclear(
            "/autoscaling/metric", "between 0 and 1 replicas the metric decides nothing; so which may be given?"
        )


def _threshold(spec: Spec) -> Iterator[Judgement]:
    scaling = section(spec, "autoscaling")
    threshold = scaling.get("metricThreshold")
    location = "/autoscaling/metricThreshold"
    if scaling.get("metric") is not None and threshold is None:
        yield Broken(location)
    elif scaling.get("metric") is None and threshold is not None:
        yield Unclear(location, "what a threshold without a metric means is not said")
    elif threshold is not None and (number(threshold) or 0) <= 0:
        yield Unclear(location, "whether a threshold may be zero or negative is not said")


def _percentage(spec: Spec) -> Iterator[Judgement]:
    scaling = section(spec, "autoscaling")
    percentage, metric = scaling.get("metricThresholdPercentage"), text(scaling.get("metric"))
    location = "/autoscaling/metricThresholdPercentage"
    if percentage is None or metric in SCALES_TO_ZERO:
        return
    if metric is None:
        yield Unclear(location, "what a percentage means while there is no metric is not said")
    elif percentage == _DEFAULT_PERCENTAGE:
        yield Unclear(location, "70 is the default whatever the metric; whether it may be spelt out is not said")
    else:
        yield Broken(location)


def _retention(spec: Spec) -> Iterator[Judgement]:
    seconds = section(spec, "autoscaling").get("scaleToZeroRetentionSeconds")
    location = "/autoscaling/scaleToZeroRetentionSeconds"
    if seconds is None or _replicas(spec)[0] == 0:
        return
    if number(seconds) == 0:
        yield Unclear(location, "0 is the default whatever minReplicas is; whether it may be spelt out is not said")
    else:
        yield Broken(location)


def _order(spec: Spec) -> Iterator[Judgement]:
    low, high = _replicas(spec)
    if high < low:
        yield Broken("/autoscaling/maxReplicas")


def _within(spec: Spec) -> Iterator[Judgement]:
    low, high = _replicas(spec)
    for name in ("initialReplicas", "activationReplicas"):
        count = number(section(spec, "autoscaling").get(name))
        if count is not None and not low <= count <= high:
            yield Unclear(
                f"/autoscaling/{name}", "whether it may lie outside of minReplicas to maxReplicas is not said"
            )


def _granted(_spec: Spec) -> Iterator[Judgement]:
    return iter(())


RULES: Final = (
    Rule(
        id="autoscaling/metric-required-to-scale",
        quotes=(
            said(
                "AutoScalingMetric",
                "Mandatory if minReplicas < maxReplicas, except for the special case where minReplicas is set to 0 "
                "and maxReplicas is set to 1, as in this case autoscaling decisions are made according to network "
                "activity rather than metrics.",
            ),
            said(f"{_COMMON}/minReplicas", "Defaults to 1."),
            said(f"{_COMMON}/maxReplicas", "Defaults to minReplicas, or to 1 if minReplicas is set to 0"),
        ),
        judge=_metric_required,
        accepts=(
            Case("1 to 2 with a metric", scaled(1, 2, "throughput")),
            Case("0 to 1, the exception", scaled(0, 1)),
            Case("0 alone: at most 1 by default", scaled(0)),
            Case("2 to 2", scaled(2, 2)),
            Case("2 alone: at most 2 by default", scaled(2)),
            Case("at most 1: at least 1 by default", scaled(None, 1)),
            Case("nothing given", {"autoscaling": {}}),
            Case("both null", scaled(minReplicas=None, maxReplicas=None)),
            Case("at most null: as minReplicas", scaled(3, maxReplicas=None)),
            Case("9 to 10 with a metric", scaled(9, 10, "concurrency")),
            Case(
                "scaled before, the patch is about another section",
                {"command": "serve"},
                scaled(1, 3, "latency"),
                UPDATE,
            ),
        ),
        rejects=(
            Case("1 to 2", scaled(1, 2)),
            Case("0 to 2, no exception", scaled(0, 2)),
            Case("at most 2: at least 1 by default", scaled(None, 2)),
            Case("at least null, at most 3", scaled(None, 3, minReplicas=None)),
            Case("metric null", {"autoscaling": {"minReplicas": 1, "maxReplicas": 3, "metric": None}}),
            Case("9 to 10", scaled(9, 10)),
            Case("fixed at 1 before, to 3 by the patch", scaled(None, 3), before=scaled(1, 1), on=UPDATE),
        ),
        needs="autoscaling",
    ),
    Rule(
        id="autoscaling/metric-supports-scale-to-zero",
        quotes=(said("AutoScalingMetric", "Only the 'throughput' and 'concurrency' metrics support scale-to-zero"),),
        judge=_scale_to_zero,
        accepts=(
            Case("throughput from 0", scaled(0, 2, "throughput")),
            Case("concurrency from 0", scaled(0, 2, "concurrency")),
            Case("throughput between 0 and 1", scaled(0, 1, "throughput")),
            Case("latency from 1", scaled(1, 2, "latency")),
            Case("latency, at least 1 by default", scaled(None, 2, "latency")),
            Case("latency, at least null", scaled(None, 2, "latency", minReplicas=None)),
        ),
        rejects=(
            Case("latency from 0", scaled(0, 2, "latency")),
            Case("latency from 0 to 10", scaled(0, 10, "latency")),
            Case("a custom metric from 0", scaled(0, 2, "queue_depth")),
            Case("a name that begins alike", scaled(0, 2, "throughput_total")),
        ),
        needs="autoscaling",
    ),
    Rule(
        id="autoscaling/threshold-required-with-metric",
        quotes=(
            said(
                "AutoScalingMetricFields/properties/metricThreshold",
                "Mandatory if metric is specified",
            ),
        ),
        judge=_threshold,
        accepts=(
            *(Case(f"{metric} with a threshold", scaled(1, 2, metric)) for metric in BUILT_IN),
            Case("threshold 1", scaled(1, 2, "latency", metricThreshold=1)),
            Case("neither", scaled(1, 1)),
            Case("both null", scaled(1, 1, metric=None, metricThreshold=None)),
            Case("metric without scaling", scaled(2, 2, "throughput")),
        ),
        rejects=(
            *(
                Case(f"{metric} without a threshold", {"autoscaling": {"maxReplicas": 2, "metric": metric}})
                for metric in BUILT_IN
            ),
            Case("threshold null", scaled(1, 2, "throughput", metricThreshold=None)),
            Case("nothing to scale", {"autoscaling": {"metric": "throughput"}}),
            Case(
                "percentage instead",
                {"autoscaling": {"maxReplicas": 2, "metric": "throughput", "metricThresholdPercentage": 50}},
            ),
        ),
        needs="autoscaling",
    ),
    Rule(
        id="autoscaling/percentage-only-with-throughput-or-concurrency",
        quotes=(
            said(
                f"{_COMMON}/metricThresholdPercentage",
                "Applicable only with the 'throughput' and 'concurrency' metrics",
            ),
            said(f"{_COMMON}/metricThresholdPercentage", "Defaults to 70."),
        ),
        judge=_percentage,
        accepts=(
            Case("throughput", scaled(1, 2, "throughput", metricThresholdPercentage=50)),
            Case("concurrency", scaled(1, 2, "concurrency", metricThresholdPercentage=50)),
            Case("the least", scaled(1, 2, "throughput", metricThresholdPercentage=1)),
            Case("the most", scaled(1, 2, "concurrency", metricThresholdPercentage=100)),
            Case("null with latency", scaled(1, 2, "latency", metricThresholdPercentage=None)),
        ),
        rejects=(
            Case("latency", scaled(1, 2, "latency", metricThresholdPercentage=50)),
            Case("latency, the least", scaled(1, 2, "latency", metricThresholdPercentage=1)),
            Case("a custom metric", scaled(1, 2, "queue_depth", metricThresholdPercentage=50)),
        ),
        needs="autoscaling",
    ),
    Rule(
        id="autoscaling/retention-only-with-scale-to-zero",
        quotes=(
            said(f"{_COMMON}/scaleToZeroRetentionSeconds", "Available only if minReplicas is set to 0"),
            said(f"{_COMMON}/minReplicas", "Defaults to 1."),
            said(f"{_COMMON}/scaleToZeroRetentionSeconds", "Defaults to 0."),
        ),
        judge=_retention,
        accepts=(
            Case("from 0, the least", scaled(0, scaleToZeroRetentionSeconds=0)),
            Case("from 0, a minute", scaled(0, 1, scaleToZeroRetentionSeconds=60)),
            Case("from 0, the most", scaled(0, 2, "throughput", scaleToZeroRetentionSeconds=3600)),
            Case("null from 1", scaled(1, scaleToZeroRetentionSeconds=None)),
        ),
        rejects=(
            Case("from 1", scaled(1, scaleToZeroRetentionSeconds=60)),
            Case("from 1 by default", scaled(scaleToZeroRetentionSeconds=60)),
            Case("from 1 by default, minReplicas null", scaled(minReplicas=None, scaleToZeroRetentionSeconds=60)),
            Case("from 2", scaled(2, 3, "throughput", scaleToZeroRetentionSeconds=3600)),
            Case("one second", scaled(1, 1, scaleToZeroRetentionSeconds=1)),
        ),
        needs="autoscaling",
    ),
    Rule(
        id="autoscaling/max-not-below-min",
        quotes=(
            said(f"{_COMMON}/maxReplicas", "The maximum number of replicas for autoscaling."),
            said(f"{_COMMON}/minReplicas", "The minimum number of replicas for autoscaling."),
        ),
        judge=_order,
        accepts=(
            Case("equal", scaled(2, 2)),
            Case("above", scaled(2, 3, "latency")),
            Case("more digits", scaled(9, 10, "latency")),
            Case("max by default", scaled(5)),
        ),
        rejects=(
            Case("just below", scaled(2, 1)),
            Case("fewer digits", scaled(10, 9)),
            Case("far below, with a metric", scaled(20, 3, "throughput")),
        ),
        strength=Strength.SHOULD,
        needs="autoscaling",
    ),
    Rule(
        id="autoscaling/scale-to-zero-allowed",
        quotes=(said(f"{_COMMON}/minReplicas", "Defaults to 1. Use 0 to allow scale-to-zero"),),
        judge=_granted,
        accepts=(
            Case("from 0", scaled(0)),
            Case("0 to 1", scaled(0, 1)),
            Case("0 to 3 by throughput", scaled(0, 3, "throughput")),
        ),
        rejects=(),
        needs="autoscaling",
    ),
    Rule(
        id="autoscaling/built-in-metrics",
        quotes=(
            said(
                "AutoScalingMetric",
                "Use one of the built-in metrics of 'throughput', 'concurrency' or 'latency', or any other available "
                "custom metric.",
            ),
        ),
        judge=_granted,
        accepts=tuple(Case(metric, scaled(1, 3, metric)) for metric in BUILT_IN),
        rejects=(),
        needs="autoscaling",
    ),
    Rule(
        id="autoscaling/initial-and-activation-replicas",
        quotes=(
            said(f"{_COMMON}/initialReplicas", "Defaults to minReplicas, or to 1 if minReplicas is set to 0"),
            said(f"{_COMMON}/activationReplicas", "Defaults to minReplicas, or to 1 if minReplicas is set to 0"),
        ),
        judge=_within,
        accepts=(
            Case("absent", scaled(1, 3, "throughput")),
            Case("the least", scaled(1, 3, "throughput", initialReplicas=1, activationReplicas=1)),
            Case("the most", scaled(1, 3, "throughput", initialReplicas=3, activationReplicas=3)),
            Case("from 0", scaled(0, 3, "throughput", initialReplicas=0, activationReplicas=1)),
            Case("null", scaled(2, 2, initialReplicas=None, activationReplicas=None)),
        ),
        rejects=(),
        needs="autoscaling",
    ),
    Rule(
        id="autoscaling/no-concurrency-limit",
        quotes=(said(f"{_COMMON}/concurrencyHardLimit", "0 means no limit"),),
        judge=_granted,
        accepts=(
            Case("0", scaled(concurrencyHardLimit=0)),
            Case("1", scaled(concurrencyHardLimit=1)),
        ),
        rejects=(),
        needs="autoscaling",
    ),
    Rule(
        id="autoscaling/deprecated-timeout-ignored",
        quotes=(
            said(
                f"{_COMMON}/initializationTimeoutSeconds",
                "Use `servingConfiguration.initializationTimeoutSeconds` instead.  If this field is set, it will be "
                "ignored and the value under `servingConfiguration` will be used.",
            ),
        ),
        judge=_granted,
        accepts=(
            Case("alone", scaled(initializationTimeoutSeconds=300)),
            Case(
                "beside another value",
                {
                    **scaled(initializationTimeoutSeconds=300),
                    "servingConfiguration": {"initializationTimeoutSeconds": 600},
                },
            ),
            Case(
                "beside an empty serving configuration",
                {**scaled(initializationTimeoutSeconds=1), "servingConfiguration": {}},
            ),
        ),
        rejects=(),
        needs="autoscaling",
    ),
)
CONTRADICTIONS: Final = ()
