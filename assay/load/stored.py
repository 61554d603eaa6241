"""Stored measurements: what a later run is compared with. JSON with HdrHistograms per operation and time block."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from assay.errors import ReportError, SettingsError
from assay.load.histogram import Histogram

SCHEMA: Final = "assay/load/1"


@dataclass(frozen=True, slots=True)
class Blocks:
    """One operation: the latencies of right answers in equal time blocks, in order; ``rate`` in requests/s."""

    rate: float
    requests: int
    errors: int
    blocks: tuple[Histogram, ...]

    @property
    def error_ratio(self) -> float:
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class Stored:
    """One measurement. ``conditions`` is what must be equal for a comparison to mean anything (profile, rates)."""

    run: str
    seconds: float
    operations: Mapping[str, Blocks]
    conditions: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "run": self.run,
            "seconds": self.seconds,
            "conditions": dict(self.conditions),
            "about": dict(self.about),
            "operations": {
                operation: {
                    "rate": round(measured.rate, 4),
                    "requests": measured.requests,
                    "errors": measured.errors,
                    "blocks": [block.encode() for block in measured.blocks],
                }
                for operation, measured in sorted(self.operations.items())
            },
        }

    def write(self, file: Path) -> None:
        """Write it as a whole or not at all; ReportError when the disk refuses it."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as out:
                json.dump(self.to_json(), out, indent=1)
                out.write("\n")
            Path(out.name).chmod(0o644)
            os.replace(out.name, file)  # noqa: PTH105 - atomic on one file system
        except OSError as error:
            raise ReportError(f"the measurement {file} cannot be written: {error}") from error


def read_stored(file: Path) -> Stored:
    """Read a measurement; SettingsError says what is wrong with the file."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"{file} does not exist", hint="make it with: assay benchmark --baseline FILE --update-baseline"
        ) from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file} cannot be read as a measurement: {error}") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise SettingsError(f"{file} is no measurement of assay: schema is {found!r}, expected {SCHEMA!r}")
    try:
        operations = {
            operation: Blocks(
                float(value["rate"]),
                int(value["requests"]),
                int(value["errors"]),
                tuple(Histogram.decode(block) for block in value["blocks"]),
            )
            for operation, value in data["operations"].items()
        }
        return Stored(str(data["run"]), float(data["seconds"]), operations, data["conditions"], data["about"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"{file} is damaged: {type(error).__name__}: {error}") from error
