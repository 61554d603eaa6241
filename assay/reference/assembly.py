"""Builds a control plane from its options: the contract, the rules, and every variant and defect asked for."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping
from typing import TypeVar

from assay.contract import documents
from assay.errors import UsageError
from assay.reference import faults, latency
from assay.reference.behaviour import Behaviour
from assay.reference.options import Options
from assay.reference.plane import Plane, PlaneSetup
from assay.reference.times import Clock

Named = TypeVar("Named")


def assemble(options: Options, clock: Clock = time.time) -> Plane:
    """Build the plane that the options describe. UsageError for an unknown variant or defect, ContractError."""
    options.check()
    contract = documents.load(options.contract, options.corrections)
    behaviour = Behaviour()
    if options.variants:
        from assay.reference.variants import VARIANTS

        for name in options.variants:
            behaviour = _named(VARIANTS, name, "variant").change(behaviour)
    if options.defects:
        from assay.reference.defects import catalogue

        known = catalogue(contract)
        for name in options.defects:
            # "rule-off:container/image-required" is the same as "rule-off/container/image-required".
            behaviour = _named(known, name.replace(":", "/", 1), "defect").change(behaviour)
    if options.faults:
        behaviour = faults.enable(behaviour)
    if options.latency:
        behaviour = latency.enable(behaviour, options.latency)
    behaviour = behaviour.at_pace(options.pace)
    return Plane(PlaneSetup(contract, contract.rules, clock, options.token_seconds, options.seed), behaviour)


def _named(known: Mapping[str, Named], name: str, what: str) -> Named:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the {what}s are: {', '.join(sorted(known)[:40])}"
    raise UsageError(f"there is no {what} '{name}'", hint=hint)
