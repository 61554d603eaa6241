"""The contract part of ``assay gate``, as a user runs it, against a served control plane or the embedded one."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.reference import embedded
from assay.reference.embedded import Options
from assay.reference.variants import VARIANTS

ROOT = Path(__file__).parents[2]
SEEDS = 20
GPUS = ("--max-gpu-devices", "100")
# It must pass within this time; the budget of the gate for a target that takes 150 ms for each answer is 150 s.
PATIENCE_SECONDS = 1_200


@dataclass(frozen=True, slots=True)
class Gate:
    """One run of the gate: the control plane it runs against (None: the embedded one) and its further arguments."""

    name: str
    options: Options | None
    arguments: tuple[str, ...] = GPUS
    outsider: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """How a gate ended. ``complaints`` are violations and problems: on a conforming target each is a false alarm."""

    gate: Gate
    exit_code: int
    complaints: tuple[str, ...]
    gaps: int
    not_tested: int
    requests: int
    seconds: float

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.complaints

    def __str__(self) -> str:
        state = "ok" if self.ok else f"FALSE ALARM (exit {self.exit_code})"
        line = (
            f"{self.gate.name:60} {state:12} {self.seconds:6.0f} s {self.requests:6,} requests {self.gaps:4} gaps "
            f"{self.not_tested:4} not tested"
        )
        return "\n    ".join([line, *self.complaints])


def of_variants() -> Iterator[Gate]:
    """Every variant alone."""
    for name in VARIANTS:
        yield Gate(name, Options(variants=(name,)))


def of_combinations(seeds: int = SEEDS) -> Iterator[Gate]:
    """Three random variants together."""
    for seed in range(seeds):
        chosen = tuple(random.Random(seed).sample(sorted(VARIANTS), 3))
        yield Gate("+".join(chosen), Options(variants=chosen), (*GPUS, f"--seed={seed}"))


def of_seeds(seeds: int = SEEDS) -> Iterator[Gate]:
    """The unchanged embedded control plane, as often as there are seeds."""
    for seed in range(seeds):
        yield Gate(f"embedded, seed {seed}", None, (f"--seed={seed}",))


def of_settings() -> Iterator[Gate]:
    """The reference with other limits, identities and tokens."""
    plain = Options()
    yield Gate("no second identity", plain, outsider=False)
    yield Gate("no GPUs", plain, ("--max-gpu-devices", "0"))
    yield Gate("one live workload", plain, (*GPUS, "--max-live", "1"))
    yield Gate("two live workloads", plain, (*GPUS, "--max-live", "2"))
    yield Gate("one request at a time", plain, (*GPUS, "--concurrency", "1"))
    yield Gate("32 requests at a time", plain, (*GPUS, "--concurrency", "32"))
    yield Gate("tokens of 5 s", Options(token_seconds=5), GPUS)
    yield Gate("everything five times as slow", Options(pace=5), GPUS)
    yield Gate("nothing takes any time", Options(pace=0), GPUS)


PARTS = {"variants": of_variants, "combinations": of_combinations, "seeds": of_seeds, "settings": of_settings}


def run(gate: Gate) -> Result:
    """Run one gate to its end."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="assay-conforming-") as folder, _target(gate) as (flags, environment):
        out = Path(folder) / "report"
        command = [sys.executable, "-m", "assay", "gate", "--only", "contract", "--out", str(out)]
        ended = subprocess.run(
            [*command, *flags, *gate.arguments],
            cwd=folder,
            env=environment | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        seconds = time.monotonic() - began
        verdict = out / "verdict.json"
        if not verdict.exists():
            return Result(gate, ended.returncode, ((ended.stdout + ended.stderr)[-800:],), 0, 0, 0, seconds)
        result = _result(gate, ended.returncode, json.loads(verdict.read_text(encoding="utf-8")), seconds)
        return result if result.ok else replace(result, complaints=(*result.complaints, f"report kept: {_keep(out)}"))


def _keep(out: Path) -> Path:
    """A false alarm may not come again: keep what it left."""
    return Path(shutil.copytree(out, Path(tempfile.mkdtemp(prefix="assay-false-alarm-")) / "report"))


@contextmanager
def _target(gate: Gate) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The flags and the environment with which the gate reaches its target."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    if gate.options is None:
        yield [], environment
        return
    with embedded.start(gate.options) as plane:
        for prefix, client in zip(("ASSAY_", "ASSAY_OUTSIDER_"), plane.clients, strict=True):
            if gate.outsider or prefix == "ASSAY_":
                environment[f"{prefix}CLIENT_ID"] = client.client_id
                environment[f"{prefix}CLIENT_SECRET"] = client.client_secret
        yield ["--base-url", plane.base_url, "--project", plane.projects[0], "--cluster", plane.cluster], environment


def _result(gate: Gate, code: int, verdict: dict[str, Any], seconds: float) -> Result:
    findings = verdict["findings"]
    complaints = [
        f"{item['id']} {item['summary']} ({item['test']})" for item in findings if item["class"] == "violation"
    ]
    complaints += [str(problem) for problem in verdict.get("problems") or ()]
    requests = sum(item["requests"] for item in verdict["coverage"]["operations"].values())
    gaps = sum(item["class"] == "gap" for item in findings)
    return Result(gate, code, tuple(complaints), gaps, len(verdict["not_tested"]), requests, seconds)
