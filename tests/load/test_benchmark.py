"""`assay benchmark` as a user runs it: what it measures, what it compares, and what it refuses before it begins."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assay.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_USAGE
from assay.reference import embedded
from assay.reference.embedded import Embedded, Options
from tests.cli.conftest import Assay, Said
from tests.cli.conftest import assay as assay
from tests.run.whole import assay as run_assay
from tests.run.whole import begin, end, place, verdict, workloads

pytestmark = pytest.mark.slow

METRICS = "get_inference_workload_metrics"
SECONDS, REQUESTS = 9, 360
"""A comparison needs eight time blocks, of a second at least."""

NARROWED = ("--profile", "smoke", "--scenario", "metrics", "--rate", "40", "--duration", f"{SECONDS}s")
TRIES = 3
PACE = 0.1
"""Workloads run and are gone within a tenth of a second."""


@pytest.fixture(scope="module")
def plane() -> Iterator[Embedded]:
    with embedded.start(Options(pace=PACE)) as running:
        yield running


def benchmark(folder: Path, plane: Embedded, out: str, *more: str) -> tuple[int, str, dict[str, Any]]:
    """Exit code, output and verdict.json; once more when this machine was too busy to generate the load."""
    for _ in range(TRIES):
        code, said = run_assay(folder, "benchmark", *place(plane), *NARROWED, "--out", out, *more, plane=plane)
        if "the load generator was the bottleneck" not in said:
            break
    return code, said, verdict(folder / out)


@pytest.fixture(scope="module")
def baseline(plane: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A measurement of the unchanged plane, made by --update-baseline."""
    folder = tmp_path_factory.mktemp("baseline")
    code, said, found = benchmark(folder, plane, "out", "--baseline", "base.json", "--update-baseline")
    assert code == EXIT_PASS, said
    assert found["verdict"] == "pass"
    assert {name: (each["requests"], each["errors"]) for name, each in found["load"].items()} == {
        METRICS: (REQUESTS, 0)
    }
    assert found["load"][METRICS]["rate"] == pytest.approx(40)
    return folder / "base.json"


def test_overrides_and_a_new_baseline(baseline: Path) -> None:
    stored = json.loads(baseline.read_text())
    assert stored["schema"] == "assay/load/1"
    assert stored["operations"][METRICS]["requests"] == REQUESTS
    assert stored["conditions"]["loads"]["metrics"]["rate"] == 40


def test_slower_than_the_baseline_beyond_the_tolerance_fails(tmp_path: Path, baseline: Path) -> None:
    before = baseline.read_text()
    with embedded.start(Options(pace=PACE, defects=("performance/slow-by-workloads",))) as slow:
        arguments = ("--baseline", str(baseline), "--tolerance", "0.5", "--save", "slow.json")
        code, said, found = benchmark(tmp_path, slow, "out", *arguments)
        assert not workloads(slow)
    assert code == EXIT_FAIL, said
    worse = [finding for finding in found["findings"] if finding["kind"] == "regression"]
    assert {finding["operation"] for finding in worse} == {METRICS}
    assert {"p50"} <= {finding["rule"] for finding in worse}
    assert baseline.read_text() == before
    # The stored measurements say the same.
    pairs = ((str(baseline), "slow.json"), ("slow.json", str(baseline)))
    begun = [begin(tmp_path, "compare", *pair, "--tolerance", "0.5") for pair in pairs]
    (code, said), (backwards, better) = [end(process) for process in begun]
    assert code == EXIT_FAIL, said
    assert backwards == EXIT_PASS, better
    assert "better" in better.splitlines()[-1]


CREATING = ("--profile", "smoke", "--scenario", "create", "--rate", "40", "--duration", "3s", "--out", "out")


def creating(folder: Path, *more: str) -> tuple[int, str]:
    folder.mkdir(exist_ok=True)
    return run_assay(folder, "benchmark", *CREATING, *more)


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int, str]]:
    """Runs whose creations find room, and no room, side by side: folder, exit code and words."""
    folder = tmp_path_factory.mktemp("created")
    with ThreadPoolExecutor(2) as side_by_side:
        free = side_by_side.submit(creating, folder / "free")
        limited = side_by_side.submit(creating, folder / "limited", "--max-live", "2")
    return {"free": (folder / "free", *free.result()), "limited": (folder / "limited", *limited.result())}


