"""``python -m tests.bench.peers``: assay's gate and plain Schemathesis on the same defects, in one table.

Hours for the whole sample of 60: every tool runs to its end on every defect, over a socket, one after the other.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from assay.contract import documents
from assay.prove.real_runs import run_command
from assay.reference.defects import catalogue
from assay.reference.defects.base import Defect
from tests.bench.peers import schemathesis_cli
from tests.bench.peers.sample import stratified
from tests.bench.peers.table import render

_TOOLS: Final = ("assay gate", "schemathesis, published", "schemathesis, corrected")
PLAIN_RUNS: Final = 2
"""Runs on the defect-free plane whose failures do not count: a second one, because ids and times differ each time."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one tool saw of one control plane."""

    failures: frozenset[Any]
    requests: int
    seconds: float


Tool = Callable[[str | None], Seen]


def assay_gate(seed: int) -> Tool:
    """The contract part of `assay gate`: failures are the ids of findings."""

    def see(defect: str | None) -> Seen:
        began = time.monotonic()
        ran = run_command(defect, profile="gate", seed=seed, part="contract")
        ids = frozenset(item["id"] for item in ran.findings)
        return Seen(ids, ran.requests, time.monotonic() - began)

    return see


def schemathesis(document: Path, folder: Path, seed: int, examples: int | None) -> Tool:
    """`st run` on ``document``: failures are (check, operation, status)."""

    def see(defect: str | None) -> Seen:
        ran = schemathesis_cli.run(defect, document, folder, seed=seed, examples=examples)
        return Seen(ran.failures, ran.requests, ran.seconds)

    return see


def main(arguments: list[str]) -> int:
    asked = _arguments(arguments)
    contract = documents.load()
    defects = stratified(catalogue(contract).values(), asked.sample, asked.seed)
    with tempfile.TemporaryDirectory(prefix="assay-peers-") as name:
        folder = Path(name)
        corrected = folder / "corrected.json"
        corrected.write_text(json.dumps(contract.document, default=str), encoding="utf-8")
        published = documents.version_folder() / documents.DOCUMENT
        tools = dict(
            zip(
                _TOOLS,
                (
                    assay_gate(asked.seed),
                    schemathesis(published, folder, asked.seed, asked.examples),
                    schemathesis(corrected, folder, asked.seed, asked.examples),
                ),
                strict=True,
            )
        )
        chosen = {name: see for name, see in tools.items() if not asked.tool or name in asked.tool}
        rows = _compared(chosen, defects, asked.json)
    sys.stdout.write(render(rows))
    return 0


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--sample", type=int, default=60, help="defects, spread over the families (default 60)")
    parser.add_argument("--seed", type=int, default=1, help="draws the sample and what the tools draw")
    parser.add_argument("--examples", type=int, default=None, help="examples of Schemathesis (default: its own, 100)")
    parser.add_argument("--tool", action="append", choices=_TOOLS, help="only this one; repeatable")
    parser.add_argument("--json", type=Path, default=None, help="write every outcome as it is known")
    return parser.parse_args(given)


def _compared(tools: Mapping[str, Tool], defects: list[Defect], file: Path | None) -> list[dict[str, Any]]:
    """One row a defect and tool: {"defect", "family", "tool", "caught", "new", "requests", "seconds"}."""
    rows: list[dict[str, Any]] = []
    known = {}
    for name, see in tools.items():
        plain = [see(None) for _ in range(PLAIN_RUNS)]
        known[name] = frozenset().union(*(run.failures for run in plain))
        sys.stdout.write(f"{name}: {len(known[name])} failures without any defect\n")
    for number, defect in enumerate(defects, start=1):
        for name, see in tools.items():
            seen = see(defect.id)
            new = sorted(map(str, seen.failures - known[name]))
            rows.append(
                {
                    "defect": defect.id,
                    "family": defect.family,
                    "tool": name,
                    "caught": bool(new),
                    "new": new[:5],
                    "requests": seen.requests,
                    "seconds": round(seen.seconds, 1),
                }
            )
        told = ", ".join(f"{row['tool']} {'yes' if row['caught'] else 'no'}" for row in rows[-len(tools) :])
        sys.stdout.write(f"{number}/{len(defects)} {defect.id}: {told}\n")
        sys.stdout.flush()
        if file is not None:
            file.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
