"""The simulated autoscaler: defaults, bounds, delays, and the two moments replicas have a number of their own."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from assay.reference.scaling import MOST_REPLICAS, Autoscaling, Revision, Traffic
from assay.reference.times import SECOND
from tests.reference.harness import NOWHERE


class Scripted(Traffic):
    """Traffic that is told how many replicas it wants, decision by decision; the last one holds on."""

    def __init__(self, wanted: list[int]) -> None:
        super().__init__(NOWHERE, 1.0)
        self._wanted = wanted

    def rate(self, moment: int, scaling: Autoscaling) -> float:
        return self._wanted[min(moment // (10 * SECOND), len(self._wanted) - 1)] * scaling.rate


def counts(wanted: list[int], number: int = 0, **section: Any) -> list[int]:
    """Replicas at each decision, one every ten seconds."""
    revision = Revision(NOWHERE, number, 0, Autoscaling.read(section), Scripted(wanted), 10 * SECOND)
    return [revision.replicas(at * 10 * SECOND) for at in range(len(wanted))]


@pytest.mark.parametrize(
    ("section", "minimum", "maximum", "initial", "activation"),
    [
        (None, 1, 1, 1, 1),
        ({}, 1, 1, 1, 1),
        ({"minReplicas": 3}, 3, 3, 3, 3),
        ({"minReplicas": 0}, 0, 1, 1, 1),
        ({"minReplicas": 0, "maxReplicas": 5}, 0, 5, 1, 1),
        ({"minReplicas": 1, "maxReplicas": 5, "initialReplicas": 4, "activationReplicas": 2}, 1, 5, 4, 2),
        ({"minReplicas": 2.0, "maxReplicas": None}, 2, 2, 2, 2),
        ({"minReplicas": 2**31 - 1}, MOST_REPLICAS, MOST_REPLICAS, MOST_REPLICAS, MOST_REPLICAS),
    ],
    ids=str,
)
def test_documented_defaults(section: Any, minimum: int, maximum: int, initial: int, activation: int) -> None:
    scaling = Autoscaling.read(section)
    assert (scaling.minimum, scaling.maximum, scaling.initial, scaling.activation) == (
        minimum,
        maximum,
        initial,
        activation,
    )


def test_the_target_of_one_replica() -> None:
    throughput = {"metric": "throughput", "metricThreshold": 10}
    assert Autoscaling.read(throughput).rate == pytest.approx(7)
    assert Autoscaling.read({**throughput, "metricThresholdPercentage": 50}).rate == pytest.approx(5)
    # Ten requests at a time, each 50 ms long, are 200 a second, of which 70 % are the target.
    assert Autoscaling.read({**throughput, "metric": "concurrency"}).rate == pytest.approx(140)
    assert Autoscaling.read({**throughput, "metric": "latency"}).rate == Autoscaling().rate


def test_follows_the_traffic_within_its_bounds() -> None:
    assert counts([1, 2, 9, 3, 0, 1], minReplicas=1, maxReplicas=4) == [1, 2, 4, 3, 1, 1]


def test_begins_with_the_initial_replicas_once() -> None:
    assert counts([1, 1], minReplicas=1, maxReplicas=4, initialReplicas=3) == [3, 1]
    assert counts([1, 1], number=1, minReplicas=1, maxReplicas=4, initialReplicas=3) == [1, 1]


def test_a_scale_down_waits_for_its_delay() -> None:
    wanted = [1, 4, 1, 1, 1, 1]
    assert counts(wanted, minReplicas=1, maxReplicas=4, scaleDownDelaySeconds=30) == [1, 4, 4, 4, 4, 1]


def test_the_delay_begins_anew_when_the_replicas_are_needed_again() -> None:
    wanted = [1, 4, 1, 1, 4, 1, 1, 1, 1]
    assert counts(wanted, minReplicas=1, maxReplicas=4, scaleDownDelaySeconds=30) == [1, 4, 4, 4, 4, 4, 4, 4, 1]


def test_a_delayed_scale_down_goes_to_the_most_that_was_wanted_meanwhile() -> None:
    wanted = [1, 4, 1, 3, 1, 1, 1, 1, 1]
    assert counts(wanted, minReplicas=1, maxReplicas=4, scaleDownDelaySeconds=30)[4:6] == [4, 3]


def test_the_last_replica_stays_for_the_retention() -> None:
    scaling = {"minReplicas": 0, "maxReplicas": 2}
    assert counts([1, 2, 0, 0, 0, 0], **scaling) == [1, 2, 0, 0, 0, 0]
    assert counts([1, 2, 0, 0, 0, 0], **scaling, scaleToZeroRetentionSeconds=30) == [1, 2, 1, 1, 1, 0]


def test_activation_replicas_apply_from_zero_only() -> None:
    scaling = {"minReplicas": 0, "maxReplicas": 5, "activationReplicas": 3}
    assert counts([1, 0, 1, 1, 4, 0], **scaling) == [1, 0, 3, 1, 4, 0]


def test_pods_live_exactly_as_long_as_they_are_counted() -> None:
    revision = Revision(
        NOWHERE,
        0,
        0,
        Autoscaling.read({"minReplicas": 1, "maxReplicas": 3}),
        Scripted([1, 3, 2, 3, 1]),
        10 * SECOND,
    )
    for at in range(5):
        moment = at * 10 * SECOND
        serving = [
            pod
            for pod in revision.pods(moment)
            if pod.started <= moment and (pod.ended is None or pod.ended > moment)
        ]
        assert len(serving) == revision.replicas(moment)
    ids = [pod.id for pod in revision.pods(40 * SECOND)]
    assert len(ids) == len(set(ids)) == 4


def test_traffic_is_a_wave_with_idle_spells_and_of_its_own_for_each_workload() -> None:
    traffic = Traffic(NOWHERE, 1.0)
    shares = [traffic.share(second * SECOND) for second in range(600)]
    assert min(shares) == 0
    assert 0.9 < max(shares) <= 1
    assert max(abs(after - before) for before, after in pairwise(shares)) < 0.15
    other = Traffic("12345678-1234-4678-9234-123456789abc", 1.0)
    assert shares != [other.share(second * SECOND) for second in range(600)]
