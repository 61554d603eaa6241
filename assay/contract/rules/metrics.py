"""The metrics operations: no rule about a payload, and one contradiction about their time range."""

from __future__ import annotations

from typing import Final

from assay.contract.rules.base import Contradiction, Quote, Rule, never

RULES: Final[tuple[Rule, ...]] = ()


def _time(parameter: str, which: str) -> Contradiction:
    place = f"/components/parameters/{parameter}"
    return Contradiction(
        id=f"metrics/{which}-notation",
        quotes=(
            Quote(f"{place}/description", "in ISO 8601 timestamp format."),
            Quote(f"{place}/schema/format", "date-time"),
        ),
        summary=(
            f"{which} is any ISO 8601 timestamp by the prose and RFC 3339 by the schema: `2026-01-31T12:00Z` "
            "is the first and not the second"
        ),
        judge=never,
    )


CONTRADICTIONS: Final = (_time("StartRequired", "start"), _time("EndRequired", "end"))
