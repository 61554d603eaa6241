"""What a command sets out to do: its parts, its limits, its profile."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from assay import folders
from assay.errors import SettingsError
from assay.load.options import LoadOptions

PARTS: Final = ("contract", "load")


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One command's plan. ``defaults`` are the settings that hold when nobody gave others."""

    command: str  # "gate" | "certify" | "benchmark"
    profile: str  # how many examples the contract part draws
    parts: tuple[str, ...]
    only: tuple[str, ...]  # test-id prefixes within the contract part; empty: all
    load: LoadOptions
    defaults: dict[str, Any]


# The parts of a run share them. A gate's contract part sends about 3,450 requests and its load part 1,600; the rest
# is room for targets that answer 429 or 503, whose requests are sent again. Certify sends about 27,000 and 16,000.
_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "gate": {"max_requests": 6_000},
    "certify": {"max_requests": 60_000},
    "benchmark": {"max_requests": 2_000_000},
}


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
        defaults=dict(_DEFAULTS[command]),
    )


def modules_with(value: str) -> list[Path]:
    """The modules of contract tests whose ids can begin with ``value``.

    SettingsError when there is none; whether an id does begin so is known only when the tests are collected.
    """
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
