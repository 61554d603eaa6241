"""What a run has used of its limits, added up over processes that live and processes that were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assay.client.budget import Budget, Limits
from assay.client.usage import Usage, UsageFile, read_usage
from assay.clock import VirtualClock
from assay.errors import ReportError


def test_side_by_side_everything_adds_up_and_in_turn_only_what_is_used_up() -> None:
    first, second = Usage(10, 2, 3, 1, 50.0, 4.0), Usage(5, 1, 4, 0, 20.0, 2.0)
    assert first.beside(second) == Usage(15, 3, 7, 1, 70.0, 6.0)
    assert first.then(second) == Usage(15, 3, 4, 1, 50.0, 6.0)


def test_what_is_left_is_shared(tmp_path: Path) -> None:
    limits = Limits(live=10, creates=8, requests=100, rps=10.0, gpu_devices=4, seconds=60.0)
    left = limits.left(Usage(requests=70, creates=9, live=10, seconds=20.0))
    assert left == Limits(live=10, creates=0, requests=30, rps=10.0, gpu_devices=4, seconds=40.0)
    shares = [left.share(index, 3) for index in range(3)]
    assert sum(share.requests or 0 for share in shares) == 30
    assert Limits(live=None).left(Usage(requests=5)) == Limits(live=None)


def test_a_budget_counts_totals_and_peaks(tmp_path: Path) -> None:
    clock = VirtualClock(0.0)
    budget = Budget(Limits(live=10, gpu_devices=4), clock, file=UsageFile(tmp_path))
    for _ in range(3):
        budget.request()
    clock.sleep(1.0)
    budget.request()
    budget.take(2, gpus=3)
    budget.give_back(1, gpus=3)
    budget.take(1, gpus=1)
    assert budget.usage == Usage(requests=4, creates=3, live=2, gpu_devices=3, rps=3.0, seconds=1.0)
    assert read_usage(tmp_path) == Usage(requests=4, creates=3, live=2, gpu_devices=3, rps=3.0)


def test_the_counts_of_a_killed_process_stay(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from assay.client.budget import Budget, Limits
from assay.client.usage import UsageFile
budget = Budget(Limits(), file=UsageFile(Path({str(tmp_path)!r})))
for _ in range(5):
    budget.request()
budget.take()
print("ready", flush=True)
import time
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, signal.SIGKILL)
    used = read_usage(tmp_path)
    assert (used.requests, used.creates, used.live) == (5, 1, 1)


def test_a_file_that_was_cut_short_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "1-a.usage").write_bytes(b"\x01\x02")
    assert read_usage(tmp_path) == Usage()
    assert read_usage(tmp_path / "missing") == Usage()


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="what the run uses cannot be kept"):
        UsageFile(tmp_path / "file")
