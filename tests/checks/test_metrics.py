"""Metrics checks, both ways: what a conforming control plane may do, and what each broken one is caught with."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assay.checks import metrics, metrics_csv
from assay.checks.metrics import MALFORMED, TYPES, Asked, judge, series_of
from assay.checks.metrics_host import SHARED, ask
from assay.client.exchange import Answer
from assay.findings.model import Class
from assay.reference.behaviour import Behaviour
from assay.reference.defects.base import named_workload
from assay.reference.handlers.workload import measured
from assay.reference.http import IncomingRequest, Reply
from assay.reference.lifecycle import Lifecycle, Pace
from assay.reference.plane import Plane, Proceed
from assay.reference.variants import VARIANTS
from contract_tests import test_metrics as contract
from tests.checks.stage import InProcess, SkippedError, Stage, Tamper, stage

pytestmark = pytest.mark.slow

__all__ = ["stage"]

Make = Callable[..., Stage]
Mutation = Callable[[list[dict[str, Any]]], None]
AT = datetime(2027, 1, 1, tzinfo=UTC)
ASKED = Asked(("THROUGHPUT",), AT, AT + timedelta(seconds=10), 5)


def sample(second: float, value: object = "1.5") -> dict[str, object]:
    return {"timestamp": metrics.stamp(AT + timedelta(seconds=second)), "value": value}


def body(*values: object, kind: object = "THROUGHPUT", **more: object) -> dict[str, object]:
    return {"measurements": [{"type": kind, "values": list(values), **more}]}


LAWFUL: dict[str, object] = {
    "in order": body(*(sample(second) for second in range(5))),
    "newest first": body(*(sample(5 - second) for second in range(5))),
    "both ends": body(sample(0), sample(10)),
    "rounded to the second outside": body(sample(-1), sample(11)),
    "no values": {"measurements": [{"type": "THROUGHPUT", "values": None}]},
    "no measurements": {"measurements": []},
    "no timestamps": body({"timestamp": None, "value": "1"}, {"timestamp": None, "value": "1"}),
    "other offsets": body({"timestamp": "2027-01-01T05:00:03+05:00", "value": "1"}),
    "small letters": body({"timestamp": "2027-01-01t00:00:03z", "value": "1"}),
    "numbers": body(sample(0, "0"), sample(1, "-0.0"), sample(2, "1e-7"), sample(3, "+3."), sample(4, ".5")),
    "a series for each pod": {
        "measurements": [
            {"type": "THROUGHPUT", "labels": {"pod": pod}, "values": [sample(n) for n in range(5)]} for pod in "ab"
        ]
    },
    "another case": body(sample(0), kind="throughput"),
}
BROKEN: dict[str, tuple[str, Class, object]] = {
    "six of five": (
        "metrics-more-samples-than-asked",
        Class.VIOLATION,
        body(*(sample(second) for second in range(6))),
    ),
    "too early": ("metrics-outside-range", Class.VIOLATION, body(sample(-1.1))),
    "too late": ("metrics-outside-range", Class.VIOLATION, body(sample(5), sample(11.1))),
    "twice": ("metrics-repeated-sample", Class.GAP, body(sample(1), sample(1))),
    "two values": ("metrics-repeated-timestamp", Class.VIOLATION, body(sample(1), sample(1, "2"))),
    "back and forth": ("metrics-out-of-order", Class.VIOLATION, body(sample(1), sample(3), sample(2))),
    "another type": ("metrics-type-filter", Class.VIOLATION, body(sample(1), kind="LATENCY")),
    "an unknown type": ("metrics-type-unknown", Class.GAP, body(sample(1), kind="HAPPINESS")),
    "negative": ("metrics-value-negative", Class.GAP, body(sample(1, "-1"))),
    "the same series twice": (
        "metrics-repeated-series",
        Class.GAP,
        {"measurements": [{"type": "THROUGHPUT", "values": []}] * 2},
    ),
}


@pytest.mark.parametrize("name", LAWFUL)
def test_what_the_document_allows_is_not_judged(name: str) -> None:
    assert list(judge(ASKED, LAWFUL[name])) == []


@pytest.mark.parametrize("name", BROKEN)
def test_what_it_does_not_allow_is_told_once(name: str) -> None:
    check, cls, answer = BROKEN[name]
    assert [(found.check, found.cls) for found in judge(ASKED, answer)] == [(check, cls)]


@pytest.mark.parametrize(("seconds", "samples"), [(0, 5), (0, 1), (0.001, 5), (3.9, 5), (10, None)])
def test_in_a_range_without_room_samples_of_one_value_may_share_a_moment(seconds: float, samples: int | None) -> None:
    asked = Asked(("THROUGHPUT",), AT, AT + timedelta(seconds=seconds), samples)
    count = asked.most
    assert list(judge(asked, body(*[sample(0)] * count))) == []
    if count > 1:
        [found] = judge(asked, body(*[sample(0)] * (count - 1), sample(0, "2")))
        assert (found.check, found.cls) == ("metrics-repeated-timestamp", Class.VIOLATION)


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "", " ", "1,5", "1.5ms", "0x1", "1_0", "1e999", "٣"]
)
def test_values_that_are_no_numbers(value: str) -> None:
    assert [found.check for found in judge(ASKED, body(sample(1, value)))] == ["metrics-value-not-a-number"]


@pytest.mark.parametrize("samples", [0, 1, 20, None])
def test_the_number_asked_for_is_an_upper_bound(samples: int | None) -> None:
    most = 20 if samples is None else samples
    asked = Asked(("THROUGHPUT",), AT, AT + timedelta(seconds=100), samples)
    assert list(judge(asked, body(*(sample(second) for second in range(most))))) == []
    [found] = judge(asked, body(*(sample(second) for second in range(most + 1))))
    assert found.check == "metrics-more-samples-than-asked"


def test_samples_of_a_range_turned_round_are_a_gap() -> None:
    asked = Asked(("THROUGHPUT",), AT + timedelta(seconds=10), AT)
    assert [(found.check, found.cls) for found in judge(asked, body(sample(5)))] == [
        ("metrics-inverted-range", Class.GAP)
    ]
    assert "metrics-outside-range" in {found.check for found in judge(asked, body(sample(50)))}


@pytest.mark.parametrize(
    "answer",
    [None, [], 3, "x", {}, {"measurements": None}, {"measurements": [None, 3, {}]}, body(None, 3, {}, {"value": 3})],
)
def test_other_json_is_left_to_the_schema(answer: object) -> None:
    assert {found.cls for found in judge(ASKED, answer)} <= {Class.GAP}


# --- against a whole control plane -----------------------------------------------------------------------------


def mutating(mutation: Mutation, *, status: int | None = None) -> Behaviour:
    def change(_: Plane, call: IncomingRequest, answer: Reply) -> Reply:
        content = answer.content
        if call.operation in {"metrics", "pod_metrics"} and isinstance(content, dict) and "measurements" in content:
            answer.content = copy.deepcopy(content)
            mutation(answer.content["measurements"])
            answer.status = status or answer.status
        return answer

    return Behaviour().then(change)


def every_series(change: Callable[[list[Any]], list[Any]]) -> Mutation:
    def mutation(measurements: list[dict[str, Any]]) -> None:
        for one in measurements:
            one["values"] = change(one["values"])

    return mutation


def one_more(values: list[Any]) -> list[Any]:
    return [*values, {**values[-1], "timestamp": None}] if values else [{"value": "1", "timestamp": None}]


def shifted(values: list[Any]) -> list[Any]:
    return [{**value, "timestamp": "2020-01-01T00:00:00Z"} for value in values[:1]]


def spelled(value: str) -> Mutation:
    return every_series(lambda values: [{**sample, "value": value} for sample in values])


def add_other_type(measurements: list[dict[str, Any]]) -> None:
    if len(measurements) == 1:
        other = {"THROUGHPUT": "LATENCY", "LATENCY": "THROUGHPUT"}[measurements[0]["type"]]
        measurements.append({**measurements[0], "type": other})


def only_the_first(measurements: list[dict[str, Any]]) -> None:
    del measurements[1:]


def made_up(values: list[Any]) -> list[Any]:
    return [*values, {"timestamp": "2027-01-15T23:00:00Z", "value": "7"}]


def before_creation(_: list[Any]) -> list[Any]:
    return [{"timestamp": "2027-01-15T06:00:00Z", "value": "7"}]


DEFECTS: dict[str, tuple[Behaviour, Callable[..., None], object]] = {
    "metrics-more-samples-than-asked": (mutating(every_series(one_more)), contract.test_samples, 1),
    "metrics-outside-range": (mutating(every_series(shifted)), contract.test_types, ("LATENCY",)),
    "metrics-repeated-timestamp": (
        mutating(every_series(lambda values: [{**values[0], "value": "1"}, {**values[0], "value": "2"}])),
        contract.test_types,
        ("LATENCY",),
    ),
    "metrics-out-of-order": (
        mutating(every_series(lambda values: [*values[2:], *values[:2]])),
        contract.test_types,
        ("LATENCY",),
    ),
    "metrics-value-not-a-number": (mutating(spelled("NaN")), contract.test_types, ("LATENCY",)),
    "metrics-type-filter": (mutating(add_other_type), contract.test_types, ("LATENCY",)),
    "metrics-type-missing": (mutating(only_the_first), contract.test_together, None),
    "metrics-csv-disagrees": (mutating(every_series(lambda values: values[1:])), contract.test_csv, TYPES),
}


@pytest.mark.parametrize("whose", contract.WHOSE)
@pytest.mark.parametrize("check", DEFECTS)
def test_each_defect_is_caught_by_name(stage: Make, check: str, whose: str) -> None:
    behaviour, function, case = DEFECTS[check]
    assert stage(behaviour).run(function, whose, case) == {check}
    assert stage().run(function, whose, case) == set()


@pytest.mark.parametrize("whose", contract.WHOSE)
@pytest.mark.parametrize(
    ("check", "values", "case"),
    [
        ("metrics-from-the-future", made_up, "into-the-future"),
        ("metrics-before-creation", before_creation, "before-creation"),
    ],
)
def test_what_cannot_have_been_measured_is_a_gap(
    stage: Make, check: str, values: Callable[[list[Any]], list[Any]], case: str, whose: str
) -> None:
    for plane, expected in ((stage(mutating(every_series(values))), {check}), (stage(), set())):
        assert plane.run(contract.test_range, whose, case) == set()
        assert plane.journaled(Class.GAP) & {"metrics-from-the-future", "metrics-before-creation"} == expected


def test_csv_that_loses_a_type_is_seen_only_where_it_is_asked_for(stage: Make) -> None:
    broken = stage(mutating(only_the_first))  # JSON only
    assert broken.run(contract.test_csv, "workload", ("LATENCY",)) == set()
    assert broken.run(contract.test_csv, "workload", TYPES) == {"metrics-csv-disagrees"}


def test_zeros_may_fill_any_time() -> None:
    zeros, ones = (series_of(body(*(sample(day * 86_400, value) for day in (-2, 2)))) for value in ("0", "1"))
    assert list(metrics.judge_life(AT, AT, zeros)) == []
    assert [found.check for found in metrics.judge_life(AT, AT, ones)] == [
        "metrics-before-creation",
        "metrics-from-the-future",
    ]


def test_zero_and_default_samples_are_bounds_too(stage: Make) -> None:
    broken = stage(mutating(every_series(one_more)))
    for samples in (0, None):
        assert broken.run(contract.test_samples, "workload", samples) == {"metrics-more-samples-than-asked"}


def any_pod(plane: Plane, call: IncomingRequest, _: Proceed) -> Reply:
    """Gives the workload's own numbers for any pod id."""
    query = plane.validation.query("pod_metrics", call.query)
    return measured(plane, query, call.header(b"accept"), named_workload(plane, call), None)


