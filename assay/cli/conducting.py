"""What gate, certify and benchmark share: settings from flags, plan, console, run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from assay.run.conduct import conduct
from assay.run.plan import plan
from assay.target.layers import load_settings


def conduct_command(command: str, flags: Mapping[str, object], config: Path | None) -> int:
    """Run ``command`` and return its exit code. Raises UsageError for what the user must mend first."""
    settings = load_settings(flags, config=config)
    return conduct(plan(command, settings.only), settings, Console(highlight=False))
