"""The plain way: `assay gate` against `assay serve --defect ID`, each in a process of its own, over the network.

Slow and beyond doubt: what the short cuts of ``trial`` are held against. For defects that show under load only there
is no short cut: time is what is looked at, so it must be real, and nothing else may run meanwhile.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from assay.clock import SYSTEM, Clock
from assay.errors import InconclusiveError
from assay.files import temporary_folder
from assay.processes import child_environment
from assay.prove.trial import TrialOutcome
from assay.reference import embedded
from assay.reference.embedded import Options

# A gate's contract part takes 25 s on two idle cores.
_LONGEST: Final = 900.0
# The embedded control plane sets no limit to GPUs; a target named by --base-url gets none unless told so. More than
# the largest number of devices that a request can name.
_GPUS: Final = "10000000000"
LOAD: Final = "load"
_LIMIT: Final = "slo"
TRIES: Final = 2
"""A run with a problem (the machine, not the target, was the bottleneck) is made again, so often in all."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the short way and the plain way say of one defect; the plain one with the ids of its findings."""

    id: str
    short: bool
    plain: frozenset[str]

    @property
    def agrees(self) -> bool:
        return self.short == bool(self.plain)


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run of a command came to: its findings and problems as in verdict.json, and its requests."""

    findings: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...]
    requests: int


def run_command(defect: str | None, *, profile: str, seed: int, part: str) -> Ran:
    """Run the command of ``profile`` on a control plane with ``defect``, narrowed to ``part``.

    Raises InconclusiveError when it wrote no verdict.
    """
    with (
        embedded.start(Options(defects=(defect,) if defect else ())) as plane,
        temporary_folder("assay-prove-") as folder,
    ):
        out = folder / "out"
        command = [sys.executable, "-m", "assay", profile, "--only", part, "--seed", str(seed)]
        command += ["--base-url", plane.base_url, "--project", plane.projects[0], "--cluster", plane.cluster]
        command += ["--max-gpu-devices", _GPUS, "--out", str(out), "--yes"]
        environment = {**child_environment(), "ASSAY_STATE_DIR": str(folder), **_credentials(plane)}
        ran = subprocess.run(command, env=environment, capture_output=True, timeout=_LONGEST, check=False)
        file = out / "verdict.json"
        if not file.exists():
            raise InconclusiveError(
                f"`assay {profile}` on the defect {defect} wrote no verdict: {ran.stderr[-400:]!r}"
            )
        verdict = json.loads(file.read_text(encoding="utf-8"))
    judged = sum(counts["requests"] for counts in verdict["coverage"]["operations"].values())
    under_load = sum(result["requests"] for result in verdict["load"].values())
    return Ran(tuple(verdict["findings"]), tuple(verdict["problems"]), judged + under_load)


def compare(outcomes: Sequence[TrialOutcome], *, profile: str, seed: int, processes: int) -> Iterator[Agreement]:
    """Try each outcome's defect the plain way, ``processes`` at a time."""
    known = _ids(None, profile, seed)

    def one(outcome: TrialOutcome) -> Agreement:
        return Agreement(outcome.id, outcome.caught, _ids(outcome.id, profile, seed) - known)

    with ThreadPoolExecutor(processes) as pool:
        yield from pool.map(one, outcomes)


def _ids(defect: str | None, profile: str, seed: int) -> frozenset[str]:
    ran = run_command(defect, profile=profile, seed=seed, part="contract")
    return frozenset(str(item["id"]) for item in ran.findings)


def _credentials(plane: embedded.Embedded) -> Mapping[str, str]:
    return {f"ASSAY_{name.upper()}": value for name, value in embedded.credentials(plane).items()}


def try_under_load(
    names: Sequence[str],
    *,
    profile: str,
    seed: int,
    begun: Callable[[Mapping[str, str]], None],
    clock: Clock = SYSTEM,
) -> Iterator[TrialOutcome]:
    """Yield the outcome of each defect, one after the other; ``begun`` gets the findings of the defect-free plane.

    A defect is caught when the run's verdict has a finding that the defect-free plane does not have. A run that
    stays inconclusive is a survivor with its ``problem``. InconclusiveError when that happens without any defect.
    """
    plain = _decided(None, profile, seed)
    if _undecided(plain):
        raise InconclusiveError(
            f"the load part decides nothing on the defect-free control plane: {plain.problems[0]}",
            hint="run it on a machine that is otherwise quiet",
        )
    begun({item["id"]: item["summary"] for item in plain.findings})
    known = {item["id"] for item in plain.findings}
    for name in names:
        began = clock.monotonic()
        ran = _decided(name, profile, seed)
        yield _outcome(
            name, ran, [item for item in ran.findings if item["id"] not in known], clock.monotonic() - began
        )


def _decided(defect: str | None, profile: str, seed: int) -> Ran:
    """The first run without a problem; if there is none, the last one."""
    for _ in range(TRIES):
        ran = run_command(defect, profile=profile, seed=seed, part=LOAD)
        if not ran.problems:
            break
    return ran


def _undecided(ran: Ran) -> bool:
    return bool(ran.problems) and not ran.findings


def _outcome(name: str, ran: Ran, new: Sequence[Mapping[str, Any]], seconds: float) -> TrialOutcome:
    # What names the law or the stall says more than a limit that was missed because of it.
    telling = sorted(new, key=lambda item: item["kind"] == _LIMIT)
    finding = {key: str(telling[0][key]) for key in ("id", "class", "kind", "summary")} if new else None
    return TrialOutcome(
        name,
        finding,
        LOAD if new else None,
        1,
        ran.requests,
        round(seconds, 1),
        problem=ran.problems[0] if _undecided(ran) else None,
        told=tuple(str(item["summary"]) for item in telling),
    )