@pytest.mark.parametrize(
    ("function", "check"),
    [
        (contract.test_unknown_pod, "metrics-unknown-pod"),
        (contract.test_pod_of_another_workload, "metrics-pod-of-another-workload"),
    ],
)
def test_metrics_of_a_strange_pod_are_caught(stage: Make, function: Callable[..., None], check: str) -> None:
    assert stage(Behaviour().around("pod_metrics", any_pod)).run(function, None) == {check}
    assert stage().run(function, None) == set()


def lax(plane: Plane, call: IncomingRequest, _: Proceed) -> Reply:
    """Validates no query."""
    named_workload(plane, call)
    return Reply(200, {"measurements": []})


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_a_plane_that_reads_no_query_is_caught(stage: Make, name: str) -> None:
    """Every malformed question but those that only ISO 8601 could allow."""
    case = MALFORMED[name]
    found = stage(Behaviour().around("metrics", lax)).run(contract.test_malformed, "workload", case)
    open_question = name in {
        "no-date/start-month-13",
        "no-date/end-hour-25",
        "no-date/start-epoch-millis",
        "no-date/end-empty",
    }
    assert found == (set() if open_question else {"schema-enforced"})
    assert stage().run(contract.test_malformed, "workload", case) == set()


def everything(lawful: Stage, whose_metrics: tuple[str, ...]) -> set[str]:
    """Every metrics test on one stage; the checks of all violations."""
    found: set[str] = set()
    tables: tuple[tuple[Callable[..., None], tuple[object, ...]], ...] = (
        (contract.test_types, contract.COMBINATIONS),
        (contract.test_together, (None,)),
        (contract.test_samples, contract.SAMPLES),
        (contract.test_range, tuple(contract.RANGES)),
        (contract.test_csv, (TYPES,)),
        (contract.test_unknown_workload, (None,)),
    )
    with SHARED.acquire(lawful.target, "test"):
        for whose in whose_metrics:
            for function, cases in tables:
                for case in cases:
                    found |= lawful.run(function, whose, case)
        for function in (contract.test_unknown_pod, contract.test_pod_of_another_workload, contract.test_not_ready):
            found |= lawful.run(function, None)
    return found


