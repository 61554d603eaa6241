"""How much is generated: per profile, so that a gate stays quick and a certificate stands on more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sizes:
    """Cases per operation and phase.

    ``coverage`` None sends every coverage case. ``shrinks`` limits the cases tried after a first failure. A
    scenario of the stateful phase has at most ``steps`` requests.
    """

    coverage: int | None
    fuzzing: int
    scenarios: int
    steps: int
    shrinks: int


# Gate: 24 + 36 cases and about 1.4 requests each are 500 of the gate's 6,000 requests; on a target that takes 150 ms
# the longest item (creation, two requests a case) takes 11 s. Certify sends every coverage case (1,160 for a
# creation): about 7,000 of 60,000 requests.
PROFILES: Final = {
    "gate": Sizes(coverage=24, fuzzing=36, scenarios=12, steps=8, shrinks=60),
    "certify": Sizes(coverage=None, fuzzing=400, scenarios=100, steps=10, shrinks=250),
}


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; those of the gate for a profile without its own."""
    return PROFILES.get(profile, PROFILES["gate"])
