"""Looks up what a JSON pointer names in a document."""

from __future__ import annotations

from pathlib import Path

from assay.contract.request import Json
from assay.errors import ContractError


def look_up(document: Json, pointer: str, source: Path | str) -> Json:
    """Return what stands at ``pointer`` in ``document``; ContractError names the step that is missing."""
    place = document
    for step in pointer.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        try:
            place = place[int(key)] if isinstance(place, list) else place[key]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ContractError(f"{source}: nothing stands at {pointer} ('{key}' is missing)") from error
    return place
