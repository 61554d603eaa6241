"""How a control plane is started: the options of ``assay serve`` and ``python -m assay.reference``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assay.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Options:
    """``port`` 0 is any free port. ``pace`` stretches every phase. ``token_seconds`` is how long a token holds.

    ``seed`` makes ids repeatable. ``faults`` enables the header X-Assay-Fault. ``contract`` None is the shipped one.
    ``latency`` is the median of what every answer takes longer, in seconds.
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
    latency: float = 0.0

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
        if not 0 <= self.latency <= 60:
            raise SettingsError(f"--latency {self.latency} is out of range", hint="give seconds from 0 to 60")

    def arguments(self) -> list[str]:
        """The same options as a command line."""
        words = [f"--port={self.port}", f"--pace={self.pace}", f"--token-seconds={self.token_seconds}"]
        words += [f"--seed={self.seed}"] if self.seed is not None else []
        words += ["--faults"] if self.faults else []
        words += [f"--variant={name}" for name in self.variants]
        words += [f"--defect={name}" for name in self.defects]
        words += [f"--contract={self.contract}"] if self.contract else []
        words += [f"--corrections={self.corrections}"] if self.corrections else []
        words += [f"--latency={self.latency}"] if self.latency else []
        return words
