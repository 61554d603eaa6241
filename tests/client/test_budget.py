"""Limits that hold, also among threads."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.client.budget import Budget, LimitReached, Limits, gpus_asked
from assay.clock import VirtualClock
from assay.errors import BudgetExhausted, TargetLostError


def limit_of(call: Any) -> str:
    with pytest.raises(LimitReached) as caught:
        call()
    assert isinstance(caught.value, BudgetExhausted)
    assert caught.value.hint == f"--{caught.value.limit.replace('_', '-')} raises the limit"
    return caught.value.limit


def test_requests_end() -> None:
    budget = Budget(Limits(requests=3))
    for _ in range(3):
        budget.request()
    assert budget.requests_left == 0
    assert limit_of(budget.request) == "max_requests"
    assert budget.requests == 3


def test_requests_are_spread_over_time() -> None:
    clock = VirtualClock(100.0)
    budget = Budget(Limits(rps=10), clock=clock)
    for _ in range(101):
        budget.request()
    assert clock.now == pytest.approx(110.0, abs=0.2)


def test_idle_time_is_not_saved_up_for_a_burst() -> None:
    clock = VirtualClock(100.0)
    budget = Budget(Limits(rps=100), clock=clock)
    clock.sleep(60)
    began = clock.now
    for _ in range(111):
        budget.request()
    assert clock.now - began == pytest.approx(1.0, abs=0.02)


def test_time_ends_the_run() -> None:
    clock = VirtualClock(100.0)
    budget = Budget(Limits(seconds=5), clock=clock)
    budget.request()
    clock.sleep(5)
    assert budget.seconds_left == 0
    assert limit_of(budget.request) == "max_seconds"
    assert limit_of(budget.take) == "max_seconds"


def test_creates_end() -> None:
    budget = Budget(Limits(creates=2))
    for _ in range(2):
        budget.take()
        budget.give_back()
    assert limit_of(budget.take) == "max_creates"


def test_a_workload_that_asks_for_too_many_gpus_never_passes() -> None:
    budget = Budget(Limits(gpu_devices=2))
    assert limit_of(lambda: budget.take(gpus=3)) == "max_gpu_devices"
    assert budget.allows_gpus(2)
    assert not budget.allows_gpus(3)
    assert Budget(Limits(gpu_devices=None)).allows_gpus(1000)
    assert budget.live == 0


def test_gpus_are_counted_over_live_workloads() -> None:
    budget = Budget(Limits(gpu_devices=2))
    budget.take(gpus=2)
    assert limit_of(lambda: budget.take(gpus=1, patience=0.01)) == "max_live"
    budget.take(gpus=0, patience=0.01)
    budget.give_back(gpus=2)
    budget.take(gpus=1, patience=0.01)
    assert (budget.live, budget.gpus) == (2, 1)


def test_more_slots_than_there_are_can_never_be_had() -> None:
    assert limit_of(lambda: Budget(Limits(live=2)).take(3)) == "max_live"


def test_a_slot_is_waited_for_and_the_wait_is_bounded() -> None:
    clock = VirtualClock(100.0)
    budget = Budget(Limits(live=1), clock)
    budget.take()
    assert limit_of(lambda: budget.take(patience=0.1)) == "max_live"
    assert clock.now == pytest.approx(100.1)

    def give_back_later() -> None:
        if clock.now >= 103.0:
            budget.give_back()

    budget.give_back()
    budget.take()
    budget.take(patience=5, check=give_back_later)
    assert clock.now == pytest.approx(103.0, abs=0.02)
    assert budget.live == 1


def test_after_one_wait_in_vain_the_next_ones_are_short() -> None:
    clock = VirtualClock(0.0)
    budget = Budget(Limits(live=1), clock)
    budget.take()
    for patience, over in ((60, 60), (60, 61)):
        assert limit_of(lambda patience=patience: budget.take(patience=patience)) == "max_live"
        assert clock.now == pytest.approx(over)
    budget.give_back()
    budget.take()

    def give_back_later() -> None:
        if clock.now >= 91.0:
            budget.give_back()

    budget.take(patience=60, check=give_back_later)
    assert clock.now == pytest.approx(91.0, abs=0.02)


def test_waiting_for_a_slot_ends_when_the_check_raises() -> None:
    budget = Budget(Limits(live=1))
    budget.take()

    def lost() -> None:
        raise TargetLostError("gone")

    with pytest.raises(TargetLostError, match="gone"):
        budget.take(check=lost)
    assert budget.live == 1


def test_waiting_for_a_slot_ends_with_the_run() -> None:
    budget = Budget(Limits(live=1, seconds=0.1))
    budget.take()
    assert limit_of(lambda: budget.take(patience=30)) == "max_seconds"


def test_a_slot_is_given_back_when_the_block_raises() -> None:
    budget = Budget(Limits(live=1))
    with pytest.raises(RuntimeError, match="boom"), budget.slot():
        raise RuntimeError("boom")
    assert budget.live == 0


def test_threads_never_exceed_the_live_limit() -> None:
    budget = Budget(Limits(live=3, creates=60))
    most, lock = 0, threading.Lock()

    def work() -> None:
        nonlocal most
        for _ in range(6):
            with budget.slot():
                with lock:
                    most = max(most, budget.live)
                time.sleep(0.001)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3
    assert (budget.creates, budget.live) == (60, 0)


@given(st.integers(1, 50), st.integers(1, 8))
def test_shares_sum_up_to_the_whole(live: int, processes: int) -> None:
    limits = Limits(live=live, creates=live * 3, requests=1000, rps=8.0, gpu_devices=1)
    if live < processes:
        assert limit_of(lambda: limits.share(0, processes)) == "max_live"
        return
    shares = [limits.share(index, processes) for index in range(processes)]
    assert sum(share.live or 0 for share in shares) == live
    assert all(share.live for share in shares)
    assert sum(share.creates or 0 for share in shares) == live * 3
    assert sum(share.requests or 0 for share in shares) == 1000
    assert sum(share.gpu_devices or 0 for share in shares) == 1
    assert sum(share.rps or 0 for share in shares) == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("spec", "devices"),
    [
        ({"image": "x"}, 0),
        ({"compute": {"gpuDevicesRequest": 0}}, 0),
        ({"compute": {"gpuDevicesRequest": 2}}, 2),
        ({"compute": {"gpuPortionRequest": 0.5}}, 1),
        ({"compute": {"gpuDevicesRequest": 1, "gpuMemoryRequest": "5G"}}, 1),
        ({"compute": {"gpuDevicesRequest": 2}, "autoscaling": {"minReplicas": 1, "maxReplicas": 3}}, 6),
        ({"compute": {"gpuDevicesRequest": "two"}, "autoscaling": []}, 0),
        ({"compute": None}, 0),
    ],
)
def test_gpus_asked(spec: Any, devices: int) -> None:
    assert gpus_asked({"spec": spec}) == devices


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["spec", "compute", "autoscaling", "gpuDevicesRequest", "maxReplicas", "migProfile"]),
            inner,
        )
    ),
)


@given(JSON)
def test_any_json_is_understood(body: Any) -> None:
    assert gpus_asked(body) >= 0