def test_the_reference_is_not_failed(stage: Make) -> None:
    lawful = stage()
    assert everything(lawful, contract.WHOSE) == set()
    assert lawful.live() == []


# Those that answer questions about metrics, moments or pods otherwise than the reference.
VARIANTS_OF_METRICS = (
    "slow-start",
    "instant-start",
    "required-fields-only",
    "capital-ids",
    "local-time",
    "whole-seconds",
    "nanoseconds",
    "metrics-never-partial",
    "metrics-not-found-early",
    "metrics-empty",
    "metrics-coarse",
    "metrics-backwards",
    "no-latency",
    "no-metric-labels",
    "null-metric-values",
    "no-csv",
    "strict-accept",
    "throttling",
)


@pytest.mark.parametrize("name", VARIANTS_OF_METRICS)
def test_no_lawful_variant_is_failed(stage: Make, name: str) -> None:
    lawful = stage(VARIANTS[name].change(Behaviour()))
    assert everything(lawful, contract.WHOSE) == set()
    assert lawful.live() == []


class Slow(Lifecycle):
    """Never gets to Running."""

    def __init__(self, _: Pace) -> None:
        super().__init__(Pace(initializing=1e6))


def test_a_workload_that_does_not_run_is_not_tested(stage: Make) -> None:
    with pytest.raises(SkippedError, match="not Running within 15 s"):
        stage(Behaviour(lifecycle=Slow)).run(contract.test_samples, "workload", 1)