@pytest.mark.parametrize(("limit", "code"), [("free", EXIT_PASS), ("limited", EXIT_INCONCLUSIVE)])
def test_a_rate_is_asked_for_and_not_what_our_own_limits_leave_of_it(
    created: dict[str, tuple[Path, int, str]], limit: str, code: int
) -> None:
    """On the embedded control plane, where workloads cost nothing, the limit is no shared cluster's ten."""
    folder, ended, said = created[limit]
    for _ in range(TRIES):
        if ended == code or "the load generator was the bottleneck" not in said:
            break
        ended, said = creating(folder)
    assert ended == code, said
    problems = verdict(folder / "out")["problems"]
    assert any("of the 120 requests of create_inference1" in told and "--max-live" in told for told in problems) == (
        limit == "limited"
    )


def refused(said: Said, *words: str) -> None:
    """Told at once: exit 2, no traceback, no run begun."""
    assert said.code == EXIT_USAGE, said.text
    assert said.out == ""
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err
    assert not Path("reports").exists()


PROFILES = {
    "key": ("rates = 5", ("mine.toml:5", "rate is missing")),
    "rate": ("rate = -1", ("mine.toml:5", "-1")),
    "parameter": ("rate = 5\nscenarios.metrics.samples = 5000", ("samples = 5000", "0 to 1000")),
    "syntax": ("rate = ", ("mine.toml:5: not valid TOML", "https://toml.io shows the syntax")),
}


@pytest.mark.parametrize(("line", "words"), PROFILES.values(), ids=PROFILES)
def test_a_mistake_in_a_profile(
    assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    head = '[mine]\nabout = "x"\nin_flight = 5\nstages = [{ name = "s", duration = "3s" }]\n'
    Path("mine.toml").write_text(f"{head}scenarios.metrics.{line}\n")
    refused(assay("benchmark", "--profiles", "mine.toml", "--profile", "mine"), *words)


def test_a_mistake_in_the_objectives(assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("slo.toml").write_text('[default]\np50_ms = "fast"\n')
    refused(assay("benchmark", "--slo", "slo.toml"), "slo.toml:2", "fast")


BASELINES = {
    "missing": (None, ("base.json cannot be read: No such file", "--update-baseline")),
    "broken": ("{", ("base.json is not JSON",)),
    "foreign": ('{"schema": "k6/1"}', ("base.json is not a measurement of assay", "'k6/1'", "assay/load/1")),
    "hollow": ('{"schema": "assay/load/1"}', ("base.json",)),
}


@pytest.mark.parametrize(("text", "words"), BASELINES.values(), ids=BASELINES)
def test_a_baseline_that_is_none_is_told_before_anything_is_measured(
    assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path("base.json").write_text(text)
    refused(assay("benchmark", "--baseline", "base.json"), *words)


TOGETHER = {
    "both": (("--master", "--worker"), ("give one of them",)),
    "worker-of-nobody": (("--worker",), ("--worker needs to know its master", "--master-host HOST")),
    "master-host": (("--master-host", "h"), ("--master-host has no effect without --worker",)),
    "bind-host": (("--master-bind-host", "h"), ("--master-bind-host has no effect without --master",)),
    "expect": (("--expect-workers", "3"), ("--expect-workers has no effect without --master",)),
    "processes": (("--master", "--processes", "2"), ("--master sends no load itself", "give --processes to")),
    "ui-of-worker": (("--worker", "--master-host", "h", "--ui"), ("the master shows the web UI",)),
    "ui-host": (("--ui-host", "192.0.2.1"), ("--ui-host has no effect without --ui",)),
    "deadline": (("--master", "--join-deadline", "soon"), ("--join-deadline", "'soon' is not a duration")),
    "bind": (
        ("--master", "--master-bind-host", "no-such-host.invalid"),
        ("--master-port 5557", "nothing can listen"),
    ),
    "update": (("--update-baseline",), ("there is no baseline to update", "--baseline FILE")),
}


@pytest.mark.parametrize(("flags", "words"), TOGETHER.values(), ids=TOGETHER)
def test_flags_that_do_not_go_together(
    assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(assay("benchmark", *flags), *words)


@pytest.mark.parametrize("flags", [("--ui", "--ui-port"), ("--master", "--master-port")])
def test_a_port_that_is_taken(
    assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(assay("benchmark", *flags, str(port)), f"{flags[1]} {port}: nothing can listen at 127.0.0.1:{port}")


def test_otel_without_its_packages(assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("assay.cli.benchmark.find_spec", {}.get)
    refused(assay("benchmark", "--otel"), "--otel needs the OpenTelemetry packages", "pip install 'locust[otel]'")
