"""What `assay replay` says at its end: the outcome last, and before it what could not be removed."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from assay.cli import replay
from assay.cli.side_by_side import side_by_side
from assay.findings.stored import StoredFinding, StoredLoadOptions, StoredVerdict
from assay.load.options import LoadOptions
from assay.run.stage import stage

FINDING = StoredFinding(id="F-1a2b3c4d", summary="s", test="t")


SYMPTOM = StoredFinding(id="F-5e6f7a8b", summary="slow", test="load", operation="read", kind="slo", rule="p95_ms")
CAUSE = StoredFinding(
    id="F-9c0d1e2f", summary="it grows", test="load", operation="read", kind="growth", rule="live", symptoms=[SYMPTOM]
)


def measured(p95: float, *notes: str, **more: Any) -> StoredVerdict:
    load = {
        "rate": 20.0,
        "requests": 1600,
        "errors": 3,
        "latency_ms": {"p50": 1.25, "p95": p95},
        "slo": [
            {"name": "p95_ms", "limit": 500, "value": p95, "ok": p95 <= 500},
            {"name": "rate_ratio", "limit": 0.98, "value": 1.0, "ok": True},
        ],
    }
    return StoredVerdict.model_validate(
        {
            "verdict": "fail",
            "command": "benchmark",
            "target": {"base_url": "http://h"},
            "seed": 1,
            "findings": [CAUSE.model_dump()],
            "load": {"read": load, "create": {}},
            "notes": notes,
            **more,
        }
    )


def test_what_was_measured_stands_beside_what_is_measured_now() -> None:
    law = "law of read: +12.5 ms per live workload, 95 % CI 11 to 14"
    other = "law of read: +0.1 ms per sample, 95 % CI 0 to 0.2"
    lines = list(side_by_side(CAUSE, measured(1234.5, law, other), measured(42.0)))
    assert lines == [
        "read",
        "                      limit         then          now",
        "p95_ms            <= 500 ms     1,234 ms        42 ms",
        "rate_ratio          >= 0.98            1            1",
        "requests                           1,600        1,600",
        "errors                                 3            3",
        "rate                                20/s         20/s",
        "p50_ms                           1.25 ms      1.25 ms",
        f"then: {law}",
        "now: no law could be fitted",
    ]
    assert max(map(len, lines[:-2])) < 60


def test_what_is_about_all_operations_shows_each_of_them() -> None:
    stall = StoredFinding(
        id="F-00000001", summary="it stood still", test="load", operation="all operations", kind="stall"
    )
    lines = list(side_by_side(stall, measured(1.0), measured(1.0, load={})))
    assert {"create", "read"} <= set(lines)
    assert next(line for line in lines if line.startswith("p95_ms")).split() == [
        "p95_ms",
        "<=",
        "500",
        "ms",
        "1",
        "ms",
        "-",
    ]


def test_a_symptom_is_known_by_its_cause() -> None:
    found = measured(1.0).cause(SYMPTOM.id)
    assert found is not None
    assert found.id == CAUSE.id
    assert measured(1.0).cause("F-00000000") is None
    # What explained it may be mended while it still shows.
    assert measured(1.0, findings=[SYMPTOM.model_dump()]).cause_among(found.ids) == SYMPTOM


@pytest.mark.parametrize(
    ("asked", "found", "seconds"),
    [
        ({"profile": "soak"}, {"kind": "slo"}, 120.0),
        ({"profile": "soak", "duration": 600}, {"kind": "growth", "rule": "time"}, 600.0),
        ({"profile": "baseline"}, {"kind": "slo"}, None),
        ({"profile": "baseline", "duration": 300, "baseline": "b.json"}, {"kind": "regression"}, 300.0),
        ({"profile": "steps"}, {"kind": "slo"}, None),
        ({"profile": "smoke", "scenario": "read", "rate": 20, "duration": 8}, {"kind": "slo"}, 8.0),
    ],
)
def test_load_is_measured_as_the_run_was_asked_but_not_for_ever(
    asked: dict[str, Any], found: dict[str, Any], seconds: float | None
) -> None:
    options = StoredLoadOptions.model_validate(asked)
    finding = StoredFinding(id="F-1a2b3c4d", summary="s", test="load", **found)
    chosen = stage(LoadOptions("gate"), options, finding)
    assert (chosen.profile, chosen.scenario, chosen.rate) == (options.profile, options.scenario, options.rate)
    assert chosen.duration == seconds
    assert (chosen.baseline is not None) == (finding.kind == "regression")


def test_a_run_tells_all_that_a_replay_of_its_load_needs() -> None:
    given = LoadOptions("smoke", scenario="read", rate=20.0, slo=Path("slo.toml"), processes=2)
    stored = StoredLoadOptions.model_validate(given.as_asked())
    finding = StoredFinding(id="F-1a2b3c4d", summary="s", test="load", kind="slo")
    assert stage(LoadOptions("gate"), stored, finding) == replace(given, slo=Path("slo.toml").resolve())


def said(code: int, **verdict: Any) -> tuple[int, list[str]]:
    fresh = StoredVerdict.model_validate(
        {
            "verdict": "pass",
            "command": "gate",
            "target": {"base_url": "http://h"},
            "seed": 1,
            "findings": [],
            "tests": {"planned": 1},
            **verdict,
        }
    )
    out = StringIO()
    ended = replay._tell(Console(file=out, width=200), FINDING, fresh, code)
    return ended, out.getvalue().splitlines()


def test_a_replay_that_left_nothing_says_only_how_it_went() -> None:
    assert said(0) == (0, ["no longer failing"])
    assert said(1, findings=[FINDING.model_dump()]) == (1, ["still failing"])


@pytest.mark.parametrize(
    ("verdict", "code", "last"),
    [
        ({"findings": [FINDING.model_dump()]}, 1, ["still failing"]),
        ({"verdict": "inconclusive", "problems": ["target lost"]}, 3, ["target lost", "could not decide"]),
    ],
)
def test_what_could_not_be_removed_is_told_before_the_outcome(
    verdict: dict[str, Any], code: int, last: list[str]
) -> None:
    left = [{"id": str(number), "name": f"w-{number}"} for number in range(6)]
    resources = {"created": 8, "deleted": 0, "left_behind": left, "unconfirmed": left[:2]}
    assert said(code, resources=resources, **verdict) == (
        code,
        [
            "6 workloads left behind: w-0, w-1, w-2, w-3, w-4 and 1 more",
            "2 deletions were agreed to by the target and could not be confirmed any more",
            "`assay cleanup` looks after them",
            *last,
        ],
    )
