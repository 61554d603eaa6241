"""Bodies for creations and updates: plain (the least that is valid) or dense (drawn from the strategies)."""

from __future__ import annotations

from typing import Any, Final

from assay.contract.documents import Contract
from assay.load.scenario import Option

PAYLOAD: Final = Option(
    "plain", "the body: plain (the least that is valid) or dense (every field occurs)", ("plain", "dense")
)

_DRAWS: Final = 32
"""Different dense bodies that take turns. Drawing costs a few milliseconds each, so they are drawn before the run."""


def specs(contract: Contract, kind: str, seed: int, *, update: bool = False) -> list[dict[str, Any]]:
    """The ``spec`` objects that requests use in turn. None asks for a GPU or names what may not exist."""
    if kind == "plain":
        return [{"environmentVariables": [{"name": "ASSAY", "value": "1"}]}] if update else [{}]
    # Imported late: Hypothesis takes 0.3 s to load and plain payloads do without it.
    from assay.contract.oracle import Oracle
    from assay.generation.dense import create_bodies, draws, update_bodies

    oracle = Oracle(contract)
    bodies = (
        update_bodies(oracle, gpu=False, references=False)
        if update
        else create_bodies(oracle, "project", "00000000-0000-4000-8000-000000000000", gpu=False, references=False)
    )
    return [dict(body["spec"]) for body in draws(bodies, _DRAWS, seed)]
