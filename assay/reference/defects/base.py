"""What a defect is made of."""

from __future__ import annotations

from dataclasses import dataclass

from assay.reference.behaviour import Change


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing wrong on purpose.

    ``id`` is a slash path that begins with the family. ``place`` is the JSON pointer in the contract of what it
    breaks. ``role`` is the operation in which it shows first (None: in several). ``equivalent`` says why no request
    of the contract could tell the difference, or why nothing promises otherwise (None: it can be told).
    """

    id: str
    family: str
    summary: str
    place: str
    change: Change
    operation: str | None = None
    equivalent: str | None = None
