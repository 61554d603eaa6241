"""Service level objectives: layers of the file, verdicts, mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.contract.documents import load
from assay.errors import SettingsError
from assay.load.slo import Objectives, judge
from assay.load.slo import load_objectives as load_for

OPERATIONS = tuple(load().operations)


def load_objectives(file: Path | None = None, base_url: str | None = None) -> Objectives:
    """The objectives of the contract's operations."""
    return load_for(OPERATIONS, file, base_url=base_url)


TEXT = """
[default]
p95_ms = 500
error_ratio = 0.01

[create]
p95_ms = 1000

[targets."https://runai.example.com".default]
error_ratio = 0.05

[targets."https://runai.example.com".create]
"p99.9_ms" = 5000
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "slo.toml"
    file.write_text(TEXT)
    return file


def test_the_shipped_file_has_limits_for_every_operation() -> None:
    objectives = load_objectives()
    for name in OPERATIONS:
        assert {"p50_ms", "p95_ms", "p99_ms", "error_ratio", "rate_ratio"} <= set(objectives.by_operation[name])


def test_an_operation_goes_before_the_default_and_a_target_before_both(file: Path) -> None:
    general = load_objectives(file, base_url="https://other.example.com").by_operation
    assert general["create"] == {"p95_ms": 1000, "error_ratio": 0.01}
    assert general["read"] == {"p95_ms": 500, "error_ratio": 0.01}
    special = load_objectives(file, base_url="https://runai.example.com/").by_operation
    assert special["create"] == {"p95_ms": 1000, "error_ratio": 0.05, "p99.9_ms": 5000}
    assert special["read"] == {"p95_ms": 500, "error_ratio": 0.05}


LIMITS = {"p95_ms": 500.0, "error_ratio": 0.01, "rate_ratio": 0.98}


def test_growth_and_stalls_have_limits_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "slo.toml"
    file.write_text('[laws]\nsamples = 2\nlive = 9\n[stalls]\nshare = 0.1\n[targets."http://x".laws]\nlive = 30\n')
    assert load_objectives(file).laws == {"samples": 2, "live": 9}
    assert load_objectives(file, base_url="http://x").laws == {"samples": 2, "live": 30}
    assert load_objectives(file).stall_share == 0.1
    file.write_text("[laws]\nsample = 2\n")
    with pytest.raises(SettingsError, match="'sample'; did you mean 'samples'"):
        load_objectives(file)


def kept(**changes: float) -> dict[str, bool]:
    facts: dict[str, float] = {"p95": 400, "requests": 1000, "errors": 5, "due": 1000, "started": 1000, **changes}
    verdicts = judge(
        LIMITS,
        latency_ms={"p95": facts["p95"]},
        requests=int(facts["requests"]),
        errors=int(facts["errors"]),
        due=facts["due"],
        started=int(facts["started"]),
    )
    return {verdict.name: verdict.ok for verdict in verdicts}


def test_limits_are_inclusive() -> None:
    assert all(kept().values())
    assert all(kept(p95=500, errors=10, started=980).values())
    assert kept(p95=500.1) == {"p95_ms": False, "error_ratio": True, "rate_ratio": True}
    assert kept(errors=11) == {"p95_ms": True, "error_ratio": False, "rate_ratio": True}
    assert kept(started=979) == {"p95_ms": True, "error_ratio": True, "rate_ratio": False}


def test_nothing_measured_keeps_nothing() -> None:
    verdicts = judge(LIMITS, latency_ms={}, requests=0, errors=0, due=0, started=0)
    assert [(verdict.value, verdict.ok) for verdict in verdicts] == [(None, False)] * 3


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[default]\np95 = 3", 2, "'p95'; did you mean 'p95_ms'"),
        ("[default]\n\nerror_ratio = 2", 3, "number from 0 to 1"),
        ("[creat]\np95_ms = 3", 1, "'creat'; did you mean 'create'"),
        ('[read]\np95_ms = "3 ms"', 2, "p95_ms = '3 ms'"),
        ('[targets."runai.example.com".read]\np95_ms = 3', 1, "'runai.example.com' is the base URL of no target"),
        ('[targets."http://x".raed]\np95_ms = 3', 1, "'raed'; did you mean 'read'"),
    ],
)
def test_a_mistake_is_told_with_line_and_value(tmp_path: Path, text: str, line: int, said: str) -> None:
    file = tmp_path / "slo.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said) as caught:
        load_objectives(file, base_url="http://x")
    assert caught.value.message.startswith(f"{file}:{line}: ")