def test_what_must_be_refused_needs_no_workload_that_runs(stage: Make) -> None:
    case = MALFORMED["no-count/1001"]
    assert stage(Behaviour(lifecycle=Slow)).run(contract.test_malformed, "workload", case) == set()
    broken = stage(Behaviour(lifecycle=Slow).around("metrics", lax))
    assert broken.run(contract.test_malformed, "workload", case) == {"schema-enforced"}


def small_phases(_: Plane, call: IncomingRequest, reply: Reply) -> Reply:
    """A read tells every phase in small letters."""
    if call.operation == "read" and isinstance(reply.content, dict) and "actualPhase" in reply.content:
        reply.content = {**reply.content, "actualPhase": str(reply.content["actualPhase"]).lower()}
    return reply


def test_a_phase_in_the_wrong_letters_hides_no_metrics(stage: Make) -> None:
    broken = stage(Behaviour().then(small_phases))
    with SHARED.acquire(broken.target, "test") as host:
        assert host.problem is None


def metrics_found_after(calls: int) -> Tamper:
    """Metrics answer 404 the first so many times."""
    left = [calls]

    def tamper(_: InProcess, __: str, target: str, ___: Answer) -> Answer | None:
        if "/metrics?" not in target or left[0] == 0:
            return None
        left[0] -= 1
        body = b'{"code":404,"message":"no metrics"}'
        return Answer(404, {"content-type": "application/json"}, body)

    return tamper


