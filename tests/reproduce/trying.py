"""Tries the reproduction script of a defect's first finding: on the defective control plane, and on a sound one."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from assay.clock import SYSTEM
from assay.contract import documents
from assay.findings.model import Finding, RunInfo, from_json
from assay.polling import look_until
from assay.prove.bench import Bench
from assay.prove.suite import SuiteTest, ordered
from assay.prove.trial import oracle, run
from assay.reference import embedded
from assay.reference.behaviour import Behaviour
from assay.reference.defects import catalogue
from assay.reference.defects.base import Defect
from assay.reference.embedded import Embedded, Options
from assay.reporting import reproduce

NEVER_GONE = frozenset({"store/delete-ignored", "lifecycle/deletion-hidden", "lifecycle/deletion-never-ends"})
"""Defects with which nobody can delete a workload for good."""

_SOUND = threading.Lock()
_LONGEST = 300.0  # seconds; a deletion is waited for two minutes
_EPOCH = datetime(2027, 1, 1, tzinfo=UTC)
RUN = RunInfo("gate", "embedded control plane", "2.22", _EPOCH, _EPOCH, 1, "0")


@dataclass(frozen=True)
class Ran:
    """What a script printed, how it ended, and what it left: names of workloads that are there after a while."""

    code: int
    told: str
    left: tuple[str, ...]


@dataclass(frozen=True)
class Reproduced:
    """Both ends of one script; ``finding`` None: no test found the defect."""

    defect: str
    finding: Finding | None
    broken: Ran | None = None
    sound: Ran | None = None

    @property
    def ok(self) -> bool:
        """It shows on the defective server, not on the sound one, and nothing is left on either."""
        broken, sound = self.broken, self.sound
        if broken is None or sound is None or (broken.code, sound.code) != (0, 1):
            return False
        if self.finding is None or unseen_sides(self.finding):
            return False
        return not sound.left and (not broken.left or self.defect in NEVER_GONE)

    @property
    def by_replay(self) -> bool:
        """Whether the script says that it cannot show it, and how assay can."""
        return self.finding is not None and not self.finding.can_be_shown

    def __str__(self) -> str:
        if self.finding is None or self.broken is None or self.sound is None:
            return f"no script  {self.defect}"
        if self.by_replay:
            return f"by replay  {self.defect} [{self.finding.check}]"
        codes = f"{self.broken.code}/{self.sound.code}"
        codes += "".join(f" without {side}" for side in unseen_sides(self.finding))
        left = "".join(f" left on {where}" for where, ran in self._runs() if ran.left)
        return f"{'ok' if self.ok else codes + left:10} {self.defect} [{self.finding.check}]"

    def _runs(self) -> Iterable[tuple[str, Ran]]:
        return [(where, ran) for where, ran in (("the defective", self.broken), ("the sound", self.sound)) if ran]


_BESIDE = frozenset({"same", "near", "differ", "alike", "as_json", "covered", "lived"})
"""Checks that hold an answer against an earlier one, whose number is their first argument."""


def unseen_sides(finding: Finding) -> list[str]:
    """The comparisons of which the evidence holds one side only."""
    evidence = finding.evidence
    assert evidence is not None
    expects = evidence.reproduction["expects"] if evidence.reproduction else []
    steps = [*evidence.setup, {"request": evidence.request, "response": evidence.response}, *evidence.after]
    answered = {str(number) for number, step in enumerate(steps[:-1], 1) if step["response"] is not None}
    lacking = [f"{check} {first}" for check, first, *_ in filter(_compares, expects) if first not in answered]
    if finding.check.endswith(("-stored", "-echo", "-lost")) and not any(
        step["request"].get("body") for step in steps
    ):
        lacking.append("what was written")
    return lacking


def _compares(claim: list[str]) -> bool:
    return claim[0] in _BESIDE


def first_finding(defect: Defect, tests: Iterable[SuiteTest], known: frozenset[str]) -> Finding | None:
    """The first finding that ``tests`` make on the defect, those about its place first, and that is not ``known``."""
    return finding_of(defect, lambda bench: _run_all(bench, defect, tuple(tests), known), known)


def _run_all(bench: Bench, defect: Defect, tests: tuple[SuiteTest, ...], known: frozenset[str]) -> None:
    near = ordered(documents.load(), defect, tests, near=True)
    rest = [test for test in ordered(documents.load(), defect, tests) if test not in near]
    for test in (*near, *rest):
        run(bench, test)
        if bench.notebook.findings.keys() - known:
            return


def finding_of(
    defect: Defect, drive: Callable[[Bench], object], known: frozenset[str] = frozenset()
) -> Finding | None:
    """The first finding, not ``known``, of what ``drive`` does on a control plane with the defect."""
    contract = documents.load()
    bench = Bench(contract, defect.change(Behaviour()), oracle(contract))
    drive(bench)
    found = next((item for key, item in bench.notebook.findings.items() if key not in known), None)
    return None if found is None else _finding(found)


def _finding(event: Mapping[str, Any]) -> Finding:
    return from_json({"occurrences": 1, "waived": False, **event})


def reproduced(name: str, finding: Finding | None, sound: Embedded, folder: Path) -> Reproduced:
    """Run the script of ``finding`` on a served control plane with the defect ``name``, then on the ``sound`` one."""
    if finding is None or finding.evidence is None:
        return Reproduced(name, finding)
    file = folder / f"{name.replace('/', '_')}.sh"
    file.write_text(reproduce.script(finding, RUN), encoding="utf-8")
    with embedded.start(Options(defects=(name,))) as broken:
        first = ran(file, broken)
    with _SOUND:  # whatever lies there is this script's
        return Reproduced(name, finding, first, ran(file, sound))


def ran(file: Path, plane: Embedded, **variables: str) -> Ran:
    """Run a script with sh against ``plane``."""
    done = subprocess.run(
        ["/bin/sh", str(file)],
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        env={**environment(plane), **variables},
    )
    return Ran(done.returncode, f"{done.stdout}{done.stderr}", left_on(plane))


def environment(plane: Embedded) -> dict[str, str]:
    """The variables that send a script there."""
    secrets = {f"ASSAY_{name.upper()}": value for name, value in embedded.credentials(plane).items()}
    return {**os.environ, **secrets, "ASSAY_BASE_URL": plane.base_url, "no_proxy": "*"}


def left_on(plane: Embedded, within: float = 4.0) -> tuple[str, ...]:
    """The names of the workloads that are still there after ``within`` seconds (a deletion takes 0.6)."""
    with httpx.Client(base_url=plane.base_url, trust_env=False) as client:
        form = {
            "grantType": "client_credentials",
            "clientID": plane.clients[0].client_id,
            "clientSecret": plane.clients[0].client_secret,
        }
        token = client.post("/api/v1/token", json=form).json()["accessToken"]
        return look_until(
            lambda: _names(client, token), lambda found: not found, within=within, every=0.2, clock=SYSTEM
        )


def _names(client: httpx.Client, token: str) -> tuple[str, ...]:
    answer = client.get("/api/v1/workloads?limit=500", headers={"Authorization": f"Bearer {token}"})
    return tuple(str(entry.get("name")) for entry in answer.json()["workloads"])


def drawable() -> dict[str, Defect]:
    """Every defect that the contract part can find."""
    known = catalogue(documents.load())
    return {name: each for name, each in known.items() if each.equivalent is None and each.family != "performance"}
