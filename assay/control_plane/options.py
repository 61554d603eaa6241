"""How a control plane is started: the options of ``assay serve`` and ``python -m assay.control_plane``."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from assay.contract import documents
from assay.contract.rules.catalogue import RULES
from assay.control_plane import faults
from assay.control_plane.behaviour import Behaviour
from assay.control_plane.plane import Plane, World
from assay.control_plane.times import Clock
from assay.errors import SettingsError, UsageError

Named = TypeVar("Named")


@dataclass(frozen=True, slots=True)
class Options:
    """``port`` 0 is any free port. ``pace`` stretches every phase. ``token_seconds`` is how long a token holds.

    ``seed`` makes ids repeatable. ``faults`` enables the header X-Assay-Fault. ``contract`` None is the shipped one.
    """

    port: int = 0
    pace: float = 1.0
    token_seconds: float = 3600.0
    seed: int | None = None
    faults: bool = False
    variants: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    contract: Path | None = None
    corrections: Path | None = None

    def check(self) -> None:
        """SettingsError when a number is out of range."""
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"--port {self.port} is no port", hint="give a number from 0 (any free one) to 65535")
        if not 0 <= self.pace <= 1000:
            raise SettingsError(
                f"--pace {self.pace} is out of range", hint="give a number from 0 to 1000; 1 is usual"
            )
        if not 1 <= self.token_seconds <= 10**9:
            raise SettingsError(f"--token-seconds {self.token_seconds} is out of range", hint="give at least 1")

    def arguments(self) -> list[str]:
        """The same options as a command line."""
        words = [f"--port={self.port}", f"--pace={self.pace}", f"--token-seconds={self.token_seconds}"]
        words += [f"--seed={self.seed}"] if self.seed is not None else []
        words += ["--faults"] if self.faults else []
        words += [f"--variant={name}" for name in self.variants]
        words += [f"--defect={name}" for name in self.defects]
        words += [f"--contract={self.contract}"] if self.contract else []
        words += [f"--corrections={self.corrections}"] if self.corrections else []
        return words


def assemble(options: Options, clock: Clock = time.time) -> Plane:
    """Build the plane that the options describe. UsageError for an unknown variant or defect, ContractError."""
    options.check()
    contract = documents.load(options.contract, options.corrections)
    behaviour = Behaviour()
    if options.variants:
        from assay.control_plane.variants import VARIANTS

        for name in options.variants:
            behaviour = _named(VARIANTS, name, "variant").change(behaviour)
    if options.defects:
        from assay.control_plane.defects import catalogue

        known = catalogue(contract)
        for name in options.defects:
            behaviour = _named(known, name, "defect").change(behaviour)
    if options.faults:
        behaviour = faults.enable(behaviour)
    behaviour = behaviour.at_pace(options.pace)
    return Plane(World(contract, tuple(RULES), clock, options.token_seconds, options.seed), behaviour)


def _named(known: Mapping[str, Named], name: str, what: str) -> Named:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the {what}s are: {', '.join(sorted(known)[:40])}"
    raise UsageError(f"there is no {what} '{name}'", hint=hint)
