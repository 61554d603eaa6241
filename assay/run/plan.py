"""What a command sets out to do: its parts, its limits, its profile."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from assay import folders
from assay.contract.documents import Contract
from assay.errors import SettingsError
from assay.load.options import LoadOptions

PARTS: Final = ("contract", "load")


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One command's plan. ``defaults`` are settings of its own that hold when nobody gave others."""

    command: str  # "gate" | "certify" | "benchmark"
    profile: str  # how many examples the contract part draws
    parts: tuple[str, ...]
    only: tuple[str, ...]  # test-id prefixes within the contract part; empty: all
    load: LoadOptions
    defaults: dict[str, Any] = field(default_factory=dict)

    def defaults_for(self, contract: Contract) -> dict[str, Any]:
        """The settings that hold when nobody gave others, for a contract of so many operations."""
        return {"max_requests": _requests(self.command, len(contract.operations)), **self.defaults}


# Requests for each operation of the contract, shared by the parts of a run. For six operations a gate's contract part
# sends about 3,450 and its load part 1,600; for nine about 5,500. The rest is room for targets that answer 429 or
# 503, whose requests are sent again. Certify sends about 27,000 and 16,000.
_PER_OPERATION: Final = {"gate": 1_000, "certify": 10_000}

# A benchmark measures the same operations however many there are.
_BENCHMARK: Final = 2_000_000


_LOAD_PROFILES: Final = {"gate": "gate", "certify": "baseline", "benchmark": "baseline"}


def plan(command: str, only: Sequence[str], load: LoadOptions | None = None) -> RunPlan:
    """Derive the plan of ``command`` from its ``--only`` values. SettingsError when they select nothing."""
    known = PARTS if command != "benchmark" else ("load",)
    parts = [part for part in only if part in PARTS]
    prefixes = tuple(value for value in only if value not in PARTS)
    for value in prefixes:
        modules_with(value)
    chosen = tuple(part for part in known if part in parts or (part == "contract" and prefixes)) or known
    if prefixes and "contract" not in chosen:
        raise SettingsError(f"--only {prefixes[0]} selects contract tests, and {command} has none")
    if only and not any(part in known for part in parts) and not prefixes:
        raise SettingsError(
            f"--only {parts[0]} leaves nothing of {command}", hint=f"{command} has: {', '.join(known)}"
        )
    return RunPlan(
        command=command,
        profile="certify" if command == "certify" else "gate",
        parts=chosen,
        only=prefixes,
        load=load or LoadOptions(_LOAD_PROFILES[command]),
    )


def modules_with(value: str) -> list[Path]:
    """The modules of contract tests whose ids can begin with ``value``.

    SettingsError when there is none; whether an id does begin so is known only when the tests are collected.
    """
    if value.partition("/")[0] in PARTS:
        raise SettingsError(
            f"--only {value} selects nothing: {value.partition('/')[0]} is a part as a whole",
            hint=f"parts: {', '.join(PARTS)}; a test id begins with its area, as in rules/compute",
        )
    if not value.strip("/"):
        raise SettingsError("--only needs contract, load or a test-id prefix such as rules/compute")
    areas = {
        file.stem.removeprefix("test_"): file for file in sorted(folders.top("contract_tests").glob("test_*.py"))
    }
    first, more, _ = value.partition("/")
    found = [file for area, file in areas.items() if (area == first if more else area.startswith(first))]
    if not found:
        near = difflib.get_close_matches(first, [*PARTS, *areas], n=1)
        meant = f"; did you mean {near[0]}{more and '/...'}?" if near else ""
        raise SettingsError(
            f"--only {value} selects nothing{meant}",
            hint=f"parts: {', '.join(PARTS)}; test ids begin with: {', '.join(areas)}",
        )
    return found


def _requests(command: str, operations: int) -> int:
    return _PER_OPERATION[command] * operations if command in _PER_OPERATION else _BENCHMARK
