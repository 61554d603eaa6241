"""A percentile that few stalling answers miss says so; one that a slow server misses does not."""

from __future__ import annotations

import pytest

from assay.contract.documents import load
from assay.findings.record import Record
from assay.findings.slo import missed
from assay.load import outcome
from assay.load.outcome import Result
from assay.load.slo import Kept, load_objectives


@pytest.mark.parametrize(("median", "says"), [(5.0, True), (300.0, True), (301.0, False), (2_900.0, False)])
def test_the_summary_tells_stalls_from_slowness(median: float, says: bool) -> None:
    kept = Kept("p99_ms", 1_000.0, 3_000.0, ok=False)
    result = Result("get_inference", "read", 40.0, 400, 400, 0, {"p50": median, "p99": 3_000.0}, {}, {}, {}, (kept,))
    (finding,) = outcome.findings([result], load_objectives(load().operations))
    assert ("stalls: few answers" in finding.summary) is says
    assert finding.summary.startswith("p99_ms of get_inference is 3,000 ms")


@pytest.mark.parametrize(("median", "says"), [(5.0, True), (2_900.0, False)])
def test_a_limit_of_a_run_that_was_not_judged_is_told_alike(median: float, says: bool) -> None:
    event = {
        "t": "load",
        "operation": "get_inference",
        "rate": 40.0,
        "requests": 400,
        "errors": 0,
        "latency_ms": {"p50": median, "p99": 3_000.0},
        "slo": [{"name": "p99_ms", "limit": 1_000.0, "value": 3_000.0, "ok": False}],
    }
    (finding,) = missed(Record.of([event]))
    assert ("stalls: few answers" in finding.summary) is says
