"""Short ways to write where a quoted sentence stands."""

from __future__ import annotations

from assay.contract.rules.base import Quote


def said(place: str, text: str) -> Quote:
    """A sentence of the description of ``place``, a path below ``/components/schemas``."""
    return Quote(f"/components/schemas/{place}/description", text)


def states(place: str, text: str) -> Quote:
    """A keyword's value at ``place`` below ``/components/schemas`` (``UidGidSource/enum/1``), as JSON or text."""
    return Quote(f"/components/schemas/{place}", text)