def test_the_past_that_is_asked_for_is_whole(stage: Make) -> None:
    """With a fine clock the range begins after the workload came to serve, so the reference answers 200, not 207."""
    lawful = stage()
    with SHARED.acquire(lawful.target, "test") as host:
        assert ask(lawful.target, "test", host.workload, host.asked()).status == 200
        assert host.end.timestamp() <= lawful.now


def test_metrics_that_lag_behind_are_waited_for(stage: Make) -> None:
    assert stage(tamper=metrics_found_after(5)).run(contract.test_samples, "workload", 1) == set()


def test_metrics_that_never_come_are_not_tested(stage: Make) -> None:
    with pytest.raises(SkippedError, match="still not found"):
        stage(tamper=metrics_found_after(10_000)).run(contract.test_samples, "workload", 1)


def test_what_no_workload_has_in_time_is_waited_for_once_and_told_in_one_way(stage: Make) -> None:
    late = stage(tamper=metrics_found_after(10_000))
    reasons, waited = set[str](), list[float]()
    for samples in (1, 2):
        began = late.now
        with pytest.raises(SkippedError) as skipped:
            late.run(contract.test_samples, "workload", samples)
        reasons.add(str(skipped.value))
        waited.append(late.now - began)
    assert len(reasons) == 1
    assert waited[1] < 1 < waited[0]


def test_without_a_list_of_pods_they_are_not_tested(stage: Make) -> None:
    def no_pods(_: object, __: str, target: str, ___: object) -> Answer | None:
        return Answer(404) if target.endswith("/pods") else None

    with pytest.raises(SkippedError, match="no list of pods"):
        stage(tamper=no_pods).run(contract.test_samples, "pod", 1)


CSV_LAWFUL = {
    "long form": b"type,timestamp,value\r\nTHROUGHPUT,2027-01-01T00:00:01Z,1.5\r\n",
    "byte order mark": "\ufefftype,timestamp,value\nTHROUGHPUT,2027-01-01T00:00:01Z,1.5\n".encode(),
    "fewer digits": b"time,value\n2027-01-01T00:00:01Z,1.50\n",
    "columns that nobody knows": b"a;b\n1;2\n1;2\n",
    "one column for each type": b"timestamp,THROUGHPUT,LATENCY\n2027-01-01T00:00:01Z,1.5,2\n",
    "nothing": b"",
}
CSV_BROKEN = {
    "json": (b'{"measurements":[]}', "metrics-csv"),
    "not text": (b"\xff\xfe", "metrics-csv"),
    "ragged": (b"time,value\n1\n1,2,3\n", "metrics-csv"),
    "open quote": (b'time,value\n"1,2\n', "metrics-csv"),
    "nan": (b"time,value\n2027-01-01T00:00:01Z,NaN\n", "metrics-value-not-a-number"),
    "no rows": (b"time,value\n", "metrics-csv-disagrees"),
    "another value": (b"time,value\n2027-01-01T00:00:01Z,2.5\n", "metrics-csv-disagrees"),
}


@pytest.mark.parametrize("name", CSV_LAWFUL)
def test_csv_that_may_be(name: str) -> None:
    assert list(metrics_csv.judge(ASKED, CSV_LAWFUL[name], series_of(body(sample(1))))) == []


@pytest.mark.parametrize("name", CSV_BROKEN)
def test_csv_that_may_not_be(name: str) -> None:
    table, check = CSV_BROKEN[name]
    found = {item.check for item in metrics_csv.judge(ASKED, table, series_of(body(sample(1))))}
    assert check in found
