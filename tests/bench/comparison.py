"""Does a comparison say "same" of two runs of one build, and "worse" of a build that is a fifth slower?

On the embedded control plane, with the commands that a user has: `assay serve --latency`, `assay benchmark --save`,
`assay compare`. Every run has a plane and a generator of its own, as in CI. Builds take turns, so that a slow hour of
the machine meets both: 0 1 0 1 ... 0. Each run is compared with the first build's run before it, so 20 pairs need
21 runs of the one and 20 of the other build: about 20 minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from assay.load.comparison import Trend, compare
from assay.load.measurement import read_measurement
from assay.reference.embedded import Options, start
from tests.bench.figure import Figure, Note

ON_REQUEST: Final = True
PAIRS: Final = int(os.environ.get("BENCH_PAIRS", "20"))
LATENCY: Final = 0.020
SLOWER: Final = 1.2
PROFILES: Final = Path(__file__).with_name("comparison.toml")


def figures() -> Iterator[Figure | Note]:
    """How many of the pairs got the right answer; the goal is 19 of 20."""
    goal = PAIRS - PAIRS // 20
    same: Counter[Trend] = Counter()
    slower: Counter[Trend] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = measure(folder, "first", LATENCY)
        for number in range(PAIRS):
            slow = measure(folder, f"slow-{number}", LATENCY * SLOWER)
            after = measure(folder, f"same-{number}", LATENCY)
            slower[said(before, slow)] += 1
            same[said(before, after)] += 1
            before = after
    yield Note(f"said of the same build: {_told(same)}")
    yield Note(f"said of one {SLOWER - 1:.0%} slower: {_told(slower)}")
    yield Figure(f'"same" of {PAIRS} pairs of runs of one build', same[Trend.SAME], "", goal)
    yield Figure(f'"worse" of {PAIRS} runs of a slower build', slower[Trend.WORSE], "", goal)


def measure(folder: Path, name: str, latency: float) -> Path:
    """One run against a fresh plane that answers ``latency`` seconds later; returns the stored measurement."""
    file = folder / f"{name}.json"
    with start(Options(latency=latency)) as plane:
        client = plane.clients[0]
        environment = {
            **os.environ,
            "ASSAY_CLIENT_ID": client.client_id,
            "ASSAY_CLIENT_SECRET": client.client_secret,
            "ASSAY_STATE_DIR": str(folder / "state"),
        }
        command = [sys.executable, "-m", "assay", "benchmark", "--profiles", str(PROFILES), "--profile", "pair"]
        command += ["--base-url", plane.base_url, "--project", plane.projects[0], "--cluster", plane.cluster]
        command += ["--out", str(folder / name), "--save", str(file), "--yes"]
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"run {name}, exit code {done.returncode}: {done.stdout[-2000:]}{done.stderr[-500:]}")
    return file


def said(before: Path, after: Path) -> Trend:
    """The verdict on the second run; what is not the same is shown."""
    comparison = compare(read_measurement(before), read_measurement(after))
    lines = [difference.sentence() for difference in comparison.differences if difference.decisive]
    sys.stderr.write(f"  {before.stem} -> {after.stem}: {comparison.trend.value}: {json.dumps(lines)}\n")
    return comparison.trend


def _told(counts: Counter[Trend]) -> str:
    return ", ".join(f"{number} x {change.value}" for change, number in counts.most_common())
