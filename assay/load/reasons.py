"""Why a request that was due was not started: the words that recorder, results and reports share."""

from __future__ import annotations

from typing import Final

IN_FLIGHT: Final = "in flight cap"
"""The cap on requests under way was reached for longer than the profile's patience: the target is too slow."""

BUDGET: Final = "budget: "
"""Begins the reason when a limit of the run itself was in the way; the limit's name follows."""

STOPPED: Final = "stopped"
"""The run ended early while the request waited for its turn."""
