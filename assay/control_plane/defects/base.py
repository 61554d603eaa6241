"""What a defect is made of."""

from __future__ import annotations

from dataclasses import dataclass

from assay.control_plane.behaviour import Change


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing wrong. ``place`` is the JSON pointer in the contract of what it breaks."""

    id: str
    family: str
    summary: str
    place: str
    change: Change
