"""What `assay replay` says at its end: the outcome last, and before it what could not be removed."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from assay.cli import replay
from assay.findings.stored import StoredFinding, StoredVerdict

FINDING = StoredFinding(id="F-1a2b3c4d", summary="s", test="t")


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
